"""Summary page: the one comment of ours that stands on a pull request.

Promises the marker as its first line; GitHub's limit of 65,536 characters, cut between whole parts and said so; that
nothing of a stranger acts in it; that it names the commit it is about, says what was not reviewed and why, and ends
with what the reader can do next. Same review, same text: an unchanged page is not sent.

A page is posted once there is something to read: while a run is under way the check run shows it, and the page of the
last head stands, true of the commit that it names. So there is no placeholder, and no page that only says "wait".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.review.finding_text import link_to, linked, name, short
from pipeline.review.findings import Finding, Severity
from pipeline.review.fitting import COMMENT_CHARACTERS_MAX, Block, Section, fit
from pipeline.review.markdown import clip, inline
from pipeline.review.outcome_blocks import blocks_of_tests
from pipeline.review.page_blocks import (
    HEADLINE_CHARACTERS_MAX,
    WORTH,
    blocks_of_change,
    blocks_of_findings,
    blocks_of_gaps,
    blocks_of_passages,
    blocks_of_stages,
    table_of_stages,
)
from pipeline.review.phrases import TITLES
from pipeline.review.pull.follow_up import FollowUp
from pipeline.review.pull.marker import Marker, write_marker
from pipeline.review.pull.stage_table import StageRow, stage_table
from pipeline.review.pull.told_findings import (
    NO_THREADS,
    Threads,
    blocks_of_dismissed,
    blocks_of_fixed,
    blocks_of_unseen,
    tell_finding,
)
from pipeline.review.redact import redact
from pipeline.review.rendering import SHA_CHARACTERS, SYMBOLS
from pipeline.review.reports import Summary, Verdict
from pipeline.review.wording import count

WALKTHROUGH_OPEN_CHARACTERS_MAX: Final = 500
"""A longer account of the change is folded, if the repository wants that."""

PROBLEMS_MAX: Final = 10
"""Problems of the configuration that are told; who mends these looks again."""

NEXT_STEPS: Final = {
    Verdict.CLEAN: "Nothing to do. The next push is reviewed by itself.",
    Verdict.REMARKS: "Take what helps. The next push is reviewed by itself.",
    Verdict.CHANGES_NEEDED: "Fix what is listed above and push; the next commit is reviewed by itself.",
    Verdict.PARTIAL: "`/onceover rerun failed` does what is missing, once its cause is gone.",
    Verdict.NOT_REVIEWED: "Once its cause is gone, `/onceover rerun failed` tries again.",
}
RERUN_TOO: Final = "`/onceover rerun failed` does what is missing."
NEXT_STEP_IF_EMPTY: Final = "Push a commit; it is reviewed by itself."
COMMANDS: Final = (
    "`/onceover explain` or `dismiss` and a finding's id, `/onceover rerun test`; `/onceover help` tells all"
)

OWN_STAGE: Final = "comment"
"""The stage that writes this page: how it went is not known yet."""

_CONFIGURATION: Final = Section(name="configuration", heading="### The configuration has mistakes")
_NOT_TOLD: Final = Section(name="not told")


class ConfigProblem(Protocol):
    """One mistake in the repository's configuration."""

    @property
    def source(self) -> str:
        """Which file."""

    @property
    def line(self) -> int:
        """From 1."""

    @property
    def column(self) -> int:
        """From 1."""

    @property
    def message(self) -> str:
        """What is wrong, and what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRules:
    """What the repository wants told."""

    severity_min: Severity = Severity.INFO
    """Findings below it are counted."""
    findings_max: int = 200
    """The rest is counted."""
    collapse_walkthrough: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What the page says of the pull request and of the run."""

    marker: Marker
    run_id: str
    reruns: int = 0
    """How often parts of the run were done again."""
    head: str
    base_ref: str
    head_ref: str
    title: str = ""
    """Of the pull request."""
    stages: tuple[StageRow, ...] = ()
    """How they stand now; else what the summary knows of them is shown."""
    now_ms: int = 0
    """Unix milliseconds; decides only whether a moment needs its date."""
    repository_url: str | None = None
    """The https address of the repository's page, as the host gives it; lines are linked with it."""
    check_url: str | None = None
    """The https address of the check run."""
    config_problems: Sequence[ConfigProblem] = ()


def summary_page(
    summary: Summary,
    facts: PageFacts,
    *,
    threads: Threads = NO_THREADS,
    rules: PageRules | None = None,
    characters_max: int = COMMENT_CHARACTERS_MAX,
) -> str:
    """Write the comment.

    Args:
        summary: The review.
        facts: Which pull request, commit and run.
        threads: What stands beside lines and what was told before.
        rules: What the repository wants told.
        characters_max: The host's limit for a comment.
    """
    wanted = rules or PageRules()
    link = link_to(facts.repository_url, facts.head)
    told, below, over = _sorted_out(summary.findings, wanted)
    blocks = [
        *_walkthrough(summary, wanted),
        *blocks_of_findings(told, lambda finding: tell_finding(finding, threads, link)),
        *_not_told(below, over, wanted),
        *blocks_of_unseen(threads.follow_up, link),
        *blocks_of_fixed(threads.follow_up),
        *blocks_of_dismissed(threads.dismissed, link),
        *blocks_of_tests(summary.tests, link),
        *blocks_of_gaps(summary.not_reviewed, all_of_them="see the check run"),
        *_configuration(facts.config_problems),
        *blocks_of_passages(summary.docs.passages if summary.docs else (), link),
        *blocks_of_stages(_table(summary, facts), summary),
    ]
    is_empty = summary.analysis is not None and summary.analysis.files_total == 0
    is_nothing = is_empty and summary.verdict is Verdict.NOT_REVIEWED
    title = "nothing to review" if is_nothing else TITLES[summary.verdict]
    headline = _headline(summary.headline)
    lead = [f"**{headline}**" if headline else "", _since(threads.follow_up, told)]
    first = _first(facts, f"{SYMBOLS[summary.verdict]} Onceover: {title}", lead)
    last = _last(facts, NEXT_STEP_IF_EMPTY if is_nothing else _next_step(summary))
    return fit(first, blocks, last, characters_max=characters_max) + "\n"


