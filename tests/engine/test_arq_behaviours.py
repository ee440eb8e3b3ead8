"""What arq 0.28 does behind one's back, row by row, against the real arq: none of it stops or doubles a run.

Row numbers are those of the ADR, which names the test or the reason for each of them.
"""

import asyncio
import pickle
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.settings import EngineSettings
from pipeline.engine.wakeup_arq import HEALTH_SECONDS, JOB_SECONDS_MAX
from pipeline.engine.worker import HINT_SECONDS_MAX
from tests.conftest import StartRedis
from tests.engine.arq_queue import QUEUE, Heard, job, listening, over_arq, put, queued, until_empty
from tests.engine.workshop import BRISK, Acts, MakeWorkshop, Workshop, sign_as_a_dead_neighbour, until, working
from tests.engine.world import Process

BY_WAKE_UPS_ALONE = EngineSettings(grace_seconds=3_600)
"""The sweep offers nothing for an hour: what happens was brought about by a wake-up."""


@pytest.fixture
async def acts() -> AsyncIterator[Acts]:
    """Acts that are let go at the end, whatever the test did."""
    acts = Acts()
    yield acts
    acts.gate.set()


async def open_workshop(make_workshop: MakeWorkshop, acts: Acts, settings: EngineSettings = BRISK) -> Workshop:
    return await make_workshop(StageSpec(name="only", run=acts.stage), settings=settings)


def start(workshop: Workshop, name: str = "one") -> Process:
    """Start a process that hears by arq."""
    process = workshop.start(name)
    process.worker.wakeups = over_arq(workshop.redis)
    return process


async def have(done: Callable[[], bool]) -> None:
    async def check() -> bool:
        return done()

    await until(check)


async def in_progress_ms(redis: Redis) -> list[int]:
    """Read how long arq's own leases still last."""
    return [await redis.pttl(key) for key in await redis.keys("arq:in-progress:*")]


async def full_worker(redis: Redis, check: Callable[[], Awaitable[None]]) -> None:
    """Look at arq while a job of it waits for room in a worker."""
    waits = asyncio.Event()

    async def wait_for_room(_: str) -> None:
        waits.set()
        await asyncio.Event().wait()

    async with listening(over_arq(redis), wait_for_room):
        await over_arq(redis).wake("r_1", "worker")
        await waits.wait()
        await check()


async def test_row_01_a_killed_worker_is_replaced_without_waiting_for_arqs_lease(
    make_workshop: MakeWorkshop, acts: Acts
) -> None:
    acts.gate.clear()
    workshop = await open_workshop(make_workshop, acts)
    victim, run_id = workshop.start("victim"), (await workshop.submit()).run_id
    sign_as_a_dead_neighbour(victim)
    await workshop.wake(victim, run_id)
    await workshop.store.sweep(["worker"], room=0)
    victim.redis.die()
    await put(workshop.redis, job(a=[run_id]), job_id=b"taken")
    await workshop.redis.set("arq:in-progress:taken", 1, px=310_000)  # What a kill -9 leaves behind.
    acts.gate.set()

    async with working(start(workshop, "survivor")):
        ended = await workshop.until_ended(run_id)

    assert ended.state is RunState.DONE
    assert await in_progress_ms(workshop.redis) != []


async def test_row_02_arqs_lease_is_short_whatever_a_stage_may_take(redis: Redis) -> None:
    async def check() -> None:
        (left_ms,) = await in_progress_ms(redis)
        assert left_ms <= (JOB_SECONDS_MAX + 10) * 1000

    await full_worker(redis, check)


async def test_row_03_a_job_that_arq_hands_out_twice_is_done_once(make_workshop: MakeWorkshop, acts: Acts) -> None:
    acts.gate.clear()
    workshop = await open_workshop(make_workshop, acts)
    run_id = (await workshop.submit()).run_id

    async with working(start(workshop, "one")), working(start(workshop, "two")):
        for number in range(6):
            await put(workshop.redis, job(a=[run_id]), job_id=b"copy %d" % number)
        await until_empty(workshop.redis)
        acts.gate.set()
        await workshop.until_ended(run_id)

    assert acts.begun == ["act"]
    assert len(await workshop.entries(run_id, "lease.acquired")) == 1


async def test_row_04_arqs_lease_outlives_the_job_that_it_stands_for(redis: Redis) -> None:
    async def check() -> None:
        (left_ms,) = await in_progress_ms(redis)
        assert left_ms > HINT_SECONDS_MAX * 1000

    await full_worker(redis, check)


async def test_row_05_a_run_ends_although_every_key_of_arq_is_deleted_under_it(
    make_workshop: MakeWorkshop, acts: Acts
) -> None:
    """A zombie's finish deletes its successor's job, lease and queue entry; then the successor dies."""
    acts.gate.clear()
    workshop = await open_workshop(make_workshop, acts)
    run_id = (await workshop.submit()).run_id
    successor = workshop.start("successor")
    sign_as_a_dead_neighbour(successor)
    await workshop.wake(successor, run_id)

    for key in await workshop.redis.keys("arq:*"):
        await workshop.redis.delete(key)
    await workshop.redis.delete(QUEUE)
    successor.redis.die()
    acts.gate.set()

    async with working(start(workshop, "third")):
        assert (await workshop.until_ended(run_id)).state is RunState.DONE


