"""Always replay: the stage function is left and entered again after each step, and each step's body still runs once.

What is not a step runs again each time: that is what a stage must bear after a crash at any point.
"""

import asyncio
from collections import Counter

import pytest
from redis.asyncio import Redis

from pipeline.engine.lifecycle import RunState
from pipeline.engine.stage import JsonValue, StageContext
from tests.engine.invariants import Shadow
from tests.engine.world import Outside, Plot, World


async def loop(outside: Outside, ctx: StageContext) -> JsonValue:
    return [await outside.step(ctx, "turn", turn) for turn in range(4)]


async def gathered(outside: Outside, ctx: StageContext) -> JsonValue:
    return list(await asyncio.gather(*(outside.step(ctx, "part", part) for part in range(4))))


async def task_group(outside: Outside, ctx: StageContext) -> JsonValue:
    async def part(number: int) -> int:
        first = await outside.step(ctx, "first half", number)
        return first + await outside.step(ctx, "second half", number, first)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part(number)) for number in range(3)]
    return [task.result() for task in tasks]


async def branches(outside: Outside, ctx: StageContext) -> JsonValue:
    async def left() -> list[int]:
        return [await outside.step(ctx, "left", turn) for turn in range(2)]

    async def right() -> list[int]:
        return list(await asyncio.gather(*(outside.step(ctx, "right", side) for side in "ab")))

    chosen = await outside.step(ctx, "choose")
    both = await asyncio.gather(left(), right()) if chosen else ()
    return [*(number for side in both for number in side), await outside.step(ctx, "join")]


async def shared(outside: Outside, ctx: StageContext) -> JsonValue:
    return list(await asyncio.gather(*(outside.step(ctx, "the same") for _ in range(3))))


async def waits_between(outside: Outside, ctx: StageContext) -> JsonValue:
    before = await outside.step(ctx, "before")
    first = await ctx.wait("a while", seconds=5)
    between = await outside.step(ctx, "between")
    second = await ctx.wait("a word", seconds=600, signal="word")
    return [before, first.by, between, second.by, second.payload, await outside.step(ctx, "after")]


async def looks(outside: Outside, ctx: StageContext) -> JsonValue:
    await ctx.decide("It is looked at once more.")
    return [await outside.step(ctx, "look", observes=True), await outside.step(ctx, "think")]


STEPS: dict[str, tuple[Plot, int]] = {
    "a loop": (loop, 4),
    "gather": (gathered, 4),
    "a task group": (task_group, 6),
    "nested branches": (branches, 6),
    "a shared step": (shared, 1),
    "waits": (waits_between, 3),
    "a step that observes": (looks, 2),
}


def counted(plot: Plot, entries: Counter[str]) -> Plot:
    async def enter(outside: Outside, ctx: StageContext) -> JsonValue:
        entries[outside.process] += 1
        return await plot(outside, ctx)

    return enter


@pytest.mark.parametrize(("plot", "steps"), STEPS.values(), ids=STEPS)
async def test_a_stage_that_is_entered_again_after_each_step_does_each_step_once(
    redis: Redis, plot: Plot, steps: int
) -> None:
    entries: Counter[str] = Counter()
    async with World(redis, plots={"analyze": counted(plot, entries)}) as world:
        shadow = Shadow()
        world.ledger.turns = lambda act: 60 if act.inputs in {(0,), ("a",)} else 0  # Some end long after others.
        run_id = (await world.submit()).run_id
        worker = world.start("replays", replay_every_step=True)

        await world.wake(worker, run_id)
        await world.store.signal(run_id, "word", "hello")
        await world.finish(worker, check=shadow.check)

        assert (await world.run_of(run_id)).state is RunState.DONE
        done = Counter(act.identity for act in world.ledger.done if act.stage == "analyze")
        assert list(done.values()) == [1] * steps
        assert len(world.ledger.begun) == len(world.ledger.done)
        assert entries["replays"] > 1
