"""Throughput: five-stage runs that do nothing but leave 2 KB a stage, per second.

Closed loop (`clients`): as many clients as runs at once, each waits until the end of its run is durable and then
submits the next; wake-ups, polls and answers are part of it, as in production. Backlog: all runs are there before the
worker begins, which shows what one worker can do.
"""

import asyncio
import contextlib
import importlib.util
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, Protocol, TypeAlias

from benchmarks.figures import Measure, Table, alternate
from benchmarks.servers import Fsync, drop_all, open_postgres, open_redis
from benchmarks.sides import onceover, plain_arq
from benchmarks.sides.orders import Order
from benchmarks.worker_process import WorkerProcess
from bot.redis_client import make_client

Load: TypeAlias = Literal["clients", "backlog"]

RUNS: Final[Mapping[int, int]] = {1: 60, 10: 300, 100: 600}
"""Runs that are timed, by runs at once: about a second for the slower Redis side."""

RUNS_DBOS: Final[Mapping[int, int]] = {1: 15, 10: 40, 100: 100}
"""The same for the library engine."""

WARM_RUNS: Final[Mapping[int, int]] = {1: 5, 10: 20, 100: 100}
"""Runs before the clock starts: connections, scripts, caches."""


class Submitter(Protocol):
    """Hands runs to a side."""

    async def submit(self, number: int) -> str:
        """Submit a run, and answer the id that the worker will tell when it has ended."""


class PipeSubmitter:
    """Hands runs to a worker by its pipe."""

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker

    async def submit(self, number: int) -> str:
        """Send a line."""
        self._worker.send(f"run-{number}")
        return f"run-{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How many runs."""

    warm: int
    timed: int


async def runs_per_second(order: Order, amount: Amount, load: Load) -> float:
    """Measure one side once."""
    if not order.kind.startswith("dbos"):
        await drop_all(order.url)
    measure = _closed_loop if load == "clients" else _backlog
    return await measure(order, amount)


async def _closed_loop(order: Order, amount: Amount) -> float:
    async with WorkerProcess.start(order) as worker, open_submitter(order, worker) as submitter:
        worker.go()
        await _drive(worker, submitter, range(amount.warm), order.at_once)
        begun = time.perf_counter()
        await _drive(worker, submitter, range(amount.warm, amount.warm + amount.timed), order.at_once)
        return amount.timed / (time.perf_counter() - begun)


async def _backlog(order: Order, amount: Amount) -> float:
    async with WorkerProcess.start(order) as worker, open_submitter(order, worker) as submitter:
        for number in range(amount.warm + amount.timed):
            await submitter.submit(number)
        worker.go()
        for _ in range(amount.warm):
            await worker.line()
        begun = time.perf_counter()
        for _ in range(amount.timed):
            await worker.line()
        return amount.timed / (time.perf_counter() - begun)


async def _drive(worker: WorkerProcess, submitter: Submitter, numbers: range, clients: int) -> None:
    """Submit runs as earlier ones end, with at most `clients` under way."""
    waiting: dict[str, asyncio.Future[None]] = {}
    ended: set[str] = set()
    left = iter(numbers)

    async def client() -> None:
        for number in left:
            run = await submitter.submit(number)
            if run not in ended:
                waiting[run] = asyncio.get_running_loop().create_future()
                await waiting[run]

    async def listen() -> None:
        for _ in numbers:
            run = await worker.line()
            ended.add(run)
            if run in waiting:
                waiting.pop(run).set_result(None)

    await asyncio.gather(listen(), *(client() for _ in range(clients)))


@contextlib.asynccontextmanager
async def open_submitter(order: Order, worker: WorkerProcess) -> AsyncIterator[Submitter]:
    """Open the submitter of a side: another process than its worker, this one."""
    if order.kind.startswith("dbos"):
        yield PipeSubmitter(worker)
        return
    async with make_client(order.url) as redis:
        yield onceover.Submitter(redis, order) if order.kind == "onceover" else plain_arq.Submitter(redis, order)


def redis_sides(url: str, at_once: int) -> dict[str, Order]:
    """Name the sides that share one Redis; the hand-made HSET is what we compare with."""
    plain = Order(kind="arq", url=url, at_once=at_once)
    return {
        "arq, nothing kept": plain,
        "arq + HSET": replace(plain, kind="arq+hset"),
        "onceover": replace(plain, kind="onceover"),
        "onceover, five in a row": replace(plain, kind="onceover", shape="chain"),
    }


def is_dbos_here() -> bool:
    """Whether the library engine is installed."""
    return importlib.util.find_spec("dbos") is not None


async def run(rounds: int, *, fsyncs: Sequence[Fsync] = ("everysec", "always")) -> list[Table]:
    """Measure all sides at 1, 10 and 100 runs at once."""
    tables = []
    for fsync in fsyncs:
        async with open_redis(fsync) as url:
            for at_once in RUNS:
                tables += [await _compare(url, fsync, at_once, load, rounds) for load in ("clients", "backlog")]
    return tables


async def _compare(url: str, fsync: Fsync, at_once: int, load: Load, rounds: int) -> Table:
    amount = Amount(warm=WARM_RUNS[at_once], timed=RUNS[at_once])
    sides: dict[str, Measure] = {
        name: partial(runs_per_second, order, amount, load) for name, order in redis_sides(url, at_once).items()
    }
    table = Table(title=f"Throughput, {at_once} {load}, {fsync}", unit="runs/s", baseline="arq + HSET")
    if load == "backlog":
        return await alternate(table, sides, rounds)
    with open_library_engine(fsync, at_once, table) as library:
        few = Amount(warm=min(10, amount.warm), timed=RUNS_DBOS[at_once])
        sides |= {name: partial(runs_per_second, order, few, load) for name, order in library.items()}
        return await alternate(table, sides, rounds)


@contextlib.contextmanager
def open_library_engine(fsync: Fsync, at_once: int, table: Table) -> Iterator[dict[str, Order]]:
    """Open databases for DBOS, as far as it and they are here; what is not is noted in the table."""
    if not is_dbos_here():
        table.notes.append("DBOS is not installed: not measured (`make bench` installs it).")
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="onceover-bench-") as directory, open_postgres(fsync) as postgres:
        sides = {"DBOS, SQLite": Order(kind="dbos", url=f"sqlite:///{directory}/dbos.sqlite", at_once=at_once)}
        if postgres:
            sides["DBOS, PostgreSQL"] = Order(kind="dbos", url=postgres.url("dbos"), at_once=at_once)
        else:
            table.notes.append("No `postgres` and `initdb` on PATH: DBOS on PostgreSQL not measured.")
        yield sides