async def test_row_06_a_run_can_be_woken_again_at_once_and_no_result_is_kept(redis: Redis) -> None:
    heard = Heard()

    async with listening(over_arq(redis), heard.note):
        for number in range(3):
            await over_arq(redis).wake("r_1", "worker")
            await heard.until(number + 1)
        await until_empty(redis)

    assert await redis.keys("arq:result:*") == []


async def test_row_07_a_run_can_be_woken_from_within_its_own_job(redis: Redis) -> None:
    heard = Heard()

    async def look(run_id: str) -> None:
        if not heard:
            await over_arq(redis).wake(run_id, "worker")
        await heard.note(run_id)

    async with listening(over_arq(redis), look):
        await over_arq(redis).wake("r_1", "worker")
        await heard.until(2)


async def test_row_08_a_run_that_was_never_enqueued_is_found(make_workshop: MakeWorkshop, acts: Acts) -> None:
    workshop = await open_workshop(make_workshop, acts)
    run_id = (await workshop.submit()).run_id

    async with working(start(workshop)):
        assert (await workshop.until_ended(run_id)).state is RunState.DONE


async def test_row_09_a_job_that_raises_loses_a_hint_and_no_run(make_workshop: MakeWorkshop, acts: Acts) -> None:
    workshop = await open_workshop(make_workshop, acts)
    run_id = (await workshop.submit()).run_id
    raised = asyncio.Event()

    async def fail(_: str) -> None:
        raised.set()
        raise RuntimeError("a bug")

    async with listening(over_arq(workshop.redis), fail):
        await over_arq(workshop.redis).wake(run_id, "worker")
        await raised.wait()
        await until_empty(workshop.redis)

    async with working(start(workshop)):
        assert (await workshop.until_ended(run_id)).state is RunState.DONE


async def test_row_10_a_job_ends_while_its_stage_works_on_so_arqs_time_out_never_meets_it(
    make_workshop: MakeWorkshop, acts: Acts
) -> None:
    acts.gate.clear()
    workshop = await open_workshop(make_workshop, acts, BY_WAKE_UPS_ALONE)
    run_id = (await workshop.submit()).run_id

    async with working(start(workshop)):
        await over_arq(workshop.redis).wake(run_id, "worker")
        await have(lambda: acts.begun == ["act"])
        await until_empty(workshop.redis)

        assert await in_progress_ms(workshop.redis) == []
        assert (await workshop.stage_of(run_id, "only")).state is StageState.RUNNING
        acts.gate.set()
        await workshop.until_ended(run_id)

    assert HINT_SECONDS_MAX < JOB_SECONDS_MAX


async def test_row_11_restarts_use_up_no_tries(redis: Redis) -> None:
    heard = Heard()
    await put(redis, job(), job_id=b"unlucky")
    await redis.set("arq:retry:unlucky", 5_000)  # So many workers were killed with it.

    async with listening(over_arq(redis), heard.note):
        await heard.until(1)

    assert heard == ["r_1"]


async def test_row_12_the_end_of_arqs_worker_cancels_no_stage(make_workshop: MakeWorkshop, acts: Acts) -> None:
    acts.gate.clear()
    workshop = await open_workshop(make_workshop, acts, BY_WAKE_UPS_ALONE)
    process, run_id = workshop.start("one"), (await workshop.submit()).run_id
    on_terminate = signal.getsignal(signal.SIGTERM)

    async with listening(over_arq(workshop.redis), process.worker.advance):
        await over_arq(workshop.redis).wake(run_id, "worker")
        await have(lambda: acts.begun == ["act"])
        assert signal.getsignal(signal.SIGTERM) is on_terminate

    acts.gate.set()
    await workshop.settle()
    assert (await workshop.run_of(run_id)).state is RunState.DONE
    assert acts.begun == ["act"]


async def test_row_12_a_job_that_waits_for_room_when_its_worker_ends_goes_to_another(redis: Redis) -> None:
    heard = Heard()

    async def check() -> None:
        assert len(await queued(redis)) == 1

    await full_worker(redis, check)
    assert await in_progress_ms(redis) == []

    async with listening(over_arq(redis), heard.note):
        await heard.until(1)
    assert heard == ["r_1"]


async def test_row_13_a_function_that_this_version_lacks_fails_its_job_and_no_run(
    make_workshop: MakeWorkshop, acts: Acts
) -> None:
    workshop = await open_workshop(make_workshop, acts)
    run_id = (await workshop.submit()).run_id
    await put(workshop.redis, job(f="advance_of_another_version", a=[run_id]))

    async with working(start(workshop)) as task:
        assert (await workshop.until_ended(run_id)).state is RunState.DONE
        await until_empty(workshop.redis)
        assert not task.done()


