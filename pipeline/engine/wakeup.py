"""Wake-up: the port by which a worker hears that a run can go on. Four calls, so that the carrier can be replaced.

A wake-up is a hint. It may be lost, doubled, late or out of order: the sweep finds every run without it, within its
interval. It carries a run id and nothing else; who hears it also looks for whatever else is due, so that one wake-up is
enough for all runs that are accepted until it is heard.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

log = logging.getLogger(__name__)

Advance: TypeAlias = Callable[[str], Awaitable[None]]
"""What a worker does with a run id."""


class WakeUps(Protocol):
    """A carrier of wake-ups."""

    async def wake(self, run_id: str, role: str) -> None:
        """Tell one worker of this role to look at the run; never raises for a carrier that is away."""

    async def listen(self, advance: Advance) -> None:
        """Call `advance` for each wake-up until cancelled."""

    async def is_healthy(self) -> bool:
        """Whether wake-ups can be sent now."""

    async def close(self) -> None:
        """Let go of connections."""


class LocalWakeUps:
    """Wake-ups within one process: local mode, and tests."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue()

    async def wake(self, run_id: str, role: str) -> None:  # noqa: ARG002 - one process holds all roles
        """Queue the run."""
        self._queue.put_nowait(run_id)

    async def listen(self, advance: Advance) -> None:
        """Start `advance` for each queued run, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(_advance(advance, await self._queue.get()))

    async def is_healthy(self) -> bool:
        """Answer yes: a queue in memory does not fail."""
        return True

    async def close(self) -> None:
        """Do nothing: there is no connection."""


async def _advance(advance: Advance, run_id: str) -> None:
    try:
        await advance(run_id)
    except Exception:  # The supervisor: a wake-up that fails is a lost wake-up, and no end of all others.
        log.exception("wakeup.failed run=%s", run_id)
