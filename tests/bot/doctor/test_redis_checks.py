"""What the doctor finds on real Redis servers of different configurations."""

import time
from typing import TypeAlias

import pytest

from bot.doctor.check import examine
from bot.doctor.outcome import Failed, Ok, Outcome, Warned
from bot.doctor.redis_checks import RedisAtHand, redis_checks
from bot.redis_client import make_client
from bot.redis_errors import RedisUnusable
from tests.conftest import StartRedis

Found: TypeAlias = dict[str, Outcome]


async def look(url: str, *, is_ours: bool = False, ahead_seconds: float = 0.0) -> Found:
    """Examine a server, with a clock of ours that is so far behind it."""
    async with make_client(url, patience_seconds=0) as client:
        at = RedisAtHand(client=client, url=url, is_ours=is_ours)
        checks = redis_checks(at, clock=lambda: time.time() - ahead_seconds)
        return {one.name: one.outcome for one in await examine(checks)}


async def test_a_server_that_keeps_every_write_is_praised(start_redis: StartRedis) -> None:
    server = start_redis("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")

    found = await look(server.url)

    assert {name: type(outcome) for name, outcome in found.items()} == {
        "redis.reachable": Ok,
        "redis.server": Ok,
        "redis.persistence": Ok,
        "redis.eviction": Ok,
        "redis.memory": Ok,
        "redis.write": Ok,
        "clock.redis": Ok,
    }
    assert found["redis.persistence"].said == (
        "Every write is on its disk before it is confirmed (`appendfsync always`)."
    )


async def test_the_promise_of_a_sync_each_second_is_told_as_it_is(start_redis: StartRedis) -> None:
    found = await look(start_redis("--appendonly", "yes", "--appendfsync", "everysec").url)

    assert isinstance(found["redis.persistence"], Ok)
    assert "A power cut may lose the last second" in found["redis.persistence"].said


async def test_a_server_that_keeps_nothing_and_throws_keys_away_fails_with_the_fix(start_redis: StartRedis) -> None:
    found = await look(start_redis("--appendonly", "no", "--maxmemory-policy", "allkeys-lru").url)

    assert isinstance(found["redis.persistence"], Failed)
    assert "CONFIG SET appendonly yes" in found["redis.persistence"].next_step
    assert isinstance(found["redis.eviction"], Failed)
    assert "CONFIG SET maxmemory-policy noeviction" in found["redis.eviction"].next_step
    assert isinstance(found["redis.write"], Ok), "It works all the same."


async def test_a_server_that_hides_its_settings_is_a_warning(start_redis: StartRedis) -> None:
    server = start_redis("--appendonly", "yes", "--rename-command", "CONFIG", "")

    found = await look(server.url)

    assert isinstance(found["redis.persistence"], Warned)
    assert "does not tell how often" in found["redis.persistence"].said


@pytest.mark.parametrize(("limit", "outcome"), [("100mb", Ok), ("500kb", Failed)])
async def test_memory_is_judged_by_what_is_left(start_redis: StartRedis, limit: str, outcome: type) -> None:
    found = await look(start_redis("--maxmemory", limit).url)

    assert isinstance(found["redis.memory"], outcome)
    assert "of its limit of" in found["redis.memory"].said


async def test_a_server_whose_memory_is_full_takes_no_write_and_says_why(start_redis: StartRedis) -> None:
    found = await look(start_redis("--maxmemory", "500kb", "--maxmemory-policy", "noeviction").url)

    assert isinstance(found["redis.write"], Failed)
    assert "Its memory is full" in found["redis.write"].next_step


async def test_a_server_that_forbids_scripts_is_of_no_use(start_redis: StartRedis) -> None:
    found = await look(start_redis("--rename-command", "EVAL", "").url)

    assert isinstance(found["redis.write"], Failed)
    assert "refuses a command" in found["redis.write"].said


async def test_the_write_test_leaves_nothing(start_redis: StartRedis) -> None:
    server = start_redis("--appendonly", "no")

    await look(server.url)

    async with make_client(server.url, patience_seconds=0) as client:
        assert await client.dbsize() == 0


@pytest.mark.parametrize(("ahead_seconds", "said"), [(60.0, "60 s ahead of ours"), (-60.0, "60 s behind ours")])
async def test_a_clock_that_differs_is_a_warning(redis_url: str, ahead_seconds: float, said: str) -> None:
    found = await look(redis_url, ahead_seconds=ahead_seconds)

    assert isinstance(found["clock.redis"], Warned)
    assert said in found["clock.redis"].said


async def test_the_settings_of_our_own_server_are_known_and_not_asked_for(redis_url: str) -> None:
    found = await look(redis_url, is_ours=True)

    assert isinstance(found["redis.persistence"], Ok)
    assert "redis.eviction" not in found


async def test_without_a_server_there_is_one_failure_and_not_seven() -> None:
    refused = RedisUnusable("It cannot be reached.", next_step="Start it.")

    found = await examine(redis_checks(refused))

    assert [(one.name, one.outcome) for one in found] == [
        ("redis.reachable", Failed(said="It cannot be reached.", next_step="Start it."))
    ]
