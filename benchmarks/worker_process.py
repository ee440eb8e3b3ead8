"""Worker process: a side at work, seen by whoever measures it."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from typing import Final, Self

from benchmarks.sides.orders import Order

START_SECONDS_MAX: Final = 30.0
"""From starting a worker to its `ready`."""

LINE_SECONDS_MAX: Final = 60.0
"""The longest silence of a worker that has work."""

LINE_BYTES_MAX: Final = 2**20
"""The times between some thousand steps come in one line."""


class WorkerProcess:
    """One worker; killed when its block is left."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, order: Order) -> AsyncIterator[Self]:
        """Start a worker and wait until it is ready to go."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.worker", order.to_wire(), stdin=PIPE, stdout=PIPE, limit=LINE_BYTES_MAX
        )
        worker = cls(process)
        try:
            line = await worker.line(START_SECONDS_MAX)
            if line != "ready":
                raise RuntimeError(f"The worker of {order.kind} said {line!r} instead of `ready`.")
            yield worker
        finally:
            await worker.kill()

    def go(self) -> None:
        """Let it begin."""
        self.send("go")

    def send(self, line: str) -> None:
        """Write a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def line(self, seconds_max: float = LINE_SECONDS_MAX) -> str:
        """Read its next line."""
        assert self._process.stdout is not None
        raw = await asyncio.wait_for(self._process.stdout.readline(), seconds_max)
        if not raw:
            raise RuntimeError("The worker ended by itself.")
        return raw.decode().strip()

    async def kill(self) -> None:
        """End it as kill -9 does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()
