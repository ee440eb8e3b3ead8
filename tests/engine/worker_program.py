"""Worker program: real worker processes that a test may stop, continue and kill.

`python -m tests.engine.worker_program URL LEDGER` imports the engine once, forks a worker for each line that it reads,
and answers with the worker's pid: a kill then costs milliseconds, not an interpreter's start. Workers end with it.

Their stages write each beginning and end of a step to the ledger, a file that outlives them all.
"""

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bot.redis_client import make_client
from pipeline.engine.context import Context
from pipeline.engine.fingerprint import fingerprint
from pipeline.engine.graph import Graph, StageSpec
from pipeline.engine.owner import Owner
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.engine.store import Store
from pipeline.engine.wakeup import LocalWakeUps
from pipeline.engine.worker import Worker
from tests.engine.world import ALL_ROLES, PUBLISHER, REVIEWER, STAGE_NEEDS

SETTINGS: Final = EngineSettings(lease_seconds=1.0, sweep_seconds=0.05, grace_seconds=0.05, heartbeat_seconds_max=0.2)

STEPS: Final = 2
"""Steps of each stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the ledger."""

    what: str
    """`begins` or `ends`."""
    at_ms: int
    """By the clock that Redis reads too."""
    pid: int
    run_id: str
    identity: str
    """The step's fingerprint."""


def make_graph(ledger: Path) -> Graph:
    """Make the product's graph, each stage a few steps that take a while."""
    return Graph(
        tuple(
            StageSpec(
                name=name,
                run=partial(work, ledger),
                role=PUBLISHER if name == "comment" else REVIEWER,
                needs=needs,
                reads=(),
                context=("step_seconds",),
                interrupted_max=10_000,  # Here dying is the worker's daily business, and no sign of a poisonous stage.
            )
            for name, needs in STAGE_NEEDS.items()
        )
    )


async def work(ledger: Path, ctx: StageContext) -> JsonValue:
    """Take some steps, each written to the ledger twice."""
    assert isinstance(ctx, Context)
    claim, seconds = ctx.claim, ctx.params["step_seconds"]
    assert isinstance(seconds, int | float)

    async def act(number: int) -> int:
        write = partial(
            Line,
            pid=os.getpid(),
            run_id=ctx.run_id,
            identity=fingerprint(claim.stage, "act", [number], claim.fresh, None),
        )
        append(ledger, write(what="begins", at_ms=time.time_ns() // 1_000_000))
        await asyncio.sleep(seconds)  # The work itself.
        append(ledger, write(what="ends", at_ms=time.time_ns() // 1_000_000))
        return number

    return [await ctx.step("act", act, number) for number in range(STEPS)]


def append(ledger: Path, line: Line) -> None:
    """Write a line whole, whoever else writes and whatever happens next."""
    file = os.open(ledger, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(file, json.dumps(asdict(line)).encode() + b"\n")
    os.close(file)


def read_ledger(ledger: Path) -> list[Line]:
    """Read what was written so far."""
    return [Line(**json.loads(text)) for text in ledger.read_text("utf-8").splitlines()] if ledger.exists() else []


async def be_a_worker(url: str, ledger: Path, alive: int) -> None:
    """Work until killed, or until nobody holds the other end of `alive` any more."""
    asyncio.get_running_loop().add_reader(alive, os._exit, 1)
    async with make_client(url) as redis:
        store = Store(redis, owner=Owner.of_this_process(), settings=SETTINGS)
        await Worker(store=store, graph=make_graph(ledger), wakeups=LocalWakeUps(), roles=ALL_ROLES).run()


def main(url: str, ledger: Path) -> None:
    """Fork a worker for each line of standard input."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The dead need no burial.
    alive, held = os.pipe()
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.close(held)
            asyncio.run(be_a_worker(url, ledger, alive))
        print(pid, flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
