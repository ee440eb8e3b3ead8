"""A stage waits for a time or a signal, holds nothing meanwhile, and hears every signal that was meant for it."""

import pytest

from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from tests.engine.workshop import Acts, MakeWorkshop, Workshop, waiting
from tests.engine.world import Process


async def park(
    make_workshop: MakeWorkshop, signal: str | None = "ci", *, seconds: float = 60
) -> tuple[Workshop, Process, str]:
    """Bring a run to where its only stage waits."""
    workshop = await make_workshop(StageSpec(name="only", run=waiting(signal, seconds=seconds)))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)
    assert (await workshop.stage_of(run_id, "only")).state is StageState.PARKED
    return workshop, worker, run_id


async def test_a_wait_ends_when_its_time_is_over_and_not_before(make_workshop: MakeWorkshop) -> None:
    workshop, worker, run_id = await park(make_workshop, None, seconds=60)

    workshop.pass_time(59)
    await workshop.sweep(worker)
    assert (await workshop.stage_of(run_id, "only")).state is StageState.PARKED

    workshop.pass_time(1)
    await workshop.sweep(worker)
    assert (await workshop.results(run_id))["only"] == {"by": "timer", "payload": None}


async def test_a_signal_ends_a_wait_with_its_payload(make_workshop: MakeWorkshop) -> None:
    workshop, worker, run_id = await park(make_workshop)

    outcome = await workshop.store.signal(run_id, "ci", {"conclusion": "success", "notes": ['"quoted"', "\ud800 é"]})
    await workshop.wake(worker, run_id)

    assert outcome == ("woken", ("worker",))
    payload = {"conclusion": "success", "notes": ['"quoted"', "\ud800 é"]}
    assert (await workshop.results(run_id))["only"] == {"by": "signal", "payload": payload}


async def test_a_signal_of_another_name_ends_no_wait(make_workshop: MakeWorkshop) -> None:
    workshop, worker, run_id = await park(make_workshop)

    outcome, ready = await workshop.store.signal(run_id, "other")
    await workshop.wake(worker, run_id)

    assert (outcome, ready) == ("latched", ())
    assert (await workshop.stage_of(run_id, "only")).state is StageState.PARKED


async def test_a_signal_before_the_wait_is_not_lost_and_of_several_the_newest_counts(
    make_workshop: MakeWorkshop,
) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=waiting("ci")))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.store.signal(run_id, "ci", "first")
    await workshop.store.signal(run_id, "ci", "second")

    await workshop.wake(worker, run_id)

    assert (await workshop.results(run_id))["only"] == {"by": "signal", "payload": "second"}


