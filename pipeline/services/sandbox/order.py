"""Order: what the keeper of a sandbox is told, and what it answers, as JSON between two processes of ours.

Plain `json` and dataclasses, since the keeper starts for every run and pydantic alone would take longer than the rest
of it. Both sides are of the same version: the keeper is a module beside this one. Words keep bytes that are no UTF-8 as
surrogates, which JSON's escapes carry.
"""

import json
from dataclasses import asdict, dataclass
from typing import Literal, Self

from pipeline.services.sandbox.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run."""

    parent_pid: int
    """Whoever asked; when that process ends, the run does."""
    bubblewrap: str
    """Absolute path of the program."""
    checkout: str
    argv: tuple[str, ...]
    wanted: tuple[str, ...]
    limits: Limits
    user: int | None
    """User and group on the host to become first; None stays who we are, since only root can become another."""
    cgroup: str | None
    """A cgroup that the operator delegated to us; without, one is looked for."""
    readable: tuple[str, ...]
    """Directories of tools that the command may read besides /usr."""
    files_fd: int
    """Where the wanted files go, as a tar archive."""

    def to_json(self) -> bytes:
        """Write it."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, written: bytes) -> Self:
        """Read what `to_json` wrote."""
        fields = json.loads(written)
        lists = {name: tuple(fields[name]) for name in ("argv", "wanted", "readable")}
        return cls(**{**fields, **lists, "limits": Limits(**fields["limits"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a run went, without what it wrote."""

    how: Literal["ran", "stopped", "not_run"]
    exit_code: int = 0
    limit: str = ""
    """Value of the `Limit` that stopped it."""
    detail: str = ""
    next_step: str = ""
    seconds: float = 0.0

    def to_json(self) -> bytes:
        """Write it."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, written: bytes) -> Self:
        """Read what `to_json` wrote."""
        return cls(**json.loads(written))
