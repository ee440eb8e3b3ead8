"""Stage queue: what a merge queue is told, so that a required check does not hang it.

A merge group is a commit of GitHub's own, made of pull requests that have each been reviewed. There is nothing to add,
and nothing is claimed: the check run on it is neutral and says so.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict

from pipeline.engine.effects import Effects
from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.pull.check_page import CHECK_NAME
from pipeline.services.github.checks import Checks, CheckState
from pipeline.services.github.client import GitHub
from pipeline.services.projection.check import Check
from pipeline.services.pull_request import PlaceNow
from pipeline.services.repository import Sha

VERSION: Final = 1
"""Raised when the same group is told something else."""

READS: Final = ("merge_group",)
"""Parameters that the result depends on."""

CONTEXT: Final = ("place",)
"""Parameters that it needs besides: how to reach the repository today."""

TITLE: Final = "Reviewed on its pull requests"
SUMMARY: Final = (
    "A merge group is not reviewed again: each pull request in it has a review of its own.\n\n**Next:** nothing to do."
)


class Group(BaseModel):
    """The commit that the queue wants to merge."""

    model_config = ConfigDict(frozen=True)

    repository_id: int
    head: Sha


class Params(BaseModel):
    """What this stage reads of the run's parameters."""

    model_config = ConfigDict(frozen=True)

    merge_group: Group
    place: PlaceNow


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Who tells the queue."""

    github: GitHub
    effects: Callable[[str], Effects]
    app_id: Callable[[], Awaitable[int]]


def make_queue(gate: Gate) -> StageFunction:
    """Make the stage."""

    async def queue(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        group = params.merge_group
        check = Check(
            effects=gate.effects(ctx.lease_mark),
            checks=Checks(github=gate.github, place=params.place.of(group.repository_id)),
            name=CHECK_NAME,
            sha=group.head,
            external_id=ctx.run_id,
            app_id=gate.app_id,
            line=0,
        )
        shown = await check.show(
            CheckState(status="completed", conclusion="neutral", title=TITLE, summary=SUMMARY, actions=[])
        )
        return {"check_run": shown}

    return queue
