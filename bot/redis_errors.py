"""Redis errors: what a Redis server's refusal or silence means, and what to do about it.

Promises one sentence and a next step for whatever redis-py raises, without the URL's password.
"""

from collections.abc import Mapping
from typing import Final

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bot.redis_client import hide_password
from pipeline.engine.errors import CAUSE_CHARACTERS_MAX, AskPerson, OnceoverError, RetryLater

ANOTHER_SERVER: Final = "Set ONCEOVER_REDIS_URL to another server, or unset it to use one of our own."
"""The way out that is always there."""

_Classes = tuple[type[Exception], ...]

_AWAY: Final[tuple[tuple[_Classes, str, str], ...]] = (
    ((BusyLoadingError,), "is still loading its data", "Wait, then try again."),
    ((RedisTimeoutError, TimeoutError), "takes connections and does not answer", "See whether it hangs."),
)
"""What passes by itself: error, what it means, what to do."""

_UNUSABLE: Final[tuple[tuple[_Classes, str, str], ...]] = (
    ((AuthenticationError, NoPermissionError), "does not let us in", "Put the right user and password into the URL."),
    ((InvalidResponse,), "does not speak the Redis protocol", "Correct host and port."),
    ((RedisConnectionError, OSError), "cannot be reached", "Start it, or correct the URL."),
    ((ReadOnlyError,), "is a replica and takes no writes", "Set the URL to its primary."),
)
"""What a person has to change; looked through in this order, because redis-py derives some from others."""

_REFUSALS: Final[Mapping[str, str]] = {
    "MISCONF": "It cannot write to its disk: free some space there. What it confirmed before is kept.",
    "command not allowed when used memory": "Its memory is full: raise `maxmemory`; do not let it evict keys.",
    "DB index": "Use a database that it has, usually `/0` at the end of the URL.",
    "MOVED": "It is part of a cluster: use a single server.",
}
"""Words of an error answer that redis-py has no class for, or none of use to us."""


class RedisUnusable(AskPerson):
    """The server refuses us, or is no Redis; a person has to change the URL or the server."""

    code = "redis.unusable"


class RedisAway(RetryLater):
    """The server does not answer now."""

    code = "redis.away"


def explain(error: Exception, url: str) -> OnceoverError:
    """Turn a Redis error into one of ours.

    Args:
        error: From redis-py, or the operating system's; ours, if one is its cause, is the answer.
        url: Of the server, for the message.
    """
    cause = _root(error)
    if isinstance(cause, OnceoverError):
        return cause
    place, said = f"The Redis at {hide_password(url)}", printable(str(cause))
    for classes, what, next_step in _AWAY:
        if isinstance(cause, classes):
            return RedisAway(f"{place} {what}.", next_step=next_step)
    for classes, what, next_step in _UNUSABLE:
        if isinstance(cause, classes):
            return RedisUnusable(f"{place} {what}: {said}.", next_step=f"{next_step} {ANOTHER_SERVER}")
    next_step = next((step for word, step in _REFUSALS.items() if word in said), "Read its log.")
    return RedisUnusable(f"{place} refuses a command: {said}.", next_step=f"{next_step} {ANOTHER_SERVER}")


def _root(error: BaseException) -> BaseException:
    # redis-py wraps what went wrong while connecting into a lost connection, and so does our patience a known trouble.
    while isinstance(error.__cause__, RedisError | OnceoverError):
        error = error.__cause__
    return error


def printable(text: str) -> str:
    """Make a server's words fit for a sentence: no control characters, no end of line, not too long."""
    return "".join(c if c.isprintable() else " " for c in text)[:CAUSE_CHARACTERS_MAX].strip().rstrip(".")
