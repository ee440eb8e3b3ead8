"""Stage results: what a stage of a run left, read from outside of the run.

Promises an answer for every state of a stage; a result of another version counts as none.
"""

import json
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.engine.lifecycle import StageState
from pipeline.engine.records import RunRecord
from pipeline.engine.stage import Checkpointed, Missing, Upstream

Stored = TypeVar("Stored", bound=BaseModel)


class Checkpoints(Protocol):
    """Where they are kept."""

    async def checkpoint(self, run_id: str, stage: str, fingerprint: str) -> str | None:
        """Read a checkpoint as JSON text."""


async def stage_result(checkpoints: Checkpoints, run: RunRecord, name: str) -> Upstream:
    """Read what a stage left, as the stages after it find it."""
    stage = run.stages.get(name)
    if stage is None:
        return Missing(state="skipped", reason="it was not part of this run")
    if stage.state is not StageState.DONE or stage.fingerprint is None:
        return Missing(state=stage.state, reason=str((stage.error or {}).get("message", f"it is {stage.state}")))
    text = await checkpoints.checkpoint(run.run_id, name, stage.fingerprint)
    return Checkpointed(
        value=json.loads(text or "null"),
        attempts=stage.attempt,
        generation=stage.generation,
        seconds=stage.seconds or 0.0,
    )


def read_stored(result: Upstream, model: type[Stored]) -> Stored | None:
    """Read a result as a value; None if there is none, or one of another version."""
    if not isinstance(result, Checkpointed):
        return None
    try:
        return model.model_validate(result.value)
    except ValidationError:
        return None
