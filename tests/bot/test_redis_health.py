"""What we say about somebody else's Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import RedisError

from bot.redis_client import make_client
from bot.redis_errors import RedisAway, RedisUnusable, explain
from bot.redis_health import Reported, Severity, check_server, check_url, judge_server
from tests.conftest import StartRedis
from tests.real_redis import RealRedis

GOOD_CONFIG = {"appendfsync": "everysec"}


def make_info(**changed: object) -> dict[str, object]:
    """Build the INFO of a server without fault, but for what is said."""
    good: dict[str, object] = {
        "redis_version": "7.0.15",
        "redis_mode": "standalone",
        "cluster_enabled": 0,
        "role": "master",
        "aof_enabled": 1,
        "aof_last_write_status": "ok",
        "aof_last_bgrewrite_status": "ok",
        "rdb_last_bgsave_status": "ok",
        "maxmemory_policy": "noeviction",
    }
    return good | changed


def test_a_server_without_fault_has_no_problems() -> None:
    assert judge_server(make_info(), GOOD_CONFIG) == []


@pytest.mark.parametrize(
    ("info", "config", "code", "severity"),
    [
        (make_info(redis_version="6.0.16"), GOOD_CONFIG, "redis.version", Severity.BROKEN),
        (make_info(redis_version="soon"), GOOD_CONFIG, "redis.version", Severity.UNVERIFIED),
        (make_info(cluster_enabled=1), GOOD_CONFIG, "redis.cluster", Severity.BROKEN),
        (make_info(role="slave"), GOOD_CONFIG, "redis.replica", Severity.BROKEN),
        (make_info(aof_last_write_status="err"), GOOD_CONFIG, "redis.aof_write", Severity.BROKEN),
        (make_info(rdb_last_bgsave_status="err"), GOOD_CONFIG, "redis.rdb_write", Severity.BROKEN),
        (make_info(aof_last_bgrewrite_status="err"), GOOD_CONFIG, "redis.aof_rewrite", Severity.PROMISE),
        (make_info(aof_enabled=0), GOOD_CONFIG, "redis.aof", Severity.PROMISE),
        (make_info(aof_enabled=None), GOOD_CONFIG, "redis.aof", Severity.UNVERIFIED),
        (make_info(), {"appendfsync": "no"}, "redis.fsync", Severity.PROMISE),
        (make_info(), None, "redis.fsync", Severity.UNVERIFIED),
        (make_info(maxmemory_policy="allkeys-lru"), GOOD_CONFIG, "redis.eviction", Severity.PROMISE),
        (make_info(maxmemory_policy=None), GOOD_CONFIG, "redis.eviction", Severity.UNVERIFIED),
    ],
)
def test_each_fault_is_one_problem_with_a_next_step(
    info: Reported, config: Reported | None, code: str, severity: Severity
) -> None:
    (problem,) = judge_server(info, config)

    assert (problem.code, problem.severity) == (code, severity)
    assert problem.next_step


def test_the_worst_is_told_first() -> None:
    problems = judge_server(make_info(redis_version="5.0.7", aof_enabled=0, maxmemory_policy=None), GOOD_CONFIG)

    assert [problem.severity for problem in problems] == [Severity.BROKEN, Severity.PROMISE, Severity.UNVERIFIED]


async def test_a_server_that_keeps_what_it_confirms_is_fine(aof_redis: RealRedis) -> None:
    assert await check_url(aof_redis.url) == []


async def test_a_server_without_persistence_and_with_eviction_works_but_promises_nothing(
    start_redis: StartRedis,
) -> None:
    server = start_redis("--appendonly", "no", "--maxmemory-policy", "allkeys-lru")

    problems = await check_url(server.url)

    assert {problem.code: problem.severity for problem in problems} == {
        "redis.aof": Severity.PROMISE,
        "redis.eviction": Severity.PROMISE,
    }


async def test_a_server_that_forbids_config_is_judged_by_what_it_shows(start_redis: StartRedis) -> None:
    server = start_redis("--appendonly", "yes", "--rename-command", "CONFIG", "")

    assert [problem.code for problem in await check_url(server.url)] == ["redis.fsync"]


async def test_a_server_that_shows_nothing_is_not_verified_at_all(start_redis: StartRedis) -> None:
    server = start_redis("--user", "default", "on", "nopass", "~*", "+@all", "-info", "-config")

    assert {problem.severity for problem in await check_url(server.url)} == {Severity.UNVERIFIED}


async def test_a_refused_connection_is_named() -> None:
    with pytest.raises(RedisUnusable, match=r"redis://127.0.0.1:1 cannot be reached.*ONCEOVER_REDIS_URL"):
        await check_url("redis://127.0.0.1:1")


@pytest.mark.parametrize("password", ["", "?password=wrong"])
async def test_a_wrong_password_is_named_and_not_shown(start_redis: StartRedis, password: str) -> None:
    server = start_redis("--requirepass", "right")

    with pytest.raises(RedisUnusable, match="does not let us in") as caught:
        await check_url(server.url + password)

    assert "wrong" not in str(caught.value)


async def test_a_wrong_database_is_named(real_redis: RealRedis) -> None:
    with pytest.raises(RedisUnusable, match=r"DB index is out of range\. Use a database that it has"):
        await check_url(f"{real_redis.url}?db=99")


async def test_a_replica_is_named(start_redis: StartRedis) -> None:
    """It answers PING and INFO, and would refuse the first write."""
    server = start_redis("--appendonly", "yes", "--replicaof", "127.0.0.1", "1")

    assert "redis.replica" in [problem.code for problem in await check_url(server.url)]


@pytest.fixture
async def web_server() -> AsyncIterator[str]:
    """Something that speaks HTTP where a Redis should be."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_web_server_is_no_redis(web_server: str) -> None:
    with pytest.raises(RedisUnusable, match="does not speak the Redis protocol"):
        await check_url(web_server)


async def test_a_server_that_loads_is_only_away(real_redis: RealRedis) -> None:
    async with make_client(real_redis.url, patience_seconds=0) as client:
        script = "return redis.error_reply('LOADING Redis is loading the dataset in memory')"
        with pytest.raises(RedisError, match="loading") as caught:
            await client.eval(script, 0)  # type: ignore[misc]  # redis-py types it for both worlds.

    assert isinstance(explain(caught.value, real_redis.url), RedisAway)


async def test_a_server_that_says_nothing_is_only_away() -> None:
    assert isinstance(explain(TimeoutError(), "redis://host"), RedisAway)


async def test_a_full_memory_is_named(start_redis: StartRedis) -> None:
    server = start_redis("--maxmemory", "1", "--maxmemory-policy", "noeviction")
    async with make_client(server.url, patience_seconds=0) as client:
        assert {problem.code for problem in await check_server(client, server.url)} == {"redis.aof"}

        with pytest.raises(RedisError, match="memory") as caught:
            await client.set("run", 1)

    assert "Its memory is full" in str(explain(caught.value, server.url))
