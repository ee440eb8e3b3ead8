"""Recovery: kill -9 of the worker amid 50 runs of five 50 ms stages, ten at a time; another worker begins 0.2 s later.

An outside ledger tells which stages were begun, and which had their checkpoint confirmed: a finished stage that is
begun again would break S1. The time is counted from the start of the second worker's process to the end of the last
run; what the stages still had to sleep is told beside it, since no engine can be faster. On another host a worker
cannot know that the first is dead, so it waits for the lease.
"""

import asyncio
import math
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.figures import Table
from benchmarks.servers import drop_all, open_redis
from benchmarks.sides.orders import STAGES, Order
from benchmarks.throughput import open_submitter
from benchmarks.worker_process import WorkerProcess
from bot.redis_client import make_client
from pipeline.engine.owner import Owner
from pipeline.engine.store import Store

RUNS: Final = 50
AT_ONCE: Final = 10
STAGE_SECONDS: Final = 0.05
PAUSE_SECONDS: Final = 0.2
"""From the kill to the start of the next worker."""

KILL_AFTER_SECONDS: Final = (0.3, 0.9)
"""When the worker is killed, after it began; drawn evenly. All runs together take 1.25 s of sleep."""

KILLS: Final = 15
KILLS_OTHER_HOST: Final = 5
LEASE_SECONDS: Final = 5.0
"""On the other host; the product's default is 30 s."""

SEED: Final = 20


@dataclass(slots=True)
class Recovered:
    """What one kill came to."""

    seconds: float
    sleep_left_seconds: float
    repeated: int
    """Stages begun although their checkpoint had been confirmed."""
    interrupted: int
    """Stages begun twice because the kill came before their checkpoint."""
    lost: int


@dataclass(slots=True)
class Sightings:
    """What the ledger tells."""

    begun: dict[tuple[str, str], int] = field(default_factory=dict)
    recorded: set[tuple[str, str]] = field(default_factory=set)
    repeated: int = 0

    @classmethod
    def read(cls, ledger: Path) -> "Sightings":
        """Read all lines, in order."""
        seen = cls()
        for line in ledger.read_text().splitlines():
            what, run, stage = line.split()
            if what == "recorded":
                seen.recorded.add((run, stage))
            else:
                seen.repeated += (run, stage) in seen.recorded
                seen.begun[run, stage] = seen.begun.get((run, stage), 0) + 1
        return seen


async def run(rounds: int) -> list[Table]:
    """Kill at least 15 times on the same host, and some on another one."""
    rng = Random(SEED)  # noqa: S311 - moments, not secrets
    async with open_redis("everysec") as url:
        order = Order(kind="onceover", url=url, at_once=AT_ONCE, shape="chain", stage_seconds=STAGE_SECONDS)
        same = [await _kill_once(order, order, rng) for _ in range(max(KILLS, rounds))]
        first = replace(order, lease_seconds=LEASE_SECONDS)
        other = [
            await _kill_once(first, replace(first, host="elsewhere"), rng) for _ in range(max(KILLS_OTHER_HOST, rounds))
        ]
    return [
        _tell("Recovery, same host", same),
        _tell(f"Recovery, another host, lease {LEASE_SECONDS:g} s", other),
    ]


async def _kill_once(first: Order, second: Order, rng: Random) -> Recovered:
    await drop_all(first.url)
    with tempfile.TemporaryDirectory(prefix="onceover-bench-") as directory:
        ledger = Path(directory) / "ledger"
        first, second = replace(first, ledger=str(ledger)), replace(second, ledger=str(ledger))
        runs: set[str] = set()
        async with WorkerProcess.start(first) as worker, open_submitter(first, worker) as submitter:
            for number in range(RUNS):
                runs.add(await submitter.submit(number))
            worker.go()
            await asyncio.sleep(rng.uniform(*KILL_AFTER_SECONDS))
            await worker.kill()
        before = Sightings.read(ledger)
        ended = await _ended(first.url, runs)
        await asyncio.sleep(PAUSE_SECONDS)
        begun = time.perf_counter()
        async with WorkerProcess.start(second) as worker:
            worker.go()
            while ended != runs:
                ended.add(await worker.line())
            seconds = time.perf_counter() - begun
        after = Sightings.read(ledger)
    left = RUNS * len(STAGES) - len(before.recorded)
    return Recovered(
        seconds=seconds,
        sleep_left_seconds=math.ceil(left / AT_ONCE) * STAGE_SECONDS,
        repeated=after.repeated,
        interrupted=sum(times > 1 for times in after.begun.values()) - after.repeated,
        lost=len(runs - ended),
    )


async def _ended(url: str, runs: set[str]) -> set[str]:
    """Ask Redis: the worker may have died between the end of a run and telling of it."""
    async with make_client(url) as redis:
        store = Store(redis, owner=Owner.of_this_process())
        records = [await store.read_run(run) for run in sorted(runs)]
    return {record.run_id for record in records if record is not None and record.state.is_terminal}


def _tell(title: str, kills: list[Recovered]) -> Table:
    table = Table(title=f"{title}, {len(kills)} kills", unit="s", baseline="sleep that was left", digits=2)
    table.values["restart to the last end"] = [kill.seconds for kill in kills]
    table.values["sleep that was left"] = [kill.sleep_left_seconds for kill in kills]
    table.notes.append(f"finished stages repeated: {sum(kill.repeated for kill in kills)}")
    table.notes.append(f"unfinished stages begun again: {sum(kill.interrupted for kill in kills)}")
    table.notes.append(f"runs lost: {sum(kill.lost for kill in kills)}")
    return table
