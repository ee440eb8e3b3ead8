"""Routes of check runs: created without any key that would make it once, then changed by id.

Sizes (S): summary and text 65,535 characters, 50 annotations a request (they add up), 3 buttons of 20, 40 and 20
characters. Only Apps write checks, and each only its own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from litestar import Response, get, patch, post
from litestar.params import FromPath
from pydantic import BaseModel, Field

from bot.demo.simulated_github import events
from bot.demo.simulated_github.call import Call
from bot.demo.simulated_github.checks import CheckRun, CheckSuite
from bot.demo.simulated_github.refusals import Refusal, invalid, not_found
from bot.demo.simulated_github.repositories import Repository
from bot.demo.simulated_github.routes.repositories import REPOSITORY, find_commit
from bot.demo.simulated_github.shapes import checks
from bot.demo.simulated_github.writing import DONE, set_status, settle_suite, write_check_run

TEXT_MAX: Final = 65_535
"""Characters of a check run's summary, and of its text."""

ANNOTATIONS_MAX: Final = 50
"""Annotations in one request."""

ACTIONS_MAX: Final = 3
"""Buttons of a check run."""

READ: Final = "checks:read"
WRITE: Final = "checks:write"

Conclusion = Literal["action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"]
Status = Literal["queued", "in_progress", "completed"]


class Annotation(BaseModel, extra="allow"):
    """A remark on lines of a file."""

    path: str
    start_line: int
    end_line: int
    annotation_level: Literal["notice", "warning", "failure"]
    message: Annotated[str, Field(max_length=65_536)]
    title: Annotated[str | None, Field(max_length=255)] = None
    start_column: int | None = None
    end_column: int | None = None


class Output(BaseModel):
    """What a check run says."""

    title: str | None = None
    summary: Annotated[str, Field(max_length=TEXT_MAX)]
    text: Annotated[str | None, Field(max_length=TEXT_MAX)] = None
    annotations: Annotated[Sequence[Annotation], Field(max_length=ANNOTATIONS_MAX)] = ()


class Button(BaseModel):
    """A button of a check run."""

    label: Annotated[str, Field(max_length=20)]
    description: Annotated[str, Field(max_length=40)]
    identifier: Annotated[str, Field(max_length=20)]


class RunUpdate(BaseModel):
    """What to change of a check run."""

    name: str | None = None
    details_url: str | None = None
    external_id: str | None = None
    status: Status | None = None
    started_at: datetime | None = None
    conclusion: Conclusion | None = None
    completed_at: datetime | None = None
    output: Output | None = None
    actions: Annotated[Sequence[Button] | None, Field(max_length=ACTIONS_MAX)] = None


class NewRun(RunUpdate):
    """A check run to make."""

    name: str
    head_sha: str


@post(REPOSITORY + "/check-runs")
async def create_run(request: Call) -> Response[object]:
    """Make a check run; asked twice, there are two."""
    repository = request.repository(WRITE)
    asked = await request.read(NewRun)
    if asked.output is not None and asked.output.title is None:
        raise invalid("CheckRun", "title", "title wasn't supplied", "missing_field")
    _check(asked)
    if find_commit(repository, asked.head_sha) != asked.head_sha:
        raise Refusal(422, f"No commit found for SHA: {asked.head_sha}")
    app = request.installation_token().installation.app
    run = write_check_run(request.world, repository, app, asked.name, asked.head_sha)
    _change(request, repository, run, asked)
    _tell(request, repository, run, "created")
    return Response(checks.check_run(request.world, repository, run), status_code=201)


@get(REPOSITORY + "/check-runs/{run_id:int}")
async def read_run(request: Call, run_id: FromPath[int]) -> Response[object]:
    """Tell about a check run."""
    repository = request.repository(READ)
    return Response(checks.check_run(request.world, repository, _run(repository, run_id)))


@patch(REPOSITORY + "/check-runs/{run_id:int}")
async def update_run(request: Call, run_id: FromPath[int]) -> Response[object]:
    """Change a check run; annotations are added to those that are there."""
    repository = request.repository(WRITE)
    run = _run(repository, run_id)
    app = request.installation_token().installation.app
    if run.app is not app:
        words = f"Invalid app_id `{app.id}` - check run can only be modified by the GitHub App that created it."
        raise Refusal(403, words)
    asked = await request.read(RunUpdate)
    _check(asked)
    was_done = run.status == DONE
    _change(request, repository, run, asked)
    if run.status == DONE and not was_done:
        _tell(request, repository, run, "completed")
    return Response(checks.check_run(request.world, repository, run))


@get(REPOSITORY + "/check-runs/{run_id:int}/annotations")
async def list_annotations(request: Call, run_id: FromPath[int]) -> Response[object]:
    """List the annotations of a check run."""
    repository = request.repository(READ)
    run = _run(repository, run_id)
    page = f"{request.world.url}/{repository.full_name}/blob/{run.head_sha}"
    return request.paged(run.annotations, lambda one: _annotation(one, page))


