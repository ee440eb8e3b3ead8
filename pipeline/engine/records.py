"""Records: what is read back from Redis, as values."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pipeline.engine.errors import AskPerson
from pipeline.engine.lifecycle import STOPPED_RUN, RunState, StageState
from pipeline.engine.operation import ErrorRecord
from pipeline.engine.stage import JsonValue

Outcome: TypeAlias = Literal["created", "joined", "reopened", "answered", "stale", "duplicate"]
Status: TypeAlias = Literal["held", "idle", "busy", "ended", "fenced", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What became of a request for a run."""

    run_id: str
    outcome: Outcome
    """created; joined (it is under way); reopened (some of it anew); answered (all there); stale (a newer head won);
    duplicate (this very delivery was taken before)."""
    state: RunState | None
    """None for a duplicate: the run may be over long since."""
    ready_roles: tuple[str, ...]
    """Roles to wake; none if an earlier wake-up was not heard yet, since whoever hears it looks for all that is due."""
    now_ms: int
    """Redis's time, Unix milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """A run that this process is to show outside."""

    run_id: str
    claim: int
    """Numbers the times that the run was given out; a write under an older one is refused."""
    seen: int
    """Journal entries there were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRecord:
    """How a stage that another one needs has ended."""

    state: StageState
    fingerprint: str | None
    attempt: int
    generation: int
    seconds: float
    error: ErrorRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right, and the duty, to execute one stage now."""

    stage: str
    claim: int
    """Numbers the claims of this stage; an operation under an older one is refused."""
    generation: int
    attempt: int
    salt: int
    """Re-runs; makes the stage's fingerprint new."""
    fresh: int
    """How often it was asked for anew; makes the fingerprints of its steps new."""
    failures: int
    elapsed_seconds: float
    left_seconds: float
    """Until the stage's deadline."""
    upstream: Mapping[str, UpstreamRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The answer to `advance`: what this worker holds now, all of it, whatever it held before."""

    status: Status
    """held; idle (nothing to do for these roles); busy (another worker has it); ended; fenced; gone."""
    state: RunState | None
    leases: Mapping[str, int]
    running: tuple[Claim, ...]
    asked: int
    ready_roles: tuple[str, ...]
    kept: frozenset[str]
    """Stages whose checkpoint was accepted as it was sent with this write."""
    params: dict[str, JsonValue] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """A stage of a run, as stored."""

    name: str
    role: str
    needs: tuple[str, ...]
    state: StageState
    generation: int
    attempt: int
    failures: int
    interrupted: int
    started_ms: int | None = None
    ended_ms: int | None = None
    wake_ms: int | None = None
    waits_for: str | None = None
    fingerprint: str | None = None
    reused: bool = False
    partial: bool = False
    error: ErrorRecord | None = None

    @property
    def seconds(self) -> float | None:
        """Time from its first start to its end, waits included; None while it has not ended."""
        if self.started_ms is None or self.ended_ms is None:
            return None
        return max(0, self.ended_ms - self.started_ms) / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run, as stored. Times are Unix milliseconds by Redis's clock."""

    run_id: str
    state: RunState
    subject: str
    revision: str
    params: Mapping[str, JsonValue]
    created_ms: int
    ended_ms: int | None
    deadline_ms: int
    journal_length: int
    journal_head: str
    stages: Mapping[str, StageRecord]

    @property
    def is_degraded(self) -> bool:
        """Whether it is done, and some stage is not."""
        wanted = {StageState.DONE, StageState.SKIPPED}
        return self.state is RunState.DONE and any(stage.state not in wanted for stage in self.stages.values())


def parse_claim(raw: Mapping[str, Any]) -> Claim:
    """Read one claim of an answer to `advance`."""
    return Claim(
        stage=raw["stage"],
        claim=raw["claim"],
        generation=raw["generation"],
        attempt=raw["attempt"],
        salt=raw["salt"],
        fresh=raw["fresh"],
        failures=raw["failures"],
        elapsed_seconds=raw["elapsed_ms"] / 1000,
        left_seconds=raw["left_ms"] / 1000,
        upstream={name: _parse_upstream(before) for name, before in dict(raw["upstream"]).items()},
    )


class RecordOfOtherVersion(AskPerson):
    """A record in Redis was written by another version of Onceover."""

    code = "record_version"


def parse_run(run_id: str, raw: Mapping[bytes, bytes], version: str) -> RunRecord:
    """Read a run's hash.

    Raises:
        RecordOfOtherVersion: Another version of Onceover wrote it.
    """
    fields = {name.decode(): value.decode() for name, value in raw.items()}
    if fields.get("v") != version:
        raise RecordOfOtherVersion(
            f"Run {run_id} is stored in version {fields.get('v')}, this Onceover reads version {version}.",
            next_step="Use the version of Onceover that wrote it, or remove the run.",
        )
    state, stages = RunState(fields["state"]), json.loads(fields["stages"])
    ended_ms = int(fields["ended_ms"]) if "ended_ms" in fields else None
    if state in STOPPED_RUN:
        _cancel_rest(stages.values(), ended_ms)
    return RunRecord(
        run_id=run_id,
        state=state,
        subject=fields["subject"],
        revision=fields["revision"],
        params=json.loads(fields["params"]),
        created_ms=int(fields["created_ms"]),
        ended_ms=ended_ms,
        deadline_ms=int(fields["deadline_ms"]),
        journal_length=int(fields["seq"]),
        journal_head=fields["link"],
        stages={spec["name"]: _parse_stage(spec, stages[spec["name"]]) for spec in json.loads(fields["graph"])},
    )


def _cancel_rest(stages: Iterable[dict[str, Any]], ended_ms: int | None) -> None:
    """Write into the stages of a run that was stopped what that meant for them."""
    for stage in stages:
        if not StageState(stage["state"]).is_terminal:
            stage |= {"state": StageState.CANCELLED, "ended_ms": ended_ms}


def _parse_upstream(raw: Mapping[str, Any]) -> UpstreamRecord:
    return UpstreamRecord(
        state=StageState(raw["state"]),
        fingerprint=raw.get("fingerprint"),
        attempt=raw["attempt"],
        generation=raw["generation"],
        seconds=raw["ms"] / 1000,
        error=raw.get("error"),
    )


def _parse_stage(spec: Mapping[str, Any], raw: Mapping[str, Any]) -> StageRecord:
    return StageRecord(
        name=spec["name"],
        role=spec["role"],
        needs=tuple(spec["needs"] or ()),
        state=StageState(raw["state"]),
        generation=raw["generation"],
        attempt=raw["attempt"],
        failures=raw["failures"],
        interrupted=raw["interrupted"],
        started_ms=raw.get("started_ms"),
        ended_ms=raw.get("ended_ms"),
        wake_ms=raw.get("wake_ms"),
        waits_for=raw.get("waits_for"),
        fingerprint=raw.get("fingerprint"),
        reused=raw.get("reused", False),
        partial=raw.get("partial", False),
        error=raw.get("error"),
    )
