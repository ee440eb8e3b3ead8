"""The stage table says where a run stands, and is the same text while the run stands there."""

from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from pipeline.engine.lifecycle import StageState
from pipeline.review.pull.stage_table import MARKS, StageRow, moment, stage_table
from tests.builders.pulls import MINUTE_MS, NOW_MS, a_stage
from tests.review.hostile_text import any_text
from tests.review.markdown_reader import tokens_of, what_acts

DAY_MS = 24 * 60 * MINUTE_MS


def test_each_state_has_a_mark_and_words() -> None:
    table = stage_table([a_stage("test", state) for state in StageState], now_ms=NOW_MS)

    assert set(MARKS) == set(StageState)
    assert [line.split("|")[3].strip() for line in table[2:]] == snapshot(
        ["to come", "next", "running", "tries again soon", "done", "failed", "left out", "cancelled"]
    )


def test_a_stage_that_was_run_again_says_so() -> None:
    (*_, row) = stage_table([a_stage("test", generation=3, attempt=2, seconds=61)], now_ms=NOW_MS)

    assert row == snapshot("| ✓ | test | done | 2 (re-run 2) | 1 min 1 s |")


def test_what_a_stage_waits_for_is_told_with_the_latest_moment() -> None:
    waiting = a_stage("test", StageState.PARKED, waits_for="CI", wake_at_ms=NOW_MS + 30 * MINUTE_MS)
    trying = a_stage("test", StageState.PARKED, wake_at_ms=NOW_MS + 1, error="503 | twice", attempt=2)

    table = stage_table([waiting, trying], now_ms=NOW_MS)

    assert table[2:] == snapshot(
        (
            "| ◔ | test | waits for CI, until 12:30 UTC at the latest |  |  |",
            "| ◔ | test | tries again at 12:01 UTC: 503 ¦ twice | 2 |  |",
        )
    )


def test_the_table_is_the_same_while_nothing_happens() -> None:
    stages = [
        a_stage("analyze", StageState.RUNNING, attempt=1),
        a_stage("test", StageState.PARKED, waits_for="CI", wake_at_ms=NOW_MS + DAY_MS),
    ]

    texts = {stage_table(stages, now_ms=NOW_MS + minutes * MINUTE_MS) for minutes in range(12 * 60)}

    assert len(texts) == 1


def test_a_moment_is_told_by_the_end_of_its_minute_and_with_another_day_s_date() -> None:
    assert moment(NOW_MS, now_ms=NOW_MS) == "12:00 UTC"
    assert moment(NOW_MS + 1, now_ms=NOW_MS) == "12:01 UTC"
    assert moment(NOW_MS + DAY_MS, now_ms=NOW_MS) == "12:00 UTC on 24 Nov"


def test_no_stages_make_no_table() -> None:
    assert stage_table([], now_ms=NOW_MS) == ()


@given(any_text, any_text, any_text, st.sampled_from(StageState))
def test_no_text_of_a_stage_leaves_its_cell(name: str, waits_for: str, error: str, state: StageState) -> None:
    stage = StageRow(name=name, state=state, waits_for=waits_for, error=error, wake_at_ms=NOW_MS)

    page = "\n".join(stage_table([stage], now_ms=NOW_MS))

    assert what_acts(page) == []
    assert [token.type for token in tokens_of(page) if token.type in {"td_open", "tr_open"}] == ["tr_open"] * 2 + [
        "td_open"
    ] * 5
