"""Page blocks: the parts of a review's page, each kept or cut as a whole.

Promises that nothing from a repository or a model acts in them (see `markdown`), and that a good day is a few lines;
the rest is folded. They are the same on a pull request and on paper; what stands around them is the page's own.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from pipeline.review.finding_text import SENTENCE_CHARACTERS_MAX, Link, name, place, short
from pipeline.review.findings import Finding, Severity
from pipeline.review.fitting import Block, Section
from pipeline.review.markdown import cell, clip, code, inline, prose
from pipeline.review.phrases import Reason, by_reason, spent, spent_in_short
from pipeline.review.reports import AnalysisReport, Passage, Skipped, Spend, StageFact, Summary
from pipeline.review.wording import capitalised, count, duration, some

INSTRUCTIONS_NAMED_MAX: Final = 5
"""Files of instructions that are named; the rest is counted."""

HEADLINE_CHARACTERS_MAX: Final = 600
CHANGE_CHARACTERS_MAX: Final = 3_000
EXCERPT_CHARACTERS_MAX: Final = 500
RISKS_MAX: Final = 8
REASONS_MAX: Final = 12
"""Different reasons for not reviewing something; beyond that the page says how many more there are."""

NAMES_MAX: Final = 5
"""Files that one reason names."""

OPEN_MAX: Final = 8
"""Findings of one severity that stand openly; who has more to mend opens the rest."""

MARKS: Final = {"critical": "🟥", "high": "🟧", "medium": "🟨", "low": "🟦", "info": "🟦"}
"""Seen alike on a light and on a dark page; the word beside it says the same to who sees no colours."""

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

_SMALL: Final = frozenset({Severity.LOW, Severity.INFO})
_CHANGE: Final = Section(name="change")
_RISKS: Final = Section(name="risks", heading="**Look twice**")
_NOT_REVIEWED: Final = Section(name="not reviewed", heading="### Not reviewed")


def blocks_of_change(summary: Summary) -> Iterator[Block]:
    """Tell what the change does, and what to look at twice."""
    if summary.what_changed:
        text = prose(clip(summary.what_changed, CHANGE_CHARACTERS_MAX))
        yield Block(section=_CHANGE, text=text, value=WORTH["what changed"], noun="account of the change")
    risks = [f"- {short(risk)}" for risk in summary.risks[:RISKS_MAX]]
    if risks:
        yield Block(section=_RISKS, text="\n".join(risks), value=WORTH["risks"], noun="list of risks")


def blocks_of_findings(findings: Sequence[Finding], tell: Callable[[Finding], str]) -> Iterator[Block]:
    """Show what is bad openly, each severity under its heading, and fold the small remarks and what is too many.

    Args:
        findings: Ranked: those of one severity stand together.
        tell: Sets one as a list item.
    """
    small = [finding for finding in findings if finding.severity in _SMALL]
    folded = Section(name="small", folded=f"{MARKS['low']} {count(len(small), 'smaller remark')}")
    for severity, group in groupby(findings, key=lambda finding: finding.severity):
        same = list(group)
        if severity in _SMALL:
            yield from _told(same, folded, tell)
            continue
        heading = f"### {MARKS[severity]} {capitalised(severity)} ({len(same)})"
        yield from _told(same[:OPEN_MAX], Section(name=severity, heading=heading), tell)
        more = count(len(same) - OPEN_MAX, f"more {severity} finding")
        yield from _told(same[OPEN_MAX:], Section(name=f"more {severity}", folded=more), tell)


def _told(findings: Sequence[Finding], section: Section, tell: Callable[[Finding], str]) -> Iterator[Block]:
    for finding in findings:
        noun = f"{finding.severity} finding"
        yield Block(section=section, text=tell(finding), value=WORTH[finding.severity], noun=noun)


def blocks_of_gaps(skipped: tuple[Skipped, ...], *, all_of_them: str = "see `--json`") -> Iterator[Block]:
    """Tell openly what could not be done, and folded what was left out on purpose.

    Args:
        skipped: All of it.
        all_of_them: Where one finds the reasons that have no room, as a clause.
    """
    failed = [_reason(reason) for reason in by_reason(skipped, gap=True)]
    on_purpose = [_reason(reason) for reason in by_reason(skipped, gap=False)]
    folded = Section(name="left out", folded=f"Left out on purpose ({count(len(on_purpose), 'reason')})")
    for section, lines in ((_NOT_REVIEWED, failed), (folded, on_purpose)):
        if len(lines) > REASONS_MAX:
            lines[REASONS_MAX:] = [f"- and {count(len(lines) - REASONS_MAX, 'more reason')}: {all_of_them}"]
        if lines:
            text = "\n".join(lines)
            yield Block(section=section, text=text, value=WORTH["not reviewed"], noun="list of what was not reviewed")


def _reason(reason: Reason) -> str:
    named = some([name(one) for one in reason.names], NAMES_MAX, uncounted=reason.uncounted)
    return f"- {named}: {short(reason.why) or 'no reason given'}"


def blocks_of_passages(passages: tuple[Passage, ...], link: Link) -> Iterator[Block]:
    """Cite the documentation, folded."""
    section = Section(name="passages", folded=f"Documentation that bears on this ({count(len(passages), 'passage')})")
    for passage in passages:
        where = place(passage.path, passage.line, passage.line_end, link)
        # A title goes first: a line that begins with a link may be a definition to Markdown (`[x]: ...`).
        heading = short(passage.heading) or "Untitled"
        why = f" (about {short(passage.why)})" if passage.why.strip() else ""
        excerpt = inline(clip(passage.excerpt, EXCERPT_CHARACTERS_MAX))
        text = f"- **{heading}** {where}{why}\n\n  > {excerpt}"
        yield Block(section=section, text=text, value=WORTH["passages"], noun="cited passage")


def blocks_of_stages(table: Sequence[str], summary: Summary) -> Iterator[Block]:
    """Tell how the review went and what it cost, folded.

    Args:
        table: How the stages went, line by line; none if nothing is known of them.
        summary: The review.
    """
    analysis = summary.analysis or AnalysisReport()
    text = "\n".join([*table, *[""] * bool(table), f"{_asked(analysis, summary.spend)}{_guided(analysis)}"])
    is_known = analysis.files_known and not summary.spend.calls
    short = "no model had to be asked" if is_known else spent_in_short(summary.spend)
    section = Section(name="how it went", folded=f"How this review went: {short}")
    yield Block(section=section, text=text, value=WORTH["stages"], noun="stage table")


def _asked(analysis: AnalysisReport, spend: Spend) -> str:
    """Tell who was asked and what it cost, and what had not to be asked again."""
    known = count(analysis.files_known, "file")
    by = name(analysis.model) if analysis.model else "The model"
    if not analysis.files_known:
        return f"{by}: {spent(spend)}" if analysis.model and spend.calls else spent(spend)
    if not spend.calls:
        return f"No model had to be asked: {by} read {known} on an earlier push."
    return f"{by}: {spent(spend)} It had read {known} on an earlier push, which cost nothing again."


def _guided(analysis: AnalysisReport) -> str:
    """Name the files by which the model was told what matters here."""
    names = [code(clip(source, SENTENCE_CHARACTERS_MAX)) for source in analysis.instructions]
    return f" It went by {some(names, INSTRUCTIONS_NAMED_MAX)} of the base branch." if names else ""


def table_of_stages(stages: Sequence[StageFact]) -> tuple[str, ...]:
    """Set how the stages went as a table."""
    head = ("| Stage | Result | Tries | Time |", "| --- | --- | ---: | ---: |")
    return (*head, *map(_row, stages)) if stages else ()


def _row(fact: StageFact) -> str:
    detail = cell(clip(fact.detail, SENTENCE_CHARACTERS_MAX))
    result = f"{cell(fact.state)}{f': {detail}' if detail else ''}"
    tries, time = (str(fact.attempts), duration(fact.seconds)) if fact.attempts else ("", "")
    return f"| {cell(fact.name)} | {result} | {tries} | {time} |"
