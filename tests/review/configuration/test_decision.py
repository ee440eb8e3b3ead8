"""Whether a pull request is reviewed: the whole table, row by row and against each other."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.review.configuration import decision
from pipeline.review.configuration.decision import ASKED, RULES, SkipReason, asks_for_paths, decide
from pipeline.review.configuration.model import Configuration
from tests.review.configuration.builders import a_pull, configured

BY_ITSELF = "pull_request.opened"
REVIEW = None
"""No reason to skip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table, made to hold."""

    reason: SkipReason
    written: str = ""
    facts: dict[str, Any] = field(default_factory=dict)  # Any: fields of different types, here and below.
    asked: SkipReason | None = REVIEW


ROWS = [  # In the order of the table.
    Row(reason=SkipReason.CLOSED, facts={"state": "closed"}, asked=SkipReason.CLOSED),
    Row(reason=SkipReason.PAUSED, written="paused: true", asked=SkipReason.PAUSED),
    Row(
        reason=SkipReason.NO_STAGE,
        written="stages: {analyze: false, docs: false, test: false}",
        asked=SkipReason.NO_STAGE,
    ),
    Row(reason=SkipReason.NOT_TRIGGERED, written="triggers: {on_open: false}"),
    Row(reason=SkipReason.DRAFT, facts={"draft": True}),
    Row(reason=SkipReason.FORK, written="filters: {forks: false}", facts={"head_is_fork": True}),
    Row(reason=SkipReason.BOT, facts={"author_is_bot": True}),
    Row(reason=SkipReason.AUTHOR, written="filters: {authors: {exclude: [ada]}}"),
    Row(reason=SkipReason.BASE_BRANCH, written="filters: {base_branches: {include: [release/**]}}"),
    Row(reason=SkipReason.LABEL, written="filters: {labels: {exclude: [wip]}}", facts={"labels": ("wip",)}),
    Row(
        reason=SkipReason.ALL_IGNORED,
        written="filters: {ignore: ['*.md']}",
        facts={"paths": ("a.md", "docs/b.md")},
        asked=SkipReason.ALL_IGNORED,
    ),
    Row(
        reason=SkipReason.TOO_LARGE,
        written="filters: {files_max: 2, ignore: ['*.md']}",
        facts={"paths": ("a", "b", "c", "d.md")},
    ),
]


def reason(configuration: Configuration, trigger: str = BY_ITSELF, **facts: object) -> SkipReason | None:
    """Tell why a pull request is skipped; None if it is reviewed."""
    decided = decide(configuration, a_pull(trigger, **facts))
    return decided.skip.reason if decided.skip else None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.reason)
def test_a_row_of_the_table_decides_by_itself_and_when_asked(row: Row) -> None:
    configuration = configured(row.written)

    assert reason(configuration, **row.facts) == row.reason
    assert {reason(configuration, trigger, **row.facts) for trigger in ASKED} == {row.asked}
    assert reason(Configuration()) is REVIEW


def test_every_row_is_tried_and_stands_in_the_documentation_in_this_order() -> None:
    told = re.findall(r"^\| .* \| (skip|review)[^|]* \| (skip|review)[^|]* \|$", decision.__doc__ or "", re.MULTILINE)

    assert [row.reason for row in ROWS] == list(SkipReason)
    assert told == [*(("skip", "skip" if row.asked else "review") for row in ROWS), ("review", "review")]
    assert [holds_when_asked for _, holds_when_asked in RULES] == [row.asked is not None for row in ROWS]


@pytest.mark.parametrize("number", range(1, len(ROWS)))
def test_of_two_rows_that_hold_the_first_decides(number: int) -> None:
    """Each neighbour is made to hold together with the one before; where both set one key, the later one is added."""
    first, second = ROWS[number - 1], ROWS[number]
    facts = {**second.facts, **first.facts}
    parts: dict[str, object] = {}
    for row in (second, first):
        for name, value in configured(row.written).model_dump(exclude_defaults=True).items():
            under = parts.get(name)
            parts[name] = {**under, **value} if isinstance(under, dict) else value

    assert reason(Configuration.model_validate(parts), **facts) == first.reason


@pytest.mark.parametrize(
    ("written", "trigger", "expected"),
    [
        ("", "pull_request.opened", REVIEW),
        ("", "pull_request.synchronize", REVIEW),
        ("", "pull_request.ready_for_review", REVIEW),
        ("", "pull_request.labeled", REVIEW),
        ("", "a word of tomorrow", REVIEW),
        ("on_open: false", "pull_request.opened", SkipReason.NOT_TRIGGERED),
        ("on_open: false", "pull_request.synchronize", REVIEW),
        ("on_open: false", "pull_request.labeled", REVIEW),
        ("on_push: false", "pull_request.synchronize", SkipReason.NOT_TRIGGERED),
        ("on_push: false", "pull_request.opened", REVIEW),
        ("on_push: false", "check_suite.requested", REVIEW),
        ("on_ready: false", "pull_request.ready_for_review", SkipReason.NOT_TRIGGERED),
        ("on_ready: false", "pull_request.opened", REVIEW),
        ("on_open: false, on_push: false", "pull_request.ready_for_review", REVIEW),
        ("on_open: false, on_push: false", "pull_request.labeled", SkipReason.NOT_TRIGGERED),
        ("on_open: false, on_push: false", "recovered", SkipReason.NOT_TRIGGERED),
        ("only_on_comment: true", "pull_request.opened", SkipReason.NOT_TRIGGERED),
        ("only_on_comment: true", "pull_request.synchronize", SkipReason.NOT_TRIGGERED),
        ("only_on_comment: true", "pull_request.ready_for_review", SkipReason.NOT_TRIGGERED),
        ("only_on_comment: true", "pull_request.labeled", SkipReason.NOT_TRIGGERED),
        ("only_on_comment: true", "command", REVIEW),
        ("only_on_comment: true", "check_run.rerequested", REVIEW),
    ],
)
def test_each_trigger_starts_what_its_setting_says(written: str, trigger: str, expected: SkipReason | None) -> None:
    assert reason(configured(f"triggers: {{{written}}}"), trigger) == expected


@pytest.mark.parametrize("trigger", ["pull_request.opened", "pull_request.synchronize", "pull_request.labeled"])
def test_a_label_that_asks_for_a_review_starts_it_whatever_the_other_triggers_say(trigger: str) -> None:
    configuration = configured("triggers: {only_on_comment: true, on_open: false, labels: [Review Me]}")

    assert reason(configuration, trigger, labels=("bug", "review me")) is REVIEW
    assert reason(configuration, trigger, labels=("bug",)) is SkipReason.NOT_TRIGGERED
    assert reason(configuration, trigger, labels=("review me",), draft=True) is SkipReason.DRAFT


@pytest.mark.parametrize(
    ("filters", "facts", "expected"),
    [
        ("drafts: true", {"draft": True}, REVIEW),
        ("bots: true", {"author_is_bot": True}, REVIEW),
        ("authors: {include: ['renovate[bot]']}", {"author_is_bot": True, "author_login": "renovate[bot]"}, REVIEW),
        ("authors: {include: [ada]}", {"author_is_bot": True, "author_login": "other[bot]"}, SkipReason.BOT),
        ("bots: true, authors: {exclude: ['*[bot]']}", {"author_login": "x[bot]"}, SkipReason.AUTHOR),
        ("authors: {include: [Ada]}", {"author_login": "ADA"}, REVIEW),
        ("authors: {include: [bea]}", {}, SkipReason.AUTHOR),
        ("authors: {include: [bea]}", {"author_login": ""}, SkipReason.AUTHOR),
        ("authors: {include: [ada], exclude: [a*]}", {}, SkipReason.AUTHOR),
        ("base_branches: {include: [main]}", {"base_ref": "main"}, REVIEW),
        ("base_branches: {include: [main]}", {"base_ref": "Main"}, SkipReason.BASE_BRANCH),
        ("base_branches: {include: ['release/*']}", {"base_ref": "release/1.0"}, REVIEW),
        ("base_branches: {include: ['release/*']}", {"base_ref": "release/1/hot"}, SkipReason.BASE_BRANCH),
        ("base_branches: {exclude: ['**']}", {}, SkipReason.BASE_BRANCH),
        ("labels: {include: [ready]}", {"labels": ("bug", "Ready")}, REVIEW),
        ("labels: {include: [ready]}", {"labels": ("bug",)}, SkipReason.LABEL),
        ("labels: {include: [ready]}", {}, SkipReason.LABEL),
        ("labels: {include: [ready], exclude: [wip*]}", {"labels": ("ready", "WIP: x")}, SkipReason.LABEL),
        ("forks: true", {"head_is_fork": True}, REVIEW),
        ("ignore: ['*.md']", {"paths": ("a.md", "a.py")}, REVIEW),
        ("ignore: ['*.md', '!keep.md']", {"paths": ("keep.md",)}, REVIEW),
        ("ignore: ['**']", {"paths": None}, REVIEW),
        ("ignore: ['**']", {"paths": ()}, REVIEW),
        ("files_max: 2", {"paths": ("a", "b")}, REVIEW),
        ("files_max: 2, ignore: ['*.md']", {"paths": ("a", "b", "c.md")}, REVIEW),
        ("files_max: 2", {"paths": ("a", "b", "c")}, SkipReason.TOO_LARGE),
    ],
)
def test_a_filter_takes_what_it_names(filters: str, facts: dict[str, Any], expected: SkipReason | None) -> None:
    assert reason(configured(f"filters: {{{filters}}}"), **facts) == expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.reason)
def test_why_it_was_skipped_reads_as_one_clause_with_the_next_step(row: Row) -> None:
    told = decide(configured(row.written), a_pull(BY_ITSELF, **row.facts)).not_wanted

    assert told is not None
    assert re.fullmatch(r"[a-z`][^;\n]+[^;.\n]; [a-z`][^;\n]+[^;.\n]", told)
    assert "`/onceover review`" in told or row.asked


def test_a_pause_tells_its_reason_and_names_that_strangers_chose_stay_names() -> None:
    paused = decide(configured("paused: true\npaused_reason: We release on Friday."), a_pull())
    labelled = decide(configured("filters: {labels: {exclude: ['**']}}"), a_pull(labels=("`a\u202e`",)))

    assert paused.not_wanted == (
        "reviews of this repository are paused (We release on Friday);"
        " set `paused: false` in `.github/onceover.yml` of the base branch"
    )
    assert "its label `'a<U+202E>'` is excluded" in str(labelled.not_wanted)


@pytest.mark.parametrize(
    ("written", "facts", "off"),
    [
        ("", {}, {}),
        ("stages: {analyze: false}", {}, {"analyze": "turned off by the configuration (`stages.analyze`)"}),
        ("stages: {docs: false}", {}, {"docs": "turned off by the configuration (`stages.docs`)"}),
        ("stages: {test: false}", {}, {"test": "turned off by the configuration (`stages.test`)"}),
        ("test: {source: none}", {}, {"test": "turned off by the configuration (`test.source`)"}),
        ("test: {source: sandbox}", {}, {}),
        ("test: {source: sandbox, command: [make]}", {}, {}),
        ("test: {source: sandbox, command: [make]}", {"head_is_fork": True}, {}),
        ("test: {source: sandbox, command: [make], forks: true}", {"head_is_fork": True}, {}),
        ("test: {source: checks}", {"head_is_fork": True}, {}),
    ],
)
def test_a_stage_that_does_not_run_says_why(written: str, facts: dict[str, Any], off: dict[str, str]) -> None:
    decided = decide(configured(written), a_pull(**facts))

    assert decided.skip is None
    assert decided.not_wanted is None
    assert decided.off == off


@pytest.mark.parametrize("test", ["stages: {analyze: false, docs: false}\ntest: {source: none}"])
def test_tests_that_nobody_looks_at_are_no_stage_that_is_left(test: str) -> None:
    assert reason(configured(test)) is SkipReason.NO_STAGE
    assert reason(configured("stages: {analyze: false, docs: false}")) is REVIEW


@pytest.mark.parametrize(
    ("filters", "asks"), [("", False), ("ignore: [a]", True), ("files_max: 2999", True), ("files_max: 3000", False)]
)
def test_paths_are_asked_for_only_where_they_can_decide(filters: str, *, asks: bool) -> None:
    """GitHub lists no more than 3,000 files, so the default limit is never passed."""
    assert asks_for_paths(configured(f"filters: {{{filters}}}")) is asks
