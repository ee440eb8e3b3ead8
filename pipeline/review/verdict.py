"""Verdict: the one line a reader takes away, decided by one table.

Promises that nothing is called clean which nobody looked at, and that no text of a model takes part in the decision.
Does not promise that the code is right: it says what was looked at and what came of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pipeline.review.findings import Finding, Severity
from pipeline.review.reports import AnalysisReport, MissingStage, Skipped, TestOutcome, TestReport, Verdict

FailOn: TypeAlias = Severity | Literal["never"]
"""The severity from which findings ask for changes; with `never` only failing tests do."""

DID_NOT_FINISH: Final = frozenset({TestOutcome.TIMED_OUT, TestOutcome.COULD_NOT_RUN})
"""The tests were asked for and say nothing about the code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the verdict depends on, and nothing else."""

    is_empty: bool = False
    """The two commits do not differ."""
    diff_was_read: bool = False
    """By an analyser or by a model."""
    tests_ran: bool = False
    tests_fail: bool = False
    blocking: int = 0
    """Findings at or above the fail-on level."""
    remarks: int = 0
    """Findings below it."""
    gaps: bool = False
    """Something that was wanted could not be done."""


RULES: Final[tuple[tuple[str, Callable[[Evidence], bool], Verdict], ...]] = (
    ("the tests fail", lambda seen: seen.tests_fail, Verdict.CHANGES_NEEDED),
    ("a finding is as bad as the fail-on level", lambda seen: seen.blocking > 0, Verdict.CHANGES_NEEDED),
    ("there is no difference to review", lambda seen: seen.is_empty, Verdict.NOT_REVIEWED),
    ("nobody looked", lambda seen: not seen.diff_was_read and not seen.tests_ran, Verdict.NOT_REVIEWED),
    ("nobody read the diff", lambda seen: not seen.diff_was_read, Verdict.PARTIAL),
    ("something could not be done", lambda seen: seen.gaps, Verdict.PARTIAL),
    ("there are remarks", lambda seen: seen.remarks > 0, Verdict.REMARKS),
    ("none of these", lambda _: True, Verdict.CLEAN),
)
"""The first rule that holds decides."""


def read_fail_on(text: str) -> FailOn:
    """Read the level as a plan or a parameter holds it.

    Raises:
        ValueError: It is no severity.
    """
    return "never" if text == "never" else Severity(text)


def decide(evidence: Evidence) -> Verdict:
    """Give the verdict of the first rule that holds."""
    return next(verdict for _, holds, verdict in RULES if holds(evidence))


def blocks(finding: Finding, fail_on: FailOn) -> bool:
    """Whether a finding alone asks for changes."""
    return fail_on != "never" and finding.severity.is_at_least(fail_on)


def weigh(
    analysis: AnalysisReport | MissingStage,
    tests: TestReport | MissingStage,
    findings: tuple[Finding, ...],
    not_reviewed: tuple[Skipped, ...],
    *,
    fail_on: FailOn,
) -> Evidence:
    """Gather the evidence.

    Args:
        analysis: The stage's report, or why there is none.
        tests: Likewise.
        findings: All of them, stale documentation included.
        not_reviewed: What the stages left out; a missing stage is among it.
        fail_on: From which severity a finding asks for changes.
    """
    blocking = sum(blocks(finding, fail_on) for finding in findings)
    return Evidence(
        is_empty=isinstance(analysis, AnalysisReport) and analysis.files_total == 0,
        diff_was_read=isinstance(analysis, AnalysisReport) and bool(analysis.tools or analysis.model),
        tests_ran=isinstance(tests, TestReport) and tests.outcome in {TestOutcome.PASSED, TestOutcome.FAILED},
        tests_fail=isinstance(tests, TestReport) and tests.outcome is TestOutcome.FAILED,
        blocking=blocking,
        remarks=len(findings) - blocking,
        gaps=any(skipped.gap for skipped in not_reviewed),
    )