@get(REPOSITORY + "/commits/{ref:str}/check-runs")
async def list_runs_of_commit(request: Call, ref: FromPath[str]) -> Response[object]:
    """List the check runs of a commit, by name, App and status; the latest of each name unless `filter=all`."""
    repository = request.repository(READ)
    sha = find_commit(repository, ref)
    return _list(request, repository, [run for run in repository.check_runs if run.head_sha == sha])


@get(REPOSITORY + "/check-suites/{suite_id:int}/check-runs")
async def list_runs_of_suite(request: Call, suite_id: FromPath[int]) -> Response[object]:
    """List the check runs of a suite."""
    repository = request.repository(READ)
    suite = _suite(repository, suite_id)
    return _list(request, repository, [run for run in repository.check_runs if run.suite is suite])


@get(REPOSITORY + "/check-suites/{suite_id:int}")
async def read_suite(request: Call, suite_id: FromPath[int]) -> Response[object]:
    """Tell about a suite."""
    repository = request.repository(READ)
    return Response(checks.check_suite(request.world, repository, _suite(repository, suite_id)))


@get(REPOSITORY + "/commits/{ref:str}/check-suites")
async def list_suites(request: Call, ref: FromPath[str]) -> Response[object]:
    """List the suites of a commit, perhaps of one App."""
    repository = request.repository(READ)
    sha = find_commit(repository, ref)
    app_id = request.number("app_id", 0)
    shown = [
        suite for suite in request.visible(repository.suites) if suite.head_sha == sha and app_id in {0, suite.app.id}
    ]
    return request.paged(shown, lambda one: checks.check_suite(request.world, repository, one), "check_suites")


def _list(request: Call, repository: Repository, runs: Sequence[CheckRun]) -> Response[object]:
    query = request.query_params
    app_id = request.number("app_id", 0)
    shown = [
        run
        for run in request.visible(runs)
        if query.get("check_name") in {None, run.name}
        and query.get("status") in {None, run.status}
        and app_id in {0, run.app.id}
    ]
    if query.get("filter", "latest") == "latest":
        shown = list({(run.suite.id, run.name): run for run in shown}.values())
    shown.sort(key=lambda run: -run.serial)
    return request.paged(shown, lambda run: checks.check_run(request.world, repository, run), "check_runs")


def _check(asked: RunUpdate) -> None:
    if asked.status == DONE and asked.conclusion is None:
        raise invalid("CheckRun", "conclusion", "conclusion is required when status is completed", "missing_field")
    for one in asked.output.annotations if asked.output else ():
        if one.start_line > one.end_line or (one.start_column is not None and one.start_line != one.end_line):
            raise invalid("CheckRun", "annotations", "start_line and end_line or start_column are invalid", "invalid")


def _change(request: Call, repository: Repository, run: CheckRun, asked: RunUpdate) -> None:
    run.name = asked.name or run.name
    run.external_id = run.external_id if asked.external_id is None else asked.external_id
    run.details_url = asked.details_url or run.details_url
    run.started_at = asked.started_at or run.started_at
    if asked.status is not None or asked.conclusion is not None:
        set_status(request.world, run, DONE if asked.conclusion else asked.status or run.status, asked.conclusion)
    if asked.output is not None:
        run.title = asked.output.title or run.title
        run.summary, run.text = asked.output.summary, asked.output.text
        run.annotations.extend(one.model_dump() for one in asked.output.annotations)
    if asked.actions is not None:
        run.actions = [one.model_dump() for one in asked.actions]
    run.history.append(f"{run.conclusion or run.status}: {run.title or ''}".rstrip(": "))
    settle_suite(repository, run.suite)


def _annotation(one: Mapping[str, Any], page: str) -> dict[str, Any]:
    defaults = dict.fromkeys(("start_column", "end_column", "title", "raw_details"))
    return {**defaults, **one, "blob_href": f"{page}/{one['path']}"}


def _run(repository: Repository, run_id: int) -> CheckRun:
    for run in repository.check_runs:
        if run.id == run_id:
            return run
    raise not_found()


def _suite(repository: Repository, suite_id: int) -> CheckSuite:
    for suite in repository.suites:
        if suite.id == suite_id:
            return suite
    raise not_found()


def _tell(request: Call, repository: Repository, run: CheckRun, action: str) -> None:
    request.courier.tell_later(events.check_run_event(request.world, repository, run, action, run.app.bot))


HANDLERS = [
    create_run,
    read_run,
    update_run,
    list_annotations,
    list_runs_of_commit,
    list_runs_of_suite,
    read_suite,
    list_suites,
]
