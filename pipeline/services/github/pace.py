"""Pace: writes of one installation keep a distance, and those of one pull request their order.

Promises that a write waits in line for at most a named time and otherwise says when to come back, so that a worker is
not held by sleeping. Holds inside one process: Onceover has one publisher for an installation at a time.

Races: two writes of one pull request in flight cannot overtake each other, since the line is held until the answer is
there. A write that is cancelled while it waits loses its slot, which costs the next one a pause and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from pipeline.services.github.clock import Clock
from pipeline.services.github.errors import Paced
from pipeline.services.github.settings import GitHubSettings

FROZEN_SECONDS: Final = 2.0
"""What two waits may take besides their limits on a busy machine; more means that the process stood still."""

STEP: Final = "It is tried again by itself."


class Pace:
    """The lines in front of GitHub's write side.

    Args:
        settings: The pause between writes, and the longest wait.
        clock: Measures and waits.
    """

    def __init__(self, settings: GitHubSettings, clock: Clock) -> None:
        self._settings: Final = settings
        self._clock: Final = clock
        self._lines: Final[WeakValueDictionary[Hashable, asyncio.Lock]] = WeakValueDictionary()
        self._earliest: Final[dict[int, float]] = {}

    @asynccontextmanager
    async def turn(self, installation: int, line: Hashable) -> AsyncIterator[None]:
        """Hold the line of one pull request from the moment when a write may go out until its answer is there.

        Raises:
            Paced: That would take longer than `pace_seconds_max`, or it has: a process that was frozen while it waited
                may have lost the right to write meanwhile.
        """
        began = self._clock.monotonic()
        lock = self._lines.setdefault(line, asyncio.Lock())
        await self._stand_in_line(lock)
        try:
            await self._keep_distance(installation)
            self._check_time(began)
            yield
        finally:
            lock.release()

    def _check_time(self, began: float) -> None:
        waited, seconds_max = self._clock.monotonic() - began, 2 * self._settings.pace_seconds_max + FROZEN_SECONDS
        if waited > seconds_max:
            message = f"A write to GitHub waited {waited:.0f} s for its turn, longer than {seconds_max:g} s."
            raise Paced(message, next_step=STEP, retry_after_seconds=0.0)

    async def _stand_in_line(self, lock: asyncio.Lock) -> None:
        seconds_max = self._settings.pace_seconds_max
        try:
            async with asyncio.timeout(seconds_max):
                await lock.acquire()
        except TimeoutError:
            message = f"Another write to the same pull request has taken more than {seconds_max:g} s."
            raise Paced(message, next_step=STEP, retry_after_seconds=seconds_max) from None

    async def _keep_distance(self, installation: int) -> None:
        """Take the next slot of the installation (the generic cell rate algorithm) and wait for it."""
        interval = self._settings.write_interval_seconds
        now = self._clock.monotonic()
        due = max(self._earliest.get(installation, now), now)
        wait = due - (self._settings.writes_at_once - 1) * interval - now
        if wait > self._settings.pace_seconds_max:
            message = f"{wait:.0f} s of writes to GitHub are waiting, of {self._settings.pace_seconds_max:g} s at most."
            raise Paced(message, next_step=STEP, retry_after_seconds=wait)
        self._earliest[installation] = due + interval
        if wait > 0:
            await self._clock.sleep(wait)
