"""Checks: our own check run on a commit.

Creating is not idempotent although it looks so: the same name, commit and external id give a new run each time, and a
required check follows the newest. So find before you create, and from then on update by id. Annotations are added with
each update, never replaced: send them once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipeline.engine.stage import JsonValue
from pipeline.services.github import endpoints
from pipeline.services.github.caller import Call
from pipeline.services.github.client import GitHub
from pipeline.services.github.models import CheckRun, as_github
from pipeline.services.github.place import Place

ANNOTATIONS_MAX: Final = 50
"""Annotations that GitHub takes with one request; more follow with updates."""

ACTIONS_MAX: Final = 3
"""Buttons of a check run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button on a check run that is done."""

    label: str
    """20 characters at most."""
    description: str
    """40 characters at most."""
    identifier: str
    """What comes back with the click; 20 characters at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """What a check run shall show; what is None is not sent."""

    status: str | None = None
    """queued, in_progress or completed."""
    conclusion: str | None = None
    """success, failure, neutral, cancelled, skipped, timed_out or action_required; completes the run."""
    title: str | None = None
    summary: str | None = None
    """65,535 characters at most, as `text`."""
    text: str | None = None
    annotations: Sequence[Mapping[str, JsonValue]] = ()
    """`ANNOTATIONS_MAX` at most; added to those that are there."""
    actions: Sequence[Action] | None = None
    """`ACTIONS_MAX` at most."""
    details_url: str | None = None
    external_id: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None

    def as_json(self) -> dict[str, JsonValue]:
        """Write it as GitHub reads it."""
        plain: dict[str, JsonValue | None] = {
            "status": self.status,
            "conclusion": self.conclusion,
            "details_url": self.details_url,
            "external_id": self.external_id,
            "started_at": as_github(self.started_at) if self.started_at else None,
            "completed_at": as_github(self.completed_at) if self.completed_at else None,
            "actions": None if self.actions is None else [_action(one) for one in self.actions],
            "output": self._output(),
        }
        return {name: value for name, value in plain.items() if value is not None}

    def _output(self) -> JsonValue:
        if self.title is None and self.summary is None:
            return None
        output: dict[str, JsonValue] = {"title": self.title or "", "summary": self.summary or ""}
        if self.text is not None:
            output["text"] = self.text
        if self.annotations:
            output["annotations"] = [dict(one) for one in self.annotations]
        return output


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """Our check runs in one repository; `line` is the pull request's number, whose writes keep their order."""

    github: GitHub
    place: Place

    async def find(self, sha: str, *, name: str, app_id: int, external_id: str | None = None) -> list[CheckRun]:
        """Find the check runs of this App with this name, newest first, older ones of the same commit too.

        Args:
            sha: The commit.
            name: The check's name.
            app_id: Ours: anybody's App may use our name.
            external_id: Only those that carry exactly this.
        """
        endpoint = endpoints.CHECK_RUNS
        query: dict[str, str | int] = {"check_name": name, "app_id": app_id, "filter": "all"}
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, ref=sha), query=query)
        found = await self.github.get_all(self.place, call, CheckRun, items_in="check_runs")
        ours = [one for one in found if one.name == name and one.app is not None and one.app.id == app_id]
        matching = [one for one in ours if external_id is None or one.external_id == external_id]
        return sorted(matching, key=lambda one: one.id, reverse=True)

    async def check(self, check_run_id: int) -> CheckRun:
        """Read one check run."""
        endpoint = endpoints.CHECK_RUN
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, check_run_id=check_run_id))
        return await self.github.get(self.place, call, CheckRun)

    async def create(self, sha: str, *, name: str, state: CheckState, line: int) -> CheckRun:
        """Make a check run.

        Raises:
            Ambiguous: It may be there: find it before you create it again.
            NotYet: GitHub does not know the commit yet.
        """
        endpoint = endpoints.CREATE_CHECK_RUN
        body: JsonValue = {"name": name, "head_sha": sha, **state.as_json()}
        call = Call(endpoint=endpoint, path=endpoint.at(self.place), body=body)
        return await self.github.write_and_read(self.place, call, CheckRun, line=line)

    async def update(self, check_run_id: int, *, state: CheckState, line: int) -> CheckRun:
        """Change a check run; the same again changes nothing, unless it has annotations."""
        endpoint = endpoints.UPDATE_CHECK_RUN
        path = endpoint.at(self.place, check_run_id=check_run_id)
        call = Call(endpoint=endpoint, path=path, body=state.as_json())
        return await self.github.write_and_read(self.place, call, CheckRun, line=line)


def _action(action: Action) -> dict[str, JsonValue]:
    return {"label": action.label, "description": action.description, "identifier": action.identifier}
