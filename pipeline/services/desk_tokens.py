"""Desk tokens: how a process without the App's key gets a read token for one repository.

Promises a token that is good for some minutes at least: from memory, else from the repository's mailbox in Redis,
else from the broker, who is asked again a few times because a request may have been lost with a broker that ended.
Promises an end to the waiting, and an error that says what can be done about it.

Does not promise a token that GitHub still knows: who meets a 401 says so with `refuse`, and the token is dropped here
and from the mailbox, so that the next one is new for everybody.
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import SecretStr
from redis.exceptions import RedisError

from pipeline.engine.errors import Bug, RetryLater
from pipeline.services.github.place import Place, Purpose
from pipeline.services.minted_tokens import TokenCache
from pipeline.services.sealing import Sealer
from pipeline.services.token_letters import Granted, Letters, TokenRefused, TokenRequest, redis_now_ms

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

REQUESTS_MAX: Final = 1_000
"""Requests that wait in Redis for a broker; the oldest go first, their askers have given up."""

REQUESTS_KEPT_SECONDS: Final = 60
"""A list of requests that no broker empties goes away."""

DROP_IF_SAME: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
"""A newer token that was put there meanwhile stays."""

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskSettings:
    """Times in seconds."""

    prefix: str = "onceover:"
    """All keys begin with it."""
    wait_seconds: float = 7.0
    """One wait for the answer; below the 10 s after which the Redis client takes silence for absence."""
    asks_max: int = 4
    """So often the broker is asked, in all for less than the 30 s that a request is good for."""


class NoBroker(RetryLater):
    """Nobody answered a request for a token."""

    code = "no_broker"


class TokenStoreAway(RetryLater):
    """Redis, through which tokens are asked for, does not answer."""

    code = "redis_away"


class DeskTokens:
    """Read tokens, for all runs of this process.

    Args:
        redis: Client that does not decode responses.
        sealer: With the installation's secret.
        settings: Limits and key prefix.
        monotonic: Seconds that only go forward.
    """

    def __init__(
        self,
        redis: "Redis",
        sealer: Sealer,
        *,
        settings: AskSettings | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis: Final = redis
        self._settings: Final = settings or AskSettings()
        self._letters: Final = Letters(sealer=sealer, prefix=self._settings.prefix)
        self._cache: Final = TokenCache(monotonic=monotonic)

    def for_run(self, run_id: str) -> "TokensOfRun":
        """Make the view of one run, on whose behalf the broker is asked."""
        return TokensOfRun(desk=self, run_id=run_id)

    async def token(self, place: Place, purpose: Purpose, *, run_id: str) -> SecretStr:
        """Return a read token for the repository.

        Raises:
            NoBroker: Nobody answered in time.
            TokenStoreAway: Redis is away.
            KeyNotShared: The broker has another secret.
            RetryLater: The broker says to wait, and how long if it knows.
            AskPerson: The broker refuses until somebody acts.
            GiveUp: The broker says that there never will be one.
        """
        if purpose != Purpose.READ:
            raise Bug(f"A process without the App's key was asked for a token to {purpose}; it gets read tokens only.")
        async with self._cache.turn(place, purpose):
            if held := self._cache.find(place, purpose):
                return held
            granted, now_ms = await self._find_or_ask(place, run_id)
            lives_seconds = (granted.expires_at_ms - now_ms) / 1000
            self._cache.keep(place, purpose, granted.token, lives_seconds=lives_seconds)
            return granted.token

    async def refuse(self, token: SecretStr) -> None:
        """Drop a token that GitHub rejected, here and from its mailbox; a newer one stays.

        Raises:
            TokenStoreAway: Redis is away; here it is dropped all the same.
        """
        if (whose := self._cache.drop(token)) is None:
            return
        key = self._letters.mailbox_key(*whose)
        raw, now_ms = await self._look(key)
        if raw and (there := self._letters.read_token(key, raw, now_ms=now_ms)) and there.token == token:
            await _spoken(cast("Awaitable[Any]", self._redis.eval(DROP_IF_SAME, 1, key, raw)))  # type: ignore[arg-type]  # Bytes are fine.

    async def _find_or_ask(self, place: Place, run_id: str) -> tuple[Granted, int]:
        """Return a token, and the time by Redis when it was not older."""
        key = self._letters.mailbox_key(place.installation, place.repository_id)
        answer_id = secrets.token_hex(16)
        now_ms = 0
        for _ in range(self._settings.asks_max):
            raw, now_ms = await self._look(key)
            if raw and (there := self._letters.read_token(key, raw, now_ms=now_ms)):
                return there, now_ms
            await self._ask(place, run_id, answer_id, now_ms)
            if reply := await self._await_answer(answer_id):
                answer = self._letters.read_answer(answer_id, reply, now_ms=now_ms)
                if isinstance(answer, TokenRefused):
                    raise answer.to_error()
                return answer, now_ms
        waited_seconds = self._settings.asks_max * self._settings.wait_seconds
        raise NoBroker(
            f"No broker answered within {waited_seconds:g} s to a request for a read token of {place.repository}.",
            next_step="Is a worker with the role broker running (`onceover worker --roles publisher,broker`),"
            " on the same Redis?",
        )

    async def _look(self, key: str) -> tuple[bytes | None, int]:
        raw = await _spoken(cast("Awaitable[bytes | None]", self._redis.get(key)))
        return raw, await _spoken(redis_now_ms(self._redis))

    async def _ask(self, place: Place, run_id: str, answer_id: str, now_ms: int) -> None:
        request = TokenRequest(
            run_id=run_id,
            installation=place.installation,
            repository_id=place.repository_id,
            repository=place.repository,
            purpose=Purpose.READ.value,
            answer_id=answer_id,
            at_ms=now_ms,
        )
        key = self._letters.requests_key
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.rpush(key, self._letters.write_request(request))
            pipe.ltrim(key, -REQUESTS_MAX, -1)
            pipe.expire(key, REQUESTS_KEPT_SECONDS)
            await _spoken(pipe.execute())

    async def _await_answer(self, answer_id: str) -> bytes | None:
        popped = await _spoken(
            cast(
                "Awaitable[list[bytes] | None]",
                self._redis.blpop([self._letters.answer_key(answer_id)], timeout=self._settings.wait_seconds),  # type: ignore[arg-type]  # Redis takes fractions since 6.0.
            )
        )
        return popped[1] if popped else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensOfRun:
    """Read tokens on behalf of one run."""

    desk: DeskTokens
    run_id: str

    async def token(self, place: Place, purpose: Purpose) -> SecretStr:
        """Return a read token for the repository; raises as `DeskTokens.token`."""
        return await self.desk.token(place, purpose, run_id=self.run_id)

    async def refuse(self, token: SecretStr) -> None:
        """Drop a token that GitHub rejected, everywhere."""
        await self.desk.refuse(token)


async def _spoken(call: Awaitable[Reply]) -> Reply:
    """Class what the Redis client raises."""
    try:
        return await call
    except (RedisError, OSError) as error:
        raise TokenStoreAway(
            f"Redis does not answer, so no token can be asked for: {error}",
            next_step="It is tried again; check ONCEOVER_REDIS_URL and the server.",
        ) from error
