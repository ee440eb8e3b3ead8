"""Stored: what a finished run of five 2 KB checkpoints takes in Redis, and whether a run costs more beside many others.

Runs are made through the engine's own scripts, with the product's records and journal, many at a time.
"""

import asyncio
import json
import time
from typing import Final

from redis.asyncio import Redis

from benchmarks.figures import Table
from benchmarks.servers import open_redis
from benchmarks.sides import onceover
from benchmarks.sides.orders import Ledger, Order, checkpoint_value
from bot.redis_client import make_client
from pipeline.engine.operation import Operation, StageDone
from pipeline.engine.owner import Owner
from pipeline.engine.request import RunRequest
from pipeline.engine.store import Store

STORED: Final = (100, 1_000, 10_000, 100_000)
STORED_MAX: Final = 10_000
"""How many are stored if nothing else is asked for; 100,000 take some ten minutes and 3 GB."""

SAMPLE: Final = 50
"""Runs that are timed, one after the other, at each size."""

AT_ONCE: Final = 20
"""Runs that are made at the same time while Redis is filled."""

RUN_KEYS_SAMPLED: Final = 20


async def run(rounds: int, *, stored_max: int = STORED_MAX) -> list[Table]:
    """Fill Redis, and measure at each size."""
    async with open_redis("everysec") as url, make_client(url) as redis:
        maker = _Maker(redis)
        cost = Table(title="One run from submit to done, by runs stored", unit="ms", baseline="beside 100", digits=2)
        sweep = Table(title="One sweep, by runs stored", unit="ms", baseline="beside 100", digits=3)
        for stored in (size for size in STORED if size <= max(stored_max, STORED[0])):
            await maker.fill(stored)
            for _ in range(rounds):
                name = f"beside {stored:,}"
                cost.values.setdefault(name, []).append(await maker.milliseconds_a_run())
                sweep.values.setdefault(name, []).append(await maker.milliseconds_a_sweep())
        return [await _bytes(redis), cost, sweep]


class _Maker:
    """Makes runs as a worker does, without one."""

    def __init__(self, redis: Redis) -> None:
        self.made = 0
        self._store = Store(redis, owner=Owner.of_this_process())
        self._graph = onceover.make_graph(Order(kind="onceover", url=""), Ledger(""))
        self._text = json.dumps(checkpoint_value("x"))

    async def fill(self, stored: int) -> None:
        """Make runs until so many are there."""
        while self.made < stored:
            await asyncio.gather(*(self.make() for _ in range(min(AT_ONCE, stored - self.made))))

    async def make(self) -> None:
        """Make one run, from submit to done."""
        number = self.made
        self.made += 1
        asked = RunRequest(subject=f"acme/shop#{number}", revision=f"{number:040x}", params={"head": f"{number:040x}"})
        await self._store.submit(asked, self._graph)
        operations: tuple[Operation, ...] = ()
        leases: dict[str, int] = {}
        while True:
            progress = await self._store.advance(
                asked.run_id, roles=self._graph.roles, session="s", leases=leases, operations=operations
            )
            if progress.status != "held":
                return
            leases = dict(progress.leases)
            operations = tuple(
                StageDone(
                    stage=claim.stage,
                    claim=claim.claim,
                    fingerprint=f"{claim.stage:>032}",
                    inputs="",
                    checkpoint=self._text,
                )
                for claim in progress.running
            )

    async def milliseconds_a_run(self) -> float:
        """Time runs one after the other."""
        begun = time.perf_counter()
        for _ in range(SAMPLE):
            await self.make()
        return 1000 * (time.perf_counter() - begun) / SAMPLE

    async def milliseconds_a_sweep(self) -> float:
        """Time sweeps one after the other."""
        begun = time.perf_counter()
        for _ in range(SAMPLE):
            await self._store.sweep(self._graph.roles, room=10)
        return 1000 * (time.perf_counter() - begun) / SAMPLE


async def _bytes(redis: Redis) -> Table:
    """Sum what Redis says that the keys of a run take, and its share of the indexes."""
    table = Table(title="Memory of a finished run with five 2 KB checkpoints", unit="KB", baseline="checkpoints' text")
    runs = await redis.zrevrange("onceover:runs", 0, RUN_KEYS_SAMPLED - 1)
    stored = await redis.zcard("onceover:runs")
    shared = await _usage(redis, "onceover:runs") + await _usage(redis, "onceover:expiry")
    for raw in runs:
        run_id = raw.decode()
        subject = (await redis.hget(f"onceover:run:{run_id}", "subject") or b"").decode()  # type: ignore[misc]
        parts = {name: f"onceover:run:{run_id}:{name}" for name in ("checkpoints", "journal", "steps")}
        parts |= {"record": f"onceover:run:{run_id}", "subject": f"onceover:subject:{subject}"}
        sizes = {name: await _usage(redis, key) for name, key in parts.items()} | {"indexes": shared / stored}
        sizes["all"] = sum(sizes.values())
        sizes["checkpoints' text"] = 5.0 * len(json.dumps(checkpoint_value("x")))
        for name, size in sizes.items():
            table.values.setdefault(name, []).append(size / 1024)
    table.notes.append(
        f"entries in the journal of a run: {await redis.xlen(f'onceover:run:{runs[0].decode()}:journal')}"
    )
    return table


async def _usage(redis: Redis, key: str) -> float:
    return float(await redis.memory_usage(key, samples=0) or 0)