async def test_a_signal_ends_one_wait_and_the_next_wait_needs_another(make_workshop: MakeWorkshop) -> None:
    async def stage(ctx: StageContext) -> JsonValue:
        return [(await ctx.wait(name, seconds=60, signal="ci")).payload for name in ("first", "second")]

    workshop = await make_workshop(StageSpec(name="only", run=stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.store.signal(run_id, "ci", 1)
    await workshop.wake(worker, run_id)
    assert (await workshop.stage_of(run_id, "only")).waits_for == "second"

    await workshop.store.signal(run_id, "ci", 2)
    await workshop.wake(worker, run_id)

    assert (await workshop.results(run_id))["only"] == [1, 2]


async def test_two_stages_that_wait_for_one_signal_both_hear_it(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(
        StageSpec(name="analyze", run=waiting("ci")), StageSpec(name="test", run=waiting("ci"))
    )
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    await workshop.store.signal(run_id, "ci", "done")
    await workshop.wake(worker, run_id)

    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_a_worker_that_dies_right_after_the_wake_up_loses_no_signal(make_workshop: MakeWorkshop) -> None:
    workshop, first, run_id = await park(make_workshop)
    await workshop.store.signal(run_id, "ci", "payload")
    first.redis.die()

    second = workshop.start("two")
    await workshop.finish(second)

    assert (await workshop.results(run_id))["only"] == {"by": "signal", "payload": "payload"}


async def test_steps_before_a_wait_are_not_done_again_after_it(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        await ctx.step("ask", acts, "before")
        await ctx.wait("ci", seconds=60)
        return await ctx.step("ask", acts, "after")

    workshop = await make_workshop(StageSpec(name="only", run=stage))
    worker = workshop.start("one")
    await workshop.submit()
    await workshop.finish(worker)

    assert acts.done == ["before", "after"]


async def test_a_parked_stage_holds_no_worker_lease_or_attempt(make_workshop: MakeWorkshop) -> None:
    workshop, worker, run_id = await park(make_workshop)

    assert (await workshop.run_of(run_id)).state is RunState.WAITING
    assert worker.worker.holds == ()
    assert await workshop.redis.keys("onceover:lease:*") == []
    assert await workshop.redis.keys("onceover:held:*") == []

    await workshop.store.signal(run_id, "ci")
    await workshop.wake(worker, run_id)
    stage = await workshop.stage_of(run_id, "only")
    assert (stage.attempt, stage.failures, stage.interrupted) == (1, 0, 0)


async def test_a_full_worker_has_room_again_once_its_run_waits(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(
        StageSpec(name="only", run=waiting("ci")), settings=EngineSettings(runs_at_once_max=1)
    )
    worker = workshop.start("one")
    runs = [(await workshop.submit(subject=name)).run_id for name in ("one", "two", "three")]

    for run_id in runs:
        await workshop.wake(worker, run_id)

    assert {(await workshop.run_of(run_id)).state for run_id in runs} == {RunState.WAITING}


@pytest.mark.parametrize("seconds", [0, -5])
async def test_a_wait_for_a_time_that_is_over_ends_at_once(make_workshop: MakeWorkshop, seconds: float) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=waiting(seconds=seconds)))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    await workshop.wake(worker, run_id)

    assert (await workshop.results(run_id))["only"] == {"by": "timer", "payload": None}


async def test_a_re_run_waits_anew(make_workshop: MakeWorkshop) -> None:
    workshop, worker, run_id = await park(make_workshop)
    await workshop.store.signal(run_id, "ci", "first")
    await workshop.wake(worker, run_id)

    await workshop.store.rerun(run_id, "all", fresh=False, why="again")
    await workshop.wake(worker, run_id)

    assert (await workshop.stage_of(run_id, "only")).state is StageState.PARKED


async def test_a_stage_that_waits_later_hears_what_another_has_heard(make_workshop: MakeWorkshop) -> None:
    """CI has finished, for whoever wants to know."""
    workshop = await make_workshop(
        StageSpec(name="analyze", run=waiting("ci")), StageSpec(name="test", run=waiting("ci"), needs=("analyze",))
    )
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    await workshop.store.signal(run_id, "ci", "passed")
    await workshop.wake(worker, run_id)

    assert (await workshop.results(run_id))["test"] == {"by": "signal", "payload": "passed"}


async def test_two_waits_of_one_name_are_a_bug_and_not_one_wait(make_workshop: MakeWorkshop) -> None:
    async def stage(ctx: StageContext) -> JsonValue:
        for _ in range(2):
            await ctx.wait("a while", seconds=1)
        return None

    workshop = await make_workshop(StageSpec(name="only", run=stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.finish(worker)

    error = (await workshop.stage_of(run_id, "only")).error
    assert error is not None
    assert error["code"] == "bug"
    assert "waits for 'a while' twice" in str(error["message"])


async def test_a_signal_to_nobody_says_so(make_workshop: MakeWorkshop) -> None:
    workshop, worker, run_id = await park(make_workshop)
    await workshop.finish(worker)

    assert await workshop.store.signal(run_id, "ci") == ("ended", ())
    assert await workshop.store.signal("r_nobody", "ci") == ("gone", ())
