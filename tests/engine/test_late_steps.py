"""Late steps: a process that was frozen past its lease asks before it acts."""

import asyncio

from pipeline.engine.graph import StageSpec
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from tests.engine.workshop import Acts, MakeWorkshop


async def test_a_step_that_the_successor_has_done_is_not_begun_again_by_a_process_that_wakes_up_late(
    make_workshop: MakeWorkshop,
) -> None:
    acts, thaw, entered = Acts(), asyncio.Event(), asyncio.Event()

    async def stage(ctx: StageContext) -> JsonValue:
        if not entered.is_set():  # The first of the two processes freezes here, between its claim and its step.
            entered.set()
            await thaw.wait()
        return await ctx.step("act", acts, "once")

    # A lease so short that any process is late by the monotonic clock; Redis's own time is shifted by hand.
    workshop = await make_workshop(StageSpec(name="only", run=stage), settings=EngineSettings(lease_seconds=0.001))
    await workshop.submit()
    frozen, successor = workshop.start("frozen"), workshop.start("successor")
    await frozen.worker.advance((await workshop.submit()).run_id)
    await entered.wait()

    await workshop.finish(successor)
    thaw.set()
    await workshop.settle()

    assert acts.begun == ["once"]
