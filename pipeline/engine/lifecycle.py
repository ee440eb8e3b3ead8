"""Lifecycle: the life of a run and of a stage, as two tables.

The tables are the only statement of what may follow what. The scripts in `scripts/` receive them as
literals and move a state in one place each (`move_run`, `move_stage`), so Python and Redis cannot disagree.
A move that is not in the table is a bug: it stops the script before anything is written.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"  # Accepted; a stage is ready and no worker holds it.
    RUNNING = "running"  # A worker holds a lease and moves a stage.
    WAITING = "waiting"  # Every stage that is left is parked: no worker, no lease.
    DONE = "done"  # The last stage has its checkpoint; degraded, if a stage before it failed.
    DEAD = "dead"  # A last stage failed for good: it needs a person.
    CANCELLED = "cancelled"  # Somebody said stop.
    SUPERSEDED = "superseded"  # A newer head of the same subject was accepted.

    @property
    def is_terminal(self) -> bool:
        """Whether nothing moves any more unless somebody asks for it."""
        return self in TERMINAL_RUN


class StageState(StrEnum):
    """Where a stage of a run stands."""

    PENDING = "pending"  # Waits for the stages it needs.
    READY = "ready"  # Can be claimed.
    RUNNING = "running"  # A worker executes it under a fencing token.
    PARKED = "parked"  # Waits for a time or a signal; holds no worker, attempt or lease.
    DONE = "done"  # Its checkpoint is accepted.
    FAILED = "failed"  # Failed for good; the run goes on without it.
    SKIPPED = "skipped"  # Not wanted in this run; its error says why.
    CANCELLED = "cancelled"  # The run ended before it could.

    @property
    def is_terminal(self) -> bool:
        """Whether the stages that need this one can go on."""
        return self in TERMINAL_STAGE


TERMINAL_RUN: Final = frozenset({RunState.DONE, RunState.DEAD, RunState.CANCELLED, RunState.SUPERSEDED})
TERMINAL_STAGE: Final = frozenset({StageState.DONE, StageState.FAILED, StageState.SKIPPED, StageState.CANCELLED})

STOPPED_RUN: Final = frozenset({RunState.CANCELLED, RunState.SUPERSEDED})
"""Ended amid its work: each of its stages that had not ended is cancelled with it, and no record says so once more."""
_ENDED: Final = frozenset({RunState.DONE, RunState.DEAD})

NEXT_RUN: Final[Mapping[RunState, frozenset[RunState]]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.WAITING}) | _ENDED | STOPPED_RUN,
    RunState.RUNNING: frozenset({RunState.QUEUED, RunState.WAITING}) | _ENDED | STOPPED_RUN,
    RunState.WAITING: frozenset({RunState.QUEUED, RunState.RUNNING}) | _ENDED | STOPPED_RUN,
    # A re-run, or the same head asked for again, opens an ended run anew.
    RunState.DONE: frozenset({RunState.QUEUED}),
    RunState.DEAD: frozenset({RunState.QUEUED}),
    RunState.CANCELLED: frozenset({RunState.QUEUED}),
    # Only a push back to this very head does that here; a command does not.
    RunState.SUPERSEDED: frozenset({RunState.QUEUED}),
}

_REOPENED: Final = frozenset({StageState.PENDING})
_GIVEN_UP: Final = frozenset({StageState.FAILED, StageState.CANCELLED})

NEXT_STAGE: Final[Mapping[StageState, frozenset[StageState]]] = {
    StageState.PENDING: frozenset({StageState.READY}) | _GIVEN_UP,
    StageState.READY: frozenset({StageState.RUNNING}) | _GIVEN_UP | _REOPENED,
    StageState.RUNNING: frozenset({StageState.DONE, StageState.SKIPPED, StageState.PARKED, StageState.READY})
    | _GIVEN_UP
    | _REOPENED,
    StageState.PARKED: frozenset({StageState.READY}) | _GIVEN_UP | _REOPENED,
    StageState.DONE: _REOPENED,
    StageState.FAILED: _REOPENED,
    StageState.SKIPPED: _REOPENED,
    StageState.CANCELLED: _REOPENED,
}
