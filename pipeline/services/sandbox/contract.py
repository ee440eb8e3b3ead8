"""Contract: what a caller asks of a sandbox, and how a run can end.

Promises nothing by itself: each backend says what it promises. What a backend must hold to: it never runs the command
unprotected (it answers `NotRun` instead), leaves no process and no file behind, and hands back what the command wrote
only as bytes within the limits. Those bytes, and the exit code, are a claim of whoever wrote the command's code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeAlias

from pipeline.services.sandbox.limits import Limits


class Limit(Enum):
    """What a run may not have more of; its value is the word for people and programs."""

    TIME = "time"
    CPU = "cpu"
    MEMORY = "memory"
    PROCESSES = "processes"
    OUTPUT = "output"
    FILES = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The command ended by itself."""

    exit_code: int
    """As a shell tells it: 0 to 255, 128 and the signal's number if one ended it."""
    stdout: bytes
    stderr: bytes
    seconds: float
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Of the files that were wanted, those regular ones that are there; path in the checkout to content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The command was stopped, with all that it had started, because a limit was reached."""

    limit: Limit
    detail: str
    """A sentence with the value against its limit."""
    stdout: bytes
    stderr: bytes
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRun:
    """The command was not started: the sandbox is missing, could not be built or did not prove itself."""

    detail: str
    """A sentence that says why."""
    next_step: str = ""


Outcome: TypeAlias = Ran | Stopped | NotRun


class Sandbox(Protocol):
    """A place where strangers' code can run."""

    async def run(self, argv: Sequence[str], checkout: Path, limits: Limits, *, wanted: Sequence[str] = ()) -> Outcome:
        """Run a command, without a shell, in a copy of a checkout.

        Args:
            argv: The command and its arguments; it is looked up on the sandbox's own PATH.
            checkout: Directory that is copied; it is only read, and no link in it is followed.
            limits: What the run may have at most.
            wanted: Files or folders to hand back, relative to the checkout; they may be missing.
        """
