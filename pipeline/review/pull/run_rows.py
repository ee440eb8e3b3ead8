"""Run rows: a run's record as its reader sees it: five stages, and the summary if there is one."""

from typing import Final

from pydantic import ValidationError

from pipeline.engine.records import RunRecord, StageRecord
from pipeline.review.pull.stage_table import StageRow
from pipeline.review.reports import Summary

HIDDEN: Final = frozenset({"prepare"})
"""Stages that are ours to know."""


def stage_rows(run: RunRecord) -> tuple[StageRow, ...]:
    """Write the five stages as a reader sees them."""
    return tuple(_row(stage) for stage in run.stages.values() if stage.name not in HIDDEN)


def read_stored_summary(text: str | None) -> Summary | None:
    """Read a summary as it was stored; None if there is none, or one of another version."""
    try:
        return Summary.model_validate_json(text) if text else None
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
