"""Token desk: the broker's counter, where reviewers get read tokens without ever seeing the App's key.

Promises
- a token only for a signed, recent request of a run that is alive and belongs to that very repository;
- read permissions for that one repository, never more: a write token does not pass through here;
- one mint for however many ask for a repository at once, and none while a good token lies in its mailbox;
- an answer to every request that can be answered: a refusal says whether to wait, to call a person or to give up.

Restart-safe because it holds nothing: who got no answer asks again, and tokens wait sealed in Redis.
Does not promise one mint among several brokers: two of them that are asked at the same moment mint a token each, and
both are good. Does not promise anything against a reviewer that was taken over: it holds the installation's secret, so
it can open what lies in the mailboxes, and ask for any repository that has a live run; it cannot write.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from redis.exceptions import RedisError

from pipeline.engine.errors import AskPerson, OnceoverError, RetryLater
from pipeline.services.github.place import Place, Purpose
from pipeline.services.minted_tokens import Mint, NarrowMint
from pipeline.services.sealing import KeyNotShared, Sealer
from pipeline.services.token_letters import (
    REQUEST_SECONDS_MAX,
    Answer,
    Granted,
    Letters,
    TokenRefused,
    TokenRequest,
    redis_now_ms,
)

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

AHEAD_MS_MAX: Final = 5_000
"""How far in the future a request may be dated: as much as Redis's clock may have been set back."""

IsWanted = Callable[[str, int, int], Awaitable[bool]]
"""Whether a run of this id is alive, of this installation and this repository id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings:
    """Times in seconds."""

    prefix: str = "onceover:"
    """All keys begin with it."""
    listen_seconds: float = 5.0
    """One wait for a request; below the 10 s after which the Redis client takes silence for absence."""
    away_pause_seconds: float = 0.5
    """Between two tries to reach a Redis that went away."""
    answers_at_once_max: int = 16
    """Requests under way; the next ones stay in Redis, for other brokers too."""
    mint_seconds_max: float = 25.0
    """One mint with all that it tries; shorter than a reviewer's patience, so that it learns the reason."""
    mailbox_margin_seconds: float = 600.0
    """A token leaves its mailbox so long before its end; who takes it then can still use it for some minutes."""


