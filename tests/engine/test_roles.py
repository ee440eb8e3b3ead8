"""A stage is done by workers of its role and no others; a run changes roles by a transition."""

import pytest

from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.stage import JsonValue, StageContext
from tests.engine.workshop import Acts, MakeWorkshop, Workshop, nothing
from tests.engine.world import PUBLISHER, REVIEWER, Process


async def in_two_roles(make_workshop: MakeWorkshop) -> tuple[Workshop, list[Process], list[Process], list[str]]:
    """Make a run that changes its role twice, and two workers for each role."""
    said: list[str] = []

    async def say(ctx: StageContext) -> JsonValue:
        said.append(f"{ctx.run_id} {len(said)}")
        return None

    workshop = await make_workshop(
        StageSpec(name="analyze", run=say, role=REVIEWER),
        StageSpec(name="announce", run=say, role=PUBLISHER, needs=("analyze",)),
        StageSpec(name="summarize", run=say, role=REVIEWER, needs=("announce",)),
        StageSpec(name="comment", run=say, role=PUBLISHER, needs=("summarize",)),
    )
    reviewers = [workshop.start(name, roles={REVIEWER}) for name in ("reviewer 1", "reviewer 2")]
    publishers = [workshop.start(name, roles={PUBLISHER}) for name in ("publisher 1", "publisher 2")]
    return workshop, reviewers, publishers, said


async def test_a_run_moves_from_role_to_role_and_wakes_the_next(make_workshop: MakeWorkshop) -> None:
    workshop, reviewers, publishers, said = await in_two_roles(make_workshop)
    run_id = (await workshop.submit()).run_id

    for number, worker in enumerate((reviewers[0], publishers[0], reviewers[1], publishers[1])):
        await workshop.wake(worker, run_id)
        assert len(said) == number + 1
        assert worker.worker.holds == ()

    assert workshop.hints.sent == [(run_id, PUBLISHER), (run_id, REVIEWER), (run_id, PUBLISHER)]
    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_each_stage_is_done_by_a_worker_of_its_role(make_workshop: MakeWorkshop) -> None:
    workshop, reviewers, publishers, _ = await in_two_roles(make_workshop)
    runs = [(await workshop.submit(subject=name)).run_id for name in ("one", "two", "three")]

    await workshop.finish(*publishers, *reviewers)

    for run_id in runs:
        begun = await workshop.entries(run_id, "stage.running")
        assert [(entry.detail["stage"], entry.by.split("/")[1].split()[0]) for entry in begun] == [
            ("analyze", REVIEWER),
            ("announce", PUBLISHER),
            ("summarize", REVIEWER),
            ("comment", PUBLISHER),
        ]


async def test_a_worker_that_is_woken_for_a_role_it_has_not_does_nothing(make_workshop: MakeWorkshop) -> None:
    workshop, _, publishers, said = await in_two_roles(make_workshop)
    run_id = (await workshop.submit()).run_id

    await workshop.wake(publishers[0], run_id)
    workshop.pass_time(60)
    await workshop.sweep(publishers[1])

    assert said == []
    assert (await workshop.stage_of(run_id, "analyze")).state is StageState.READY
    assert await workshop.redis.keys("onceover:lease:*") == []


async def test_a_lost_wake_up_between_roles_is_made_up_by_the_sweep(make_workshop: MakeWorkshop) -> None:
    """R1, without any wake-up at all."""
    workshop, reviewers, publishers, said = await in_two_roles(make_workshop)
    await workshop.submit()

    await workshop.finish(reviewers[0], publishers[0], step_seconds=1)

    assert len(said) == 4


async def test_two_roles_of_one_run_work_at_the_same_time_under_their_own_leases(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(
        StageSpec(name="analyze", run=acts.stage, role=REVIEWER),
        StageSpec(name="status", run=acts.stage, role=PUBLISHER),
    )
    workers = [workshop.start(role, roles={role}) for role in (REVIEWER, PUBLISHER)]
    run_id = (await workshop.submit()).run_id

    for worker in workers:
        await workshop.wake(worker, run_id)

    tokens = [int(await workshop.redis.hget(f"onceover:lease:{role}:pr", "token")) for role in (REVIEWER, PUBLISHER)]  # type: ignore[misc]  # redis-py types both clients in one.
    assert sorted(tokens) == [1, 2]
    acts.gate.set()
    await workshop.settle()
    assert (await workshop.run_of(run_id)).state is RunState.DONE


@pytest.mark.parametrize("second", ["by a wake-up", "by a sweep"])
async def test_a_second_worker_of_a_role_leaves_a_held_run_alone(make_workshop: MakeWorkshop, second: str) -> None:
    """L1: one holder, whoever else is told of the run."""
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    holder, other = workshop.start("holder"), workshop.start("other")
    run_id = (await workshop.submit()).run_id
    await workshop.wake(holder, run_id)

    if second == "by a wake-up":
        await workshop.wake(other, run_id)
    else:
        workshop.pass_time(20)
        await workshop.sweep(other)

    assert other.worker.holds == ()
    assert holder.worker.holds == (run_id,)
    acts.gate.set()
    await workshop.settle()
    assert len(acts.begun) == 1


async def test_a_process_that_works_for_one_run_leaves_all_others_alone(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    mine, other = [(await workshop.submit(subject=name)).run_id for name in ("mine", "other")]
    worker = workshop.start("local")
    worker.worker.only = mine

    workshop.pass_time(2)
    await workshop.sweep(worker)

    assert (await workshop.run_of(mine)).state is RunState.DONE
    assert (await workshop.run_of(other)).state is RunState.QUEUED
