"""Plain arq's side: five steps in one job, with arq's defaults but for the poll; with or without a hand-made HSET.

`arq` keeps nothing: a crash repeats the whole run, after 310 s. `arq+hset` stores 2 KB after each step, and has no
lease, no fencing, no journal, no retry and no graph.
"""

import json
import time
from typing import Any

from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.asyncio import ConnectionPool, Redis

from benchmarks.sides.onceover import tell_gaps
from benchmarks.sides.orders import POLL_SECONDS, STAGES, Order, checkpoint_value, open_stdin, tell
from bot.redis_client import make_client


async def five_steps(_context: dict[str, Any], _run: str) -> None:
    """Do five steps."""
    for stage in STAGES:
        checkpoint_value(stage)


async def five_steps_kept(context: dict[str, Any], run: str) -> None:
    """Do five steps and store what each leaves."""
    redis: Redis = context["redis"]
    for stage in STAGES:
        await redis.hset(f"run:{run}", stage, json.dumps(checkpoint_value(stage)))  # type: ignore[misc]


async def many_steps_kept(context: dict[str, Any], run: str, steps: int) -> None:
    """Do many steps, store what each leaves, and tell the times between them."""
    redis: Redis = context["redis"]
    begun: list[float] = []
    for number in range(steps):
        begun.append(time.perf_counter())
        await redis.hset(f"run:{run}", str(number), json.dumps(checkpoint_value("step")))  # type: ignore[misc]
    tell_gaps(begun)


async def tell_end(context: dict[str, Any]) -> None:
    """Tell that a job's end is durable."""
    tell(context["job_id"])


async def work(order: Order) -> None:
    """Work until killed."""
    redis = make_client(order.url)
    steps: Any = (five_steps, five_steps_kept, many_steps_kept)  # arq's protocol for them fits no typed function.
    end: Any = tell_end
    worker = Worker(
        functions=[func(step) for step in steps],
        redis_pool=make_arq(redis.connection_pool),
        max_jobs=order.at_once,
        poll_delay=POLL_SECONDS,
        handle_signals=False,
        log_results=False,
        after_job_end=end,
    )
    await redis.ping()
    stdin = await open_stdin()
    tell("ready")
    await stdin.readline()
    await worker.main()


def make_arq(pool: ConnectionPool) -> ArqRedis:
    """Make arq's client on a pool like the one that Onceover uses."""
    return ArqRedis(pool_or_conn=pool)


class Submitter:
    """Enqueues jobs as arq's documentation shows."""

    def __init__(self, redis: Redis, order: Order) -> None:
        self._arq = make_arq(redis.connection_pool)
        self._order = order

    async def submit(self, number: int) -> str:
        """Submit a run, and answer the id that the worker will tell."""
        run_id = f"run-{number}"
        if self._order.shape == "steps":
            await self._arq.enqueue_job("many_steps_kept", run_id, self._order.steps, _job_id=run_id)
        else:
            function = "five_steps" if self._order.kind == "arq" else "five_steps_kept"
            await self._arq.enqueue_job(function, run_id, _job_id=run_id)
        return run_id
