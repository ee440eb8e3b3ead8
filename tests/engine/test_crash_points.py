"""Crash points walked: at each write of a run die before it, die after it, lose its answer, be refused.

The run has steps in a loop, concurrent steps, a wait, an attempt that fails and is retried, and two roles. Whatever
happens, the result is the same, no finished step is repeated, and the invariants hold at every look on the way.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from pipeline.engine.errors import RetryLater
from pipeline.engine.lifecycle import RunState
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import Checkpointed, JsonValue, StageContext
from tests.engine.faults import Fault
from tests.engine.invariants import Shadow
from tests.engine.world import LEASE_SECONDS, Outside, World

WRITES_EXPECTED = 20
"""A run with all of this makes at least so many writes; fewer would mean that the walk has become shorter."""

WRITES_MAX = 300
"""So many writes would be a run that does not end."""


async def loops(outside: Outside, ctx: StageContext) -> JsonValue:
    for turn in range(3):
        await outside.step(ctx, "turn", turn)
    return "three turns"


async def waits(outside: Outside, ctx: StageContext) -> JsonValue:
    await outside.step(ctx, "before the wait")
    woken = await ctx.wait("ci", seconds=60, signal="ci-finished")
    await outside.step(ctx, "after the wait")
    return f"woken by {woken.by}"


async def fails_once(outside: Outside, ctx: StageContext) -> JsonValue:
    await asyncio.gather(*(outside.step(ctx, "passage", number) for number in range(2)))
    if outside.ledger.refuses(ctx.run_id):
        raise RetryLater("The first answer is a refusal.")
    return "two passages"


async def gathers(outside: Outside, ctx: StageContext) -> JsonValue:
    await outside.step(ctx, "summary")
    return {name: before.value for name, before in ctx.upstream.items() if isinstance(before, Checkpointed)}


async def posts(outside: Outside, ctx: StageContext) -> JsonValue:
    await outside.step(ctx, "post")
    await ctx.decide("One comment is enough.")
    return "posted"


PLOTS = {"analyze": loops, "test": waits, "docs": fails_once, "summarize": gathers, "comment": posts}

RESULTS = {
    "analyze": "three turns",
    "test": "woken by timer",
    "docs": "two passages",
    "summarize": {"analyze": "three turns", "test": "woken by timer", "docs": "two passages"},
    "comment": "posted",
}

ACTS = 9
"""Three turns, two around the wait, two passages, a summary, a post."""


async def walk(visit: Callable[[int], Awaitable[bool]]) -> None:
    """Visit each write of a run, by its number, until one visit meets no fault because there are no more writes."""
    point = 0
    while await visit(point):
        point += 1
        assert point < WRITES_MAX

    assert point >= WRITES_EXPECTED, f"The walk came only to write {point}."


async def assert_ended_well(world: World, run_id: str) -> None:
    assert (await world.run_of(run_id)).state is RunState.DONE
    assert await world.results(run_id) == RESULTS
    assert len({act.identity for act in world.ledger.done}) == ACTS


@pytest.mark.parametrize("fault", [Fault.DIE_BEFORE, Fault.DIE_AFTER])
@pytest.mark.parametrize("host", ["here", "elsewhere"])
async def test_a_run_survives_the_death_of_its_worker_at_any_write(redis: Redis, fault: Fault, host: str) -> None:
    async def die_at(point: int) -> bool:
        await redis.flushdb()
        async with World(redis, plots=PLOTS) as world:
            shadow = Shadow()
            run_id = (await world.submit()).run_id
            first = world.start("first", host="here")
            first.redis.arm(fault, after=point)

            await world.wake(first, run_id)
            await world.finish(first, check=shadow.check)
            if not first.is_dead:
                return False
            await world.bury(first)
            second = world.start("second", host=host)
            await world.sweep(second)
            now = await shadow.check(world)
            left = [lease for lease in now.leases if lease.owner == str(first.store.owner)]
            await world.finish(second, check=shadow.check)

            await assert_ended_well(world, run_id)
            assert host == "elsewhere" or not left, "A successor on the same host takes back at once."
            return True

    await walk(die_at)


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.REFUSE])
@pytest.mark.parametrize("times", [1, 3])
async def test_a_lost_or_refused_write_repeats_nothing_and_waits_for_no_lease(
    redis: Redis, fault: Fault, times: int
) -> None:
    async def fail_at(point: int) -> bool:
        await redis.flushdb()
        async with World(redis, plots=PLOTS) as world:
            shadow = Shadow()
            run_id = (await world.submit()).run_id
            worker = world.start("worker")
            worker.redis.arm(fault, after=point, times=times)

            await world.wake(worker, run_id)
            await world.finish(worker, check=shadow.check)

            await assert_ended_well(world, run_id)
            stages = (await world.run_of(run_id)).stages
            interrupted = {name: stage.interrupted for name, stage in stages.items() if stage.interrupted}
            assert not interrupted, f"fault at write {point + 1}"
            assert len(world.ledger.done) == ACTS, f"fault at write {point + 1}"
            assert not await world.store.counters(), "No write was refused."
            return bool(worker.redis.faults)

    await walk(fail_at)


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.REFUSE])
async def test_a_worker_that_gave_up_on_redis_at_any_write_and_comes_back_repeats_nothing(
    redis: Redis, fault: Fault
) -> None:
    """Its process lives, its session does not: what the session held belongs to nobody in this process."""
    impatient = EngineSettings(lease_seconds=LEASE_SECONDS, away_seconds_max=0, away_pause_seconds=0)

    async def fail_at(point: int) -> bool:
        await redis.flushdb()
        async with World(redis, plots=PLOTS, settings=impatient) as world:
            shadow = Shadow()
            run_id = (await world.submit()).run_id
            worker = world.start("worker")
            worker.redis.arm(fault, after=point)

            await world.wake(worker, run_id)
            await world.wake(worker, run_id)
            await world.finish(worker, check=shadow.check)

            await assert_ended_well(world, run_id)
            return bool(worker.redis.faults)

    await walk(fail_at)
