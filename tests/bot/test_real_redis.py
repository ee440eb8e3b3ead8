"""The test servers themselves: what every other test leans on."""

from redis.asyncio import Redis

from tests.real_redis import RealRedis


async def test_a_test_meets_an_empty_server(redis: Redis) -> None:
    assert await redis.dbsize() == 0

    await redis.set("left behind", 1)


async def test_the_next_test_meets_an_empty_server_too(redis: Redis) -> None:
    assert await redis.dbsize() == 0

    await redis.set("left behind", 1)


async def test_an_aof_server_keeps_its_keys_through_a_kill(aof_redis: RealRedis) -> None:
    async with Redis.from_url(aof_redis.url) as client:
        await client.set("confirmed", 1)

    aof_redis.kill()
    aof_redis.restart()

    async with Redis.from_url(aof_redis.url) as client:
        assert await client.get("confirmed") == b"1"
