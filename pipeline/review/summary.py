"""Summary: the reports of analyze, test and docs, told as one review.

Promises that every finding, every missing stage and everything left out is in it, and that the verdict follows from
our own records (see `verdict`). The words come from templates; a model may later say better what changed and what to
look at twice, and can touch nothing else.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.review.findings import Finding, Severity, rank
from pipeline.review.left_out import named_and_counted
from pipeline.review.reports import (
    AnalysisReport,
    DocsReport,
    MissingStage,
    Skipped,
    Spend,
    StageFact,
    Summary,
    TestOutcome,
    TestReport,
    Verdict,
)
from pipeline.review.risks import risks_of
from pipeline.review.verdict import DID_NOT_FINISH, FailOn, blocks, decide, weigh
from pipeline.review.wording import count, listed, some

AREAS_NAMED_MAX: Final = 4
"""Directories that the account of a change names."""

GAPS_NAMED_MAX: Final = 3
"""Names in the headline; the list below it has them all."""

KNOWN: Final = frozenset({"analyze", "test", "docs", "model", "tests"})
"""Names of ours that need no quotes in a sentence."""

UNTOLD: Final = "it left no result"

UNFINISHED: Final = {
    TestOutcome.TIMED_OUT: "they ran out of time",
    TestOutcome.COULD_NOT_RUN: "they could not be run",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """What the three stages left, or why one left nothing."""

    analysis: AnalysisReport | MissingStage
    tests: TestReport | MissingStage
    docs: DocsReport | MissingStage

    @property
    def missing(self) -> tuple[MissingStage, ...]:
        """The stages without a report."""
        return tuple(part for part in (self.analysis, self.tests, self.docs) if isinstance(part, MissingStage))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the reader asked for, as far as the words depend on it."""

    base_ref: str
    head_ref: str
    fail_on: FailOn
    model: str | None = None
    """The model that was to read the diff, if any."""


def summarize_reports(reports: Reports, asked: Asked, stages: tuple[StageFact, ...] = ()) -> Summary:
    """Tell the review from its reports.

    Args:
        reports: What the stages left.
        asked: What was to be reviewed, and from which severity a finding asks for changes.
        stages: How the stages went.
    """
    analysis, tests, docs = _present(reports)
    findings = rank([*(analysis.findings if analysis else ()), *(docs.stale if docs else ())])
    not_reviewed = _not_reviewed(reports, asked)
    evidence = weigh(reports.analysis, reports.tests, findings, not_reviewed, fail_on=asked.fail_on)
    verdict = decide(evidence)
    return Summary(
        verdict=verdict,
        headline=_headline(verdict, reports, asked, findings, not_reviewed),
        what_changed=_what_changed(analysis) if analysis else "",
        risks=_risks(analysis, docs) if analysis else (),
        findings=findings,
        analysis=analysis,
        tests=tests,
        docs=docs,
        missing=reports.missing,
        not_reviewed=not_reviewed,
        stages=stages,
        spend=(analysis.spend if analysis else Spend()) + (docs.spend if docs else Spend()),
    )


def judged_without(summary: Summary, fingerprints: Collection[str], asked: Asked) -> Summary:
    """Judge a review again as if some of its findings had not been made; nothing else of it changes.

    Args:
        summary: The review.
        fingerprints: Of the findings.
        asked: What was to be reviewed, as it was when the review was made.
    """
    findings = tuple(finding for finding in summary.findings if not finding.known_among(fingerprints))
    if len(findings) == len(summary.findings):
        return summary
    missing = {stage.stage: stage for stage in summary.missing}
    reports = Reports(
        analysis=summary.analysis or missing.get("analyze") or MissingStage(stage="analyze", why=UNTOLD),
        tests=summary.tests or missing.get("test") or MissingStage(stage="test", why=UNTOLD),
        docs=summary.docs or missing.get("docs") or MissingStage(stage="docs", why=UNTOLD),
    )
    verdict = decide(weigh(reports.analysis, reports.tests, findings, summary.not_reviewed, fail_on=asked.fail_on))
    headline = _headline(verdict, reports, asked, findings, summary.not_reviewed)
    return summary.model_copy(update={"verdict": verdict, "headline": headline, "findings": findings})


def _present(reports: Reports) -> tuple[AnalysisReport | None, TestReport | None, DocsReport | None]:
    return (
        None if isinstance(reports.analysis, MissingStage) else reports.analysis,
        None if isinstance(reports.tests, MissingStage) else reports.tests,
        None if isinstance(reports.docs, MissingStage) else reports.docs,
    )


def _not_reviewed(reports: Reports, asked: Asked) -> tuple[Skipped, ...]:
    """Gather what was left out: first what was wanted and failed, then what was left out on purpose; each once."""
    every = list(dict.fromkeys(_left_out(reports, asked)))
    return tuple(sorted(every, key=lambda skipped: not skipped.gap))


