"""Terminal: the review on a screen, with the same content as the comment.

Promises colours on a terminal, the plain Markdown in a pipe or with `NO_COLOR`, and never a control character of a
stranger's text. `path:line` stands alone, so that editors and terminals make it clickable.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from pipeline.review.finding_text import SENTENCE_CHARACTERS_MAX
from pipeline.review.findings import Finding, Severity
from pipeline.review.markdown import FENCE_CHARACTERS_MAX, clip
from pipeline.review.outcome_blocks import FAILED_TESTS_MAX
from pipeline.review.page_blocks import (
    CHANGE_CHARACTERS_MAX,
    EXCERPT_CHARACTERS_MAX,
    HEADLINE_CHARACTERS_MAX,
    NAMES_MAX,
    RISKS_MAX,
)
from pipeline.review.phrases import TITLES, by_reason, next_step, spent
from pipeline.review.rendering import SHA_CHARACTERS, Facts
from pipeline.review.reports import Passage, StageFact, Summary, TestOutcome, TestReport, Verdict
from pipeline.review.visible import visible
from pipeline.review.wording import capitalised, count, duration, some

WIDTH_MAX: Final = 110
"""Prose wider than this is hard to read, however wide the window is."""

LINES_QUOTED_MAX: Final = 20
"""Of a suggestion or of the test output; the end of the output is what counts."""

LOOKS: Final = {
    Verdict.CLEAN: ("✔", "green"),
    Verdict.REMARKS: ("●", "cyan"),
    Verdict.CHANGES_NEEDED: ("✘", "red"),
    Verdict.PARTIAL: ("◐", "yellow"),
    Verdict.NOT_REVIEWED: ("○", "yellow"),
}
COLOURS: Final = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
_CODE_SPAN: Final = re.compile(r"`([^`\n]+)`")
_CODE: Final = "cyan"
_INDENT: Final = 2


def print_review(console: Console, summary: Summary, facts: Facts, markdown: str) -> None:
    """Print the review where the reader is.

    Args:
        console: Standard output.
        summary: The review.
        facts: Which run, which commit.
        markdown: The comment, for readers that are no terminal.
    """
    if not console.is_terminal or console.no_color:
        console.file.write(markdown)
        return
    console.print(report(summary, facts), width=min(console.width, WIDTH_MAX), highlight=False)


def report(summary: Summary, facts: Facts) -> RenderableType:
    """Lay the review out."""
    parts = [
        _title(summary, facts),
        _section("", [_prose(clip(summary.what_changed, CHANGE_CHARACTERS_MAX))] if summary.what_changed else []),
        _section("Look twice", [_item(risk) for risk in summary.risks[:RISKS_MAX]]),
        _section("Findings", _apart([_finding(finding) for finding in summary.findings])),
        _section("Tests", list(_tests(summary.tests)) if summary.tests else []),
        _section("Documentation that bears on this", [_passage(one) for one in _passages(summary)]),
        _section("Not reviewed", [_item(line, "yellow") for line in _reasons(summary, gap=True)]),
        _section("Left out on purpose", [_item(line) for line in _reasons(summary, gap=False)]),
        _section("How this review went", [*map(_stage, summary.stages), _prose(spent(summary.spend))]),
    ]
    shown = (part for part in parts if part is not None)
    return Group("", *shown, Text.assemble(("Next: ", "bold"), _prose(next_step(summary))))


def _title(summary: Summary, facts: Facts) -> RenderableType:
    symbol, colour = LOOKS[summary.verdict]
    refs = f"{_flat(facts.head_ref)} at {_flat(facts.head)[:SHA_CHARACTERS]} against {_flat(facts.base_ref)}"
    subject = f"{_flat(facts.title)}\n" if facts.title else ""
    return Group(
        Text(f"{symbol} {capitalised(TITLES[summary.verdict])}", style=f"bold {colour}"),
        _padded(_prose(clip(summary.headline, HEADLINE_CHARACTERS_MAX))),
        _padded(Text(f"{subject}{refs}, run {_flat(facts.run_id)}", style="dim")),
        "",
    )


def _section(heading: str, parts: Sequence[RenderableType]) -> RenderableType | None:
    if not parts:
        return None
    return Group(*([Text(heading, style="bold")] if heading else []), *(_padded(part) for part in parts), "")


def _finding(finding: Finding) -> RenderableType:
    sure = "" if finding.confidence == 1 else f", {finding.confidence:.0%} sure"
    lines = f"{finding.line}-{finding.line_end}" if finding.line_end > finding.line else f"{finding.line}"
    title = Text.assemble((f" {finding.severity} ", COLOURS[finding.severity]), " ", _prose(finding.title, "bold"))
    parts: list[RenderableType] = [title, _padded(Text(f"{_flat(finding.path)}:{lines}", style="underline"))]
    if finding.claim.strip() != finding.title.strip():
        parts.append(_padded(_prose(finding.claim)))
    if finding.suggestion is not None:
        parts.append(_padded(Text("Replace with:" if finding.suggestion.strip() else "Remove it.", style="dim")))
    if finding.suggestion and finding.suggestion.strip():
        parts.append(_padded(_quoted(clip(finding.suggestion, FENCE_CHARACTERS_MAX).split("\n"), "green")))
    source = f"{_flat(finding.category)}, found by {_flat(finding.source)}{sure}, id {finding.fingerprint}"
    return Group(*parts, _padded(Text(source, style="dim")))


def _tests(tests: TestReport) -> Iterator[RenderableType]:
    if tests.detail:
        yield _prose(clip(tests.detail, HEADLINE_CHARACTERS_MAX))
    for failed in tests.failed[:FAILED_TESTS_MAX]:
        where = f" {_flat(failed.path)}:{failed.line}" if failed.path and failed.line else ""
        message = f": {_flat(failed.message)}" if failed.message.strip() else ""
        yield Text.assemble(("✘ ", "red"), _flat(failed.name), (where, "underline"), message)
    hidden = len(tests.failed) - FAILED_TESTS_MAX
    if hidden > 0:
        yield Text(f"and {count(hidden, 'more failed test')}", style="dim")
    if tests.output_tail.strip() and tests.outcome is not TestOutcome.PASSED:
        yield _quoted(visible(tests.output_tail).strip().split("\n")[-LINES_QUOTED_MAX:], "dim")


def _passages(summary: Summary) -> tuple[Passage, ...]:
    return summary.docs.passages if summary.docs else ()


def _passage(passage: Passage) -> RenderableType:
    lines = f"{passage.line}-{passage.line_end}" if passage.line_end > passage.line else f"{passage.line}"
    heading = f" {_flat(passage.heading)}" if passage.heading else ""
    excerpt = _flat(" ".join(passage.excerpt.split()), EXCERPT_CHARACTERS_MAX)
    return Group(
        Text.assemble((f"{_flat(passage.path)}:{lines}", "underline"), heading), _padded(Text(excerpt, style="dim"))
    )


def _reasons(summary: Summary, *, gap: bool) -> Iterator[str]:
    for reason in by_reason(summary.not_reviewed, gap=gap):
        yield f"{some(reason.names, NAMES_MAX, uncounted=reason.uncounted)}: {reason.why}"


def _stage(fact: StageFact) -> Text:
    tries = f", try {fact.attempts}" if fact.attempts > 1 else ""
    took = f" in {duration(fact.seconds)}" if fact.attempts else ""
    detail = f": {_flat(fact.detail)}" if fact.detail else ""
    return Text(f"{_flat(fact.name)} {_flat(fact.state)}{took}{tries}{detail}", style="dim")


def _item(text: str, style: str = "") -> Text:
    return Text.assemble(("• ", style or "dim"), _prose(_flat(text)))


def _prose(text: str, style: str = "") -> Text:
    """Set a text with its code spans in colour instead of back-ticks."""
    shown, end = Text(style=style), 0
    whole = visible(text).strip()
    for span in _CODE_SPAN.finditer(whole):
        shown.append(whole[end : span.start()]).append(span[1], style=_CODE)
        end = span.end()
    return shown.append(whole[end:])


def _quoted(lines: Sequence[str], style: str) -> Text:
    """Set lines as they are, behind a bar, without breaking them."""
    shown = visible("\n".join(lines[:LINES_QUOTED_MAX])).split("\n")
    more = [f"… {len(lines) - LINES_QUOTED_MAX} more lines"] if len(lines) > LINES_QUOTED_MAX else []
    return Text("\n".join(f"│ {line}" for line in [*shown, *more]), style=style, no_wrap=True, overflow="ellipsis")


def _padded(part: RenderableType) -> RenderableType:
    return Padding(part, (0, 0, 0, _INDENT))


def _apart(parts: Iterable[RenderableType]) -> list[RenderableType]:
    """Put a blank line between parts."""
    return [one for part in parts for one in ("", part)][1:]


def _flat(text: str, characters_max: int = SENTENCE_CHARACTERS_MAX) -> str:
    return clip(visible(text[:characters_max], lines=False), characters_max)
