"""Inbox: where the door puts what it decided. The port; the store behind it belongs to the roof.

Whoever implements it promises that each call is one durable write that also remembers the delivery: the same delivery
again is a duplicate and changes nothing, and a call that raises has left no mark, so a redelivery is taken.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from pipeline.engine.request import RunRequest

Kind: TypeAlias = Literal["review", "command", "merge_group", "upkeep"]
"""The graph that a request is run by."""

Outcome: TypeAlias = Literal["accepted", "duplicate", "ignored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook POST."""

    id: str
    """The same at a redelivery. At most 128 characters that need no quoting."""
    event: str
    action: str | None
    hook_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a delivery; it is stored."""

    outcome: Outcome
    run: str | None = None
    reason: str | None = None


class Inbox(Protocol):
    """The durable side of the door.

    Every method raises `StoreAway` or `StoreRefuses` (engine) if nothing could be stored.
    """

    async def submit(self, delivery: Delivery, kind: Kind, request: RunRequest) -> Receipt:
        """Make or join the run that is asked for."""

    async def signal(self, delivery: Delivery, topic: str, name: str) -> Receipt:
        """Wake the runs that listen to a topic."""

    async def stop(self, delivery: Delivery, subject: str, why: str, *, order: int) -> Receipt:
        """Cancel what is under way for a subject, unless it was asked for later than `order`."""

    async def ignore(self, delivery: Delivery, reason: str) -> Receipt:
        """Remember why nothing was done."""
