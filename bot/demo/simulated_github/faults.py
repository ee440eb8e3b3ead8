"""Faults: how the simulated GitHub fails, by script.

A fault waits for requests that fit (method, path, text of the body), lets `after` of them pass, then happens `times`
times. Promises that nothing depends on the wall clock: what hangs does so until it is released, what is stale stays
so for a number of requests or until `catch_up`.

| kind | what happens |
|---|---|
| `refuse` | answers `status`, and changes nothing |
| `apply_then_status` | does what was asked, then answers `status` |
| `hang` / `hang_after` | answers nothing until released, before / after doing it |
| `cut` / `cut_after` | breaks the connection before / after doing it |
| `truncate` | does it, then breaks the connection in the middle of the answer |
| `secondary_limit` | 403 with GitHub's words, and `Retry-After` if `retry_after_seconds` is set |
| `primary_limit` | 403 with no requests left and `x-ratelimit-reset` in `retry_after_seconds` |
| `fresh_token` | 401 for the first `requests` requests of each token |
| `stale_list` | lists leave out what was made in the last `requests` requests, or (None) since the fault was added |
| `unknown_commit` | GitHub does not know the commit `sha` yet: 404 or 422 `No commit found for SHA` |
| `old_head` | a pull request shows the head before its newest |
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from bot.demo.simulated_github.identifiers import Identifiers

Kind: TypeAlias = Literal[
    "refuse", "apply_then_status", "hang", "hang_after", "cut", "cut_after", "truncate", "secondary_limit",
    "primary_limit", "fresh_token", "stale_list", "unknown_commit", "old_head",
]  # fmt: skip

VIEWS: Final = frozenset({"stale_list", "old_head"})
"""Kinds that change what an answer shows and nothing else; several may fit one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One line of the script."""

    kind: Kind
    method: str = ".*"
    """Pattern of the whole method."""
    path: str = ".*"
    """Pattern found anywhere in the path."""
    contains: str = ""
    """Text that the request's body holds."""
    after: int = 0
    """Fitting requests that pass before it begins."""
    times: int | None = 1
    """How often it happens; None: always. `fresh_token` and `stale_list` know their end by `requests`."""
    status: int = 502
    body: str = '{"message": "Server Error"}'
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after_seconds: int | None = None
    requests: int | None = None
    """For `fresh_token` and `stale_list`."""
    sha: str = ""
    """For `unknown_commit`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the script looks at in a request."""

    method: str
    path: str
    query: str
    body: bytes
    token_used: int | None
    """How many requests carried its token, this one included; None without a token."""


@dataclass(slots=True, kw_only=True, eq=False)
class ActiveFault:
    """A fault that was added: what it did so far, and the way to end it."""

    fault: Fault
    serial: int = 0
    """Objects with a larger serial were made after the fault was added."""
    met: int = 0
    """Fitting requests so far."""
    happened: int = 0
    is_over: bool = False
    _reached: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    async def reached(self) -> None:
        """Return once it has happened."""
        await self._reached.wait()

    def release(self) -> None:
        """Let what hangs go on, and let it not happen again."""
        self.is_over = True
        self._released.set()

    async def released(self) -> None:
        """Return once it was released."""
        await self._released.wait()

    def strike(self, asked: Asked) -> bool:
        """Say whether it happens to this request, and count."""
        if self.is_over or not fits(self.fault, asked):
            return False
        self.met += 1
        is_used_up = self.happened == self.fault.times and self.fault.kind not in {"fresh_token", "stale_list"}
        if self.met <= self.fault.after or is_used_up:
            return False
        self.happened += 1
        self._reached.set()
        return True


@dataclass(slots=True)
class Faults:
    """The script: faults are tried in the order in which they were added."""

    ids: Identifiers
    active: list[ActiveFault] = field(default_factory=list)

    def add(self, fault: Fault) -> ActiveFault:
        """Add a fault at the end of the script."""
        self.active.append(ActiveFault(fault=fault, serial=self.ids.serial))
        return self.active[-1]

    def catch_up(self) -> None:
        """Let every list, every head and every commit be seen as they are from now on."""
        for one in self.active:
            if one.fault.kind in VIEWS or one.fault.kind == "unknown_commit":
                one.release()

    def clear(self) -> None:
        """End all faults; what hangs goes on."""
        for one in self.active:
            one.release()
        self.active.clear()

    def strike(self, asked: Asked) -> tuple[ActiveFault | None, list[ActiveFault]]:
        """Find what happens to a request: at most one blow, and any number of changed views."""
        views = [one for one in self.active if one.fault.kind in VIEWS and one.strike(asked)]
        for one in self.active:
            if one.fault.kind not in VIEWS and one.strike(asked):
                return one, views
        return None, views


def fits(fault: Fault, asked: Asked) -> bool:
    """Say whether a fault is for such a request."""
    if fault.kind == "fresh_token" and (asked.token_used is None or asked.token_used > (fault.requests or 1)):
        return False
    sha = fault.sha.encode()
    return (
        re.fullmatch(fault.method, asked.method) is not None
        and re.search(fault.path, asked.path) is not None
        and fault.contains.encode() in asked.body
        and (sha in asked.path.encode() or sha in asked.query.encode() or sha in asked.body)
    )
