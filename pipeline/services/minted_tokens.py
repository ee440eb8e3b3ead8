"""Minted tokens: installation tokens for one repository, no wider than what is done with them.

Promises that every token names one repository and only the permissions of its purpose; that a token is used until
shortly before it ends and then minted anew, once for all who wait for it. Where an installation has not (yet) granted
what is nice to have, the token does without.

Does not promise that a permission is there: what was left out shows as a refusal of the call that needs it.
Write tokens stay in the memory of the process that holds the App's key; nothing here speaks with Redis.

Source: "Create an installation access token for an app", docs.github.com; 422 is its answer to a permission that the
installation does not have, and to a repository that is not (or no longer) its own.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias
from weakref import WeakValueDictionary

from pydantic import SecretStr

from pipeline.services.github.errors import Refused
from pipeline.services.github.place import Place, Purpose

log = logging.getLogger(__name__)

MARGIN_SECONDS: Final = 300.0
"""A token is not handed out in its last minutes: longer than any call or fetch that is begun with it."""

LACK_SECONDS: Final = 3_600.0
"""How long it is remembered what an installation has not granted; a token lives as long."""

NOT_GRANTED_STATUS: Final = 422

_MINIMUM: Final = {"metadata": "read", "contents": "read"}

PERMISSIONS: Final[Mapping[Purpose, Sequence[Mapping[str, str]]]] = {
    Purpose.READ: (
        {**_MINIMUM, "pull_requests": "read", "checks": "read", "statuses": "read", "actions": "read"},
        {**_MINIMUM, "pull_requests": "read", "checks": "read", "actions": "read"},
        {**_MINIMUM, "pull_requests": "read", "checks": "read", "statuses": "read"},
        {**_MINIMUM, "pull_requests": "read", "checks": "read"},
    ),
    Purpose.WRITE: (
        {**_MINIMUM, "pull_requests": "write", "checks": "write", "issues": "read"},
        {**_MINIMUM, "pull_requests": "write", "checks": "write"},
    ),
}
"""What is asked for: no wider than `onceover setup` registers, the widest first; the last one is what the App cannot do
without."""


class Minted(Protocol):
    """A new installation token."""

    @property
    def token(self) -> SecretStr:
        """The token."""

    @property
    def expires_at_ms(self) -> int:
        """When it ends, in Unix milliseconds by GitHub's clock; an hour ahead."""


class Mint(Protocol):
    """Where tokens come from: GitHub, asked with the App's key."""

    async def mint(self, installation: int, *, repository_ids: Sequence[int], permissions: Mapping[str, str]) -> Minted:
        """Make one token.

        Raises:
            Refused: With status 422, when the installation does not have one of the permissions.
            OnceoverError: Anything else, by what a caller can do.
        """


class NarrowMint:
    """Mints for one repository and one purpose, with what the installation grants of it.

    Args:
        mint: Where tokens come from.
        monotonic: Seconds that only go forward.
    """

    def __init__(self, mint: Mint, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._mint: Final = mint
        self._monotonic: Final = monotonic
        self._lacks: Final[dict[tuple[int, Purpose], tuple[int, float]]] = {}

    async def mint(self, place: Place, purpose: Purpose) -> Minted:
        """Make a token for the repository, the widest first that is granted.

        Raises:
            OnceoverError: As `Mint.mint`; also for lack of permissions, when even the narrowest is not granted.
        """
        choices = PERMISSIONS[purpose]
        for at in range(self._first(place, purpose), len(choices)):
            try:
                minted = await self._mint.mint(
                    place.installation, repository_ids=(place.repository_id,), permissions=choices[at]
                )
            except Refused as error:
                is_about_permissions = error.status == NOT_GRANTED_STATUS and not error.says("repository")
                if not is_about_permissions or at + 1 == len(choices):
                    raise
                log.info("token.permission_lacking installation=%d purpose=%s", place.installation, purpose)
            else:
                self._remember(place, purpose, at)
                return minted
        raise AssertionError("unreachable: the last refusal is raised")

    def _first(self, place: Place, purpose: Purpose) -> int:
        at, until = self._lacks.get((place.installation, purpose), (0, 0.0))
        return at if self._monotonic() < until else 0

    def _remember(self, place: Place, purpose: Purpose, at: int) -> None:
        """Spare the next token the refusals; not for ever, since an owner may grant what a new version asks for."""
        if at == 0:
            self._lacks.pop((place.installation, purpose), None)
        elif self._first(place, purpose) != at:
            self._lacks[place.installation, purpose] = (at, self._monotonic() + LACK_SECONDS)


_Key: TypeAlias = tuple[int, int, Purpose]


class TokenCache:
    """Tokens in this process's memory, each until shortly before its end."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic: Final = monotonic
        self._held: Final[dict[_Key, tuple[SecretStr, float]]] = {}
        self._turns: Final[WeakValueDictionary[_Key, asyncio.Lock]] = WeakValueDictionary()

    def find(self, place: Place, purpose: Purpose) -> SecretStr | None:
        """Return a token that is good for some minutes more, if there is one."""
        self._drop_old()
        held = self._held.get(_key(place, purpose))
        return held[0] if held else None

    def keep(self, place: Place, purpose: Purpose, token: SecretStr, *, lives_seconds: float) -> None:
        """Hold a token that lives so long from now."""
        self._held[_key(place, purpose)] = (token, self._monotonic() + lives_seconds - MARGIN_SECONDS)

    def drop(self, token: SecretStr) -> tuple[int, int] | None:
        """Forget a token, and return whose it was: installation and repository id; None if nobody's here."""
        for key, (held, _) in self._held.items():
            if held == token:
                del self._held[key]
                return key[:2]
        return None

    def turn(self, place: Place, purpose: Purpose) -> asyncio.Lock:
        """Return what keeps two tasks from getting the same token twice; it lives as long as somebody holds it."""
        return self._turns.setdefault(_key(place, purpose), asyncio.Lock())

    def _drop_old(self) -> None:
        now = self._monotonic()
        for key in [key for key, (_, until) in self._held.items() if until <= now]:
            del self._held[key]


class MintedTokens:
    """Tokens for the process that holds the App's key.

    Args:
        mint: Where tokens come from.
        now_ms: Unix milliseconds; wrong by minutes, GitHub would refuse the App's own key too.
        monotonic: Seconds that only go forward.
    """

    def __init__(
        self,
        mint: Mint,
        *,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mint: Final = NarrowMint(mint, monotonic=monotonic)
        self._now_ms: Final = now_ms
        self._cache: Final = TokenCache(monotonic=monotonic)

    async def token(self, place: Place, purpose: Purpose) -> SecretStr:
        """Return a token for the repository that is good for `MARGIN_SECONDS` at least.

        Raises:
            OnceoverError: As `Mint.mint`.
        """
        async with self._cache.turn(place, purpose):
            if held := self._cache.find(place, purpose):
                return held
            minted = await self._mint.mint(place, purpose)
            lives_seconds = (minted.expires_at_ms - self._now_ms()) / 1000
            self._cache.keep(place, purpose, minted.token, lives_seconds=lives_seconds)
            return minted.token

    async def refuse(self, token: SecretStr) -> None:
        """Forget a token that GitHub rejected; the next one is minted."""
        self._cache.drop(token)


def _key(place: Place, purpose: Purpose) -> _Key:
    return place.installation, place.repository_id, purpose
