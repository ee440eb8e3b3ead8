"""Memory: what one process knows of one GitHub, shared by all clients that speak to it.

A client lives as long as its tokens, which may be one run; limits, pace, kept answers and counts must outlive it.
Bounded everywhere; lost with the process, which costs some calls and breaks no promise.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from pipeline.services.github.clock import Clock
from pipeline.services.github.endpoints import Endpoint
from pipeline.services.github.errors import Limit, RateLimited
from pipeline.services.github.etags import ETags
from pipeline.services.github.failures import LIMIT_SECONDS_MAX
from pipeline.services.github.pace import Pace
from pipeline.services.github.settings import GitHubSettings

TOKENS_SEEN_MAX: Final = 1_000
"""Tokens whose age is remembered; as many repositories are at work at once."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was asked of GitHub so far, for metrics."""

    calls: Counter[Endpoint] = field(default_factory=Counter)
    """By endpoint, pages counted one by one."""
    not_modified: int = 0
    """304s, which cost nothing of the hourly limit."""
    writes: int = 0
    contents: int = 0
    """Pieces of content made; GitHub allows 80 a minute and 500 an hour."""
    remaining: dict[int, int] = field(default_factory=dict)
    """Calls left of the hour, by installation."""


@dataclass(slots=True, kw_only=True)
class SeenToken:
    """What is known of a token."""

    since: float
    """When it was first used here, monotonic."""
    is_proven: bool = False
    """Whether GitHub has accepted it."""


class Stops:
    """Until when GitHub does not want to be asked, by installation.

    A limit that comes without a time doubles with each repetition, as GitHub asks, until a write succeeds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._until: Final[dict[int, tuple[float, Limit]]] = {}
        self._guesses: Final[Counter[int]] = Counter()

    def put_up(self, installation: int, limited: RateLimited) -> RateLimited:
        """Remember that an installation was told to stop; answer the error that says for how long."""
        after = limited.after_seconds
        if limited.is_guess:
            after = min(after * 2.0 ** self._guesses[installation], LIMIT_SECONDS_MAX)
            self._guesses[installation] += 1
        self._until[installation] = (self._clock.monotonic() + after, limited.limit)
        return RateLimited(limited.message, limit=limited.limit, after_seconds=after, is_guess=limited.is_guess)

    def take_down(self, installation: int) -> None:
        """Begin with short guesses again: a write has succeeded."""
        self._guesses.pop(installation, None)

    def check(self, installation: int, what: str) -> None:
        """Let a call pass.

        Raises:
            RateLimited: It is not yet time.
        """
        until, limit = self._until.get(installation, (0.0, Limit.PRIMARY))
        left = until - self._clock.monotonic()
        if left > 0:
            told = f"{what} was not sent: GitHub's {limit} limit of installation {installation} is reached."
            raise RateLimited(told, limit=limit, after_seconds=left)
        self._until.pop(installation, None)


class TokenAges:
    """How long tokens have been in use; kept by digest, so that no token is kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._seen: Final[dict[str, SeenToken]] = {}

    def of(self, token: SecretStr) -> SeenToken:
        """Say what is known of a token; this may be the first time that it is seen."""
        seen = self._seen.setdefault(_digest(token), SeenToken(since=self._clock.monotonic()))
        while len(self._seen) > TOKENS_SEEN_MAX:
            self._seen.pop(next(iter(self._seen)))
        return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """All of it."""

    tally: Tally
    pace: Pace
    etags: ETags
    stops: Stops
    ages: TokenAges


def make_memory(settings: GitHubSettings, clock: Clock) -> Memory:
    """Begin with an empty memory."""
    return Memory(
        tally=Tally(),
        pace=Pace(settings, clock),
        etags=ETags(settings),
        stops=Stops(clock),
        ages=TokenAges(clock),
    )


def _digest(token: SecretStr) -> str:
    return hashlib.sha256(token.get_secret_value().encode()).hexdigest()
