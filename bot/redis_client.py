"""Redis client: patient for a while, then honest.

Promises that a command waits while a server is started anew, and that no wait lasts longer than the patience plus
one time-out, however many commands wait at once.

Does not promise that a command runs once: one whose answer was lost may have been done, and with `resends` it is
sent again. Everything that we write is made to bear that (a script that checks the token and the state first).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self, TypeAlias, TypeVar

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import FullJitterBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bot.redis_batches import BatchingRedis
from pipeline.engine.errors import AskPerson, OnceoverError

PATIENCE_SECONDS_MAX: Final = 30.0
"""How long a server may be away: starting anew takes 0.1 s, loading a large AOF some seconds, then it is trouble."""

ANSWER_SECONDS_MAX: Final = 10.0
"""How long one answer may take. Commands that block in the server (BLPOP, XREAD BLOCK) have to ask for less."""

CONNECT_SECONDS_MAX: Final = 5.0
"""How long one connection may take to stand."""

PAUSE_SECONDS_MIN: Final = 0.01
"""First pause before another try, doubled for each further one."""

PAUSE_SECONDS_MAX: Final = 0.25
"""Longest pause before another try: a server that is back is noticed at once."""

Answer = TypeVar("Answer")

Trouble: TypeAlias = Callable[[], OnceoverError | None]
"""Asked whether something is known that makes waiting vain."""

_AWAY: Final = (RedisConnectionError, RedisTimeoutError, ConnectionError, FileNotFoundError, TimeoutError)
"""What a server says that is not there: gone, not yet listening, silent. redis-py hands the operating system's own
errors to the policy while it connects, and its translations afterwards. A missing host or right is none of them."""


class BadRedisUrl(AskPerson):
    """The text given as a Redis URL is none."""

    code = "redis.bad_url"


class Patience(Retry):
    """Try again until the server has been away for too long; one spell of absence is shared by all connections.

    Were it counted per call, a hundred commands in a row at a dead server would wait a hundred times.

    Args:
        seconds_max: How long the server may be away; 0 tries once.
        trouble: Says why waiting is in vain, if that is known.
        clock: Seconds that only go forward.
    """

    __slots__ = ("_absent_since", "_clock", "_failed_last", "_seconds_max", "_trouble")

    def __init__(
        self, seconds_max: float, *, trouble: Trouble = lambda: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(FullJitterBackoff(cap=PAUSE_SECONDS_MAX, base=PAUSE_SECONDS_MIN), retries=-1)
        self._seconds_max = seconds_max
        self._trouble = trouble
        self._clock = clock
        self._absent_since = self._failed_last = -float("inf")

    def __deepcopy__(self, memo: object) -> Self:
        """Stay one: redis-py copies the policy for each connection."""
        return self

    async def call_with_retry(self, do: Callable[[], Awaitable[Answer]], fail: Callable[[RedisError], Any]) -> Answer:
        """Do it, again and again if need be.

        Args:
            do: The operation.
            fail: Told of each failure first; redis-py drops the connection there, and raises if it may not resend.

        Raises:
            RedisError: What happened last, when the patience is over.
            OSError: The same, while connecting.
        """
        first_failure: float | None = None
        for failures in range(1, 1_000_000):
            try:
                answer = await _unless_cancelled(do)
            except _AWAY as error:
                if not _is_absence(error):
                    raise
                await fail(error)  # type: ignore[arg-type]  # redis-py passes what it caught, OSError included.
                if trouble := self._trouble():
                    raise RedisConnectionError(str(trouble)) from trouble
                now = self._clock()
                first_failure = now if first_failure is None else first_failure
                if now - min(first_failure, self._spell_start(now)) >= self._seconds_max:
                    raise
                await asyncio.sleep(self._backoff.compute(failures))
            else:
                self._absent_since = self._failed_last = -float("inf")
                return answer
        raise AssertionError("unreachable: the patience ends long before")

    def _spell_start(self, now: float) -> float:
        # Silence is no absence: a failure long after the last one starts a new spell.
        if now - self._failed_last > self._seconds_max:
            self._absent_since = now
        self._failed_last = now
        return self._absent_since


def make_client(
    url: str,
    *,
    patience_seconds: float = PATIENCE_SECONDS_MAX,
    resends: bool = True,
    trouble: Trouble = lambda: None,
) -> Redis:
    """Make a client; it connects with its first command. Close it with `aclose` or `async with`.

    Args:
        url: `redis://`, `rediss://` or `unix://`, as redis-py reads it.
        patience_seconds: How long the server may be away before a command fails.
        resends: Send a command again when its answer was lost; otherwise only connecting is tried again.
        trouble: Says why waiting is in vain, if that is known.

    Raises:
        BadRedisUrl: The text is no such URL.
    """
    try:
        pool = ConnectionPool.from_url(
            url,
            decode_responses=False,
            socket_timeout=ANSWER_SECONDS_MAX,
            socket_connect_timeout=CONNECT_SECONDS_MAX,
            retry=Patience(patience_seconds, trouble=trouble),
            retry_on_error=[RedisConnectionError, RedisTimeoutError] if resends else [],
            # Without a name to set, connecting is one step, and no failure falls between it and the command.
            lib_name=None,
            lib_version=None,
        )
    except (ValueError, TypeError) as error:
        raise BadRedisUrl(
            f"`{hide_password(url)}` is no Redis URL.",
            next_step="Set ONCEOVER_REDIS_URL to redis://host:6379/0, rediss://..., or unix:///path/to/redis.sock.",
        ) from error
    if pool.connection_class is UnixDomainSocketConnection:
        pool.connection_class = _UnixConnection
    return BatchingRedis.from_pool(pool)


def hide_password(url: str) -> str:
    """Write the URL for a reader: no user, no password, and no query, because that may carry one too."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("?")[0]
    # A raw `/` or `?` in a password moves the borders of the URL's parts: only what follows the last @ is surely none.
    hidden, at, host = place.rpartition("@")
    if not rest or ("@" in rest and not at):
        return f"{scheme if rest else ''}://***"
    return f"{scheme}://{'***@' if hidden else ''}{host}"


async def _unless_cancelled(do: Callable[[], Awaitable[Answer]]) -> Answer:
    """Pass on a cancellation that the operation has swallowed.

    redis-py sends through `asyncio.wait_for`, and before Python 3.12 that forgets a cancellation which arrives just
    when the bytes are out (python/cpython#86296): whoever had pressed Ctrl-C then would have waited for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    answer = await do()
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
    return answer


def _is_absence(error: BaseException) -> bool:
    # redis-py counts a wrong password among the lost connections, and wraps any refusal on a unix socket into one;
    # neither gets better by waiting.
    cause = error.__cause__ if isinstance(error.__cause__, RedisError | OnceoverError) else error
    return isinstance(cause, _AWAY) and not isinstance(cause, AuthenticationError)


class _UnixConnection(UnixDomainSocketConnection):
    """Drop a connection that could not be set up.

    redis-py 5.3 keeps it: after a refused SELECT the next command would go to database 0 without a word.
    """

    async def _connect(self) -> None:
        try:
            await super()._connect()  # type: ignore[no-untyped-call]  # redis-py left it untyped.
        except RedisError:
            await self.disconnect(nowait=True)
            raise
