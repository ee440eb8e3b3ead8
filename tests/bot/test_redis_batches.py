"""Scripts that are called at the same time share a round trip, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bot.redis_batches import CALLS_MAX, CALLS_WHOLE_MAX, UNDER_WAY_MAX, BatchingRedis
from bot.redis_client import make_client
from tests.conftest import StartRedis

ECHO = "if ARGV[1] == 'fail' then return redis.error_reply('told to') end return ARGV[1]"


class Counting(BatchingRedis):
    """Counts what is sent."""

    sizes: list[int]

    async def _send(self, calls: list[tuple[object, ...]]) -> list[object]:
        self.sizes.append(len(calls))
        return await super()._send(calls)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Counting]:
    """A client that counts its batches."""
    async with make_client(redis_url) as plain:
        counting = Counting(connection_pool=plain.connection_pool)
        counting.sizes = []
        yield counting


async def load(client: BatchingRedis) -> str:
    """Load the script that answers what it was told."""
    sha: str = await client.script_load(ECHO)
    return sha


async def call(client: Redis, sha: str, *arguments: str) -> Any:  # noqa: ANN401 - what the script answers
    """Call a script."""
    return await client.evalsha(sha, 0, *arguments)  # type: ignore[misc]  # redis-py types two clients at once.


async def test_each_caller_gets_its_own_answer_and_few_batches_carry_them_all(client: Counting) -> None:
    sha = await load(client)

    answers = await asyncio.gather(*(call(client, sha, str(number)) for number in range(50)))

    assert answers == [str(number).encode() for number in range(50)]
    assert len(client.sizes) < 5


async def test_calls_that_come_at_once_go_in_two_halves_so_that_both_sides_work(client: Counting) -> None:
    sha = await load(client)

    await asyncio.gather(*(call(client, sha, "x") for _ in range(CALLS_MAX)))

    assert client.sizes == [CALLS_MAX // 2] * UNDER_WAY_MAX


async def test_a_few_calls_go_together(client: Counting) -> None:
    sha = await load(client)

    await asyncio.gather(*(call(client, sha, "x") for _ in range(CALLS_WHOLE_MAX)))

    assert client.sizes == [CALLS_WHOLE_MAX]


async def test_no_batch_is_larger_than_its_limit(client: Counting) -> None:
    sha = await load(client)

    await asyncio.gather(*(call(client, sha, "x") for _ in range(3 * CALLS_MAX)))

    assert max(client.sizes) == CALLS_MAX


async def test_an_error_reaches_the_caller_that_made_it_and_no_other(client: Counting) -> None:
    sha = await load(client)

    answers: list[Any] = list(
        await asyncio.gather(
            call(client, sha, "1"),
            call(client, sha, "fail"),
            call(client, "0" * 40),
            call(client, sha, "2"),
            return_exceptions=True,
        )
    )

    assert [answers[0], answers[3]] == [b"1", b"2"]
    assert [type(error) for error in answers[1:3]] == [ResponseError, NoScriptError]


async def test_a_cancelled_call_takes_no_other_with_it(client: Counting) -> None:
    sha = await load(client)
    calls = [asyncio.ensure_future(call(client, sha, str(number))) for number in range(3)]
    await asyncio.sleep(0)

    calls[1].cancel()

    assert await calls[0] == b"0"
    assert await calls[2] == b"2"
    assert calls[1].cancelled()


async def test_a_server_that_is_away_is_away_for_every_caller(start_redis: StartRedis) -> None:
    server = start_redis()
    async with make_client(server.url, patience_seconds=0) as client:
        server.kill()

        answers = await asyncio.gather(*(call(client, "0" * 40) for _ in range(3)), return_exceptions=True)

    assert [isinstance(answer, RedisConnectionError | OSError) for answer in answers] == [True] * 3


async def test_a_batch_waits_for_a_server_that_comes_back(start_redis: StartRedis) -> None:
    server = start_redis("--appendonly", "yes")
    async with make_client(server.url) as client:
        sha = await client.script_load(ECHO)
        server.kill()
        calls = [asyncio.ensure_future(call(client, sha, str(number))) for number in range(2)]

        server.restart()

        answers = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(answer) for answer in answers] == [NoScriptError] * 2  # It answers again; its scripts went with it.


async def test_a_call_made_in_the_turn_in_which_the_last_batch_ends_is_sent(client: Counting) -> None:
    sha = await load(client)

    async def call_again_and_again(name: int) -> None:
        for number in range(100):
            assert await call(client, sha, f"{name} {number}") == f"{name} {number}".encode()

    await asyncio.gather(*(call_again_and_again(name) for name in range(UNDER_WAY_MAX + 1)))


async def test_batches_that_follow_each_other_use_the_same_connection(client: Counting) -> None:
    sha = await load(client)
    taken_before = await connections(client)

    for number in range(20):
        await call(client, sha, str(number))

    assert await connections(client) <= taken_before + 1


async def test_a_connection_that_the_server_closed_between_two_batches_costs_no_answer(client: Counting) -> None:
    sha = await load(client)
    assert await call(client, sha, "before") == b"before"

    await client.client_kill_filter(_type="normal", skipme=True)

    assert await call(client, sha, "after") == b"after"


async def test_a_batch_whose_answers_do_not_come_ends_for_every_caller() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        url = f"redis://127.0.0.1:{silent.sockets[0].getsockname()[1]}?socket_timeout=0.05"
        async with make_client(url, patience_seconds=0) as client:
            answers = await asyncio.gather(*(call(client, "0" * 40) for _ in range(3)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [RedisTimeoutError] * 3


async def connections(client: Redis) -> int:
    """Count the connections that the server has ever had."""
    return int((await client.info("stats"))["total_connections_received"])
