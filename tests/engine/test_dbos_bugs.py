"""Recovery bugs that users of another durable engine (DBOS Transact for Python) reported, as questions to this one.

Each test names the issue in dbos-inc/dbos-transact-py that describes the bug; one is of a product built on it.
"""

import asyncio

import pytest

from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.request import RunRequest
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from tests.engine.faults import Fault
from tests.engine.invariants import Shadow
from tests.engine.workshop import BRISK, Acts, MakeWorkshop, nothing, until, waiting, working


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.LOSE_REPLY])
@pytest.mark.parametrize("after", range(4))
async def test_py716_an_error_of_the_store_during_recovery_strands_no_run(
    make_workshop: MakeWorkshop, fault: Fault, after: int
) -> None:
    """A transient database error while a dead executor's runs were recovered left them pending for good."""
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    victim, run_id = workshop.start("victim", host="here"), (await workshop.submit()).run_id
    await workshop.wake(victim, run_id)
    victim.redis.die()
    acts.gate.set()

    successor = workshop.start("successor", host="here")
    successor.redis.arm(fault, after=after, times=3)
    await workshop.finish(successor)

    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_py742_what_a_sweep_found_is_not_begun_if_somebody_else_has_it_by_then(
    make_workshop: MakeWorkshop,
) -> None:
    """Recovery answered with a list, and ran all of it although a queue worker owned some by then."""
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    slow, quick = workshop.start("slow"), workshop.start("quick")
    run_id = (await workshop.submit()).run_id
    workshop.pass_time(2)
    found = (await slow.store.sweep(["worker"], room=5)).found

    await workshop.wake(quick, run_id)
    for stale in found:
        await workshop.wake(slow, stale)

    assert found == (run_id,)
    assert (slow.worker.holds, quick.worker.holds) == ((), (run_id,))
    assert acts.begun == ["act"]


async def test_py804_a_worker_that_has_left_does_not_take_its_runs_back(make_workshop: MakeWorkshop) -> None:
    """A draining executor claimed again what it had just handed over, since the id was its own."""
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage), settings=BRISK)
    leaving, run_id = workshop.start("leaving"), (await workshop.submit()).run_id
    async with working(leaving) as task:

        async def has_begun() -> bool:
            return bool(acts.begun)

        await until(has_begun)
        task.cancel()
        await asyncio.sleep(0)
        acts.gate.set()

    await leaving.worker.advance(run_id)
    await leaving.worker.sweep_once(())
    await leaving.worker.beat_once()

    assert leaving.worker.holds == ()
    assert await workshop.redis.keys("onceover:lease:*") == []


async def test_py805_a_worker_with_room_for_one_run_is_not_blocked_by_one_between_its_steps(
    make_workshop: MakeWorkshop,
) -> None:
    """On a queue of concurrency 1, a run that waited between two steps kept its place and nothing moved any more."""
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        await ctx.step("before", acts)
        await ctx.wait("a while", seconds=0.01)
        return await ctx.step("after", acts)

    workshop = await make_workshop(
        StageSpec(name="only", run=stage),
        settings=EngineSettings(runs_at_once_max=1, sweep_seconds=0.005, grace_seconds=0),
    )
    runs = [(await workshop.submit(subject=f"pr {number}")).run_id for number in range(4)]

    async with working(workshop.start("one")):
        ended = [await workshop.until_ended(run_id) for run_id in runs]

    assert {run.state for run in ended} == {RunState.DONE}
    assert len(acts.done) == 8


@pytest.mark.parametrize(("subject", "revision"), [("", "head"), ("pr", ""), ("", "")])
async def test_py759_an_empty_name_names_one_run_however_often_it_is_asked_for(
    make_workshop: MakeWorkshop, subject: str, revision: str
) -> None:
    """An empty workflow id counted as none: a schedule started a duplicate every 15 minutes for a month."""
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    worker = workshop.start("one")

    outcomes = []
    for _ in range(3):
        outcomes.append((await workshop.submit(revision, subject=subject)).outcome)
        await workshop.finish(worker)

    assert outcomes == ["created", "answered", "answered"]
    assert len(await workshop.store.list_runs(10)) == 1
    assert RunRequest(subject=subject, revision=revision, params={}).run_id != "r_"


async def test_py769_a_name_that_is_used_again_after_expiry_replays_nothing(make_workshop: MakeWorkshop) -> None:
    """Outputs of steps outlived their workflow, and answered for the next one of the same id."""
    acts = Acts()
    workshop = await make_workshop(
        StageSpec(name="only", run=acts.stage), settings=EngineSettings(retention_seconds=60)
    )
    worker, first = workshop.start("one"), await workshop.submit()
    await workshop.finish(worker)
    workshop.pass_time(61)
    await workshop.sweep(worker)

    second = await workshop.submit()
    await workshop.finish(worker)

    assert (first.run_id, second.outcome) == (second.run_id, "created")
    assert len(acts.done) == 2
    assert (await workshop.results(second.run_id))["only"] == 1


@pytest.mark.parametrize("after", range(6))
async def test_py770_what_a_step_writes_beside_its_result_is_written_once(
    make_workshop: MakeWorkshop, after: int
) -> None:
    """A stream written from within a step got its entry again whenever the step was sent or replayed."""

    async def stage(ctx: StageContext) -> JsonValue:
        await ctx.decide("read the tests first")
        await ctx.step("act", Acts())
        await ctx.wait("a while", seconds=5)
        await ctx.decide("and then the rest")
        return None

    workshop = await make_workshop(StageSpec(name="only", run=stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    worker.redis.arm(Fault.LOSE_REPLY, after=after)
    await workshop.finish(worker)

    told = [entry.detail["text"] for entry in await workshop.entries(run_id, "decision")]
    assert told == ["read the tests first", "and then the rest"]
    assert len(await workshop.entries(run_id, "step.finished")) == 1


async def test_py453_another_host_takes_over_when_the_lease_runs_out_and_nobody_has_to_ask_it_to(
    make_workshop: MakeWorkshop,
) -> None:
    """Recovery across hosts needed a paid service."""
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    victim, run_id = workshop.start("victim", host="here"), (await workshop.submit()).run_id
    await workshop.wake(victim, run_id)
    victim.redis.die()
    acts.gate.set()
    stranger = workshop.start("stranger", host="there")

    await workshop.sweep(stranger)
    assert stranger.worker.holds == ()

    workshop.pass_time(workshop.settings.lease_seconds + 1)
    await workshop.finish(stranger)
    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_druks619_a_run_that_waited_through_an_upgrade_is_done_by_the_new_version(
    make_workshop: MakeWorkshop,
) -> None:
    """Recovery went by a hash of the code, so an upgrade in place left parked runs behind for good."""
    older = await make_workshop(StageSpec(name="test", run=waiting("ci"), version=1))
    before, run_id = older.start("before"), (await older.submit()).run_id
    await older.wake(before, run_id)
    assert (await older.stage_of(run_id, "test")).state is StageState.PARKED
    before.redis.die()

    newer = await make_workshop(StageSpec(name="test", run=waiting("ci"), version=2))
    after = newer.start("after")
    await newer.store.signal(run_id, "ci", "passed")
    await newer.finish(after)

    run = await newer.run_of(run_id)
    assert run.state is RunState.DONE
    assert (await newer.results(run_id))["test"] == {"by": "signal", "payload": "passed"}
    await Shadow().check(newer)
