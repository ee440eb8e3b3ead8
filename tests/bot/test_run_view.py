"""A stored run, as its watcher wants to see it."""

from typing import Any  # Any: fields of a record, checked by its constructor.

from bot.run_view import StageView, view_of
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.records import RunRecord, StageRecord


def a_stage(name: str, state: StageState, *needs: str, **fields: Any) -> StageRecord:  # noqa: ANN401 - see above.
    ordinary = {"role": "reviewer", "generation": 1, "attempt": 1, "failures": 0, "interrupted": 0}
    return StageRecord(name=name, state=state, needs=needs, **{**ordinary, **fields})


def a_run(*stages: StageRecord) -> RunRecord:
    return RunRecord(
        run_id="r_1",
        state=RunState.RUNNING,
        subject="local/x",
        revision="0123",
        params={},
        created_ms=0,
        ended_ms=None,
        deadline_ms=0,
        journal_length=1,
        journal_head="",
        stages={stage.name: stage for stage in stages},
    )


def test_a_stage_that_works_says_what_it_is_doing() -> None:
    run = a_run(a_stage("analyze", StageState.RUNNING, attempt=2, started_ms=1_500))

    view = view_of(run, {"analyze": "reading the diff"})

    assert view.stages == (
        StageView(name="analyze", state=StageState.RUNNING, attempt=2, started_at=1.5, note="reading the diff"),
    )


def test_a_pending_stage_waits_for_those_that_have_not_ended() -> None:
    run = a_run(
        a_stage("analyze", StageState.RUNNING),
        a_stage("test", StageState.FAILED),
        a_stage("docs", StageState.READY),
        a_stage("summarize", StageState.PENDING, "analyze", "test", "docs"),
    )

    waits = [stage.waits_for for stage in view_of(run, {}).stages]

    assert waits == ["", "", "a worker", "analyze and docs"]


def test_a_parked_stage_says_until_when_and_what_went_wrong() -> None:
    error = {"code": "retry_later", "message": "The model did not answer."}
    run = a_run(a_stage("analyze", StageState.PARKED, waits_for="retry", wake_ms=9_000, error=error))

    (stage,) = view_of(run, {"analyze": "an old note"}).stages

    assert (stage.waits_for, stage.wake_at, stage.note) == ("another try", 9.0, "The model did not answer.")


def test_what_a_stage_said_of_its_work_is_not_told_when_it_has_ended() -> None:
    run = a_run(
        a_stage("docs", StageState.DONE), a_stage("test", StageState.READY), a_stage("analyze", StageState.DONE)
    )

    notes = [stage.note for stage in view_of(run, {"docs": "reading the documentation", "test": "running it"}).stages]

    assert notes == ["", "", ""]


def test_a_failed_stage_says_why_and_how_long_it_took() -> None:
    run = a_run(
        a_stage("test", StageState.FAILED, started_ms=0, ended_ms=2_500, error={"message": "The disk is full."})
    )

    (stage,) = view_of(run, {}).stages

    assert (stage.note, stage.seconds) == ("The disk is full.", 2.5)
