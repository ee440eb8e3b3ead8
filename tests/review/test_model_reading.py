"""What came of the groups is told: findings, cost, and every gap with its reason."""

from pipeline.review.changed_lines import touched
from pipeline.review.findings import Finding, Severity
from pipeline.review.group_review import GroupReview
from pipeline.review.left_out import NAMED_MAX, left_out
from pipeline.review.model_reading import GroupUnread, tell_reading
from pipeline.review.reports import AnalysisReport, Skipped, Spend

COST = Spend(calls=1, prompt_tokens=10, completion_tokens=5)

FINDING = Finding(
    path="a.py", line=1, line_end=1, severity=Severity.HIGH, category="bug", title="T", claim="C", source="model"
)


def review(path: str, **changes: object) -> GroupReview:
    given = {"paths": (path,), "model": "first", "spend": COST, "walkthrough": f"About {path}.", **changes}
    return GroupReview(**given)  # type: ignore[arg-type]  # Whichever field a test is about.


def gaps(report: AnalysisReport) -> list[tuple[str, str]]:
    return [(skipped.what, skipped.why) for skipped in report.skipped if skipped.gap]


def test_groups_are_joined_in_their_order_and_their_cost_added_up() -> None:
    report = tell_reading([review("a.py", findings=(FINDING,)), review("b.py", model="second")])

    assert report.walkthrough == "About a.py.\n\nAbout b.py."
    assert report.findings == (FINDING,)
    assert report.model == "first, second"
    assert report.spend == COST + COST
    assert report.skipped == ()


def test_files_of_a_group_that_was_not_read_are_named() -> None:
    report = tell_reading([review("a.py"), GroupUnread(paths=("b.py",), why="the server is busy")])

    assert gaps(report) == [("model", "the server is busy"), ("b.py", "not read by the model, see there")]
    assert report.model == "first"


def test_when_nothing_was_read_one_sentence_says_so() -> None:
    unread = [GroupUnread(paths=(f"{n}.py",), why="the key is wrong") for n in range(3)]

    report = tell_reading(unread)

    assert gaps(report) == [("model", "the key is wrong")]
    assert report.model is None


def test_an_answer_that_cannot_be_used_is_paid_for_and_told() -> None:
    report = tell_reading([review("a.py", unusable="its answer did not fit")])

    assert (report.model, report.walkthrough, report.spend) == (None, "", COST)
    assert gaps(report) == [("model", "its answer did not fit")]


def test_what_is_left_out_of_an_answer_is_summed_over_the_groups() -> None:
    reviews = [
        review("a.py", gaps=("the answer broke off",), dropped={"on a strange line": 1}, secrets={"github": 1}),
        review("b.py", gaps=("the answer broke off",), dropped={"on a strange line": 2}, secrets={"github": 1}),
    ]

    report = tell_reading(reviews, without_room=["c.py"])

    assert report.skipped == (
        Skipped(what="c.py", why="more than a model reads in one review", gap=True),
        Skipped(what="model", why="the answer broke off", gap=True),
        Skipped(what="model", why="3 remarks not taken: on a strange line"),
        Skipped(what="secrets", why="taken out before the model read the change: 2 github"),
    )


def test_many_files_with_one_reason_are_counted() -> None:
    told = left_out([(f"{n}.lock", "generated") for n in range(5_000)], gap=False)

    assert len(told) == NAMED_MAX + 1
    assert told[-1] == Skipped(what=f"{5_000 - NAMED_MAX:,} more files", why="generated")


def test_a_remark_is_cut_to_the_changed_lines_that_it_is_about() -> None:
    changed = [3, 4, 8, 20]

    assert touched(changed, 1, 2) is None
    assert touched(changed, 5, 7) is None
    assert touched(changed, 4, 4) == (4, 4)
    assert touched(changed, 1, 10) == (3, 8)
