"""Run rows: a run's record as its reader sees it: five stages, what they found, and when it goes on by itself."""

from typing import Final

from pipeline.engine.lifecycle import StageState
from pipeline.engine.records import RunRecord, StageRecord
from pipeline.review.pull.stage_table import StageRow

HIDDEN: Final = frozenset({"prepare"})
"""Stages that are ours to know."""


def stage_rows(run: RunRecord) -> tuple[StageRow, ...]:
    """Write the five stages as a reader sees them."""
    return tuple(_row(stage) for stage in run.stages.values() if stage.name not in HIDDEN)


def next_attempt_ms(run: RunRecord) -> int | None:
    """Find when the run goes on by itself, in Unix milliseconds, if it waits for another try."""
    retries = [
        one.wake_ms for one in run.stages.values() if one.state is StageState.PARKED and one.waits_for == "retry"
    ]
    return min((wake for wake in retries if wake is not None), default=None)


def _row(stage: StageRecord) -> StageRow:
    return StageRow(
        name=stage.name,
        state=stage.state,
        attempt=stage.attempt,
        generation=stage.generation,
        seconds=stage.seconds,
        waits_for=None if stage.waits_for == "retry" else stage.waits_for,
        wake_at_ms=stage.wake_ms,
        error=str(stage.error.get("message", "")) if stage.error else None,
    )