async def test_row_14_whatever_a_look_returns_is_not_stored(redis: Redis) -> None:
    heard = Heard()

    async def look(run_id: str) -> object:
        await heard.note(run_id)
        return object()

    async with listening(over_arq(redis), look):  # type: ignore[arg-type]  # That is the point.
        await over_arq(redis).wake("r_1", "worker")
        await heard.until(1)
        await until_empty(redis)

    assert await redis.keys("arq:result:*") == []


async def test_row_15_a_job_that_expired_in_the_queue_loses_no_run(make_workshop: MakeWorkshop, acts: Acts) -> None:
    workshop = await open_workshop(make_workshop, acts)
    run_id = (await workshop.submit()).run_id
    await workshop.redis.zadd(QUEUE, {"expired": 1})  # arq calls it a job of the function <unknown>.

    async with working(start(workshop)) as task:
        await until_empty(workshop.redis)
        assert (await workshop.until_ended(run_id)).state is RunState.DONE
        assert not task.done()


async def test_row_16_a_mark_to_abort_stops_nothing(redis: Redis) -> None:
    heard = Heard()
    await put(redis, job(), job_id=b"marked")
    await redis.zadd("arq:abort", {"marked": 1})

    async with listening(over_arq(redis), heard.note):
        await heard.until(1)

    assert heard == ["r_1"]


async def test_row_17_a_run_of_five_stages_needs_one_wake_up(make_workshop: MakeWorkshop, acts: Acts) -> None:
    names = ("analyze", "test", "docs", "summarize", "comment")
    workshop = await make_workshop(
        *(StageSpec(name=name, run=acts.stage, needs=names[:place]) for place, name in enumerate(names)),
        settings=BY_WAKE_UPS_ALONE,
    )
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    await workshop.wake(worker, run_id)

    assert (await workshop.run_of(run_id)).state is RunState.DONE
    assert workshop.hints.sent == []


async def test_row_18_ids_that_are_in_progress_elsewhere_starve_no_run(make_workshop: MakeWorkshop, acts: Acts) -> None:
    """It reads the first hundred due ids and no others."""
    workshop = await open_workshop(make_workshop, acts)
    for number in range(120):
        await put(workshop.redis, job(a=["r_elsewhere"]), job_id=b"elsewhere %03d" % number)
        await workshop.redis.set(f"arq:in-progress:elsewhere {number:03}", 1, px=310_000)

    async with working(start(workshop)):
        run_id = (await workshop.submit()).run_id
        await over_arq(workshop.redis).wake(run_id, "worker")
        assert (await workshop.until_ended(run_id)).state is RunState.DONE


async def test_row_19_a_redis_that_goes_away_ends_no_worker(start_redis: StartRedis) -> None:
    server, heard = start_redis("--appendonly", "yes", "--appendfsync", "always"), Heard()
    async with Redis.from_url(server.url) as redis:
        wakeups = over_arq(redis)
        async with listening(wakeups, heard.note) as task:
            await wakeups.wake("r_before", "worker")
            await heard.until(1)

            server.kill()

            async def is_away() -> bool:
                return not await wakeups.is_healthy()

            await until(is_away)
            server.restart()
            await wakeups.wake("r_lost_or_heard", "worker")  # The old connection may still be tried once.
            await wakeups.wake("r_after", "worker")

            await have(lambda: "r_after" in heard)
            assert not task.done()


async def test_row_22_a_dead_listener_does_not_look_alive_for_an_hour(redis: Redis) -> None:
    async with listening(over_arq(redis), Heard().note):

        async def is_there() -> bool:
            return bool(await redis.exists(f"{QUEUE}:health-check"))

        await until(is_there)

    assert await redis.pttl(f"{QUEUE}:health-check") <= (HEALTH_SECONDS + 1) * 1000


async def test_row_23_a_job_is_written_as_json(redis: Redis) -> None:
    await over_arq(redis).wake("r_1", "worker")

    (key,) = await redis.keys("arq:job:*")
    stored = await redis.get(key)
    assert stored.startswith(b'{"t": null, "f": "advance", "a": ["r_1"], "k": {}, "et": ')
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(stored)  # noqa: S301 - it is our own, and no pickle.


async def test_row_24_what_redis_confirmed_is_there_after_its_kill(start_redis: StartRedis) -> None:
    server, acts = start_redis("--appendonly", "yes", "--appendfsync", "always"), Acts()
    async with Redis.from_url(server.url) as redis, Workshop(redis, StageSpec(name="only", run=acts.stage)) as workshop:
        run_id = (await workshop.submit()).run_id
        before = await workshop.story(run_id)

        server.kill()
        server.restart()
        await redis.connection_pool.disconnect()

        assert await workshop.story(run_id) == before
        worker = workshop.start("one")
        await workshop.wake(worker, run_id)
        assert (await workshop.run_of(run_id)).state is RunState.DONE
