"""Operation: what a worker tells Redis that it did.

A closed union. Each carries the stage and the claim it was done under; `advance.lua` applies it if that claim still
stands, ignores it if it was applied before, and refuses it otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, TypeAlias

from pipeline.engine.stage import JsonValue

ErrorRecord: TypeAlias = Mapping[str, JsonValue]
"""An error as it is stored: `code`, `message`, `next_step`, `helps`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    stage: str
    claim: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(_Operation):
    """A step has its result."""

    step: str
    name: str
    result: str
    ms: int
    reference: str | None = None
    """What somebody outside calls the work, if the step told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(_Operation):
    """The stage chose something that its reader may ask about."""

    step: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDone(_Operation):
    """The stage has its checkpoint."""

    fingerprint: str
    inputs: str
    """What it read, named by the version that read it."""
    checkpoint: str
    partial: bool = False
    """Worth doing again when the same head is asked for again: something was out of reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReused(_Operation):
    """A checkpoint of this very fingerprint was there already."""

    fingerprint: str
    inputs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSkipped(_Operation):
    """The stage is not wanted in this run."""

    error: ErrorRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFailed(_Operation):
    """The stage failed for good."""

    error: ErrorRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRetries(_Operation):
    """The attempt failed and another one makes sense."""

    error: ErrorRecord
    delay_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageParks(_Operation):
    """The stage waits for a time or a signal."""

    step: str
    delay_ms: int
    waits_for: str
    signal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageHandedBack(_Operation):
    """The worker is leaving; the stage goes on elsewhere, in the same attempt."""


Operation: TypeAlias = (
    StepFinished
    | Decided
    | StageDone
    | StageReused
    | StageSkipped
    | StageFailed
    | StageRetries
    | StageParks
    | StageHandedBack
)


_KINDS: Final[Mapping[type[_Operation], str]] = {
    StepFinished: "step",
    Decided: "decide",
    StageDone: "done",
    StageReused: "reuse",
    StageSkipped: "skip",
    StageFailed: "failed",
    StageRetries: "retry",
    StageParks: "park",
    StageHandedBack: "hand_back",
}
_PAYLOADS: Final = frozenset({"result", "checkpoint"})


def to_wire(operation: Operation, payloads: list[str]) -> dict[str, JsonValue]:
    """Write an operation for the script; a long text is appended to `payloads` and pointed to.

    ARGV[1] is the request, so the first payload is ARGV[2].
    """
    wire: dict[str, JsonValue] = {"kind": _KINDS[type(operation)]}
    for slot in fields(operation):
        value = getattr(operation, slot.name)
        if slot.name in _PAYLOADS:
            payloads.append(value)
            wire["payload"] = len(payloads) + 1
        elif value is not None and value is not False:
            wire[slot.name] = value
    return wire
