"""What holds: the repository's file above the organisation's above the defaults, below the operator's ceilings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.configuration.ceilings import Ceilings
from pipeline.review.configuration.effective import effective
from pipeline.review.configuration.model import Configuration
from pipeline.review.configuration.reading import ORGANISATION, PATH_IN_REPOSITORY, read_configuration
from pipeline.review.configuration.schema import settings
from pipeline.review.depth import Depth
from pipeline.review.findings import Severity
from pipeline.review.visible import visible
from tests.review.configuration.builders import GENEROUS, configured, read


@pytest.mark.parametrize("content", [None, "", "# nothing yet\n", "review:\n", "review: {}\n", "filters: {ignore: }"])
def test_without_a_file_or_with_an_empty_one_the_defaults_hold(content: str | None) -> None:
    found = read(content)

    assert found.configuration == Configuration()
    assert (found.problems, found.notes, dict(found.origins)) == ((), (), {})


def test_what_is_written_holds_and_what_is_not_has_its_default() -> None:
    found = configured(
        """
        triggers: {on_push: false, labels: [review me]}
        filters: {authors: {exclude: ["renovate[bot]"]}, ignore: ["*.snap", "!keep.snap"]}
        review: {severity_min: medium, analyzers: [], guidelines: "Be kind.\\nBe brief."}
        test: {source: sandbox, command: [pytest, -q]}
        budgets: {run_usd_max: 2}
        """
    )

    assert (found.triggers.on_push, found.triggers.on_open) == (False, True)
    assert found.triggers.labels == ("review me",)
    assert found.filters.authors.exclude == ("renovate[bot]",)
    assert found.filters.ignore == ("*.snap", "!keep.snap")
    assert (found.review.severity_min, found.review.analyzers) == (Severity.MEDIUM, ())
    assert found.review.guidelines == "Be kind.\nBe brief."
    assert found.test.command == ("pytest", "-q")
    assert (found.budgets.run_usd_max, found.budgets.pull_request_day_usd_max) == (2.0, 20.0)


@pytest.mark.parametrize("content", [b"reveiw: {}", b"a: [", b"\xff\xfe", b"\0" * 70_000, b"- a", b"paused: maybe"])
def test_a_file_with_a_problem_does_not_count_and_a_note_says_so(content: bytes) -> None:
    """Security cases 29 and 34."""
    found = read(content)

    assert found.configuration == Configuration()
    assert found.problems
    assert found.notes == (
        f"`{PATH_IN_REPOSITORY}` has a problem and does not count until it is corrected; the defaults apply instead.",
    )


def test_one_problem_makes_all_of_the_file_count_for_nothing() -> None:
    """Half of a file that somebody wrote as a whole could mean something else."""
    found = read("paused: true\nreview: {inline_max: 40}\n")

    assert not found.configuration.paused


def test_the_repositorys_file_stands_above_the_organisations_key_by_key() -> None:
    found = read(
        "review: {inline_max: 3}\nfilters: {labels: {exclude: [mine]}}\n",
        organisation="review: {inline_max: 9, fail_on: low}\nfilters: {labels: {exclude: [theirs], include: [x]}}\n",
    )

    review, labels = found.configuration.review, found.configuration.filters.labels
    assert (review.inline_max, review.fail_on) == (3, "low")
    assert (labels.exclude, labels.include) == (("mine",), ("x",))
    assert dict(found.origins) == {
        ("review", "inline_max"): "repository",
        ("review", "fail_on"): "organisation",
        ("filters", "labels", "exclude"): "repository",
        ("filters", "labels", "include"): "organisation",
    }


def test_a_key_without_a_value_leaves_the_organisations_value() -> None:
    found = read("review: {inline_max: , fail_on: ~}\n", organisation="review: {inline_max: 9}\n")

    assert (found.configuration.review.inline_max, found.configuration.review.fail_on) == (9, "high")


def test_two_files_that_need_each_other_are_judged_together() -> None:
    found = read("test: {source: sandbox}\n", organisation="test: {command: [make, test]}\n")

    assert found.notes == ()
    assert found.configuration.test.command == ("make", "test")


def test_an_organisations_file_with_a_problem_does_not_count_and_the_repositorys_does() -> None:
    found = read("review: {inline_max: 3}\n", organisation="review: {inline_max: 9, fail_on: nevr}\n")

    assert (found.configuration.review.inline_max, found.configuration.review.fail_on) == (3, "high")
    assert [problem.source for problem in found.problems] == [ORGANISATION]
    assert found.notes == (f"`{ORGANISATION}` has a problem and does not count until it is corrected.",)


def test_a_repositorys_file_with_a_problem_leaves_the_organisations_settings() -> None:
    found = read("paused: nope\n", organisation="review: {inline_max: 9}\n")

    assert found.configuration.review.inline_max == 9
    assert "the organisation's settings and the defaults apply instead" in found.notes[0]


LOWERED = [
    ("filters: {files_max: 900}", Ceilings(files_max=100), "filters.files_max", 100),
    ("review: {findings_max: 90}", Ceilings(findings_max=10), "review.findings_max", 10),
    ("review: {inline_max: 9}", Ceilings(inline_max=5), "review.inline_max", 5),
    ("test: {wait_minutes_max: 900}", Ceilings(wait_minutes_max=60), "test.wait_minutes_max", 60),
    ("test: {seconds_max: 9000}", Ceilings(command_seconds_max=60), "test.seconds_max", 60),
    ("budgets: {run_tokens_max: 9000}", Ceilings(run_tokens_max=60), "budgets.run_tokens_max", 60),
    ("budgets: {run_usd_max: 9}", Ceilings(run_usd_max=0.5), "budgets.run_usd_max", 0.5),
    (
        "budgets: {pull_request_day_tokens_max: 9000}",
        Ceilings(pull_request_day_tokens_max=60),
        "budgets.pull_request_day_tokens_max",
        60,
    ),
    (
        "budgets: {pull_request_day_usd_max: 9}",
        Ceilings(pull_request_day_usd_max=0.5),
        "budgets.pull_request_day_usd_max",
        0.5,
    ),
    (
        "budgets: {repository_day_tokens_max: 9000}",
        Ceilings(repository_day_tokens_max=60),
        "budgets.repository_day_tokens_max",
        60,
    ),
    ("budgets: {repository_day_usd_max: 9}", Ceilings(repository_day_usd_max=0), "budgets.repository_day_usd_max", 0),
]


@pytest.mark.parametrize(("written", "ceilings", "name", "limit"), LOWERED)
def test_a_value_above_the_operators_ceiling_is_lowered_and_a_note_says_so(
    written: str, ceilings: Ceilings, name: str, limit: float
) -> None:
    """Security case 30."""
    found = read(written, ceilings=ceilings)
    [now] = [one for one in effective(found) if one.name == name]
    note = found.notes[0]

    assert (now.value, now.origin) == (limit, "operator")
    assert note.startswith(f"`{name}` is 9")
    assert note.endswith(f"; the operator of Onceover allows {limit:,}, which holds.")


def test_every_ceiling_is_among_those_that_are_tried() -> None:
    tried = {name for _, ceilings, _, _ in LOWERED for name in Ceilings.__slots__ if _differs(ceilings, name)}

    assert tried | {"sandbox", "depth_max"} == set(Ceilings.__slots__)


def _differs(ceilings: Ceilings, name: str) -> bool:
    return bool(getattr(ceilings, name) != getattr(Ceilings(), name))


def test_a_depth_above_the_operators_ceiling_is_lowered_and_a_note_says_so() -> None:
    found = read("review: {depth: deep}", ceilings=Ceilings(depth_max=Depth.QUICK))

    assert found.configuration.review.depth is Depth.QUICK
    assert found.notes == ("`review.depth` is deep; the operator of Onceover allows quick, which holds.",)


def test_a_default_above_a_ceiling_is_lowered_without_a_word() -> None:
    """Nobody asked for it."""
    found = read(None, ceilings=Ceilings(inline_max=5))

    assert (found.configuration.review.inline_max, found.notes) == (5, ())


def test_a_value_at_or_below_its_ceiling_stays() -> None:
    found = read("review: {inline_max: 5, findings_max: 1}", ceilings=Ceilings(inline_max=5))

    assert (found.configuration.review.inline_max, found.configuration.review.findings_max) == (5, 1)
    assert found.notes == ()


def test_a_sandbox_that_the_operator_does_not_offer_becomes_the_repositorys_checks() -> None:
    found = read("test: {source: sandbox, command: [make]}", ceilings=Ceilings(sandbox=False))

    assert found.configuration.test.source == "checks"
    assert "does not offer; the repository's own checks are read instead" in found.notes[0]


@pytest.mark.parametrize(
    ("written", "note"),
    [
        ("test: {source: sandbox}", "`test.source` is `sandbox` but `test.command` is empty, so no tests are run."),
        ("test: {command: [make]}", "`test.command` is not run: `test.source` is `checks`. Set it to `sandbox`."),
        ("paused_reason: Holidays", "`paused_reason` is set and `paused` is not: reviews go on."),
        (
            "budgets: {run_usd_max: 1, repository_day_usd_max: 1}",
            "This version makes no use yet of `budgets.run_usd_max` and `budgets.repository_day_usd_max`.",
        ),
    ],
)
def test_a_setting_without_effect_is_noted(written: str, note: str) -> None:
    assert read(written).notes == (note,)


@pytest.mark.parametrize(
    "written", ["test: {source: checks, command: [make]}", "paused: true\npaused_reason: Holidays"]
)
def test_a_setting_that_was_meant_so_is_not_noted(written: str) -> None:
    assert read(written).notes == ()


def test_the_effective_settings_are_all_settings_with_their_origin() -> None:
    told = effective(read("review: {inline_max: 3}", organisation="paused: true"))

    assert len(told) == len(list(settings()))
    assert [(one.name, one.value, one.origin) for one in told if one.origin != "default"] == [
        ("paused", True, "organisation"),
        ("review.inline_max", 3, "repository"),
    ]


WORDS = st.sampled_from(
    [
        *Configuration.model_fields,
        "include",
        "labels",
        "source",
        "command",
        "inline_max",
        "on",
        "true",
        "1",
        "a b",
        "[a]",
    ]
)
TREES = st.recursive(
    WORDS | st.integers() | st.booleans(),
    lambda below: (
        st.lists(below, max_size=3).map(lambda items: f"[{', '.join(map(str, items))}]")
        | st.dictionaries(WORDS, below, max_size=4).map(
            lambda keys: "{" + ", ".join(f"{name}: {value}" for name, value in keys.items()) + "}"
        )
    ),
    max_leaves=12,
)


@given(
    own=st.binary(max_size=300) | TREES.map(lambda tree: str(tree).encode()), above=st.none() | st.binary(max_size=60)
)
def test_any_bytes_give_a_configuration_that_keeps_the_ceilings(own: bytes, above: bytes | None) -> None:
    found = read_configuration(own, organisation=above, ceilings=Ceilings(inline_max=2))

    assert found.configuration.review.inline_max <= 2
    assert found.configuration.test.source != "sandbox"
    assert all(one.line >= 1 and one.column >= 1 for one in found.problems)
    assert all(one.message == visible(one.message, lines=False) for one in found.problems)
    assert bool(found.problems) == any("does not count" in note for note in found.notes)


def test_the_operator_of_these_tests_lowers_nothing() -> None:
    assert read("test: {wait_minutes_max: 1440, seconds_max: 86400}", ceilings=GENEROUS).notes == ()
