"""Run view: how a run stands at one moment, as its watcher wants to see it.

Inert values: whoever shows a run (live table, plain lines, later the dashboard) needs nothing else of the engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.engine.context import RETRY
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.records import RunRecord, StageRecord
from pipeline.review.wording import listed

_MS_PER_SECOND: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """One stage. Instants are Unix seconds by Redis's clock."""

    name: str
    state: StageState
    attempt: int = 0
    """The present try, from 1; 0 before the first."""
    started_at: float | None = None
    seconds: float | None = None
    """From first start to end; None while it has not ended."""
    waits_for: str = ""
    """Why it does not move, in words; empty while it moves or has ended."""
    wake_at: float | None = None
    """When it goes on by itself, if that is known."""
    note: str = ""
    """What it says of itself while it runs, or why its last try failed."""
    reused: bool = False
    """Answered from a checkpoint of an earlier run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run."""

    run_id: str
    state: RunState
    stages: tuple[StageView, ...]


def view_of(run: RunRecord, notes: Mapping[str, str]) -> RunView:
    """Look at a run.

    Args:
        run: What is stored of it.
        notes: What stages say of themselves, by name.
    """
    stages = tuple(_stage(run, stage, notes.get(stage.name, "")) for stage in run.stages.values())
    return RunView(run_id=run.run_id, state=run.state, stages=stages)


def _stage(run: RunRecord, stage: StageRecord, note: str) -> StageView:
    return StageView(
        name=stage.name,
        state=stage.state,
        attempt=stage.attempt,
        started_at=_seconds(stage.started_ms),
        seconds=stage.seconds,
        waits_for=_waits_for(run, stage),
        wake_at=_seconds(stage.wake_ms),
        note=_note(stage, note),
        reused=stage.reused,
    )


def _note(stage: StageRecord, note: str) -> str:
    """Tell what is true now: what a stage last said of its work is no news of one that has ended."""
    match stage.state:
        case StageState.RUNNING:
            return note
        case StageState.FAILED | StageState.PARKED if stage.error:
            return str(stage.error.get("message", ""))
        case _:
            return ""


def _waits_for(run: RunRecord, stage: StageRecord) -> str:
    match stage.state:
        case StageState.PENDING:
            return listed(need for need in stage.needs if not run.stages[need].state.is_terminal)
        case StageState.READY:
            return "a worker"
        case StageState.PARKED:
            return "another try" if stage.waits_for == RETRY else stage.waits_for or "a signal"
        case _:
            return ""


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / _MS_PER_SECOND
