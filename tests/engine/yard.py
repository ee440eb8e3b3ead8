"""Yard: real worker processes on a real Redis, to stop and to kill."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Self

from redis.asyncio import Redis

import tests
from pipeline.engine.request import RunRequest
from tests.engine.worker_program import SETTINGS, Line, make_graph, read_ledger
from tests.engine.world import ALL_ROLES, World

LOOK_SECONDS: Final = 0.01
PATIENCE_SECONDS: Final = 40.0
"""Longer than any test here may take; who waits longer is told what happened so far."""


class Yard:
    """A nursery that forks workers, the ledger they write, and a world to look at what they do."""

    def __init__(self, redis: Redis, url: str, ledger: Path) -> None:
        self.world: Final = World(redis, settings=SETTINGS)
        self.workers: Final[list[int]] = []
        self._url: Final = url
        self._ledger: Final = ledger
        self._nursery: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.world.__aenter__()
        self._nursery = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.engine.worker_program", self._url, str(self._ledger)),
            cwd=Path(tests.__file__).parents[1],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in list(self.workers):
            await self.kill(worker)
        assert self._nursery is not None
        self._nursery.kill()
        await self._nursery.communicate()
        await self.world.__aexit__()

    @property
    def ledger(self) -> list[Line]:
        """What the workers did outside."""
        return read_ledger(self._ledger)

    async def start_worker(self) -> int:
        """Start a worker process and answer its pid."""
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(b"start\n")
        pid = int(await self._nursery.stdout.readline())
        self.workers.append(pid)
        return pid

    async def kill(self, worker: int) -> None:
        """Kill a worker with no chance to say anything."""
        self.workers.remove(worker)
        os.kill(worker, signal.SIGKILL)

    async def submit(self, revision: str, *, step_seconds: float) -> str:
        """Ask for a run of a subject of its own."""
        asked = RunRequest(subject=revision, revision=revision, params={"step_seconds": step_seconds})
        return (await self.world.store.submit(asked, make_graph(self._ledger))).run_id

    async def until(self, is_so: Callable[[], bool | Awaitable[bool]]) -> None:
        """Wait for real processes to bring something about."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await _truth(is_so()):  # noqa: ASYNC110 - processes set no events.
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            live = [f"{run.run_id} {run.stages}" for run in await self.world.live_runs()]
            raise AssertionError("\n".join(["It never came about. Live runs:", *live])) from error

    async def in_flight(self) -> int:
        """Count the runs that have not ended; reading them all again and again would be slow."""
        prefix = SETTINGS.prefix
        due = await self.world.redis.zunion([f"{prefix}due:{role}" for role in ALL_ROLES])
        return len(due)

    async def until_ended(self) -> None:
        """Wait for every run to end."""

        async def is_idle() -> bool:
            return await self.in_flight() == 0

        await self.until(is_idle)

    async def until_refused(self) -> None:
        """Wait for a write to be refused."""

        async def is_counted() -> bool:
            return (await self.world.store.counters()).get("writes_refused", 0) > 0

        await self.until(is_counted)

    async def repeated_steps(self) -> list[Line]:
        """Find steps that were begun after their result was on record (S1)."""
        recorded = {
            (run.run_id, entry.detail["step"]): entry.at_ms
            for run in await self.world.store.list_runs(10_000)
            for entry in await self.world.store.journal(run.run_id)
            if entry.kind == "step.finished"
        }
        begun = [line for line in self.ledger if line.what == "begins"]
        return [line for line in begun if line.at_ms > recorded.get((line.run_id, line.identity), line.at_ms)]


async def _truth(answer: bool | Awaitable[bool]) -> bool:  # noqa: FBT001 - the very thing that is asked for
    return answer if isinstance(answer, bool) else await answer
