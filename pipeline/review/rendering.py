"""Rendering: a summary as the Markdown of the comment.

Promises that the hidden marker is the first line, that nothing from a repository or a model acts in the page
(see `markdown`), that GitHub's limit is kept (see `fitting`), and that the page ends with what the reader can do next.
A good day is a few lines; the rest is folded. Same summary, same text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from pipeline.review.finding_text import (
    NAME_CHARACTERS_MAX,
    SENTENCE_CHARACTERS_MAX,
    Link,
    finding_text,
    name,
    no_link,
    place,
    short,
)
from pipeline.review.findings import Finding, Severity
from pipeline.review.fitting import COMMENT_CHARACTERS_MAX, Block, Section, fit
from pipeline.review.markdown import cell, clip, fence, inline, prose
from pipeline.review.phrases import TITLES, Reason, by_reason, next_step, spent
from pipeline.review.reports import FailedTest, Passage, Skipped, StageFact, Summary, TestOutcome, TestReport, Verdict
from pipeline.review.wording import capitalised, count, duration, some

SYMBOLS: Final = {
    Verdict.CLEAN: "✅",
    Verdict.REMARKS: "💬",
    Verdict.CHANGES_NEEDED: "❌",
    Verdict.PARTIAL: "🟡",
    Verdict.NOT_REVIEWED: "⚪",
}

WORTH: Final = {
    "critical": 90,
    "high": 80,
    "tests": 75,
    "not reviewed": 70,
    "medium": 60,
    "what changed": 55,
    "risks": 50,
    "stages": 40,
    "low": 30,
    "info": 25,
    "output": 20,
    "passages": 10,
}
"""What is kept when not all fits: the highest first."""

HEADLINE_CHARACTERS_MAX: Final = 600
CHANGE_CHARACTERS_MAX: Final = 3_000
EXCERPT_CHARACTERS_MAX: Final = 500
RISKS_MAX: Final = 8
FAILED_TESTS_MAX: Final = 10
REASONS_MAX: Final = 12
"""Different reasons for not reviewing something; beyond that the page says how many more there are."""

REASONS_OPEN_MAX: Final = 3
"""Beyond that, reasons for leaving something out on purpose are folded."""

NAMES_MAX: Final = 5
"""Files that one reason names."""

SHA_CHARACTERS: Final = 12
"""Enough of a commit for a person; the marker has all of it."""

_NOT_IN_MARKER: Final = re.compile(r"[^A-Za-z0-9_.]+")
_SMALL: Final = frozenset({Severity.LOW, Severity.INFO})
_CHANGE: Final = Section(name="change")
_RISKS: Final = Section(name="risks", heading="**Look twice**")
_TESTS_PASS: Final = Section(name="tests")
_TESTS: Final = Section(name="tests", heading="### Tests")
_TEST_OUTPUT: Final = Section(name="output", folded="End of the test output")
_NOT_REVIEWED: Final = Section(name="not reviewed", heading="### Not reviewed")
_LEFT_OUT: Final = Section(name="left out", heading="**Left out on purpose**")
_HOW_IT_WENT: Final = Section(name="how it went", folded="How this review went")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the page says of the run itself."""

    run_id: str
    head: str
    base_ref: str
    head_ref: str
    title: str = ""
    """Subject of the head commit or title of the pull request."""


def render(
    summary: Summary, facts: Facts, *, link: Link = no_link, characters_max: int = COMMENT_CHARACTERS_MAX
) -> str:
    """Write the comment.

    Args:
        summary: The review.
        facts: Which run, which commit.
        link: Gives the address of lines in the head's version.
        characters_max: The host's limit for a comment.
    """
    title = f"## {SYMBOLS[summary.verdict]} Onceover: {TITLES[summary.verdict]}"
    first = f"{marker(facts)}\n{title}\n\n{inline(clip(summary.headline, HEADLINE_CHARACTERS_MAX))}"
    blocks = [
        *_change(summary),
        *_findings(summary.findings, link),
        *_tests(summary.tests, link),
        *_not_reviewed(summary.not_reviewed),
        *_passages(summary.docs.passages if summary.docs else (), link),
        *_how_it_went(summary),
    ]
    return fit(first, blocks, _footer(summary, facts), characters_max=characters_max) + "\n"


def marker(facts: Facts) -> str:
    """Write the hidden first line by which our own comment is found again; it counts only on content by our App."""
    run, head = (_NOT_IN_MARKER.sub("_", part[:NAME_CHARACTERS_MAX]) for part in (facts.run_id, facts.head))
    return f"<!-- onceover:summary v=1 run={run} head={head} -->"


def _change(summary: Summary) -> Iterator[Block]:
    if summary.what_changed:
        text = prose(clip(summary.what_changed, CHANGE_CHARACTERS_MAX))
        yield Block(section=_CHANGE, text=text, value=WORTH["what changed"], noun="account of the change")
    risks = [f"- {short(risk)}" for risk in summary.risks[:RISKS_MAX]]
    if risks:
        yield Block(section=_RISKS, text="\n".join(risks), value=WORTH["risks"], noun="list of risks")


