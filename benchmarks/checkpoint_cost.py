"""Checkpoint cost: one `advance` that commits 2 KB and claims the next stage, beside one HSET of the same 2 KB.

From the same process, over the same kind of connection, one after the other. Told twice: as the caller sees it (the
round trip), and as the server's own account of it (commandstats).
"""

import json
import time
from dataclasses import dataclass, field
from typing import Final

from redis.asyncio import Redis

from benchmarks.figures import Table
from benchmarks.servers import Fsync, drop_all, open_redis
from benchmarks.sides import onceover
from benchmarks.sides.orders import STAGES, Ledger, Order, checkpoint_value
from bot.redis_client import make_client
from pipeline.engine.operation import Operation, StageDone, StepFinished
from pipeline.engine.owner import Owner
from pipeline.engine.records import Progress
from pipeline.engine.request import RunRequest
from pipeline.engine.store import Store

RUNS: Final = 40
"""Runs a round: each gives four checkpoints that claim the next stage, and four steps."""

HSET: Final = "HSET"
STEP: Final = "a step's result"
CHECKPOINT: Final = "a checkpoint, and the next claim"


@dataclass(slots=True)
class _Clock:
    """Adds up time as the caller sees it, and as the server does."""

    redis: Redis
    command: str
    seconds: float = 0.0
    calls: int = 0
    server_seconds: float = 0.0
    _begun: float = field(default=0.0, init=False)
    _before: float = field(default=0.0, init=False)

    async def __aenter__(self) -> None:
        self._before = await self._server_seconds()
        self._begun = time.perf_counter()

    async def __aexit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._begun
        self.server_seconds += await self._server_seconds() - self._before
        self.calls += 1

    async def _server_seconds(self) -> float:
        stats = await self.redis.info("commandstats")
        return float(stats.get(f"cmdstat_{self.command}", {}).get("usec", 0)) / 1e6


async def run(rounds: int) -> list[Table]:
    """Measure under both kinds of fsync."""
    tables = []
    for fsync in ("everysec", "always"):
        async with open_redis(fsync) as url:
            tables += await _compare(url, fsync, rounds)
    return tables


async def _compare(url: str, fsync: Fsync, rounds: int) -> list[Table]:
    seen = Table(title=f"Checkpoint of 2 KB, round trip, {fsync}", unit="ms", baseline=HSET, digits=3)
    server = Table(title=f"Checkpoint of 2 KB, time in the server, {fsync}", unit="ms", baseline=HSET, digits=3)
    for _ in range(rounds):
        await drop_all(url)
        async with make_client(url) as redis:
            clocks = {HSET: _Clock(redis, "hset"), STEP: _Clock(redis, "evalsha"), CHECKPOINT: _Clock(redis, "evalsha")}
            for number in range(RUNS):
                await _one_run(redis, number, clocks)
        for name, clock in clocks.items():
            seen.values.setdefault(name, []).append(1000 * clock.seconds / clock.calls)
            server.values.setdefault(name, []).append(1000 * clock.server_seconds / clock.calls)
    return [seen, server]


async def _one_run(redis: Redis, number: int, clocks: dict[str, _Clock]) -> None:
    """Take one run through five stages in a row, with an HSET beside each stage."""
    store = Store(redis, owner=Owner.of_this_process())
    graph = onceover.make_graph(Order(kind="onceover", url="", shape="chain"), Ledger(""))
    asked = RunRequest(subject=f"acme/shop#{number}", revision=f"{number:040x}", params={"head": f"{number:040x}"})
    await store.submit(asked, graph)
    progress = await store.advance(asked.run_id, roles=graph.roles, session="s")
    text = json.dumps(checkpoint_value("x"))
    for stage in STAGES[:-1]:
        async with clocks[HSET]:
            await redis.hset(f"by-hand:{number}", stage, text)  # type: ignore[misc]  # two clients, one type
        step = StepFinished(stage=stage, claim=1, step=f"{stage:>032}", name="step", result=text, ms=1)
        async with clocks[STEP]:
            progress = await _tell(store, asked.run_id, progress, step)
        done = StageDone(stage=stage, claim=1, fingerprint=f"{stage:>032}", inputs="", checkpoint=text)
        async with clocks[CHECKPOINT]:
            progress = await _tell(store, asked.run_id, progress, done)


async def _tell(store: Store, run_id: str, before: Progress, operation: Operation) -> Progress:
    return await store.advance(
        run_id, roles=("worker",), session="s", leases=before.leases, operations=(operation,), asked=before.asked
    )
