"""One contract for every carrier of wake-ups; and whatever lies in arq's queue, the worker lives."""

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState
from pipeline.engine.wakeup import LocalWakeUps, WakeUps
from pipeline.engine.wakeup_arq import JOB_BYTES_MAX
from tests.conftest import StartRedis
from tests.engine.arq_queue import QUEUE, Heard, job, listening, over_arq, put
from tests.engine.workshop import BRISK, Acts, MakeWorkshop, until, working


@pytest.fixture(params=["local", "arq"])
def wakeups(request: pytest.FixtureRequest, redis: Redis) -> WakeUps:
    return LocalWakeUps() if request.param == "local" else over_arq(redis)


# The contract --------------------------------------------------------------------------------------------------------


async def test_every_wake_up_is_heard_also_one_sent_before_anybody_listens(wakeups: WakeUps) -> None:
    heard = Heard()
    await wakeups.wake("r_early", "worker")

    async with listening(wakeups, heard.note):
        for number in range(30):
            await wakeups.wake(f"r_{number}", "worker")
        await heard.until(31)

    assert sorted(heard) == sorted(["r_early", *(f"r_{number}" for number in range(30))])


async def test_the_same_run_can_be_woken_again_and_again_also_while_it_is_looked_at(wakeups: WakeUps) -> None:
    heard = Heard()

    async def look(run_id: str) -> None:
        if len(heard) < 3:
            await wakeups.wake(run_id, "worker")
        await heard.note(run_id)

    async with listening(wakeups, look):
        await wakeups.wake("r_1", "worker")
        await heard.until(4)

    assert heard == ["r_1"] * 4


async def test_a_look_that_takes_long_holds_up_no_other(wakeups: WakeUps) -> None:
    heard = Heard()

    async def look(run_id: str) -> None:
        if run_id == "r_slow":
            await asyncio.Event().wait()
        await heard.note(run_id)

    async with listening(wakeups, look):
        await wakeups.wake("r_slow", "worker")
        await wakeups.wake("r_quick", "worker")
        await heard.until(1)

    assert heard == ["r_quick"]


async def test_a_look_that_fails_ends_neither_the_listening_nor_the_others(wakeups: WakeUps) -> None:
    heard = Heard()

    async def look(run_id: str) -> None:
        if run_id == "r_bad":
            raise RuntimeError("a bug")
        await heard.note(run_id)

    async with listening(wakeups, look) as task:
        await wakeups.wake("r_bad", "worker")
        await wakeups.wake("r_good", "worker")
        await heard.until(1)
        assert not task.done()


async def test_listening_ends_when_it_is_cancelled(wakeups: WakeUps) -> None:
    async with listening(wakeups, Heard().note) as task:
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    assert task.cancelled()


async def test_a_carrier_that_works_is_healthy_and_closes(wakeups: WakeUps) -> None:
    assert await wakeups.is_healthy()

    await wakeups.close()


async def test_a_run_is_moved_by_its_wake_up_long_before_the_sweep(
    make_workshop: MakeWorkshop, wakeups: WakeUps
) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=Acts().stage))  # Swept each second, after a second.
    process = workshop.start("one")
    process.worker.wakeups = wakeups

    async with working(process):
        submission = await workshop.submit()
        await wakeups.wake(submission.run_id, "worker")
        ended = await workshop.until_ended(submission.run_id)

    assert ended.state is RunState.DONE


# arq's own ------------------------------------------------------------------------------------------------------------


async def test_a_wake_up_is_heard_by_one_worker_of_its_role(redis: Redis) -> None:
    one, other, publisher = Heard(), Heard(), Heard()

    async with (
        listening(over_arq(redis), one.note),
        listening(over_arq(redis), other.note),
        listening(over_arq(redis, "publisher"), publisher.note),
    ):
        for number in range(20):
            await over_arq(redis).wake(f"r_{number}", "worker")

        async def all_are_heard() -> bool:
            return len(one) + len(other) >= 20

        await until(all_are_heard)

    assert len({*one, *other}) == len([*one, *other]) == 20
    assert publisher == []


async def test_a_carrier_that_is_away_says_so_and_raises_nothing(start_redis: StartRedis) -> None:
    server = start_redis()
    async with Redis.from_url(server.url) as redis:
        wakeups = over_arq(redis)
        server.kill()

        assert not await wakeups.is_healthy()
        await wakeups.wake("r_1", "worker")


