"""Branches: a stage whose concurrent branches end differently is left by all of them together."""

import asyncio

import pytest
from redis.asyncio import Redis

from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.stage import JsonValue, StageContext
from tests.engine.invariants import Shadow
from tests.engine.world import Outside, Plot, World


async def one_waits_one_works(outside: Outside, ctx: StageContext) -> JsonValue:
    async def works() -> int:
        await outside.step(ctx, "under way")
        return await outside.step(ctx, "next")

    woken, _ = await asyncio.gather(ctx.wait("a while", seconds=60), works())
    return woken.by


async def nothing(_: Outside, __: StageContext) -> JsonValue:
    return None


def plots_with(analyze: Plot) -> dict[str, Plot]:
    return {"analyze": analyze, "test": nothing, "docs": nothing}


async def test_a_stage_that_waits_in_one_branch_first_finishes_the_step_of_the_other(redis: Redis) -> None:
    async with World(redis, plots=plots_with(one_waits_one_works)) as world:
        run_id = (await world.submit()).run_id
        worker = world.start("worker")
        worker.hold()

        await world.wake(worker, run_id)
        before = (await world.run_of(run_id)).stages["analyze"].state
        worker.let_go()
        await world.settle()
        after = (await world.run_of(run_id)).stages["analyze"].state
        done_before_the_wait = world.ledger.times("under way"), world.ledger.times("next")
        await world.finish(worker, check=Shadow().check)

        assert (before, after) == (StageState.RUNNING, StageState.PARKED)
        assert done_before_the_wait == (1, 0), "The branch that was left behind begins no further step."
        assert (world.ledger.times("under way"), world.ledger.times("next")) == (1, 1)


async def test_a_worker_that_drains_finishes_every_step_under_way(redis: Redis) -> None:
    async def long_and_short(outside: Outside, ctx: StageContext) -> JsonValue:
        async def short() -> None:
            for turn in range(100):
                await outside.step(ctx, "short", turn)

        await asyncio.gather(outside.step(ctx, "long"), short())
        return "both"

    async with World(redis, plots=plots_with(long_and_short)) as world:
        run_id = (await world.submit()).run_id
        worker = world.start("worker")
        worker.hold()
        world.ledger.turns = lambda act: 3_000 if act.name == "long" else 0
        at_work = asyncio.create_task(worker.worker.run())
        await world.wake(worker, run_id)

        at_work.cancel()
        worker.let_go()
        with pytest.raises(asyncio.CancelledError):
            await at_work
        await Shadow().check(world)
        handed_back = await world.run_of(run_id)
        await world.finish(world.start("next"), check=Shadow().check)

        assert handed_back.state is RunState.QUEUED
        assert handed_back.stages["analyze"].interrupted == 0
        assert sum(act.name == "long" for act in world.ledger.begun) == 1
        assert world.ledger.times("short") == 100
