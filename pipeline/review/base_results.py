"""Base results: which failures a change has brought, and which were there before.

Promises that a failure is called new or old only where both results are whole: every failed test of either is named.
"""

from collections.abc import Collection
from typing import Final

from pipeline.review.reports import TestOutcome, TestReport
from pipeline.review.wording import count

SOURCES: Final = frozenset({"command", "sandbox"})
"""Where the tests themselves were run."""

_SAYS: Final = frozenset({TestOutcome.PASSED, TestOutcome.FAILED})


def whole_failures(report: TestReport) -> tuple[str, ...] | None:
    """Name all tests that failed; None if the report does not name them all."""
    names = tuple(one.name for one in report.failed)
    is_whole = report.source in SOURCES and report.outcome in _SAYS and report.tests_run is not None
    return names if is_whole and report.tests_failed == len(names) else None


def against_base(report: TestReport, base: Collection[str]) -> TestReport:
    """Tell of each failed test whether it fails on the base too."""
    failed = tuple(one.model_copy(update={"fails_on_base": one.name in base}) for one in report.failed)
    new = sum(not one.fails_on_base for one in failed)
    old = len(failed) - new
    sentence = f"{count(old, 'failure')} on the base too, {new} new." if old else "None of them fails on the base."
    detail = f"{report.detail} {sentence}" if failed else report.detail
    return report.model_copy(update={"failed": failed, "new_failures": new, "detail": detail})
