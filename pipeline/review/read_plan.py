"""Read plan: the plan as the stages after `prepare` find it."""

from typing import Final

from pydantic import ValidationError

from pipeline.engine.errors import GiveUp
from pipeline.engine.stage import Checkpointed, Missing, Upstream
from pipeline.review.plan import Plan

PREPARE: Final = "prepare"
"""The stage whose checkpoint is the plan."""


class NoPlan(GiveUp):
    """The pull request could not be read, so nobody knows what to do."""

    code = "no_plan"


def read_plan(upstream: Upstream | None) -> Plan:
    """Read the plan.

    Raises:
        NoPlan: There is none, or none that this version reads.
    """
    if not isinstance(upstream, Checkpointed):
        why = upstream.reason if isinstance(upstream, Missing) else "it was not part of this run"
        raise NoPlan(f"There is no plan for this review: {why}", next_step="`/onceover rerun all` reads it anew.")
    try:
        return Plan.model_validate(upstream.value)
    except ValidationError as error:
        raise NoPlan(
            f"The plan does not fit this version ({error.error_count()} faults).",
            next_step="`/onceover rerun all` makes it anew.",
        ) from error
