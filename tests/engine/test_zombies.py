"""Zombies: a worker that stood still past its lease, and comes back, changes nothing."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from pipeline.engine.lifecycle import RunState
from pipeline.engine.stage import JsonValue
from tests.engine.invariants import Shadow
from tests.engine.world import LEASE_SECONDS, World
from tests.engine.yard import Yard


@pytest.fixture
async def yard(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Yard]:
    async with Yard(redis, redis_url, tmp_path / "ledger") as yard:
        yield yard


async def refusals(world: World, run_id: str) -> list[JsonValue]:
    return [entry.by for entry in await world.store.journal(run_id) if entry.kind == "write.refused"]


async def test_a_worker_that_stood_still_past_its_lease_is_refused_counted_and_seen(world: World) -> None:
    shadow = Shadow()
    run_id = (await world.submit()).run_id
    frozen, quick = world.start("frozen"), world.start("quick")
    frozen.hold()
    await world.wake(frozen, run_id)

    world.pass_time(LEASE_SECONDS + 1)
    await world.finish(quick, check=shadow.check)
    before = await world.results(run_id)
    frozen.let_go()
    await world.settle()

    await shadow.check(world)
    assert await world.results(run_id) == before
    assert await world.store.counters() == {"writes_refused": 3}, "One step of each of three stages was under way."
    assert set(await refusals(world, run_id)) == {frozen.store.owner.label}
    assert frozen.worker.holds == ()


async def test_a_worker_that_stood_still_cannot_disturb_its_successor_in_mid_work(world: World) -> None:
    shadow = Shadow()
    run_id = (await world.submit()).run_id
    frozen, quick = world.start("frozen"), world.start("quick")
    frozen.hold()
    quick.hold()
    await world.wake(frozen, run_id)
    world.pass_time(LEASE_SECONDS + 1)
    await world.sweep(quick)

    frozen.let_go()
    await world.beat(frozen)
    now = await shadow.check(world)
    quick.let_go()
    await world.settle()
    await world.finish(quick, check=shadow.check)

    assert {lease.owner for lease in now.leases} == {str(quick.store.owner)}
    assert {act.by for act in world.ledger.done if act.stage == "comment"} == {"quick"}
    assert (await world.run_of(run_id)).state is RunState.DONE
    assert await world.store.counters() == {"writes_refused": 3}


async def test_a_heartbeat_tells_a_worker_what_it_has_lost_while_its_step_still_goes_on(world: World) -> None:
    run_id = (await world.submit()).run_id
    frozen, quick = world.start("frozen"), world.start("quick")
    frozen.hold()
    quick.hold()
    await world.wake(frozen, run_id)
    world.pass_time(LEASE_SECONDS + 1)
    await world.sweep(quick)

    await world.beat(frozen)
    holds = frozen.worker.holds
    frozen.let_go()
    quick.let_go()
    await world.finish(quick, check=Shadow().check)

    assert holds == ()
    assert {act.by for act in world.ledger.done} == {"quick"}, "What the other had begun was stopped."


async def test_a_worker_takes_nothing_from_one_that_lives(world: World) -> None:
    shadow = Shadow()
    run_id = (await world.submit()).run_id
    first, second = world.start("first"), world.start("second")
    first.hold()
    await world.wake(first, run_id)

    await world.wake(second, run_id)
    world.pass_time(LEASE_SECONDS - 1)
    await world.beat(first)
    world.pass_time(LEASE_SECONDS - 1)
    await world.sweep(second)
    await shadow.check(world)
    first.let_go()
    await world.finish(first, check=shadow.check)

    assert second.worker.holds == ()
    assert {act.by for act in world.ledger.done} == {"first"}


async def test_a_stage_that_is_asked_for_again_leaves_what_it_was_doing(world: World) -> None:
    run_id = (await world.submit()).run_id
    worker = world.start("worker")
    worker.hold()
    await world.wake(worker, run_id)

    await world.store.rerun(run_id, ["analyze"], fresh=True, why="somebody asked")
    await world.beat(worker)
    worker.let_go()
    await world.finish(worker, check=Shadow().check)

    begun = [act for act in world.ledger.begun if act.stage == "analyze"]
    done = [act for act in world.ledger.done if act.stage == "analyze"]
    assert len(begun) == 2
    assert done == begun[1:]


async def test_a_worker_that_only_came_back_late_and_lost_nothing_goes_on(world: World) -> None:
    run_id = (await world.submit()).run_id
    slow = world.start("slow")
    slow.hold()
    await world.wake(slow, run_id)

    world.pass_time(LEASE_SECONDS + 1)
    slow.let_go()
    await world.finish(slow, check=Shadow().check)

    stages = (await world.run_of(run_id)).stages.values()
    assert {stage.attempt for stage in stages} == {1}
    assert await world.store.counters() == {}


async def test_a_process_that_was_stopped_past_its_lease_and_continued_changes_nothing(yard: Yard) -> None:
    """Real processes, SIGSTOP and SIGCONT; time is real here, because theirs is."""
    run_id = await yard.submit("head", step_seconds=0.3)
    zombie = await yard.start_worker()
    await yard.until(lambda: any(line.pid == zombie for line in yard.ledger))

    os.kill(zombie, signal.SIGSTOP)
    second = await yard.start_worker()
    await yard.until_ended()
    before = await yard.world.results(run_id)
    os.kill(zombie, signal.SIGCONT)
    await yard.until_refused()

    assert await yard.world.results(run_id) == before
    assert all(str(by).endswith(f":{zombie}") for by in await refusals(yard.world, run_id))
    assert await yard.repeated_steps() == []

    await yard.kill(second)
    await yard.submit("next head", step_seconds=0.01)
    await yard.until_ended()
    assert zombie in {line.pid for line in yard.ledger if line.run_id != run_id}, "It is a worker like any other again."
