"""arq's queue, as it stands in Redis: what tests read of it and put into it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from redis.asyncio import Redis

from pipeline.engine.wakeup import Advance, WakeUps
from pipeline.engine.wakeup_arq import ArqWakeUps
from tests.engine.workshop import until

QUEUE: Final = "onceover:wake:worker"


def over_arq(redis: Redis, *roles: str, jobs_max: int = 10) -> ArqWakeUps:
    """Make a carrier that looks often."""
    return ArqWakeUps(pool=redis.connection_pool, roles=roles or ("worker",), jobs_max=jobs_max, poll_seconds=0.002)


def job(**changed: object) -> bytes:
    """Write a job as arq does, with some of it changed."""
    return json.dumps({"t": None, "f": "advance", "a": ["r_1"], "k": {}, "et": 1_700_000_000_000} | changed).encode()


async def put(redis: Redis, raw: bytes, *, job_id: bytes = b"poison", score: float = 1) -> None:
    """Put a job into the queue as whoever may write to Redis can."""
    await redis.set(b"arq:job:" + job_id, raw)
    await redis.zadd(QUEUE, {job_id: score})


async def queued(redis: Redis) -> list[str]:
    """Read the ids of the jobs that stand in the queue, under way or not."""
    return [job_id.decode() for job_id in await redis.zrange(QUEUE, 0, -1)]


async def until_empty(redis: Redis) -> None:
    """Wait until no job is left."""

    async def is_empty() -> bool:
        return not await queued(redis)

    await until(is_empty)


class Heard(list[str]):
    """Run ids that a worker was told of."""

    async def note(self, run_id: str) -> None:
        """Hear a wake-up."""
        self.append(run_id)

    async def until(self, count: int) -> None:
        """Wait until so many were heard."""

        async def are_there() -> bool:
            return len(self) >= count

        await until(are_there)


@asynccontextmanager
async def listening(wakeups: WakeUps, advance: Advance) -> AsyncIterator["asyncio.Task[None]"]:
    """Listen, and stop."""
    task = asyncio.create_task(wakeups.listen(advance))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
