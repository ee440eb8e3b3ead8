"""Builders of findings and reports: only what a test is about is said, the rest is ordinary."""
# ruff: noqa: ANN401 - the fields are keyword arguments of pydantic models, which check them.

from typing import Any

from pipeline.review.findings import Finding, Severity
from pipeline.review.reports import (
    AnalysisReport,
    ChangedFile,
    DocsFinding,
    DocsReport,
    FailedTest,
    Passage,
    StageFact,
    Summary,
    TestOutcome,
    TestReport,
)
from pipeline.review.summary import Asked, Reports, summarize_reports


def a_finding(severity: Severity = Severity.MEDIUM, **fields: Any) -> Finding:
    """Make a finding; its line end follows its line."""
    line = fields.get("line", 42)
    ordinary = {
        "path": "shop/order.py",
        "line": line,
        "line_end": line,
        "category": "bug",
        "title": "The total ignores the discount",
        "claim": "`total()` adds the prices before `apply_discount` has run, so the customer pays in full.",
        "source": "model",
    }
    return Finding(severity=severity, **{**ordinary, **fields})


def a_file(path: str = "shop/order.py", **fields: Any) -> ChangedFile:
    """Make a changed file."""
    return ChangedFile(path=path, **{"status": "modified", "added": 10, "removed": 2, **fields})


def an_analysis(*findings: Finding, files: tuple[ChangedFile, ...] = (a_file(),), **fields: Any) -> AnalysisReport:
    """Make a report of a stage that read all its files with one analyser."""
    ordinary = {
        "files_total": len(files),
        "lines_added": sum(file.added for file in files),
        "lines_removed": sum(file.removed for file in files),
        "tools": ("ruff 0.17.6",),
    }
    return AnalysisReport(files=files, findings=findings, **{**ordinary, **fields})


def a_test_report(outcome: TestOutcome = TestOutcome.PASSED, **fields: Any) -> TestReport:
    """Make a report of fourteen tests."""
    ordinary = {"command": ("pytest", "-q"), "exit_code": 0, "seconds": 3.2, "tests_run": 14, "tests_failed": 0}
    return TestReport(outcome=outcome, **{**ordinary, "detail": "`pytest -q` ended with exit code 0.", **fields})


def failing_tests() -> TestReport:
    """Make a report of fourteen tests, two of which fail."""
    return a_test_report(
        TestOutcome.FAILED,
        exit_code=1,
        tests_failed=2,
        failed=(
            FailedTest(
                name="test_total_with_discount", message="assert 100 == 90", path="tests/test_order.py", line=12
            ),
            FailedTest(name="test_empty_order", message="IndexError: list index out of range"),
        ),
        output_tail="FAILED tests/test_order.py::test_total_with_discount\n2 failed, 12 passed in 3.21s",
        detail="`pytest -q` ended with exit code 1 after 3.2 s; 2 of 14 tests failed.",
    )


def a_docs_report(*stale: Finding, **fields: Any) -> DocsReport:
    """Make a report on three documents."""
    mentions = tuple(DocsFinding(**one.model_dump()) for one in stale)
    return DocsReport(stale=mentions, **{"documents_read": 3, **fields})


def a_passage(**fields: Any) -> Passage:
    """Make a cited passage."""
    ordinary = {
        "path": "docs/pricing.md",
        "line": 8,
        "line_end": 10,
        "heading": "Discounts",
        "excerpt": "A discount is taken off every line before the total is made.",
        "why": "discount, total",
    }
    return Passage(**{**ordinary, **fields})


def stale_docs() -> Finding:
    """Make a finding about a document that was left behind."""
    return a_finding(
        Severity.LOW,
        path="docs/pricing.md",
        line=8,
        category="docs",
        title="Mentions `apply_discount`, which changes here",
        claim="The document describes `apply_discount` and was not touched.",
        source="docs",
    )


def asked(**fields: Any) -> Asked:
    """Ask for a review of a branch against main, failing on high."""
    return Asked(**{"base_ref": "main", "head_ref": "feature/discount", "fail_on": Severity.HIGH, **fields})


def the_stages(**seconds: float) -> tuple[StageFact, ...]:
    """Make the facts of stages that were done at the first try."""
    return tuple(StageFact(name=name, state="done", attempts=1, seconds=spent) for name, spent in seconds.items())


def a_summary(
    analysis: AnalysisReport | None = None, tests: TestReport | None = None, docs: DocsReport | None = None
) -> Summary:
    """Summarize three reports; those not given found nothing to remark."""
    reports = Reports(analysis=analysis or an_analysis(), tests=tests or a_test_report(), docs=docs or a_docs_report())
    return summarize_reports(reports, asked(), the_stages(analyze=4.2, test=3.2, docs=0.3))