def _first(facts: PageFacts, title: str, lead: Sequence[str]) -> str:
    return "\n\n".join([f"{write_marker(facts.marker)}\n## {title}", *filter(None, lead)])


def _since(follow_up: FollowUp, told: Sequence[Finding]) -> str:
    """Count what became of everything since the last review, in a line."""
    if follow_up.since is None:
        return ""
    known = sum(finding.fingerprint in follow_up.known for finding in told)
    counts = {
        "fixed": len(follow_up.fixed) + len(follow_up.gone),
        "still open": known,
        "not looked at again": len(follow_up.unseen),
        "new": len(told) - known,
    }
    words = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)
    return f"Since {name(follow_up.since[:SHA_CHARACTERS])}: {words or 'nothing new'}."


def _last(facts: PageFacts, next_step: str) -> str:
    subject = short(redact(facts.title).text)
    commit = linked(name(facts.head[:SHA_CHARACTERS]), _commit_address(facts))
    refs = f"{name(facts.head_ref)} against {name(facts.base_ref)}"
    about = f"Commit {commit}{f' ({subject})' if subject else ''} of {refs}"
    again = f", re-run {facts.reruns}" if facts.reruns else ""
    check = linked("check run", facts.check_url)
    parts = [about, f"Run {name(facts.run_id)}{again}", *([check] if check.startswith("[") else []), COMMANDS]
    return f"---\n\n**Next:** {next_step}\n\n<sub>{' · '.join(parts)}.</sub>"


def _next_step(summary: Summary) -> str:
    has_gaps = summary.verdict is Verdict.CHANGES_NEEDED and any(skipped.gap for skipped in summary.not_reviewed)
    return f"{NEXT_STEPS[summary.verdict]}{f' {RERUN_TOO}' if has_gaps else ''}"


def _headline(text: str) -> str:
    return inline(clip(redact(text).text, HEADLINE_CHARACTERS_MAX))


def _commit_address(facts: PageFacts) -> str | None:
    return None if facts.repository_url is None else f"{facts.repository_url}/commit/{facts.head}"


def _walkthrough(summary: Summary, rules: PageRules) -> Iterator[Block]:
    folded = Section(name="walkthrough", folded="What changed")
    is_long = len(summary.what_changed) > WALKTHROUGH_OPEN_CHARACTERS_MAX
    for block in blocks_of_change(summary):
        if is_long and rules.collapse_walkthrough and block.section.name == "change":
            yield Block(section=folded, text=block.text, value=block.value, noun=block.noun)
        else:
            yield block


def _sorted_out(findings: Sequence[Finding], rules: PageRules) -> tuple[tuple[Finding, ...], int, int]:
    """Give the findings to tell, and count those below the minimum and those over the limit."""
    bad = [finding for finding in findings if finding.severity.is_at_least(rules.severity_min)]
    told = tuple(bad[: rules.findings_max])
    return told, len(findings) - len(bad), len(bad) - len(told)


def _not_told(below: int, over: int, rules: PageRules) -> Iterator[Block]:
    """Count what is not told, so that a short list is not taken for the whole."""
    parts = [
        f"{count(over, 'more finding')} over the limit of {rules.findings_max} (`review.findings_max`)" * bool(over),
        f"{count(below, 'finding')} below {rules.severity_min} (`review.severity_min`)" * bool(below),
    ]
    if any(parts):
        text = f"_Not told: {', '.join(filter(None, parts))}._"
        yield Block(section=_NOT_TOLD, text=text, value=WORTH["not reviewed"], noun="count of what is not told")


def _configuration(problems: Sequence[ConfigProblem]) -> Iterator[Block]:
    """Tell what is wrong with the configuration, by file, line and column; the defaults apply meanwhile."""
    if not problems:
        return
    lines = [
        f"- {name(problem.source)}, line {problem.line}, column {problem.column}: {short(redact(problem.message).text)}"
        for problem in problems[:PROBLEMS_MAX]
    ]
    if len(problems) > PROBLEMS_MAX:
        lines.append(f"- and {len(problems) - PROBLEMS_MAX:,} more: `onceover config check` lists all")
    text = "\n".join([*lines, "", "The defaults apply until it is mended on the base branch."])
    yield Block(section=_CONFIGURATION, text=text, value=WORTH["not reviewed"], noun="list of configuration mistakes")


def _table(summary: Summary, facts: PageFacts) -> tuple[str, ...]:
    """Set how the stages stand now but for the one that writes this, or else how the summary knew them."""
    others = [stage for stage in facts.stages if stage.name != OWN_STAGE]
    return stage_table(others, now_ms=facts.now_ms) or table_of_stages(summary.stages)
