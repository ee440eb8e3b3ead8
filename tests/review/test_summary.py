"""The summary holds everything that was found and everything that was not looked at."""

import pytest

from pipeline.review.findings import Severity
from pipeline.review.reports import MissingStage, Skipped, Spend, TestOutcome, Verdict
from pipeline.review.summary import Reports, summarize_reports
from tests.builders.reports import (
    a_docs_report,
    a_file,
    a_finding,
    a_summary,
    a_test_report,
    an_analysis,
    asked,
    failing_tests,
    stale_docs,
)

MISSING = Reports(
    analysis=MissingStage(stage="analyze", why="the analysers crashed three times"),
    tests=MissingStage(stage="test", why="it was cancelled"),
    docs=MissingStage(stage="docs", why="it needs more disk"),
)


def test_stale_documents_are_findings_among_the_others_worst_first_and_each_once() -> None:
    high = a_finding(Severity.HIGH, title="Discount is lost")

    summary = a_summary(an_analysis(a_finding(), high, high), docs=a_docs_report(stale_docs()))

    assert [finding.severity for finding in summary.findings] == ["high", "medium", "low"]


def test_a_missing_stage_is_named_with_its_reason_and_is_a_gap() -> None:
    summary = summarize_reports(Reports(analysis=an_analysis(), tests=MISSING.tests, docs=a_docs_report()), asked())

    assert summary.verdict is Verdict.PARTIAL
    assert summary.missing == (MissingStage(stage="test", why="it was cancelled"),)
    assert summary.not_reviewed == (Skipped(what="test", why="it was cancelled", gap=True),)


def test_without_any_report_nothing_was_reviewed() -> None:
    summary = summarize_reports(MISSING, asked())

    assert summary.verdict is Verdict.NOT_REVIEWED
    assert summary.headline == "Nobody read the change and no test ran."
    assert [missing.stage for missing in summary.missing] == ["analyze", "test", "docs"]


def test_what_was_left_out_is_told_once_and_failures_come_first() -> None:
    lock = Skipped(what="uv.lock", why="generated")
    failed = Skipped(what="shop/tax.py", why="the model gave no answer", gap=True)

    summary = a_summary(an_analysis(skipped=(lock, failed)), docs=a_docs_report(skipped=(lock,)))

    assert summary.not_reviewed == (failed, lock)


@pytest.mark.parametrize(
    ("outcome", "why"),
    [(TestOutcome.TIMED_OUT, "they ran out of time"), (TestOutcome.COULD_NOT_RUN, "they could not be run")],
)
def test_tests_that_did_not_finish_make_the_review_partial(outcome: TestOutcome, why: str) -> None:
    summary = a_summary(tests=a_test_report(outcome))

    assert summary.verdict is Verdict.PARTIAL
    assert summary.not_reviewed == (Skipped(what="tests", why=why, gap=True),)


def test_tests_nobody_asked_for_are_told_but_are_no_gap() -> None:
    summary = a_summary(tests=a_test_report(TestOutcome.NOT_ASKED))

    assert summary.verdict is Verdict.CLEAN
    assert summary.headline == "1 changed file, read by ruff 0.17.6. The tests were not run."
    assert summary.not_reviewed == (Skipped(what="tests", why="no test command was given"),)


def test_a_model_that_was_asked_and_read_nothing_is_a_gap_even_if_nobody_says_so() -> None:
    reports = Reports(analysis=an_analysis(model=None), tests=a_test_report(), docs=a_docs_report())

    silent = summarize_reports(reports, asked(model="gpt-test"))
    not_asked = summarize_reports(reports, asked(model=None))

    assert (silent.verdict, not_asked.verdict) == (Verdict.PARTIAL, Verdict.CLEAN)
    assert silent.not_reviewed[0].what == "model"


def test_a_model_with_nothing_to_read_is_no_gap() -> None:
    lock = Skipped(what="uv.lock", why="generated")
    analysis = an_analysis(files=(a_file("uv.lock"),), skipped=(lock,), tools=())

    summary = summarize_reports(
        Reports(analysis=analysis, tests=a_test_report(), docs=a_docs_report()), asked(model="gpt-test")
    )

    assert summary.verdict is Verdict.PARTIAL
    assert summary.headline == "Nobody read the change. The tests pass."
    assert summary.not_reviewed == (lock,)


def test_an_empty_diff_is_called_empty_and_not_clean() -> None:
    summary = a_summary(an_analysis(files=()))

    assert summary.verdict is Verdict.NOT_REVIEWED
    assert summary.headline == "There is nothing to review: `feature/discount` changes nothing against `main`."
    assert not summary.what_changed


def test_the_headline_of_needed_changes_counts_tests_and_findings() -> None:
    findings = [a_finding(Severity.CRITICAL), *(a_finding(Severity.HIGH, line=line) for line in (1, 2)), a_finding()]

    summary = a_summary(an_analysis(*findings), failing_tests())

    assert summary.headline == "2 of 14 tests fail. Findings to fix: 1 critical, 2 high."


def test_the_headline_says_if_the_review_behind_it_has_gaps() -> None:
    reports = Reports(analysis=an_analysis(), tests=failing_tests(), docs=MISSING.docs)

    assert summarize_reports(reports, asked()).headline == "2 of 14 tests fail. This review has gaps: docs."


def test_the_headline_of_remarks_says_that_none_blocks() -> None:
    summary = a_summary(an_analysis(a_finding(), a_finding(line=1)))

    assert summary.headline == "2 remarks, all below high. The tests pass."


def test_without_a_model_sizes_and_places_say_what_changed() -> None:
    files = (
        a_file("shop/order.py"),
        a_file("shop/cart.py", status="added"),
        a_file("README.md"),
        *(a_file(f"docs/{part}/index.md") for part in "abcd"),
    )

    summary = a_summary(an_analysis(files=files))

    assert summary.what_changed == (
        "7 files in `shop`, the top level, `docs/a`, `docs/b` and 2 other places: 70 lines added, 14 removed. 1 added."
    )


def test_of_a_change_too_large_to_list_nothing_is_told_that_only_the_whole_list_could_tell() -> None:
    files = (a_file("shop/order.py", status="added"),)

    summary = a_summary(an_analysis(files=files, files_total=5_000, lines_added=90_000, lines_removed=0))

    assert summary.what_changed == "5,000 files in `shop`: 90,000 lines added, 0 removed."
    assert summary.risks == ("The change is large (90,000 lines); reviewers miss more in one of this size.",)


def test_the_models_walkthrough_says_what_changed_when_there_is_one() -> None:
    summary = a_summary(an_analysis(walkthrough=" Discounts are applied first.\n", spend=Spend(calls=2)))

    assert summary.what_changed == "Discounts are applied first."
    assert summary.spend == Spend(calls=2)
