"""The worst findings stand beside their lines, once, in words that act nowhere; no finding is lost."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from pipeline.review.findings import Finding, Severity
from pipeline.review.fitting import length
from pipeline.review.pull.anchors import Anchored, anchor
from pipeline.review.pull.inline import (
    BODY_CHARACTERS_MAX,
    FULL,
    INLINE_MAX,
    REMARKED,
    TWIN,
    InlineRules,
    choose_inline,
    comment_body,
    review_body,
)
from pipeline.review.pull.marker import read_finding_marker, read_marker
from pipeline.review.pull.suggestion import runs_in_ci
from tests.builders.pulls import HEAD, PATCH, a_marker, files_with
from tests.builders.reports import a_finding
from tests.review.hostile_text import HOSTILE, any_text
from tests.review.markdown_reader import text_of, tokens_of, what_acts

SUGGESTING = InlineRules(suggestions=True)
SECRET = "ghp_" + "a1B2" * 9
LONG_PATCH = "@@ -0,0 +1,99 @@\n" + "\n".join(f"+line {number}" for number in range(1, 100))


def the_body(finding: Finding, rules: InlineRules = SUGGESTING, patch: str = PATCH) -> str:
    files = files_with(patch, path=finding.path)
    place = anchor(finding, files)
    assert isinstance(place, Anchored)
    return comment_body(finding, place, files, rules)


def suggestions_in(body: str) -> list[str]:
    return [token.content for token in tokens_of(body) if token.type == "fence" and token.info == "suggestion"]


def test_a_comment_says_what_is_wrong_who_says_so_and_what_one_can_do() -> None:
    finding = a_finding(
        Severity.HIGH, line=41, line_end=43, confidence=0.9, suggestion="        lines = self.discounted()\n"
    )

    assert the_body(finding) == snapshot("""\
<!-- onceover:finding:abf33fae4c70d65a -->
**High: The total ignores the discount**

`total()` adds the prices before `apply_discount` has run, so the customer pays in full.

```suggestion
        lines = self.discounted()
```

Bug, found by `model`, 90% sure. Id `abf33fa`.