def _findings(findings: tuple[Finding, ...], link: Link) -> Iterator[Block]:
    """Show what is bad openly, each severity under its heading, and fold the small remarks."""
    small = [finding for finding in findings if finding.severity in _SMALL]
    folded = Section(name="small", folded=count(len(small), "smaller remark"))
    for severity, group in groupby(findings, key=lambda finding: finding.severity):
        same = list(group)
        noun = f"{severity} finding"
        is_open = severity not in _SMALL
        section = Section(name=severity, heading=f"### {capitalised(severity)} ({len(same)})") if is_open else folded
        yield from (Block(section=section, text=finding_text(f, link), value=WORTH[severity], noun=noun) for f in same)


def _tests(tests: TestReport | None, link: Link) -> Iterator[Block]:
    if tests is None or tests.outcome is TestOutcome.NOT_ASKED:
        return  # Told under "Not reviewed".
    shown = [_failed_test(failed, link) for failed in tests.failed[:FAILED_TESTS_MAX]]
    hidden = len(tests.failed) - len(shown)
    if hidden > 0:
        shown.append(f"- and {count(hidden, 'more failed test')}")
    text = "\n\n".join(filter(None, [inline(clip(tests.detail, HEADLINE_CHARACTERS_MAX)), "\n".join(shown)]))
    if tests.outcome is TestOutcome.PASSED:
        yield Block(section=_TESTS_PASS, text=text, value=WORTH["tests"], noun="test result")
        return
    yield Block(section=_TESTS, text=text, value=WORTH["tests"], noun="test result")
    if tests.output_tail.strip():
        tail = fence(tests.output_tail)
        yield Block(section=_TEST_OUTPUT, text=tail, value=WORTH["output"], noun="end of the test output")


def _failed_test(failed: FailedTest, link: Link) -> str:
    where = f" {place(failed.path, failed.line, failed.line, link)}" if failed.path and failed.line else ""
    message = short(failed.message)
    return f"- {name(failed.name)}{where}{f': {message}' if message else ''}"


def _not_reviewed(skipped: tuple[Skipped, ...]) -> Iterator[Block]:
    """Tell openly what could not be done; what was left out on purpose is folded once it is long."""
    failed = [_reason(reason) for reason in by_reason(skipped, gap=True)]
    on_purpose = [_reason(reason) for reason in by_reason(skipped, gap=False)]
    is_long = len(on_purpose) > REASONS_OPEN_MAX
    folded = Section(name="left out", folded=f"Left out on purpose ({count(len(on_purpose), 'reason')})")
    for section, lines in ((_NOT_REVIEWED, failed), (folded if is_long else _LEFT_OUT, on_purpose)):
        if len(lines) > REASONS_MAX:
            lines[REASONS_MAX:] = [f"- and {count(len(lines) - REASONS_MAX, 'more reason')}: see `--json`"]
        if lines:
            text = "\n".join(lines)
            yield Block(section=section, text=text, value=WORTH["not reviewed"], noun="list of what was not reviewed")


def _reason(reason: Reason) -> str:
    named = some([name(one) for one in reason.names], NAMES_MAX, uncounted=reason.uncounted)
    return f"- {named}: {short(reason.why) or 'no reason given'}"


def _passages(passages: tuple[Passage, ...], link: Link) -> Iterator[Block]:
    section = Section(name="passages", folded=f"Documentation that bears on this ({count(len(passages), 'passage')})")
    for passage in passages:
        where = place(passage.path, passage.line, passage.line_end, link)
        # A title goes first: a line that begins with a link may be a definition to Markdown (`[x]: ...`).
        heading = short(passage.heading) or "Untitled"
        why = f" (about {short(passage.why)})" if passage.why.strip() else ""
        excerpt = inline(clip(passage.excerpt, EXCERPT_CHARACTERS_MAX))
        text = f"- **{heading}** {where}{why}\n\n  > {excerpt}"
        yield Block(section=section, text=text, value=WORTH["passages"], noun="cited passage")


def _how_it_went(summary: Summary) -> Iterator[Block]:
    table = ["| Stage | Result | Tries | Time |", "| --- | --- | ---: | ---: |", *map(_row, summary.stages)]
    text = "\n".join([*table, "", spent(summary.spend)]) if summary.stages else spent(summary.spend)
    yield Block(section=_HOW_IT_WENT, text=text, value=WORTH["stages"], noun="stage table")


def _row(fact: StageFact) -> str:
    detail = cell(clip(fact.detail, SENTENCE_CHARACTERS_MAX))
    result = f"{cell(fact.state)}{f': {detail}' if detail else ''}"
    tries, time = (str(fact.attempts), duration(fact.seconds)) if fact.attempts else ("", "")
    return f"| {cell(fact.name)} | {result} | {tries} | {time} |"


def _footer(summary: Summary, facts: Facts) -> str:
    subject = short(facts.title)
    commit = f"{name(facts.head[:SHA_CHARACTERS])}{f' ({subject})' if subject else ''}"
    refs = f"{name(facts.head_ref)} against {name(facts.base_ref)}"
    return f"---\n\n**Next:** {next_step(summary)}\n\nCommit {commit} of {refs}, run {name(facts.run_id)}."