def _left_out(reports: Reports, asked: Asked) -> Iterator[Skipped]:
    analysis, tests, docs = _present(reports)
    for stage in reports.missing:
        yield Skipped(what=stage.stage, why=stage.why, gap=stage.gap)
    if analysis and asked.model and _model_read_nothing(analysis):
        yield Skipped(what="model", why=f"{asked.model} was asked to read the change and did not", gap=True)
    for report in (analysis, tests, docs):
        yield from report.skipped if report else ()
    if tests and tests.outcome in DID_NOT_FINISH and not any(skipped.gap for skipped in tests.skipped):
        yield Skipped(what="tests", why=UNFINISHED[tests.outcome], gap=True)
    if tests and tests.outcome is TestOutcome.NOT_ASKED and not tests.skipped:
        yield Skipped(what="tests", why="no test command was given")


def _model_read_nothing(analysis: AnalysisReport) -> bool:
    """Whether there was something to read, nobody did, and the report does not say so itself."""
    left_out = {skipped.what for skipped in analysis.skipped}
    is_told = any(skipped.gap and skipped.what == "model" for skipped in analysis.skipped)
    return not analysis.model and not is_told and any(file.path not in left_out for file in analysis.files)


def _headline(
    verdict: Verdict, reports: Reports, asked: Asked, findings: tuple[Finding, ...], not_reviewed: tuple[Skipped, ...]
) -> str:
    """Say the verdict in a sentence or two, from our own records."""
    analysis, tests, _ = _present(reports)
    gaps = _gaps(not_reviewed)
    if verdict is Verdict.CHANGES_NEEDED:
        return " ".join(filter(None, [_tests_went(tests), _blocking(findings, asked.fail_on), gaps]))
    if analysis and analysis.files_total == 0:
        return f"There is nothing to review: `{asked.head_ref}` changes nothing against `{asked.base_ref}`."
    if verdict is Verdict.NOT_REVIEWED:
        return "Nobody read the change and no test ran."
    remarks = f"{count(len(findings), 'remark')}{_below(len(findings), asked.fail_on)}." if findings else ""
    if verdict is Verdict.PARTIAL:
        return " ".join(filter(None, [gaps or "Nobody read the change.", _tests_went(tests), remarks]))
    return f"{remarks or _read_by(analysis)} {_tests_went(tests)}".strip()


def _gaps(not_reviewed: tuple[Skipped, ...]) -> str:
    """Name what could not be done, the stages and tools first."""
    whats, uncounted = named_and_counted(skipped.what for skipped in not_reviewed if skipped.gap)
    names = [what if what in KNOWN else f"`{what}`" for what in sorted(whats, key=lambda what: what not in KNOWN)]
    return f"This review has gaps: {some(names, GAPS_NAMED_MAX, uncounted=uncounted)}." if names else ""


def _tests_went(tests: TestReport | None) -> str:
    if tests is None or tests.outcome in DID_NOT_FINISH:
        return ""  # A gap, told as such.
    if tests.outcome is TestOutcome.NOT_ASKED:
        return "The tests were not run."
    if tests.outcome is TestOutcome.PASSED:
        return "The tests pass."
    if not tests.tests_failed or not tests.tests_run:
        return "The tests fail."
    fail = "fails" if tests.tests_failed == 1 else "fail"
    return f"{tests.tests_failed:,} of {count(tests.tests_run, 'test')} {fail}."


def _blocking(findings: tuple[Finding, ...], fail_on: FailOn) -> str:
    """Count the findings that ask for changes, by severity, worst first."""
    counts = Counter(finding.severity for finding in findings if blocks(finding, fail_on))
    by_severity = ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])
    return f"Findings to fix: {by_severity}." if counts else ""


def _below(remarks: int, fail_on: FailOn) -> str:
    return "" if fail_on == "never" else f", {'all ' if remarks > 1 else ''}below {fail_on}"


def _read_by(analysis: AnalysisReport | None) -> str:
    """Say who looked, so that a good word has a name."""
    if analysis is None:
        return ""
    readers = listed([*analysis.tools, *([analysis.model] if analysis.model else [])])
    return f"{count(analysis.files_total, 'changed file')}, read by {readers}."


def _risks(analysis: AnalysisReport, docs: DocsReport | None) -> tuple[str, ...]:
    lines = analysis.lines_added + analysis.lines_removed
    return risks_of(analysis.files, docs, lines=lines, is_whole=_lists_all(analysis))


def _lists_all(analysis: AnalysisReport) -> bool:
    """Whether the report lists each changed file; of a very large change it lists the first thousands."""
    return len(analysis.files) == analysis.files_total


def _what_changed(analysis: AnalysisReport) -> str:
    """Tell the change: the model's account, or sizes and places when there is none."""
    if analysis.walkthrough.strip():
        return analysis.walkthrough.strip()
    if not analysis.files_total:
        return ""
    lines = f"{count(analysis.lines_added, 'line')} added, {analysis.lines_removed:,} removed"
    statuses = Counter(file.status for file in analysis.files if _lists_all(analysis))
    kinds = listed(f"{number} {status}" for status, number in statuses.items() if status != "modified")
    areas = Counter(file.path.rpartition("/")[0] for file in analysis.files)
    named = [f"`{area}`" if area else "the top level" for area, _ in areas.most_common(AREAS_NAMED_MAX)]
    others = len(areas) - len(named)
    more = count(others, "other place") if _lists_all(analysis) else "other places"
    where = listed([*named, more] if others else named)
    place = f" in {where}" if where else ""
    return f"{count(analysis.files_total, 'file')}{place}: {lines}.{f' {kinds}.' if kinds else ''}"
