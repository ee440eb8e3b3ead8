"""Attempt: one try of a stage, from its claim to the operation that says what came of it.

Promises that whatever a stage function does (returns, waits, raises, hangs, makes nonsense) becomes exactly one
operation. Checks first whether a checkpoint of the very same fingerprint is there, and then does nothing.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.engine.context import (
    Context,
    HandedBack,
    NotWanted,
    Parked,
    Recorder,
    Reentered,
    StageLeft,
    StepTooLarge,
    call_stage,
    to_json,
)
from pipeline.engine.errors import Bug, InvariantBroken, OnceoverError, RetryLater
from pipeline.engine.fingerprint import fingerprint
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import StageState
from pipeline.engine.operation import (
    ErrorRecord,
    Operation,
    StageDone,
    StageFailed,
    StageHandedBack,
    StageParks,
    StageRetries,
    StageReused,
    StageSkipped,
)
from pipeline.engine.records import Claim, UpstreamRecord
from pipeline.engine.retry import Random
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import Checkpointed, JsonValue, Missing, Upstream

log = logging.getLogger(__name__)


class AttemptTimedOut(RetryLater):
    """An attempt of a stage did not end within its limit."""

    code = "attempt_timed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one stage."""

    run_id: str
    claim: Claim
    spec: StageSpec
    params: Mapping[str, JsonValue]
    recorder: Recorder
    settings: EngineSettings
    rng: Random
    on_progress: Callable[[str], None]
    replay_every_step: bool = False

    async def run(self) -> Operation:  # noqa: PLR0911 - each way a stage can end is one operation
        """Execute the stage and answer what came of it."""
        stage, claim, begun = self.spec.name, self.claim.claim, time.monotonic()
        try:
            inputs = self.spec.inputs(self.params)
            identity = self._fingerprint(inputs)
            # A first generation cannot have a checkpoint yet: one round trip saved.
            if self.claim.generation > 1 and await self.recorder.checkpoint(stage, identity) is not None:
                return StageReused(stage=stage, claim=claim, fingerprint=identity, inputs=inputs)
            value, is_partial = await self._within_limit()
        except Parked as park:
            return StageParks(
                stage=stage,
                claim=claim,
                step=park.step,
                delay_ms=round(max(0.0, park.seconds) * 1000),
                signal=park.signal,
                waits_for=park.waits_for,
            )
        except NotWanted as left:
            record: ErrorRecord = {
                "code": "not_wanted",
                "message": self._cut(left.why),
                "next_step": "",
                "helps": "a person",
            }
            return StageSkipped(stage=stage, claim=claim, error=record)
        except HandedBack:
            return StageHandedBack(stage=stage, claim=claim)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            bug = Bug(f"Stage {stage} of run {self.run_id} was cancelled by something within itself.")
            bug.__cause__ = error
            return self._judge(bug, seconds=time.monotonic() - begun)
        except Exception as error:  # noqa: BLE001 - the supervisor: whatever a stage raises is recorded, none is lost.
            return self._judge(error, seconds=time.monotonic() - begun)
        return StageDone(
            stage=stage, claim=claim, fingerprint=identity, inputs=inputs, checkpoint=value, partial=is_partial
        )

    async def _within_limit(self) -> tuple[str, bool]:
        seconds = max(0.0, min(self.spec.seconds_max, self.claim.left_seconds))
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._enter()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise AttemptTimedOut(
                f"Stage {self.spec.name} of run {self.run_id} did not end within {seconds:.0f} s.",
                next_step="It is tried again while its deadline allows; if it needs longer, raise its `seconds_max`.",
            ) from error

    async def _enter(self) -> tuple[str, bool]:
        params, upstream = self.spec.given(self.params), await self._upstream()
        while True:
            context = Context(
                run_id=self.run_id,
                claim=self.claim,
                spec=self.spec,
                params=params,
                upstream=upstream,
                recorder=self.recorder,
                settings=self.settings,
                on_progress=self.on_progress,
                replay_every_step=self.replay_every_step,
            )
            try:
                value = to_json(await call_stage(self.spec.run, context), f"stage {self.spec.name}")
            except StageLeft as left:
                await context.settle()
                if isinstance(left, Reentered):
                    continue
                raise
            finally:
                await context.close()
            self._check_size(value)
            return value, context.is_partial

    def _cut(self, text: str) -> str:
        return text[: self.settings.error_characters_max]

    def _check_size(self, value: str) -> None:
        limit = self.settings.checkpoint_bytes_max
        if len(value) > limit:
            raise StepTooLarge(
                f"The checkpoint of stage {self.spec.name} has {len(value)} bytes, the limit is {limit}.",
                next_step="Let the stage return less, or raise `checkpoint_bytes_max`.",
            )

    def _judge(self, error: Exception, *, seconds: float) -> Operation:
        stage, claim = self.spec.name, self.claim.claim
        record = error_record(error, self.settings.error_characters_max)
        if not isinstance(error, OnceoverError):
            log.error("stage.bug run=%s stage=%s", self.run_id, stage, exc_info=error)
        failures = self.claim.failures + 1
        elapsed = self.claim.elapsed_seconds + seconds
        wait = self.spec.retry.seconds_before_next(failures, elapsed, error, self.rng)
        if wait is None:
            return StageFailed(stage=stage, claim=claim, error=record)
        log.info("stage.attempt_failed run=%s stage=%s wait_seconds=%.1f", self.run_id, stage, wait)
        return StageRetries(stage=stage, claim=claim, error=record, delay_ms=round(wait * 1000))

    def _fingerprint(self, inputs: str) -> str:
        upstream: dict[str, JsonValue] = {
            name: before.fingerprint if before.state is StageState.DONE else f"{before.state} {before.generation}"
            for name, before in self.claim.upstream.items()
        }
        claim = self.claim
        return fingerprint(claim.stage, inputs, claim.salt, claim.fresh, upstream)

    async def _upstream(self) -> dict[str, Upstream]:
        return {name: await self._result_of(name, before) for name, before in self.claim.upstream.items()}

    async def _result_of(self, name: str, before: UpstreamRecord) -> Upstream:
        if before.state is not StageState.DONE or before.fingerprint is None:
            error = before.error or {"message": f"Stage {name} was {before.state}."}
            return Missing(state=before.state, reason=str(error.get("message", "")))
        text = await self.recorder.checkpoint(name, before.fingerprint)
        if text is None:
            raise InvariantBroken("C1", f"run {self.run_id} has lost the checkpoint of stage {name}")
        return Checkpointed(
            value=json.loads(text),
            attempts=before.attempt,
            generation=before.generation,
            seconds=before.seconds,
        )


def error_record(error: BaseException, characters_max: int) -> ErrorRecord:
    """Write an error as it is stored."""
    if isinstance(error, OnceoverError):
        return {
            "code": error.error_code,
            "message": error.message[:characters_max],
            "next_step": error.next_step[:characters_max],
            "helps": error.helps,
        }
    message = f"{type(error).__name__}: {error}"[:characters_max]
    return {"code": "bug", "message": message, "next_step": "This is a bug in Onceover; report it.", "helps": "a fix"}
