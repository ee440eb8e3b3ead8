"""Dismissals: what was dismissed asks for nothing, and who said so stays told."""

from pipeline.review.findings import Severity
from pipeline.review.plan import Plan
from pipeline.review.pull.dismissals import (
    Dismissal,
    dismissed_of,
    note_name,
    note_value,
    read_dismissals,
    without_dismissed,
)
from pipeline.review.reports import Verdict
from tests.builders.pulls import HEAD
from tests.builders.reports import a_finding, a_summary, an_analysis, failing_tests

BAD = a_finding(Severity.HIGH, title="Bad")
SMALL = a_finding(Severity.LOW, title="Small")
PLAN = Plan(number=7, head=HEAD, head_ref="feature", base_ref="main", fail_on="high")


def test_a_note_is_read_back_among_others() -> None:
    said = Dismissal(by="alice", reason="Meant so.")

    notes = {note_name(BAD.fingerprint): note_value(said), "paused": "bob", note_name("0" * 16): "of another version"}

    assert read_dismissals(notes) == {BAD.fingerprint: said, "0" * 16: Dismissal()}


def test_a_review_is_judged_without_what_was_dismissed() -> None:
    whole = a_summary(an_analysis(BAD, SMALL))

    rest = without_dismissed(whole, PLAN, {BAD.fingerprint})
    nothing = without_dismissed(whole, PLAN, {BAD.fingerprint, SMALL.fingerprint})

    assert (whole.verdict, rest.verdict, nothing.verdict) == (Verdict.CHANGES_NEEDED, Verdict.REMARKS, Verdict.CLEAN)
    assert rest.headline == "1 remark, below high. The tests pass."
    assert rest.findings == (SMALL,)
    assert rest.analysis == whole.analysis


def test_no_dismissal_makes_failing_tests_pass() -> None:
    whole = a_summary(an_analysis(BAD), failing_tests())

    assert without_dismissed(whole, PLAN, {BAD.fingerprint}).verdict is Verdict.CHANGES_NEEDED


def test_without_a_plan_or_a_dismissal_the_review_is_as_it_was() -> None:
    whole = a_summary(an_analysis(BAD))

    assert without_dismissed(whole, None, {BAD.fingerprint}) is whole
    assert without_dismissed(whole, PLAN, ()) is whole
    assert without_dismissed(whole, PLAN, {"0" * 16}) is whole
    assert dismissed_of(whole.findings, {"0" * 16: Dismissal()}) == ()


def test_a_dismissal_holds_under_the_name_that_a_finding_had_before() -> None:
    renamed = BAD.on_code("total = sum(prices)")
    said = Dismissal(by="alice")

    assert renamed.fingerprint != BAD.fingerprint
    assert dismissed_of([renamed], {BAD.fingerprint: said}) == ((renamed, said),)
    assert without_dismissed(a_summary(an_analysis(renamed)), PLAN, {BAD.fingerprint}).verdict is Verdict.CLEAN