Not right? `/onceover dismiss abf33fa` and a reason. Not clear? `/onceover explain abf33fa`.\
""")


def test_without_leave_a_suggestion_is_a_diff() -> None:
    """Security case 89: nobody takes hostile code over by accident."""
    finding = a_finding(line=41, line_end=43, suggestion="        lines = self.discounted()")

    body = the_body(finding, InlineRules(suggestions=False))

    assert suggestions_in(body) == []
    assert "-        lines = self.lines\n" in text_of(body)
    assert "+        lines = self.discounted()\n" in text_of(body)


@pytest.mark.parametrize(
    ("why", "finding", "patch"),
    [
        ("it is about more lines than are shown", a_finding(line=45, line_end=60, suggestion="x"), PATCH),
        ("a deleted line is between", a_finding(line=40, line_end=42, suggestion="x"), PATCH),
        ("it holds a hidden character", a_finding(line=42, suggestion="a\u202eb"), PATCH),
        ("it holds a secret", a_finding(line=42, suggestion=f"key = '{SECRET}'"), PATCH),
        ("it holds another bot's command", a_finding(line=42, suggestion="/merge"), PATCH),
        ("it repeats the line above", a_finding(line=42, suggestion="        lines = self.lines\n        x"), PATCH),
        ("it repeats the line below", a_finding(line=42, suggestion="        x\n            check(line)"), PATCH),
        ("CI runs the file", a_finding(path=".github/workflows/ci.yml", line=42, suggestion="x"), PATCH),
        ("its lines end in CR LF", a_finding(line=1, suggestion="x"), "@@ -0,0 +1 @@\n+a\r"),
        ("it is too long", a_finding(line=42, suggestion="x" * 5_000), PATCH),
    ],
)
def test_a_suggestion_that_is_not_safe_is_only_shown(why: str, finding: Finding, patch: str) -> None:
    body = the_body(finding, patch=patch)

    assert suggestions_in(body) == [], why
    assert "Suggestion for line" in body


def test_a_suggestion_to_remove_lines_is_an_empty_block() -> None:
    assert suggestions_in(the_body(a_finding(line=42, suggestion="\n"))) == [""]


@pytest.mark.parametrize("suggestion", ["```\nx\n```", "`````", "~~~\n</details>", "<!-- x", "a\n\n\nb", "    x"])
def test_a_suggestion_stands_to_the_letter_whatever_it_holds(suggestion: str) -> None:
    body = the_body(a_finding(line=42, suggestion=suggestion))

    assert suggestions_in(body) == [f"{suggestion}\n"]
    assert what_acts(body) == []


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        (".github/workflows/ci.yml", True),
        ("Makefile", True),
        ("a/Dockerfile.dev", True),
        ("build/run.sh", True),
        ("package.json", True),
        ("tests/conftest.py", True),
        (".gitlab-ci.yml", True),
        ("requirements-dev.txt", True),
        ("shop/order.py", False),
        ("docs/github.md", False),
    ],
)
def test_files_that_ci_runs_are_known_by_their_names(path: str, *, runs: bool) -> None:
    assert runs_in_ci(path) is runs


def test_at_most_so_many_stand_beside_lines_and_the_worst_first() -> None:
    small = [a_finding(Severity.LOW, line=line, title=f"Small {line}") for line in range(1, 40)]
    bad = a_finding(Severity.CRITICAL, line=50, title="Bad")

    choice = choose_inline([*small, bad], files_with(LONG_PATCH), posted=(), rules=InlineRules(inline_max=99))

    assert len(choice.comments) == INLINE_MAX
    assert choice.comments[0].fingerprint == bad.fingerprint
    assert {left.why for left in choice.left} == {FULL}
    assert len(choice.comments) + len(choice.left) == 40


def test_a_repository_may_want_none_beside_lines() -> None:
    choice = choose_inline([a_finding()], files_with(), posted=(), rules=InlineRules(inline_max=0))

    assert choice.comments == ()


def test_what_is_not_remarked_says_why() -> None:
    posted, stray, small = a_finding(title="Posted"), a_finding(line=60), a_finding(Severity.INFO, title="Small")
    bad, twin = a_finding(Severity.HIGH, line=42), a_finding(Severity.HIGH, line=44)

    choice = choose_inline(
        [posted, stray, small, bad, twin],
        files_with(),
        posted={posted.fingerprint},
        rules=InlineRules(severity_min=Severity.LOW),
    )

    assert [comment.line for comment in choice.comments] == [42]
    assert choice.fingerprints == {bad.fingerprint}
    assert {left.finding.title: left.why for left in choice.left if left.finding is not stray} == {
        "The total ignores the discount": TWIN,
        "Posted": REMARKED,
        "Small": "only low and worse is remarked beside lines",
    }


def test_a_review_names_its_commit_in_the_marker_and_counts_its_remarks() -> None:
    findings = [a_finding(line=42), a_finding(line=60, title="Elsewhere")]
    choice = choose_inline(findings, files_with(), posted=(), rules=InlineRules())
    marker = a_marker(kind="review", head=HEAD)

    body = review_body(marker, choice)

    assert read_marker(body) == marker
    assert body.splitlines()[1:] == snapshot(
        ["1 remark beside the lines. 1 more is in the summary. The summary comment has the whole review."]
    )


storable = any_text.map(lambda text: text.encode("utf-8", "replace").decode())
"""Checkpoints hold no lone surrogate."""

any_finding = st.builds(
    Finding,
    path=st.just("shop/order.py"),
    line=st.integers(38, 50),
    line_end=st.integers(38, 50),
    severity=st.sampled_from(Severity),
    category=storable,
    title=storable.map(lambda text: text[:200]),
    claim=storable.map(lambda text: text[:2_000]),
    source=storable,
    confidence=st.floats(0, 1),
    suggestion=st.none() | storable,
)


def a_finding_full_of(texts: list[str]) -> Finding:
    given_texts = itertools.cycle(text.encode("utf-8", "replace").decode() for text in texts)
    fields = {name: next(given_texts) for name in ("category", "claim", "source", "suggestion")}
    return a_finding(Severity.HIGH, line=42, title=next(given_texts)[:200], **fields)


@given(any_finding, st.booleans())
@example(a_finding_full_of(HOSTILE), True)
@example(a_finding_full_of(HOSTILE[3:]), True)
@example(a_finding_full_of(HOSTILE[7:]), True)
@example(a_finding_full_of(HOSTILE[11:]), False)
def test_no_text_of_a_finding_acts_or_leaves_its_place(finding: Finding, suggestions: bool) -> None:  # noqa: FBT001 - hypothesis gives it.
    choice = choose_inline([finding], files_with(), posted=(), rules=InlineRules(suggestions=suggestions))

    for comment in choice.comments:
        body = comment.body
        top = [token.type for token in tokens_of(body) if token.block and token.level == 0]
        assert what_acts(body) == []
        assert read_finding_marker(body) == finding.fingerprint
        assert length(body) <= BODY_CHARACTERS_MAX
        assert top[:2] == ["html_block", "paragraph_open"]
        assert top[-2:] == ["paragraph_open", "paragraph_close"]
        assert body.splitlines()[-1].startswith("Not right? `/onceover dismiss ")


@given(storable, st.integers(40, 46))
@example("```suggestion\nx\n```", 42)
def test_what_a_click_takes_over_is_exactly_what_was_suggested(text: str, line: int) -> None:
    body = the_body(a_finding(line=line, suggestion=text))

    for taken in suggestions_in(body):
        assert taken == ("" if not text.strip() else text.removesuffix("\n") + "\n")
