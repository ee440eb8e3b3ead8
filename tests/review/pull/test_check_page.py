"""The check run is never green for nothing, and says what stood in the way and when it goes on."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.engine.lifecycle import RunState, StageState
from pipeline.review.fitting import length
from pipeline.review.pull.check_page import (
    FRESH,
    RERUN_ALL,
    RERUN_FAILED,
    SUMMARY_CHARACTERS_MAX,
    TITLE_CHARACTERS_MAX,
    Conclusion,
    RunFacts,
    check_output,
)
from pipeline.review.pull.stage_table import StageRow
from pipeline.review.reports import Verdict
from tests.builders.pulls import HEAD, MINUTE_MS, NOW_MS, a_run, a_stage
from tests.review.hostile_text import HOSTILE, any_text
from tests.review.markdown_reader import text_of, tokens_of, what_acts

UNDER_WAY = (RunState.QUEUED, RunState.RUNNING, RunState.WAITING)
SECRET = "ghp_" + "a1B2" * 9
failed = a_stage("analyze", StageState.FAILED, attempt=3, error="no space left")


@pytest.mark.parametrize(
    ("run", "conclusion"),
    [
        (a_run(verdict=Verdict.CLEAN), "success"),
        (a_run(verdict=Verdict.REMARKS), "success"),
        (a_run(verdict=Verdict.CHANGES_NEEDED), "failure"),
        (a_run(verdict=Verdict.PARTIAL), "neutral"),
        (a_run(verdict=Verdict.NOT_REVIEWED), "action_required"),
        (a_run(verdict=Verdict.NOT_REVIEWED, is_empty=True), "neutral"),
        (a_run(skipped_why="a draft"), "neutral"),
        (a_run(), "action_required"),
        (a_run(RunState.DEAD), "action_required"),
        (a_run(RunState.DEAD, verdict=Verdict.CLEAN), "action_required"),
        (a_run(RunState.DEAD, verdict=Verdict.CHANGES_NEEDED), "action_required"),
        (a_run(RunState.CANCELLED, verdict=Verdict.CLEAN), "cancelled"),
        (a_run(RunState.SUPERSEDED, verdict=Verdict.CLEAN), "neutral"),
        *((a_run(state, verdict=Verdict.CLEAN), None) for state in UNDER_WAY),
    ],
)
def test_the_conclusion_follows_from_the_run(run: RunFacts, conclusion: Conclusion | None) -> None:
    page = check_output(run)

    assert page.conclusion == conclusion
    assert page.status == ("in_progress" if conclusion is None else "completed")


def test_success_and_failure_are_said_only_of_what_was_reviewed() -> None:
    verdicts: list[Verdict | None] = [None, *Verdict]
    for state, verdict, why, empty in itertools.product(RunState, verdicts, [None, "paused"], [True, False]):
        page = check_output(a_run(state, verdict=verdict, skipped_why=why, is_empty=empty))

        is_reviewed = state is RunState.DONE and why is None
        reviewed = {Verdict.CLEAN, Verdict.REMARKS, Verdict.CHANGES_NEEDED}
        assert (page.conclusion in {"success", "failure"}) == (is_reviewed and verdict in reviewed)


def test_what_could_not_be_reviewed_names_the_reason_and_the_next_attempt() -> None:
    page = check_output(a_run(RunState.DEAD, failed, next_attempt_ms=NOW_MS + 5 * MINUTE_MS))

    assert page.title == "Could not review: analyze failed"
    assert "no space left" in page.summary
    assert "**Next attempt:** at 12:05 UTC, by itself." in page.summary
    assert "/onceover rerun failed" in page.summary


def test_a_reason_that_is_told_stands_first() -> None:
    """What could be prepared by nobody is no failure of the stages after it."""
    page = check_output(a_run(RunState.DEAD, failed, headline="The repository could not be read."))

    assert page.title == "Could not review: The repository could not be read"
    assert page.summary.startswith("**This commit could not be reviewed.** The repository could not be read.\n")


def test_a_review_that_could_not_be_posted_still_says_what_it_found() -> None:
    page = check_output(a_run(RunState.DEAD, verdict=Verdict.CHANGES_NEEDED, headline="2 of 14 tests fail."))

    assert page.title.startswith("Reviewed, but not posted")
    assert "2 of 14 tests fail." in page.summary


def test_the_table_moves_with_the_stages() -> None:
    before = a_run(RunState.RUNNING, a_stage("analyze", StageState.RUNNING, attempt=1))
    after = a_run(RunState.RUNNING, a_stage("analyze"))

    assert check_output(before).title == "Reviewing: 0 of 1 stages ended"
    assert check_output(after).title == "Reviewing: 1 of 1 stages ended"
    assert check_output(before).summary != check_output(after).summary


@pytest.mark.parametrize("state", RunState)
def test_the_same_state_is_the_same_page_whatever_the_time(state: RunState) -> None:
    stages = [a_stage("analyze", StageState.RUNNING, attempt=1), failed]
    parked = a_stage("test", StageState.PARKED, waits_for="CI", wake_at_ms=NOW_MS)

    pages = {check_output(a_run(state, *stages, parked, now_ms=NOW_MS + minute * MINUTE_MS)) for minute in range(600)}

    assert len(pages) == 1


def test_buttons_keep_the_limits_and_offer_what_helps() -> None:
    for button in (RERUN_FAILED, RERUN_ALL, FRESH):
        assert len(button.label) <= 20
        assert len(button.description) <= 40
        assert len(button.identifier) <= 20
    assert [button.identifier for button in (RERUN_FAILED, RERUN_ALL, FRESH)] == ["rerun-failed", "rerun-all", "fresh"]
    assert check_output(a_run(verdict=Verdict.CLEAN)).actions == (RERUN_ALL, FRESH)
    assert check_output(a_run(RunState.DEAD, failed)).actions == (RERUN_FAILED, RERUN_ALL, FRESH)
    assert check_output(a_run(verdict=Verdict.PARTIAL)).actions == (RERUN_FAILED, RERUN_ALL, FRESH)
    assert check_output(a_run(RunState.SUPERSEDED, failed)).actions == ()
    assert check_output(a_run(RunState.RUNNING, failed)).actions == ()


def test_a_title_that_is_more_than_words_is_left_to_the_summary() -> None:
    page = check_output(a_run(verdict=Verdict.PARTIAL, headline="This review has gaps: `@org/team`."))

    assert page.title == "Partly reviewed"
    assert "`@org/team`" in page.summary


def test_a_sentence_too_long_for_a_title_is_left_to_the_summary_whole() -> None:
    page = check_output(a_run(verdict=Verdict.REMARKS, headline="word " * 60))

    assert page.title == "Some remarks"
    assert page.summary.count("word") == 60


def test_a_long_error_is_told_at_length_below_the_table_and_without_secrets() -> None:
    error = f"{SECRET} " + "why " * 200
    page = check_output(a_run(RunState.DEAD, a_stage("docs", StageState.FAILED, error=error)))

    assert page.text is not None
    assert page.text.count("why") == 200
    assert SECRET not in page.text + page.summary + page.title


def test_only_an_https_address_makes_a_link() -> None:
    page = check_output(a_run(verdict=Verdict.CLEAN, summary_url="javascript:alert(1)"))

    assert [token for token in tokens_of(page.summary) if token.type == "link_open"] == []


any_stage = st.builds(
    StageRow,
    name=any_text,
    state=st.sampled_from(StageState),
    attempt=st.integers(0, 9),
    generation=st.integers(1, 3),
    seconds=st.none() | st.floats(0, 1e6),
    waits_for=st.none() | any_text,
    wake_at_ms=st.none() | st.integers(NOW_MS, NOW_MS + 10**9),
    error=st.none() | any_text,
)
any_run = st.builds(
    RunFacts,
    run_id=any_text,
    head=st.just(HEAD) | any_text,
    state=st.sampled_from(RunState),
    stages=st.lists(any_stage, max_size=7).map(tuple),
    now_ms=st.just(NOW_MS),
    verdict=st.none() | st.sampled_from(Verdict),
    headline=any_text,
    is_empty=st.booleans(),
    skipped_why=st.none() | any_text,
    next_attempt_ms=st.none() | st.just(NOW_MS + MINUTE_MS),
)
hostile_stages = tuple(StageRow(name=text, state=StageState.FAILED, error=text * 9) for text in HOSTILE)


@given(any_run)
@example(a_run(RunState.DONE, *hostile_stages, headline=HOSTILE[7], verdict=Verdict.PARTIAL))
@example(a_run(RunState.DEAD, *hostile_stages, headline="\n".join(HOSTILE)))
@example(a_run(RunState.WAITING, *hostile_stages * 40))
def test_no_text_of_a_run_acts_and_the_limits_are_kept(run: RunFacts) -> None:
    page = check_output(run)

    assert what_acts(page.summary) == []
    assert what_acts(page.text or "") == []
    assert what_acts(page.title) == []
    assert 0 < len(page.title) <= TITLE_CHARACTERS_MAX
    assert 0 < length(page.summary) <= SUMMARY_CHARACTERS_MAX
    assert length(page.text or "") <= SUMMARY_CHARACTERS_MAX
    assert "Next:" in text_of(page.summary)
