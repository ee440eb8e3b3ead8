"""A worker that is asked to stop finishes the steps under way, hands back the rest, and loses nothing."""

import asyncio

from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from tests.engine.faults import Fault
from tests.engine.invariants import Shadow
from tests.engine.workshop import BRISK, Acts, MakeWorkshop, Workshop, forever, until, working


def two_steps(acts: Acts) -> StageSpec:
    async def stage(ctx: StageContext) -> JsonValue:
        return [await ctx.step("act", acts, what) for what in ("first", "second")]

    return StageSpec(name="only", run=stage)


async def begun(acts: Acts, count: int) -> None:
    async def have_begun() -> bool:
        return len(acts.begun) >= count

    await until(have_begun)


async def handed_back(make_workshop: MakeWorkshop, acts: Acts) -> tuple[Workshop, str]:
    """Stop a worker in the middle of the first of two steps, which then comes to its end."""
    acts.gate.clear()
    workshop = await make_workshop(two_steps(acts), settings=BRISK)
    run_id = (await workshop.submit()).run_id
    async with working(workshop.start("first")) as first:
        await begun(acts, 1)
        first.cancel()
        await asyncio.sleep(0)
        acts.gate.set()
    return workshop, run_id


async def test_the_step_under_way_finishes_and_is_kept_and_the_next_does_not_begin(
    make_workshop: MakeWorkshop,
) -> None:
    acts = Acts()
    workshop, run_id = await handed_back(make_workshop, acts)

    assert acts.done == ["first"]
    assert len(await workshop.entries(run_id, "step.finished")) == 1
    assert (await workshop.stage_of(run_id, "only")).state is StageState.READY
    assert await workshop.redis.keys("onceover:lease:*") == []
    assert await workshop.store.owners() == ()
    await Shadow().check(workshop)


async def test_the_next_worker_goes_on_at_once_in_the_same_attempt(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    workshop, run_id = await handed_back(make_workshop, acts)
    assert workshop.hints.sent == [(run_id, "worker")]

    second = workshop.start("second")
    await workshop.wake(second, run_id)

    stage = await workshop.stage_of(run_id, "only")
    assert (stage.state, stage.attempt, stage.interrupted) == (StageState.DONE, 1, 0)
    assert acts.done == ["first", "second"]


async def test_a_worker_that_is_leaving_renews_its_leases_until_its_last_step_is_done(
    make_workshop: MakeWorkshop,
) -> None:
    """A drain may take longer than a lease; without its heartbeat another worker would pay for the step again."""
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(two_steps(acts), settings=BRISK)
    run_id = (await workshop.submit()).run_id
    other = workshop.start("other", host="elsewhere")

    async with working(workshop.start("leaving")) as leaving:
        await begun(acts, 1)
        leaving.cancel()
        for _ in range(3):
            before = await lease_end(workshop)
            workshop.pass_time(20)

            async def is_renewed(before: int = before) -> bool:
                return await lease_end(workshop) > before

            await until(is_renewed)
            await workshop.sweep(other)
            assert other.worker.holds == ()
        acts.gate.set()

    assert acts.begun == ["first"]
    assert (await workshop.stage_of(run_id, "only")).interrupted == 0


async def lease_end(workshop: Workshop) -> int:
    stored = await workshop.redis.hget("onceover:lease:worker:pr", "expires_ms")  # type: ignore[misc]  # redis-py types both clients in one.
    return int(stored or 0)


async def test_a_worker_that_is_leaving_takes_nothing_new(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(two_steps(acts), settings=BRISK)
    held = (await workshop.submit()).run_id
    process = workshop.start("leaving")

    async with working(process) as leaving:
        await begun(acts, 1)
        leaving.cancel()
        await asyncio.sleep(0)
        late = (await workshop.submit(subject="late")).run_id
        await process.worker.advance(late)
        await process.worker.sweep_once(())
        assert process.worker.holds == (held,)
        acts.gate.set()

    assert (await workshop.run_of(late)).state is RunState.QUEUED
    assert acts.begun == ["first"]


async def test_a_stage_that_does_not_end_is_cut_when_the_time_for_leaving_is_over(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(
        StageSpec(name="only", run=forever), settings=EngineSettings(grace_seconds=0, drain_seconds_max=0.01)
    )
    process, run_id = workshop.start("one"), (await workshop.submit()).run_id

    async with working(process):
        await workshop.wake(process, run_id)

    stage = await workshop.stage_of(run_id, "only")
    assert (stage.state, stage.interrupted) == (StageState.READY, 0)
    assert await workshop.redis.keys("onceover:lease:*") == []


async def test_a_finished_step_whose_result_was_still_on_its_way_is_not_lost(make_workshop: MakeWorkshop) -> None:
    """Redis does not answer when the step ends, and the worker is cut before it does."""
    acts = Acts()
    acts.gate.clear()
    settings = EngineSettings(grace_seconds=0, drain_seconds_max=0.01, away_pause_seconds=0.001)
    workshop = await make_workshop(two_steps(acts), settings=settings)
    process, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(process, run_id)

    async with working(process):
        process.redis.arm(Fault.REFUSE, times=8)
        acts.gate.set()

    assert "first" in acts.done
    second = workshop.start("second")
    workshop.pass_time(60)
    await workshop.finish(second)
    assert acts.done == ["first", "second"]


async def test_a_worker_without_work_leaves_at_once(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=forever))
    process = workshop.start("one")

    async with working(process):
        await workshop.settle()
        assert await workshop.store.owners() == (str(process.store.owner),)

    assert await workshop.store.owners() == ()
