"""The verdict follows from the evidence by one table, and nothing unread is ever clean."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.findings import Severity
from pipeline.review.reports import AnalysisReport, MissingStage, Skipped, TestOutcome, Verdict
from pipeline.review.verdict import RULES, Evidence, FailOn, decide, weigh
from tests.builders.reports import a_finding, a_test_report, an_analysis

READ = Evidence(diff_was_read=True, tests_ran=True)

any_evidence = st.builds(
    Evidence,
    is_empty=st.booleans(),
    diff_was_read=st.booleans(),
    tests_ran=st.booleans(),
    tests_fail=st.booleans(),
    blocking=st.integers(0, 2),
    remarks=st.integers(0, 2),
    gaps=st.booleans(),
)


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (READ, Verdict.CLEAN),
        (Evidence(diff_was_read=True), Verdict.CLEAN),
        (Evidence(diff_was_read=True, remarks=1), Verdict.REMARKS),
        (Evidence(diff_was_read=True, gaps=True), Verdict.PARTIAL),
        (Evidence(diff_was_read=True, remarks=1, gaps=True), Verdict.PARTIAL),
        (Evidence(tests_ran=True), Verdict.PARTIAL),
        (Evidence(tests_ran=True, remarks=1), Verdict.PARTIAL),
        (Evidence(), Verdict.NOT_REVIEWED),
        (Evidence(gaps=True), Verdict.NOT_REVIEWED),
        (Evidence(remarks=1), Verdict.NOT_REVIEWED),
        (Evidence(is_empty=True, diff_was_read=True, tests_ran=True), Verdict.NOT_REVIEWED),
        (Evidence(is_empty=True, tests_ran=True, tests_fail=True), Verdict.CHANGES_NEEDED),
        (Evidence(tests_ran=True, tests_fail=True, gaps=True), Verdict.CHANGES_NEEDED),
        (Evidence(diff_was_read=True, blocking=1), Verdict.CHANGES_NEEDED),
        (Evidence(blocking=1, gaps=True), Verdict.CHANGES_NEEDED),
    ],
)
def test_the_first_rule_that_holds_decides(evidence: Evidence, verdict: Verdict) -> None:
    assert decide(evidence) is verdict


@given(any_evidence)
def test_clean_means_that_the_diff_was_read_and_nothing_was_found_or_missed(evidence: Evidence) -> None:
    is_fine = evidence.diff_was_read and not (
        evidence.is_empty or evidence.tests_fail or evidence.blocking or evidence.remarks or evidence.gaps
    )

    assert (decide(evidence) is Verdict.CLEAN) == is_fine


def test_every_rule_decides_something() -> None:
    """A rule that an earlier one always covers would be a wrong comment in the table."""
    flags = itertools.product([False, True], repeat=5)
    every = [
        Evidence(is_empty=e, diff_was_read=d, tests_ran=r, tests_fail=f, gaps=g, blocking=blocking, remarks=remarks)
        for e, d, r, f, g in flags
        for blocking in (0, 1)
        for remarks in (0, 1)
    ]

    deciding = {next(name for name, holds, _ in RULES if holds(evidence)) for evidence in every}

    assert deciding == {name for name, _, _ in RULES}


@pytest.mark.parametrize(
    ("severity", "fail_on", "blocking"),
    [
        (Severity.CRITICAL, Severity.HIGH, 1),
        (Severity.HIGH, Severity.HIGH, 1),
        (Severity.MEDIUM, Severity.HIGH, 0),
        (Severity.INFO, Severity.INFO, 1),
        (Severity.CRITICAL, "never", 0),
    ],
)
def test_a_finding_blocks_from_the_fail_on_level_upwards(severity: Severity, fail_on: FailOn, blocking: int) -> None:
    evidence = weigh(an_analysis(), a_test_report(), (a_finding(severity),), (), fail_on=fail_on)

    assert (evidence.blocking, evidence.remarks) == (blocking, 1 - blocking)


@pytest.mark.parametrize(
    ("outcome", "ran", "fail"),
    [
        (TestOutcome.PASSED, True, False),
        (TestOutcome.FAILED, True, True),
        (TestOutcome.TIMED_OUT, False, False),
        (TestOutcome.COULD_NOT_RUN, False, False),
        (TestOutcome.NOT_ASKED, False, False),
    ],
)
def test_only_finished_tests_say_something_about_the_code(outcome: TestOutcome, ran: bool, fail: bool) -> None:  # noqa: FBT001 - a table.
    evidence = weigh(an_analysis(), a_test_report(outcome), (), (), fail_on=Severity.HIGH)

    assert (evidence.tests_ran, evidence.tests_fail) == (ran, fail)


def test_a_diff_counts_as_read_only_if_an_analyser_or_a_model_read_it() -> None:
    missing = MissingStage(stage="analyze", why="it crashed")
    parts: list[AnalysisReport | MissingStage] = [
        an_analysis(tools=()),
        an_analysis(tools=(), model="gpt-test"),
        an_analysis(),
        missing,
    ]

    read = [weigh(part, a_test_report(), (), (), fail_on=Severity.HIGH).diff_was_read for part in parts]

    assert read == [False, True, True, False]


def test_what_was_left_out_on_purpose_is_no_gap() -> None:
    on_purpose = Skipped(what="uv.lock", why="generated")
    failed = Skipped(what="model", why="no answer", gap=True)

    gaps = [weigh(an_analysis(), a_test_report(), (), (s,), fail_on=Severity.HIGH).gaps for s in (on_purpose, failed)]

    assert gaps == [False, True]
