"""Step gap: one run of 200 steps in a row; the time from the beginning of one to the beginning of the next.

Each step leaves 2 KB, and the next begins when that is confirmed.
"""

import statistics
from functools import partial
from typing import Final

from benchmarks.figures import Measure, Table, alternate
from benchmarks.servers import Fsync, drop_all, open_redis
from benchmarks.sides.orders import Order
from benchmarks.throughput import open_library_engine, open_submitter
from benchmarks.worker_process import WorkerProcess

STEPS: Final = 200


async def run(rounds: int) -> list[Table]:
    """Measure all sides."""
    tables = []
    for fsync in ("everysec", "always"):
        async with open_redis(fsync) as url:
            tables.append(await _compare(url, fsync, rounds))
    return tables


async def _compare(url: str, fsync: Fsync, rounds: int) -> Table:
    table = Table(title=f"Step gap, {fsync}", unit="ms", baseline="arq + HSET", digits=3)
    redis_sides = {
        name: Order(kind=kind, url=url, shape="steps", steps=STEPS)
        for name, kind in (("arq + HSET", "arq+hset"), ("onceover", "onceover"))
    }
    with open_library_engine(fsync, 1, table) as library:
        sides: dict[str, Measure] = {name: partial(median_gap_ms, order) for name, order in redis_sides.items()}
        for name, order in library.items():
            sides[name] = partial(median_gap_ms, Order(kind=order.kind, url=order.url, shape="steps", steps=STEPS))
        return await alternate(table, sides, rounds)


async def median_gap_ms(order: Order) -> float:
    """Measure one run of one side."""
    if not order.kind.startswith("dbos"):
        await drop_all(order.url)
    async with WorkerProcess.start(order) as worker, open_submitter(order, worker) as submitter:
        worker.go()
        await submitter.submit(0)
        word, *gaps = (await worker.line()).split()
        assert word == "gaps", word
        return statistics.median(map(float, gaps))
