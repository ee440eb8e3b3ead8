"""Run rows: a run's record as its reader sees it: five stages, what they found, and when it goes on by itself."""

from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.engine.lifecycle import StageState
from pipeline.engine.records import RunRecord, StageRecord
from pipeline.review.pull.stage_table import StageRow

HIDDEN: Final = frozenset({"prepare"})
"""Stages that are ours to know."""

Stored = TypeVar("Stored", bound=BaseModel)


def stage_rows(run: RunRecord) -> tuple[StageRow, ...]:
    """Write the five stages as a reader sees them."""
    return tuple(_row(stage) for stage in run.stages.values() if stage.name not in HIDDEN)


def next_attempt_ms(run: RunRecord) -> int | None:
    """Find when the run goes on by itself, in Unix milliseconds, if it waits for another try."""
    retries = [
        one.wake_ms for one in run.stages.values() if one.state is StageState.PARKED and one.waits_for == "retry"
    ]
    return min((wake for wake in retries if wake is not None), default=None)


def done_fingerprint(run: RunRecord, name: str) -> str | None:
    """Name the checkpoint of a stage, if the stage is done."""
    stage = run.stages.get(name)
    return stage.fingerprint if stage is not None and stage.state is StageState.DONE else None


def read_stored(text: str | None, model: type[Stored]) -> Stored | None:
    """Read a result as it was stored; None if there is none, or one of another version."""
    try:
        return model.model_validate_json(text) if text else None
    except ValidationError:
        return None


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
