"""Written: what all writes to GitHub that create something have in common.

GitHub takes no idempotency keys. So each creating write is intent, act, confirm: the ledger
(`pipeline.engine.effects`) has the intent before the call and the id after it. After a crash or an ambiguous answer
nobody writes again before having looked, and looked again once GitHub's lists can be believed; a look-up that fails
stops the write.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from pipeline.engine.effects import Effect
from pipeline.engine.errors import RetryLater
from pipeline.engine.stage import JsonValue
from pipeline.services.github.models import User

LAG_SECONDS: Final = 10.0
"""How long a list may not show what was written. No promise is documented; reports speak of seconds."""

Author: TypeAlias = Callable[[], Awaitable[str | None]]
"""Finds the login of the user by whom our App writes, `SLUG[bot]`; None if GitHub does not tell."""

IsOurs: TypeAlias = Callable[[str | None], bool]
"""Whether a text carries the very marker that is looked for."""


class NotShownYet(RetryLater):
    """Something may have been written that GitHub's lists do not show yet; nothing is written before they can."""

    code = "effect_not_shown_yet"


def is_by(user: User | None, author: str | None) -> bool:
    """Whether our App wrote it: a marker counts only on content of its own, for anybody can paste one.

    No person can have a login with brackets, and the login of an App's user is its own.
    """
    return user is not None and user.type == "Bot" and (author is None or user.login.lower() == author.lower())


def digest(*parts: JsonValue) -> str:
    """Name a content, to tell whether it was sent already."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def check_lag(effect: Effect, what: str) -> None:
    """Make sure that an intent is old enough for its absence to be believed.

    Raises:
        NotShownYet: It is not.
    """
    left = LAG_SECONDS - effect.age_seconds
    if left > 0:
        raise NotShownYet(
            f"{what} may have been written {effect.age_seconds:.1f} s ago and is not listed.",
            next_step="It is looked for again before anything is written.",
            retry_after_seconds=left,
        )


def is_current(effect: Effect, content: str) -> bool:
    """Whether this very content was confirmed."""
    return effect.standing == "confirmed" and effect.detail.get("digest") == content


def confirmed(created: int, content: str, more: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Write what the ledger keeps of a write."""
    return {"id": created, "digest": content, **more}
