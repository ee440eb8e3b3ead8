"""Outcome: how one check ended, as a closed union of records."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Ok:
    """Nothing to do."""

    state: ClassVar[str] = "ok"
    said: str
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """It works, and something is worth a look."""

    state: ClassVar[str] = "warning"
    said: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Something that was set up does not work, or breaks a promise of ours."""

    state: ClassVar[str] = "failed"
    said: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Not looked at: it is not set up, or what it needs is not there."""

    state: ClassVar[str] = "skipped"
    said: str
    next_step: str = ""


Outcome: TypeAlias = Ok | Warned | Failed | Skipped