# Poison ---------------------------------------------------------------------------------------------------------------


class Trap:
    """What a pickle can do to whoever reads it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return Path.touch, (Path(self.path),)  # type: ignore[return-value]  # A pickle calls whatever it names.


async def is_survived(redis: Redis, poison: Callable[[], Awaitable[object]]) -> list[str]:
    """Take the poison, and then hear a wake-up; answer all that was heard."""
    heard, wakeups = Heard(), over_arq(redis)
    async with listening(wakeups, heard.note) as task:
        await poison()

        async def has_heard_a_good_one() -> bool:
            await wakeups.wake("r_good", "worker")
            return "r_good" in heard

        await until(has_heard_a_good_one)
        assert not task.done()
    return [run_id for run_id in heard if run_id != "r_good"]


async def test_the_job_that_the_others_spoil_is_a_good_one(redis: Redis) -> None:
    assert await is_survived(redis, lambda: put(redis, job())) == ["r_1"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe\x00",
        b"[" * 1_000,
        b'{"a"' * 1_000,
        job(f="another_version"),
        job(f=["advance"]),
        job(f=None),
        job(a=5),
        job(a="r_1"),
        job(a={"r_1": 1}),
        job(a=[]),
        job(a=["r_1", "r_2"]),
        job(a=[None]),
        job(a=[["r_1"]]),
        job(a=[{"r_1": 1}]),
        job(a=[7]),
        job(a=["x" * 1_000_000]),
        job(k={"run_id": "r_2"}),
        job(k=[]),
        job(t="many"),
        job(t=10**400),
        job(et="now"),
        job(et=None),
        job(et=10**18),
        job(et=-1),
        job(et=float("inf")),
        b"x" * (JOB_BYTES_MAX + 1),
    ],
    ids=lambda raw: repr(raw[:60]),
)
async def test_a_poisoned_job_wakes_nobody_and_ends_nothing(redis: Redis, raw: bytes) -> None:
    assert await is_survived(redis, lambda: put(redis, raw)) == []
    assert await redis.zscore(QUEUE, "poison") is None


async def test_a_pickle_is_never_read(redis: Redis, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    trap = pickle.dumps({"t": None, "f": "advance", "a": [Trap(str(sprung))], "k": {}, "et": 1})

    assert await is_survived(redis, lambda: put(redis, trap)) == []

    assert not sprung.exists()
    pickle.loads(trap)  # noqa: S301 - the trap itself works, or the test would prove nothing.
    assert sprung.exists()


@pytest.mark.parametrize(
    ("job_id", "score"), [(b"\xff\xfe", 1.0), (b"poison", float("-inf"))], ids=["an id that is no text", "no time"]
)
async def test_an_entry_that_ends_arqs_loop_ends_it_once(redis: Redis, job_id: bytes, score: float) -> None:
    """The queue is emptied, since the entry would end each next loop; the sweep finds the runs."""
    await is_survived(redis, lambda: put(redis, job(), job_id=job_id, score=score))

    assert await redis.zscore(QUEUE, job_id) is None


@pytest.mark.parametrize("key", [QUEUE, "arq:job:poison", "arq:retry:poison"])
async def test_a_key_of_the_wrong_type_ends_nothing(redis: Redis, key: str) -> None:
    async def spoil() -> None:
        await put(redis, job())
        await redis.delete(key)
        await redis.rpush(key, "a list")  # type: ignore[misc]  # redis-py types both clients in one.
        await asyncio.sleep(0)

    heard, wakeups = Heard(), over_arq(redis)
    async with listening(wakeups, heard.note) as task:
        await spoil()
        await redis.delete(key)
        await wakeups.wake("r_good", "worker")

        async def has_heard() -> bool:
            await wakeups.wake("r_good", "worker")
            return "r_good" in heard

        await until(has_heard)
        assert not task.done()


async def test_a_worker_that_is_full_of_poison_still_moves_runs(make_workshop: MakeWorkshop, redis: Redis) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=Acts().stage), settings=BRISK)
    process = workshop.start("one")
    process.worker.wakeups = over_arq(redis)
    for number in range(200):
        await put(redis, job(a=[{"number": number}]), job_id=b"poison %d" % number)

    async with working(process):
        run_id = (await workshop.submit()).run_id
        assert (await workshop.until_ended(run_id)).state is RunState.DONE
