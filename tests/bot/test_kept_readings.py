"""Readings are kept for one subject, by number and age, and a Redis that is away costs no answer."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.kept_readings import READING_CHARACTERS_MAX, READING_SECONDS_MAX, RedisReadings

SUBJECT = "github/api.github.com/1/7"


async def test_a_reading_is_found_by_another_process_and_by_no_other_subject(redis: Redis) -> None:
    await RedisReadings(redis, "t:").keep(SUBJECT, {"a": "first", "b": "of b"})
    await RedisReadings(redis, "t:").keep(SUBJECT, {"a": "second"})

    assert await RedisReadings(redis, "t:").recall(SUBJECT, ["a", "b", "c"]) == {"a": "second", "b": "of b"}
    assert await RedisReadings(redis, "t:").recall("github/api.github.com/1/70", ["a"]) == {}
    assert await RedisReadings(redis, "t:").recall(SUBJECT, []) == {}


async def test_what_is_kept_goes_when_nobody_asks_for_it(redis: Redis) -> None:
    await RedisReadings(redis, "t:").keep(SUBJECT, {"a": "first"})

    keys = [key async for key in redis.scan_iter("t:*")]
    assert len(keys) == 2
    for key in keys:
        assert 0 < await redis.ttl(key) <= READING_SECONDS_MAX
        assert "github" not in str(key)


async def test_those_that_were_not_used_for_longest_make_room(redis: Redis) -> None:
    readings = RedisReadings(redis, "t:", readings_max=2)
    await readings.keep(SUBJECT, {"a": "1", "b": "2"})
    [order] = [key async for key in redis.scan_iter("t:*:used")]
    await redis.zadd(order, {"a": 1, "b": 2})

    await readings.recall(SUBJECT, ["a"])
    await readings.keep(SUBJECT, {"c": "3"})

    assert set(await readings.recall(SUBJECT, ["a", "b", "c"])) == {"a", "c"}


async def test_a_reading_that_is_too_long_is_not_kept(redis: Redis) -> None:
    readings = RedisReadings(redis, "t:")

    await readings.keep(SUBJECT, {"a": "x" * (READING_CHARACTERS_MAX + 1)})

    assert await readings.recall(SUBJECT, ["a"]) == {}


async def test_a_redis_that_is_away_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Redis(unix_socket_path=str(tmp_path / "nobody.sock")) as away:
        readings = RedisReadings(away, "t:")
        await readings.keep(SUBJECT, {"a": "lost"})

        assert await readings.recall(SUBJECT, ["a"]) == {}

    assert "kept_readings.unread" in caplog.text
    assert "lost" not in caplog.text
