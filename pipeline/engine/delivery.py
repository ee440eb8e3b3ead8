"""Delivery: something that came from outside under an id, and what became of it.

Promises that what a delivery asks for is done once, however often and by however many doors it comes in: the id is
looked up and kept by the same script that does it. Kept longer than the sender can deliver again.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

DeliveryOutcome: TypeAlias = Literal["accepted", "duplicate", "ignored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message from outside."""

    id: str
    """Unique to the message, the same when it is delivered again."""
    event: str
    """What it is about, for whoever looks it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a delivery."""

    outcome: DeliveryOutcome
    run: str | None = None
    """The run that it made, joined or told."""
    reason: str | None = None
    """Why nothing came of it."""
    wake: tuple[tuple[str, str], ...] = ()
    """Runs and roles to wake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """A delivery, as stored."""

    id: str
    event: str
    outcome: DeliveryOutcome
    run: str | None
    reason: str | None
    at_ms: int
