"""Request: what goes over the wire, and who carries it; the seam between our rules and the HTTP library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from pydantic import SecretStr

from pipeline.engine.stage import JsonValue
from pipeline.services.github.answer import Outcome

JSON: Final = "application/vnd.github+json"
RAW: Final = "application/vnd.github.raw+json"
"""A file's bytes instead of a description of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent."""

    method: str
    url: str
    """Whole, query included."""
    token: SecretStr | None = None
    """None for other hosts, and where GitHub wants none."""
    accept: str = JSON
    body: JsonValue = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Besides the usual ones."""
    tail_bytes_max: int | None = None
    """Keep only so much of the end, however long it is: the answer is streamed."""


class Wire(Protocol):
    """Whoever carries a request."""

    async def send(self, request: Request) -> Outcome:
        """Send once; see `GitHubWire.send`."""
