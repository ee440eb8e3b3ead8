"""Stage upkeep: installations and repositories come and go, and what is under way for those that went is stopped.

Promises that no run of an installation that was removed or suspended, or of a repository that was taken from it or
deleted, goes on. State is keyed by ids, so a renamed or transferred repository keeps its runs: GitHub redirects the old
name, and the next event brings the new one.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict

from pipeline.engine.records import RunRecord
from pipeline.engine.stage import JsonValue, StageContext, StageFunction

VERSION: Final = 1
"""Raised when the same event does something else."""

READS: Final = ("upkeep",)
"""Parameters that the result depends on."""

CONTEXT: Final[tuple[str, ...]] = ()
"""Parameters that it needs besides."""

ALL_GONE: Final = frozenset({("installation", "deleted"), ("installation", "suspend")})
"""Events after which nothing of the installation may go on."""

SOME_GONE: Final = frozenset({("installation_repositories", "removed"), ("repository", "deleted")})
"""Events after which nothing of the named repositories may go on."""


class RepositoryName(BaseModel):
    """A repository that the event names."""

    model_config = ConfigDict(frozen=True)

    id: int
    full_name: str


class Upkeep(BaseModel):
    """What happened."""

    model_config = ConfigDict(frozen=True)

    host: str
    event: str
    action: str | None
    installation: int
    repositories: tuple[RepositoryName, ...] = ()
    left_out: int = 0
    """Repositories that the event named besides."""


class Params(BaseModel):
    """What this stage reads of the run's parameters."""

    model_config = ConfigDict(frozen=True)

    upkeep: Upkeep


class Runs(Protocol):
    """The runs that are under way."""

    def live_runs(self, roles: Iterable[str]) -> AsyncIterator[RunRecord]:
        """Read those that wait for some roles, one after the other."""

    async def cancel(self, run_id: str, why: str) -> str:
        """Stop one."""


def make_upkeep(runs: Runs, roles: Collection[str]) -> StageFunction:
    """Make the stage.

    Args:
        runs: Where they are.
        roles: All roles that runs have.
    """

    async def upkeep(ctx: StageContext) -> JsonValue:
        what = Params.model_validate(dict(ctx.params)).upkeep
        stopped: list[JsonValue] = []
        async for run in runs.live_runs(roles):
            if run.run_id != ctx.run_id and is_over(run, what):
                await runs.cancel(run.run_id, f"{what.event} {what.action}: the App may no longer act there")
                stopped.append(run.run_id)
        return {"stopped": stopped}

    return upkeep


def is_over(run: RunRecord, what: Upkeep) -> bool:
    """Whether the event takes from a run what it works for."""
    host, repository = _place(run.params)
    if host != what.host:
        return False
    happened = (what.event, what.action)
    if happened in SOME_GONE:
        named = {one.id for one in what.repositories}
        # An event that names more repositories than we keep stops them all: those that stay are found again.
        return repository in named or (what.left_out > 0 and _installation(run.params) == what.installation)
    return happened in ALL_GONE and _installation(run.params) == what.installation


def _place(params: Mapping[str, JsonValue]) -> tuple[JsonValue, JsonValue]:
    about = params.get("pull") or params.get("merge_group")
    return (about.get("host"), about.get("repository_id")) if isinstance(about, dict) else (None, None)


def _installation(params: Mapping[str, JsonValue]) -> JsonValue:
    place = params.get("place")
    return place.get("installation") if isinstance(place, dict) else None
