"""Upkeep: what is under way for an installation or a repository that went is stopped, and nothing else."""

import pytest
from redis.asyncio import Redis

from pipeline.engine.lifecycle import RunState
from pipeline.engine.records import RunRecord
from pipeline.engine.stage import JsonValue
from pipeline.stages.upkeep import RepositoryName, Upkeep, is_over, make_upkeep
from tests.builders.context import MemoryContext
from tests.stages.engine_world import EngineWorld

HOST = "github.test"
ROLES = ("reviewer", "publisher")


def params(
    *, repository: int = 1, installation: int = 7, host: str = HOST, about: str = "pull"
) -> dict[str, JsonValue]:
    return {
        about: {"host": host, "repository_id": repository},
        "place": {"installation": installation, "repository": "acme/shop"},
    }


def happened(event: str, action: str, *repositories: int, left_out: int = 0) -> Upkeep:
    named = tuple(RepositoryName(id=one, full_name=f"acme/{one}") for one in repositories)
    return Upkeep(host=HOST, event=event, action=action, installation=7, repositories=named, left_out=left_out)


async def a_run(engine: EngineWorld, given: dict[str, JsonValue], name: str = "one") -> RunRecord:
    return await engine.run(await engine.submit(f"github/{name}", "a" * 40, given))


@pytest.mark.parametrize(
    ("given", "what", "over"),
    [
        (params(), happened("installation", "deleted"), True),
        (params(), happened("installation", "suspend"), True),
        (params(about="merge_group"), happened("installation", "deleted"), True),
        (params(), happened("installation", "unsuspend"), False),
        (params(), happened("installation", "created", 1), False),
        (params(), happened("installation", "new_permissions_accepted"), False),
        (params(installation=8), happened("installation", "deleted"), False),
        (params(host="other.test"), happened("installation", "deleted"), False),
        (params(), happened("installation_repositories", "removed", 1), True),
        (params(), happened("installation_repositories", "removed", 2), False),
        (params(), happened("installation_repositories", "added", 1), False),
        (params(about="merge_group"), happened("repository", "deleted", 1), True),
        (params(installation=8), happened("repository", "deleted", 1), True),
        (params(host="other.test"), happened("repository", "deleted", 1), False),
        (params(), happened("repository", "renamed", 1), False),
        (params(), happened("repository", "transferred", 1), False),
        (params(repository=3), happened("installation_repositories", "removed", 1, left_out=5), True),
        (params(repository=3, installation=8), happened("installation_repositories", "removed", 1, left_out=5), False),
        ({"upkeep": {"host": HOST}}, happened("installation", "deleted"), False),
        ({"pull": "no pull", "place": 3}, happened("installation", "deleted"), False),
    ],
)
async def test_the_table_of_what_is_over(redis: Redis, given: dict[str, JsonValue], what: Upkeep, over: bool) -> None:  # noqa: FBT001
    run = await a_run(EngineWorld(redis=redis), given)

    assert is_over(run, what) is over


async def test_runs_of_what_went_are_cancelled_and_named(redis: Redis) -> None:
    engine = EngineWorld(redis=redis)
    gone, stays = await a_run(engine, params()), await a_run(engine, params(installation=8), "two")
    what = happened("installation", "deleted").model_dump(mode="json")

    result = await make_upkeep(engine.store, ROLES)(MemoryContext(params={"upkeep": what}))

    assert result == {"stopped": [gone.run_id]}
    states = [(await engine.run(one.run_id)).state for one in (gone, stays)]
    assert states == [RunState.CANCELLED, RunState.QUEUED]


async def test_a_run_of_another_version_keeps_no_other_from_being_stopped(redis: Redis) -> None:
    engine = EngineWorld(redis=redis)
    newer, gone = await a_run(engine, params()), await a_run(engine, params(), "two")
    await redis.hset(f"onceover:run:{newer.run_id}", "v", "99")  # type: ignore[misc]  # Async here.
    what = happened("installation", "deleted").model_dump(mode="json")

    result = await make_upkeep(engine.store, ROLES)(MemoryContext(params={"upkeep": what}))

    assert result == {"stopped": [gone.run_id]}


async def test_a_repetition_finds_nothing_left(redis: Redis) -> None:
    engine = EngineWorld(redis=redis)
    await a_run(engine, params())
    ctx = MemoryContext(params={"upkeep": happened("installation", "deleted").model_dump(mode="json")})
    await make_upkeep(engine.store, ROLES)(ctx)

    assert await make_upkeep(engine.store, ROLES)(ctx.next_attempt()) == {"stopped": []}
