"""Clock: the time and the waiting of the GitHub clients, handed in so that tests need none."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time in two ways, and waits."""

    def now(self) -> datetime:
        """The wall clock, aware: only for what is compared with GitHub's times."""

    def monotonic(self) -> float:
        """Seconds that never jump: for everything else."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The real one."""

    def now(self) -> datetime:
        """Tell the time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Tell the seconds since some moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait without holding up others."""
        await asyncio.sleep(seconds)
