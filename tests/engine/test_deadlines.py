"""A step, an attempt, a stage and a run each have their time; reaching it is an outcome that can be told."""

import asyncio

from pipeline.engine.errors import RetryLater
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.retry import RetryPolicy
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, Missing, StageContext
from tests.engine.workshop import Acts, MakeWorkshop, failing, nothing, waiting

HOUR = EngineSettings(run_seconds_max=3_600)


async def tell_what_is_missing(ctx: StageContext) -> JsonValue:
    return {name: before.reason for name, before in ctx.upstream.items() if isinstance(before, Missing)}


async def test_a_parked_stage_fails_when_its_own_time_is_over_and_the_run_goes_on(
    make_workshop: MakeWorkshop,
) -> None:
    workshop = await make_workshop(
        StageSpec(name="test", run=waiting("ci", seconds=10_000), total_seconds_max=600),
        StageSpec(name="comment", run=tell_what_is_missing, needs=("test",)),
    )
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    workshop.pass_time(601)
    await workshop.sweep(worker)

    run = await workshop.run_of(run_id)
    assert run.state is RunState.DONE
    assert run.is_degraded
    assert (await workshop.results(run_id))["comment"] == {
        "test": f"Stage test of run {run_id} was not done when the stage's deadline passed."
    }


async def test_a_stage_gets_no_time_for_a_retry_beyond_its_own(make_workshop: MakeWorkshop) -> None:
    error = RetryLater("later", retry_after_seconds=1_000)
    spec = StageSpec(name="only", run=failing(error), total_seconds_max=600)
    workshop = await make_workshop(spec)
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    workshop.pass_time(601)
    await workshop.sweep(worker)

    stage = await workshop.stage_of(run_id, "only")
    assert stage.state is StageState.FAILED
    assert stage.error is not None
    assert stage.error["code"] == "deadline"


async def test_the_time_of_a_stage_begins_with_its_first_start_and_waiting_for_it_costs_nothing(
    make_workshop: MakeWorkshop,
) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing, total_seconds_max=600))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    workshop.pass_time(3_000)
    await workshop.sweep(worker)

    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_a_run_deadline_ends_what_waits_and_closing_stages_still_tell_of_it(
    make_workshop: MakeWorkshop,
) -> None:
    workshop = await make_workshop(
        StageSpec(name="test", run=waiting("ci", seconds=100_000), total_seconds_max=100_000),
        StageSpec(name="summarize", run=tell_what_is_missing, needs=("test",), closes=True),
        StageSpec(name="comment", run=nothing, needs=("summarize",), closes=True),
        settings=HOUR,
    )
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    workshop.pass_time(3_601)
    await workshop.sweep(worker)

    run = await workshop.run_of(run_id)
    assert {name: stage.state for name, stage in run.stages.items()} == {
        "test": StageState.FAILED,
        "summarize": StageState.DONE,
        "comment": StageState.DONE,
    }
    assert "run's deadline" in str((await workshop.results(run_id))["summarize"])


async def test_a_run_that_no_worker_ever_took_ends_at_its_deadline(make_workshop: MakeWorkshop) -> None:
    """R1: the first look after a week-end without workers ends it, and says why."""
    workshop = await make_workshop(
        StageSpec(name="analyze", run=nothing), StageSpec(name="docs", run=nothing, needs=("analyze",)), settings=HOUR
    )
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    workshop.pass_time(200_000)
    await workshop.sweep(worker)

    run = await workshop.run_of(run_id)
    assert run.state is RunState.DEAD
    assert {stage.state for stage in run.stages.values()} == {StageState.FAILED}


async def test_no_attempt_gets_more_time_than_its_stage_has_left(make_workshop: MakeWorkshop) -> None:
    """It waited for 599.99 of its 600 seconds, and hangs in what follows."""

    async def stage(ctx: StageContext) -> JsonValue:
        await ctx.wait("ci", seconds=599.99)
        await asyncio.Event().wait()
        return None

    spec = StageSpec(name="only", run=stage, total_seconds_max=600, retry=RetryPolicy(tries_max=1))
    workshop = await make_workshop(spec)
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)
    workshop.pass_time(599.99)
    await workshop.sweep(worker)

    ended = await workshop.until_ended(run_id)

    assert ended.stages["only"].error is not None
    assert ended.stages["only"].error["code"] in {"attempt_timed_out", "deadline"}


async def test_a_step_under_way_is_not_cut_by_the_run_deadline_alone(make_workshop: MakeWorkshop) -> None:
    """Its attempt has its own limit, which the deadline has shortened when the attempt began."""
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage, closes=True), settings=HOUR)
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    workshop.pass_time(3_601)
    await workshop.beat(worker)
    acts.gate.set()
    await workshop.settle()

    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_a_stage_whose_worker_lives_and_does_not_end_it_is_failed_from_outside(
    make_workshop: MakeWorkshop,
) -> None:
    """It blocks its limit, and its heartbeat goes on: without this, its run would be under way for good (R1)."""
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage, total_seconds_max=600))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)
    for _ in range(30):
        workshop.pass_time(20)
        await workshop.beat(worker)
    assert (await workshop.stage_of(run_id, "only")).state is StageState.RUNNING

    workshop.pass_time(workshop.settings.overrun_seconds_max)
    await workshop.beat(worker)
    acts.gate.set()
    await workshop.settle()

    stage = await workshop.stage_of(run_id, "only")
    assert stage.state is StageState.FAILED
    assert stage.error is not None
    assert stage.error["code"] == "deadline"
    assert worker.worker.holds == ()


async def test_the_time_that_a_stage_waits_is_not_counted_against_its_retries(make_workshop: MakeWorkshop) -> None:
    busy = failing(RetryLater("busy"))

    async def stage(ctx: StageContext) -> JsonValue:
        await ctx.wait("ci", seconds=500)
        return await busy(ctx)

    spec = StageSpec(name="only", run=stage, retry=RetryPolicy(total_seconds_max=100))
    workshop = await make_workshop(spec)
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    await workshop.finish(worker, step_seconds=50)

    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_a_re_run_gets_new_deadlines(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=waiting("ci", seconds=100_000)), settings=HOUR)
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)
    workshop.pass_time(3_601)
    await workshop.sweep(worker)
    assert (await workshop.run_of(run_id)).state is RunState.DEAD

    await workshop.store.rerun(run_id, "failed", fresh=False, why="again")
    await workshop.wake(worker, run_id)

    assert (await workshop.stage_of(run_id, "only")).state is StageState.PARKED