class TokenDesk:
    """The broker's counter.

    Args:
        redis: Client that does not decode responses.
        sealer: With the installation's secret.
        mint: Where tokens come from.
        is_wanted: Looks into the engine's records.
        settings: Limits and key prefix.
    """

    def __init__(
        self, redis: "Redis", sealer: Sealer, mint: Mint, is_wanted: IsWanted, *, settings: DeskSettings | None = None
    ) -> None:
        self._redis: Final = redis
        self._mint: Final = NarrowMint(mint)
        self._is_wanted: Final = is_wanted
        self._settings: Final = settings or DeskSettings()
        self._letters: Final = Letters(sealer=sealer, prefix=self._settings.prefix)
        self._fetching: Final[dict[str, asyncio.Task[Answer]]] = {}

    async def serve(self) -> None:
        """Answer requests until cancelled; a Redis that goes away is waited for."""
        room = asyncio.Semaphore(self._settings.answers_at_once_max)
        async with asyncio.TaskGroup() as group:
            while True:
                await room.acquire()
                raw = await self._next_request()
                if raw is None:
                    room.release()
                    continue
                answering = group.create_task(self._answer(raw, group), name="token desk")
                answering.add_done_callback(lambda _: room.release())

    async def _next_request(self) -> bytes | None:
        """Wait for a request, for a while."""
        try:
            # Casts, here and below: redis-py types one method for its synchronous and its asynchronous client.
            popped = await cast(
                "Awaitable[list[bytes] | None]",
                self._redis.blpop([self._letters.requests_key], timeout=self._settings.listen_seconds),  # type: ignore[arg-type]  # Redis takes fractions since 6.0.
            )
        except (RedisError, OSError) as error:
            log.warning("token.desk_waits_for_redis reason=%s", error)
            await asyncio.sleep(self._settings.away_pause_seconds)
            return None
        return popped[1] if popped else None

    async def _answer(self, raw: bytes, group: asyncio.TaskGroup) -> None:
        try:
            now_ms = await redis_now_ms(self._redis)
            try:
                request = self._letters.read_request(raw)
            except KeyNotShared as error:
                log.error("token.request_refused reason=%s", error)  # noqa: TRY400 - foreseen: the message says all.
                await self._send(self._letters.claimed_answer_id(raw), TokenRefused.of(error), now_ms)
                return
            age_ms = now_ms - request.at_ms
            if not -AHEAD_MS_MAX <= age_ms <= REQUEST_SECONDS_MAX * 1000:
                log.info("token.request_too_old run=%s age_ms=%d", request.run_id, age_ms)
                return
            await self._send(request.answer_id, await self._decide(request, group), now_ms)
        except (RedisError, OSError) as error:
            log.warning("token.request_not_answered reason=%s", error)
        except OnceoverError as error:
            log.warning("token.request_dropped reason=%s", error)
        except Exception:  # The supervisor: one request that breaks us is no end of all others.
            log.exception("token.request_failed")

    async def _decide(self, request: TokenRequest, group: asyncio.TaskGroup) -> Answer:
        if request.purpose != Purpose.READ:
            log.warning("token.purpose_refused run=%s purpose=%a", request.run_id, request.purpose)
            return _refusal("purpose", f"The broker gives read tokens only, none to {request.purpose[:20]!a}.")
        if not await self._is_wanted(request.run_id, request.installation, request.repository_id):
            log.warning("token.not_wanted run=%s repository_id=%d", request.run_id, request.repository_id)
            return _refusal(
                "run",
                f"The broker knows no live run {request.run_id} of repository {request.repository_id}"
                f" in installation {request.installation}.",
            )
        return await self._fetch_once(request, group)

    async def _fetch_once(self, request: TokenRequest, group: asyncio.TaskGroup) -> Answer:
        """Join the fetch that is under way for this repository, or begin one."""
        key = self._letters.mailbox_key(request.installation, request.repository_id)
        fetching = self._fetching.get(key)
        if fetching is None:
            fetching = group.create_task(self._fetch(key, request), name=f"fetch {key}")
            self._fetching[key] = fetching
            fetching.add_done_callback(lambda _: self._fetching.pop(key))
        return await asyncio.shield(fetching)

    async def _fetch(self, key: str, request: TokenRequest) -> Answer:
        """Take the token from the mailbox, or make one; whatever happens, there is an answer to all who wait."""
        try:
            if there := await self._find(key):
                return there
            async with asyncio.timeout(self._settings.mint_seconds_max):
                granted = Granted.of(await self._mint.mint(_place(request), Purpose.READ))
            await self._keep(key, granted)
        except TimeoutError:
            what = f"GitHub gave no token within {self._settings.mint_seconds_max:g} s."
            return TokenRefused.of(RetryLater(what, code="token_mint_slow"))
        except OnceoverError as error:
            log.warning("token.not_minted repository_id=%d reason=%s", request.repository_id, error)
            return TokenRefused.of(error)
        except Exception:  # The supervisor: who waits is told so, and tries again.
            log.exception("token.mint_failed repository_id=%d", request.repository_id)
            return TokenRefused.of(RetryLater("The broker failed to make a token; its log says why."))
        log.info("token.minted run=%s repository_id=%d", request.run_id, request.repository_id)
        return granted

    async def _find(self, key: str) -> Granted | None:
        raw = await cast("Awaitable[bytes | None]", self._redis.get(key))
        if raw is None:
            return None
        there = self._letters.read_token(key, raw, now_ms=await redis_now_ms(self._redis))
        if there is None:
            log.warning("token.mailbox_unreadable key=%s", key)
        return there

    async def _keep(self, key: str, granted: Granted) -> None:
        """Put the token into its mailbox; without one every reviewer asks for itself, and that is all."""
        try:
            lives_ms = granted.expires_at_ms - await redis_now_ms(self._redis)
            keep_ms = lives_ms - round(self._settings.mailbox_margin_seconds * 1000)
            if keep_ms > 0:
                await self._redis.set(key, self._letters.write_token(key, granted), px=keep_ms)
        except (RedisError, OSError) as error:
            log.warning("token.not_kept key=%s reason=%s", key, error)

    async def _send(self, answer_id: str | None, answer: Answer, now_ms: int) -> None:
        if answer_id is None:
            return
        key = self._letters.answer_key(answer_id)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.rpush(key, self._letters.write_answer(answer_id, answer, now_ms=now_ms))
            pipe.expire(key, round(REQUEST_SECONDS_MAX))
            await pipe.execute()


def _place(request: TokenRequest) -> Place:
    return Place(installation=request.installation, repository=request.repository, repository_id=request.repository_id)


def _refusal(what: str, reason: str) -> TokenRefused:
    next_step = "`onceover runs list` shows the runs that this broker sees; all processes must use the same Redis."
    return TokenRefused.of(AskPerson(reason, next_step=next_step, code=f"token_refused_{what}"))
