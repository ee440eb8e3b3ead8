"""A small GitHub that makes tokens, and the two ends of the token desk, on a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, cast

from pydantic import SecretStr
from redis.asyncio import Redis

from pipeline.services.desk_tokens import AskSettings, DeskTokens, TokensOfRun
from pipeline.services.github.errors import Refused
from pipeline.services.github.place import Place
from pipeline.services.sealing import Sealer
from pipeline.services.token_desk import DeskSettings, TokenDesk

SECRET: Final = "a secret for tests that is long enough"
REQUESTS: Final = "onceover:token:requests"
SHOP: Final = Place(installation=7, repository="acme/shop", repository_id=101)
BARN: Final = Place(installation=7, repository="acme/barn", repository_id=102)
EVERYTHING: Final = frozenset({"metadata", "contents", "pull_requests", "checks", "statuses", "actions", "issues"})


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Clock:
    """Seconds that go forward when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Read it."""
        return self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeToken:
    """A token as GitHub makes it."""

    token: SecretStr
    expires_at_ms: int


@dataclass(kw_only=True)
class FakeMint:
    """GitHub's end: makes tokens, remembers what it was asked for, refuses when told to."""

    grants: frozenset[str] = EVERYTHING
    """Permissions of the installation; it has write wherever it has any."""
    fails_with: Exception | None = None
    gate: asyncio.Event | None = None
    """Answers wait for it."""
    life_seconds: float = 3_600.0
    asked: list[tuple[int, tuple[int, ...], dict[str, str]]] = field(default_factory=list)
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def mint(
        self, installation: int, *, repository_ids: Sequence[int], permissions: Mapping[str, str]
    ) -> FakeToken:
        """Make a token, or refuse."""
        self.asked.append((installation, tuple(repository_ids), dict(permissions)))
        self.is_asked.set()
        await (self.gate.wait() if self.gate else asyncio.sleep(0))  # As a network would, it lets others go on.
        if self.fails_with:
            raise self.fails_with
        if not permissions.keys() <= self.grants:
            raise Refused("No token.", words="The permissions requested are not granted.", status=422)
        token = SecretStr(f"minted-{len(self.asked)}-for-{repository_ids[0]}")
        return FakeToken(token=token, expires_at_ms=now_ms() + round(self.life_seconds * 1000))


@dataclass(kw_only=True)
class Office:
    """One installation of Onceover: its Redis, its secret, its runs."""

    redis: Redis
    mint: FakeMint = field(default_factory=FakeMint)
    runs: set[tuple[str, int, int]] = field(default_factory=lambda: {("r_1", 7, 101), ("r_1", 7, 102)})
    looked_up: int = 0
    """How often the broker asked whether a run lives."""
    all_looked_up: tuple[int, asyncio.Event] | None = None
    """At this many, this happens."""

    async def is_wanted(self, run_id: str, installation: int, repository_id: int) -> bool:
        """Answer as the engine's records would."""
        self.looked_up += 1
        if self.all_looked_up and self.looked_up == self.all_looked_up[0]:
            self.all_looked_up[1].set()
        return (run_id, installation, repository_id) in self.runs

    def desk(self, *, secret: str = SECRET) -> TokenDesk:
        """Make a broker's desk; `open_desk` serves at it."""
        settings = DeskSettings(listen_seconds=0.2, away_pause_seconds=0.01)
        return TokenDesk(self.redis, Sealer(SecretStr(secret)), self.mint, self.is_wanted, settings=settings)

    def reviewer(
        self, *, secret: str = SECRET, clock: Clock | None = None, wait_seconds: float = 5.0, asks_max: int = 3
    ) -> DeskTokens:
        """Make what a reviewer process has."""
        settings = AskSettings(wait_seconds=wait_seconds, asks_max=asks_max)
        return DeskTokens(self.redis, Sealer(SecretStr(secret)), settings=settings, monotonic=clock or Clock())

    def run(self, run_id: str = "r_1", *, clock: Clock | None = None) -> TokensOfRun:
        """Make a run in a reviewer process of its own."""
        return self.reviewer(clock=clock).for_run(run_id)

    async def post(self, letter: str | bytes) -> None:
        """Put something into the list of requests."""
        await cast("Awaitable[int]", self.redis.rpush(REQUESTS, letter))  # redis-py types two clients at once.

    async def wait_for_request(self) -> None:
        """Wait until a request is in the list; it stays there."""
        assert await self.redis.blmove(REQUESTS, REQUESTS, timeout=10)

    async def take_answer(self, answer_id: str) -> bytes:
        """Wait for an answer and take it."""
        key = f"onceover:token:answer:{answer_id}"
        return (await cast("Awaitable[list[bytes]]", self.redis.blpop([key], timeout=10)))[1]


@asynccontextmanager
async def open_desk(desk: TokenDesk) -> AsyncIterator[None]:
    """Serve while the block runs."""
    serving = asyncio.create_task(desk.serve())
    try:
        yield
    finally:
        assert not serving.done(), "The desk ended by itself."
        serving.cancel()
        await asyncio.wait({serving})
