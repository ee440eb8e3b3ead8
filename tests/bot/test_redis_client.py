"""The client's patience, and what it says of a URL."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from copy import deepcopy

import pytest
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from bot.redis_client import BadRedisUrl, Patience, hide_password, make_client


class Server:
    """A server at the end of a wire, away until its clock says `back_at`; each vain try moves the clock."""

    def __init__(self, *, back_at: float, error: Exception | None = None) -> None:
        self.seconds = 0.0
        self.tries = 0
        self.back_at = back_at
        self._error = error or ConnectionRefusedError("away")

    def clock(self) -> float:
        """Tell the server's time, in seconds."""
        return self.seconds

    def asked(self, *, each_takes: float) -> Callable[[], Awaitable[str]]:
        """Give what asks it once."""

        async def ask() -> str:
            self.tries += 1
            if self.seconds >= self.back_at:
                return "PONG"
            self.seconds += each_takes
            raise self._error

        return ask


async def forget(_: object) -> None:
    """Stand in for redis-py's dropping of the connection."""


async def test_a_server_that_comes_back_in_time_is_waited_for() -> None:
    server = Server(back_at=9)
    patience = Patience(10, clock=server.clock)

    assert await patience.call_with_retry(server.asked(each_takes=3), forget) == "PONG"
    assert server.tries == 4


async def test_patience_ends() -> None:
    server = Server(back_at=99)
    patience = Patience(10, clock=server.clock)

    with pytest.raises(ConnectionRefusedError):
        await patience.call_with_retry(server.asked(each_takes=4), forget)

    assert server.seconds == 16


async def test_commands_share_their_patience() -> None:
    """Ten commands at a dead server do not wait ten times as long as one."""
    server = Server(back_at=9_999)
    patience = Patience(10, clock=server.clock)
    with pytest.raises(ConnectionRefusedError):
        await patience.call_with_retry(server.asked(each_takes=4), forget)
    tries_before = server.tries

    with pytest.raises(ConnectionRefusedError):
        await deepcopy(patience).call_with_retry(server.asked(each_takes=4), forget)

    assert server.tries == tries_before + 1


async def test_a_later_absence_is_a_new_one() -> None:
    server = Server(back_at=20)
    patience = Patience(10, clock=server.clock)
    with pytest.raises(ConnectionRefusedError):
        await patience.call_with_retry(server.asked(each_takes=4), forget)

    server.seconds, server.tries = 1_000, 0
    server.back_at = 1_004

    assert await patience.call_with_retry(server.asked(each_takes=4), forget) == "PONG"


@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_wrong_password_is_not_waited_for(*, wrapped: bool) -> None:
    error: Exception = AuthenticationError("no")
    if wrapped:  # As redis-py does on a unix socket.
        inner, error = error, RedisConnectionError("no")
        error.__cause__ = inner
    server = Server(back_at=5, error=error)

    with pytest.raises(RedisConnectionError):
        await Patience(10, clock=server.clock).call_with_retry(server.asked(each_takes=1), forget)

    assert server.tries == 1


async def test_cancellation_passes_through() -> None:
    async def cancelled() -> str:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Patience(10).call_with_retry(cancelled, forget)


async def test_a_refused_database_is_never_replaced_by_another(redis_url: str) -> None:
    """redis-py 5.3 goes on in database 0 after the first failure; a run written there would be lost to sight."""
    async with make_client(f"{redis_url}?db=99", patience_seconds=0) as client:
        for _ in range(3):
            with pytest.raises(RedisConnectionError, match="DB index"):
                await client.set("run", 1)

    async with make_client(redis_url) as client:
        assert await client.dbsize() == 0


@pytest.mark.parametrize("url", ["", "localhost", "http://localhost", "redis://localhost:port", "redis://[::1"])
def test_what_is_no_redis_url_is_refused(url: str) -> None:
    with pytest.raises(BadRedisUrl, match="ONCEOVER_REDIS_URL"):
        _ = make_client(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:secret@localhost:6379/0", "redis://***@localhost:6379/0"),
        ("rediss://user:secret@host/1", "rediss://***@host/1"),
        ("redis://host/0?password=secret", "redis://host/0"),
        ("redis://host/0?password=se@cret", "redis://***"),
        ("redis://:se/cr@et@host", "redis://***@host"),
        ("redis://:se?cret@host", "redis://***"),
        ("unix:///run/redis.sock?password=secret", "unix:///run/redis.sock"),
        ("secret", "://***"),
    ],
)
def test_a_password_in_a_url_is_never_shown(url: str, shown: str) -> None:
    assert hide_password(url) == shown


async def test_a_cancellation_that_redis_py_swallows_counts_all_the_same() -> None:
    """As `asyncio.wait_for` does it before Python 3.12, if the bytes are out in the same turn of the loop."""

    async def answer_in_spite_of_it() -> str:
        task = asyncio.current_task()
        assert task
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        return "PONG"

    asking = asyncio.create_task(Patience(10).call_with_retry(answer_in_spite_of_it, forget))

    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_task_that_was_cancelled_may_still_say_farewell() -> None:
    """What is written in a `finally` is not refused for the cancellation that led there."""

    async def leave() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            farewells.append(await Patience(10).call_with_retry(Server(back_at=0).asked(each_takes=1), forget))

    farewells: list[str] = []
    leaving = asyncio.create_task(leave())
    await asyncio.sleep(0)
    leaving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert farewells == ["PONG"]
