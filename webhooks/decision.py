"""Decision: all that a delivery can come to. A closed union, met by one `match` in the door.

Each record is an intent: nothing in it has happened yet, and each becomes one durable write.
"""

from dataclasses import dataclass
from typing import TypeAlias

from pipeline.engine.request import RunRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Nothing is to be done, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A head of a pull request is to be reviewed, or looked at again."""

    request: RunRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Somebody asks for something, by a comment or a button; whether they may is for a worker to find out."""

    request: RunRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Something moved that a parked run may be waiting for."""

    topic: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """What is under way for this subject has lost its purpose."""

    subject: str
    why: str
    order: int
    """When it lost it, in milliseconds since 1970 by GitHub's clock: what was asked for later goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeGroup:
    """A merge queue waits for our check on a head that is no pull request's."""

    request: RunRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """Installations or repositories came, went or changed their names."""

    request: RunRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """GitHub tries the hook."""


Decision: TypeAlias = Ignored | Review | Command | Signal | Stop | MergeGroup | Upkeep | Pong
