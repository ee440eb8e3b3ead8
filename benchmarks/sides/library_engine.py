"""DBOS's side: a library engine on SQLite or PostgreSQL, at its best.

At its best means: the run is started in the worker's own process, by a line on its pipe, without DBOS's queue (which
is polled once a second by default) and without a second process that enqueues. Five steps in a row, as its
documentation shows. SQLite runs with the settings that DBOS gives it.
"""

import asyncio
import time

from dbos import DBOS, DBOSConfig, SetWorkflowID

from benchmarks.sides.onceover import tell_gaps
from benchmarks.sides.orders import STAGES, Order, checkpoint_value, open_stdin, tell


@DBOS.step()  # type: ignore[untyped-decorator]
async def keep(stage: str) -> dict[str, str]:
    """Do one step."""
    return checkpoint_value(stage)


@DBOS.workflow()  # type: ignore[untyped-decorator]
async def five_steps(_run: str) -> None:
    """Do five steps."""
    for stage in STAGES:
        await keep(stage)


@DBOS.workflow()  # type: ignore[untyped-decorator]
async def many_steps(steps: int) -> None:
    """Do many steps, and tell the times between them."""
    begun: list[float] = []
    for _ in range(steps):
        begun.append(time.perf_counter())
        await keep("step")
    tell_gaps(begun)


async def work(order: Order) -> None:
    """Start a run for each line, until killed."""
    config = DBOSConfig(name="bench", system_database_url=order.url, log_level="ERROR", enable_otlp=False)
    DBOS(config=config)
    DBOS.launch()
    stdin = await open_stdin()
    tell("ready")
    await stdin.readline()
    running: set[asyncio.Task[None]] = set()
    while line := await stdin.readline():
        task = asyncio.create_task(_finish(line.decode().strip(), order))
        running.add(task)
        task.add_done_callback(running.discard)


async def _finish(run: str, order: Order) -> None:
    with SetWorkflowID(f"{run} {time.time_ns()}"):  # The database outlives the rounds; a known id would not run again.
        if order.shape == "steps":
            handle = await DBOS.start_workflow_async(many_steps, order.steps)
        else:
            handle = await DBOS.start_workflow_async(five_steps, run)
    await handle.get_result()
    tell(run)
