"""An ended run is kept for its time and then goes with everything; one that lives stays, however old it is."""

from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.records import Submission
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from tests.engine.workshop import Acts, MakeWorkshop, Workshop, waiting
from tests.engine.world import Process

DAY = 86_400.0
SETTINGS = EngineSettings(retention_seconds=DAY, run_seconds_max=100 * DAY, expire_at_once_max=3)


async def eventful(ctx: StageContext) -> JsonValue:
    """Leave a key of every kind behind."""
    await ctx.step("act", Acts())
    await ctx.decide("enough")
    return (await ctx.wait("ci", seconds=60, signal="ci")).by


async def ended(make_workshop: MakeWorkshop) -> tuple[Workshop, Process, Submission]:
    workshop = await make_workshop(StageSpec(name="only", run=eventful), settings=SETTINGS)
    worker, submission = workshop.start("one"), await workshop.submit()
    await workshop.store.signal(submission.run_id, "never waited for", "payload")
    await workshop.finish(worker)
    return workshop, worker, submission


async def keys(workshop: Workshop) -> set[str]:
    return {key.decode().removeprefix("onceover:") for key in await workshop.redis.keys("*")}


async def test_an_ended_run_expires_with_every_key_it_had(make_workshop: MakeWorkshop) -> None:
    workshop, worker, submission = await ended(make_workshop)

    workshop.pass_time(DAY - 1)
    await workshop.sweep(worker)
    assert await workshop.store.read_run(submission.run_id) is not None

    workshop.pass_time(1)
    await workshop.sweep(worker)
    assert await workshop.store.read_run(submission.run_id) is None
    assert await workshop.store.list_runs(10) == []
    assert await keys(workshop) == {"fence", "owners", "bells"}


async def test_the_time_counts_from_the_end_and_not_from_the_beginning(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(
        StageSpec(name="only", run=waiting("ci", seconds=50 * DAY), total_seconds_max=100 * DAY), settings=SETTINGS
    )
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    workshop.pass_time(40 * DAY)
    await workshop.sweep(worker)
    assert (await workshop.run_of(run_id)).state is RunState.WAITING

    await workshop.store.signal(run_id, "ci")
    await workshop.wake(worker, run_id)
    workshop.pass_time(DAY / 2)
    await workshop.sweep(worker)
    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_a_run_that_was_opened_again_does_not_expire(make_workshop: MakeWorkshop) -> None:
    workshop, worker, submission = await ended(make_workshop)
    workshop.pass_time(DAY - 1)
    await workshop.store.rerun(submission.run_id, "all", fresh=True, why="again")
    await workshop.wake(worker, submission.run_id)

    workshop.pass_time(2)
    await workshop.sweep(worker)
    assert (await workshop.stage_of(submission.run_id, "only")).state is StageState.PARKED

    await workshop.finish(worker)
    workshop.pass_time(DAY)
    await workshop.sweep(worker)
    assert await workshop.store.read_run(submission.run_id) is None


async def test_a_run_with_the_id_of_one_that_expired_sees_nothing_of_it(make_workshop: MakeWorkshop) -> None:
    """No step, checkpoint, journal or latched signal, and no order of its subject."""
    workshop, worker, submission = await ended(make_workshop)
    workshop.pass_time(DAY)
    await workshop.sweep(worker)

    again = await workshop.submit(order=1)
    assert (again.run_id, again.outcome) == (submission.run_id, "created")
    await workshop.wake(worker, again.run_id)

    assert (await workshop.stage_of(again.run_id, "only")).state is StageState.PARKED
    assert len(await workshop.entries(again.run_id, "step.finished")) == 1
    run = await workshop.run_of(again.run_id)
    assert run.journal_length == len(await workshop.store.journal(again.run_id))


async def test_a_newer_head_of_the_subject_outlives_the_older_one(make_workshop: MakeWorkshop) -> None:
    workshop, worker, _ = await ended(make_workshop)
    workshop.pass_time(DAY / 2)
    newer = await workshop.submit("newer")
    await workshop.finish(worker)

    workshop.pass_time(DAY / 2)
    await workshop.sweep(worker)

    assert [run.run_id for run in await workshop.store.list_runs(10)] == [newer.run_id]
    assert (await workshop.submit("newer")).outcome == "answered"


async def test_one_sweep_drops_a_bounded_number(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=Acts().stage), settings=SETTINGS)
    worker = workshop.start("one")
    for number in range(5):
        await workshop.submit(subject=f"pr {number}")
    await workshop.finish(worker)
    workshop.pass_time(DAY)

    await workshop.sweep(worker)
    assert len(await workshop.store.list_runs(10)) == 2

    await workshop.sweep(worker)
    assert await workshop.store.list_runs(10) == []


async def test_a_process_that_was_not_heard_of_for_a_day_is_forgotten(make_workshop: MakeWorkshop) -> None:
    """Containers come and go; each has a name of its own."""
    workshop = await make_workshop(StageSpec(name="only", run=Acts().stage))
    gone, stays = workshop.start("gone", host="container 1"), workshop.start("stays", host="container 2")
    await workshop.sweep(gone)

    workshop.pass_time(workshop.settings.owner_seconds_max + 1)
    await workshop.sweep(stays)

    assert await workshop.store.owners() == (str(stays.store.owner),)


async def test_a_worker_whose_run_is_gone_lets_it_go(make_workshop: MakeWorkshop) -> None:
    """Somebody removed it by hand; nothing of it comes back."""
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    await workshop.redis.delete(f"onceover:run:{run_id}")
    await workshop.beat(worker)

    assert worker.worker.holds == ()
    assert await workshop.store.read_run(run_id) is None
