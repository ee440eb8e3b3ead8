"""What Redis refuses or fails at becomes an error that says what can be done; nothing is written by half."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from pipeline.engine.errors import AskPerson, Bug, InvariantBroken, RetryLater
from pipeline.engine.graph import Graph, StageSpec
from pipeline.engine.lifecycle import RunState
from pipeline.engine.operation import StageReused
from pipeline.engine.request import RunRequest
from pipeline.engine.store import Store, StoreAway, StoreRefuses
from tests.conftest import StartRedis
from tests.engine.workshop import Acts, MakeWorkshop, nothing
from tests.engine.world import make_owner

GRAPH: Final = Graph((StageSpec(name="only", run=nothing),))
ASKED: Final = RunRequest(subject="pr", revision="head", params={})


@asynccontextmanager
async def open_store(url: str, **options: Any) -> AsyncIterator[Store]:  # noqa: ANN401 - whatever redis-py takes
    async with Redis.from_url(url, **options) as redis:
        yield Store(redis, owner=make_owner("one", host="here"))


async def test_a_redis_that_is_not_there_is_worth_waiting_for(start_redis: StartRedis) -> None:
    server = start_redis()
    server.kill()

    async with open_store(server.url) as store:
        with pytest.raises(StoreAway, match=r"Redis does not answer.*ONCEOVER_REDIS_URL") as caught:
            await store.submit(ASKED, GRAPH)

    assert isinstance(caught.value, RetryLater)


async def test_a_redis_that_hangs_is_worth_waiting_for(start_redis: StartRedis) -> None:
    server = start_redis()
    async with open_store(server.url, socket_timeout=0.05) as store:
        await store.submit(ASKED, GRAPH)
        os.kill(server.pid, signal.SIGSTOP)

        with pytest.raises(StoreAway):
            await store.read_run(ASKED.run_id)

        os.kill(server.pid, signal.SIGCONT)


async def test_a_server_that_was_restarted_is_given_its_scripts_again(start_redis: StartRedis) -> None:
    server = start_redis("--appendonly", "yes", "--appendfsync", "always")
    async with open_store(server.url) as store:
        await store.submit(ASKED, GRAPH)

        server.kill()
        server.restart()
        with pytest.raises(StoreAway):  # The old connection.
            await store.submit(ASKED, GRAPH)

        assert (await store.submit(ASKED, GRAPH)).outcome == "joined"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(("--maxmemory", "1", "--maxmemory-policy", "noeviction"), "maxmemory", id="full"),
        pytest.param(("--replicaof", "127.0.0.1", "1"), "read only replica", id="a replica"),
        pytest.param(("--min-replicas-to-write", "1"), "[Nn]ot enough good replicas", id="without its replicas"),
        pytest.param(("--requirepass", "secret"), "[Aa]uthentication required", id="locked"),
    ],
)
async def test_a_redis_that_does_not_write_needs_a_person(
    start_redis: StartRedis, options: tuple[str, ...], words: str
) -> None:
    async with open_store(start_redis(*options).url) as store:
        with pytest.raises(StoreRefuses, match=words) as caught:
            await store.submit(ASKED, GRAPH)

    assert isinstance(caught.value, AskPerson)
    assert caught.value.next_step


async def test_a_disk_that_takes_no_snapshot_needs_a_person(start_redis: StartRedis) -> None:
    server = start_redis("--save", "3600 1")
    (server.directory / "dump.rdb").mkdir()  # Not even root can write a file over a directory.
    async with Redis.from_url(server.url) as redis, open_store(server.url) as store:
        await redis.bgsave()
        while (await redis.info("persistence"))["rdb_last_bgsave_status"] == "ok":
            pass

        with pytest.raises(StoreRefuses, match="MISCONF"):
            await store.submit(ASKED, GRAPH)


async def test_a_user_without_permission_needs_a_person(start_redis: StartRedis) -> None:
    server = start_redis()
    async with Redis.from_url(server.url) as redis:
        await redis.acl_setuser("guest", enabled=True, nopass=True, keys="*", commands=["+get"])

    async with open_store(server.url, username="guest", password="any") as store:
        with pytest.raises(StoreRefuses, match="permission"):
            await store.submit(ASKED, GRAPH)
        with pytest.raises(StoreRefuses, match="permission"):
            await store.read_run("r_1")


async def test_a_wrong_password_needs_a_person(start_redis: StartRedis) -> None:
    async with open_store(start_redis("--requirepass", "secret").url, password="wrong") as store:
        with pytest.raises(StoreRefuses, match="password") as caught:
            await store.submit(ASKED, GRAPH)

    assert "secret" not in str(caught.value)


async def test_memory_that_ends_in_the_middle_of_a_run_loses_nothing_and_the_run_goes_on(
    start_redis: StartRedis,
) -> None:
    async with Redis.from_url(start_redis().url) as redis:
        store = Store(redis, owner=make_owner("one", host="here"))
        await store.submit(ASKED, GRAPH)
        before = await redis.hgetall(f"onceover:run:{ASKED.run_id}")
        await redis.config_set("maxmemory", "1")

        with pytest.raises(StoreRefuses):
            await store.advance(ASKED.run_id, roles=["worker"])

        assert await redis.hgetall(f"onceover:run:{ASKED.run_id}") == before
        await redis.config_set("maxmemory", "0")
        assert (await store.advance(ASKED.run_id, roles=["worker"])).status == "held"


async def test_a_record_of_another_version_is_named_and_not_misread(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    run_id = (await workshop.submit()).run_id
    await workshop.redis.hset(f"onceover:run:{run_id}", "v", "2")  # type: ignore[misc]  # redis-py types both clients in one.

    with pytest.raises(AskPerson, match=f"Run {run_id} is stored in version 2, this Onceover reads version 1"):
        await workshop.store.read_run(run_id)
    assert await workshop.store.list_runs(10) == []  # One of them must not hide the others.
    for write in (
        workshop.submit(),
        workshop.store.advance(run_id, roles=["worker"]),
        workshop.store.signal(run_id, "go"),
        workshop.store.cancel(run_id, "enough"),
        workshop.store.rerun(run_id, "all", fresh=False, why="again"),
    ):
        with pytest.raises(StoreRefuses, match=f"run {run_id} is of version 2"):
            await write


async def test_a_run_of_another_version_keeps_no_other_run_from_being_looked_after(make_workshop: MakeWorkshop) -> None:
    """During an upgrade both versions sweep the same due set; each looks after its own."""
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    worker = workshop.start("one")
    theirs, ours = [(await workshop.submit(subject=name)).run_id for name in ("theirs", "ours")]
    await workshop.redis.hset(f"onceover:run:{theirs}", "v", "2")  # type: ignore[misc]  # redis-py types both clients in one.

    workshop.pass_time(2)
    await workshop.sweep(worker)

    assert (await workshop.run_of(ours)).state is RunState.DONE
    assert await workshop.redis.zscore("onceover:due:worker", theirs) is not None


@pytest.mark.parametrize("field", ["stages", "graph"])
async def test_a_run_whose_record_is_damaged_keeps_no_other_run_from_being_looked_after(
    make_workshop: MakeWorkshop, field: str
) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    worker = workshop.start("one")
    damaged, sound = [(await workshop.submit(subject=name)).run_id for name in ("damaged", "sound")]
    await workshop.redis.hset(f"onceover:run:{damaged}", field, "[rubbish")  # type: ignore[misc]  # redis-py types both clients in one.

    workshop.pass_time(2)
    await workshop.sweep(worker)

    assert (await workshop.run_of(sound)).state is RunState.DONE
    assert await workshop.redis.zscore("onceover:due:worker", damaged) is not None


async def test_a_run_whose_record_is_damaged_costs_its_own_lease_and_no_other(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    worker = workshop.start("one")
    damaged, sound = [(await workshop.submit(subject=name)).run_id for name in ("damaged", "sound")]
    for run_id in (damaged, sound):
        await workshop.wake(worker, run_id)
    await workshop.redis.hset(f"onceover:run:{damaged}", "stages", "[rubbish")  # type: ignore[misc]  # Same.

    for _ in range(3):
        workshop.pass_time(20)
        await workshop.beat(worker)

    assert worker.worker.holds == (sound,)
    acts.gate.set()
    await workshop.settle()
    assert (await workshop.run_of(sound)).state is RunState.DONE


async def test_a_checkpoint_that_is_gone_is_a_broken_invariant(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    run_id = (await workshop.submit()).run_id
    held = await workshop.store.advance(run_id, roles=["worker"])

    with pytest.raises(InvariantBroken, match=r"C1.*has no checkpoint only made-up"):
        await workshop.store.advance(
            run_id,
            roles=["worker"],
            leases=held.leases,
            operations=[StageReused(stage="only", claim=1, fingerprint="made-up", inputs="")],
        )


async def test_an_answer_that_nobody_foresaw_is_a_bug(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    await workshop.redis.set("onceover:run:r_1", "a string where a hash belongs")

    with pytest.raises(Bug, match="WRONGTYPE"):
        await workshop.store.advance("r_1", roles=["worker"])
