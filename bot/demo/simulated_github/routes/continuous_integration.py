"""Routes of what other people's CI says: commit statuses, workflow runs, jobs and their logs."""

from typing import Annotated, Final, Literal

from litestar import Response, get, post
from litestar.params import FromPath
from pydantic import BaseModel, Field

from bot.demo.simulated_github.call import Call
from bot.demo.simulated_github.checks import CommitStatus, Job, WorkflowRun
from bot.demo.simulated_github.refusals import Refusal, not_found
from bot.demo.simulated_github.repositories import Repository
from bot.demo.simulated_github.routes.repositories import REPOSITORY, find_commit
from bot.demo.simulated_github.shapes import accounts, checks
from bot.demo.simulated_github.writing import write_status

READ: Final = "actions:read"

SIGNATURE: Final = "signed-for-a-minute"
"""What the address of a log carries in place of a token."""


class StatusRequest(BaseModel):
    """A commit status to add."""

    state: Literal["error", "failure", "pending", "success"]
    context: str = "default"
    description: Annotated[str | None, Field(max_length=140)] = None
    target_url: str | None = None


@get(REPOSITORY + "/commits/{ref:str}/status")
async def read_combined_status(request: Call, ref: FromPath[str]) -> Response[object]:
    """Give the newest status of each context, and what they come to."""
    repository = request.repository("statuses:read")
    sha = find_commit(repository, ref)
    newest = list({one.context: one for one in _statuses(request, repository, sha)}.values())
    api = f"{request.world.url}/repos/{repository.full_name}/commits/{sha}"
    return Response(
        {
            "state": _combined([one.state for one in newest]),
            "sha": sha,
            "total_count": len(newest),
            "statuses": [checks.status(request.world, repository, one) for one in newest],
            "repository": accounts.repository(request.world, repository),
            "commit_url": api,
            "url": f"{api}/status",
        }
    )


@get(REPOSITORY + "/commits/{ref:str}/statuses")
async def list_statuses(request: Call, ref: FromPath[str]) -> Response[object]:
    """List all statuses of a commit, the newest first."""
    repository = request.repository("statuses:read")
    shown = _statuses(request, repository, find_commit(repository, ref))
    return request.paged(shown[::-1], lambda one: checks.status(request.world, repository, one))


@post(REPOSITORY + "/statuses/{sha:str}")
async def create_status(request: Call, sha: FromPath[str]) -> Response[object]:
    """Add a status."""
    repository = request.repository("statuses:write")
    asked = await request.read(StatusRequest)
    found = find_commit(repository, sha)
    status = write_status(request.world, repository, request.caller(), found, state=asked.state, context=asked.context)
    status.description, status.target_url = asked.description, asked.target_url
    return Response(checks.status(request.world, repository, status), status_code=201)


@get(REPOSITORY + "/actions/runs")
async def list_workflow_runs(request: Call) -> Response[object]:
    """List workflow runs, the newest first, perhaps of one commit."""
    repository = request.repository(READ)
    sha = request.query_params.get("head_sha")
    shown = [run for run in request.visible(repository.workflow_runs) if sha in {None, run.head_sha}]
    return request.paged(shown[::-1], lambda one: checks.workflow_run(request.world, repository, one), "workflow_runs")


@get(REPOSITORY + "/actions/runs/{run_id:int}/jobs")
async def list_jobs(request: Call, run_id: FromPath[int]) -> Response[object]:
    """List the jobs of a workflow run."""
    repository = request.repository(READ)
    run = next((one for one in repository.workflow_runs if one.id == run_id), None)
    if run is None:
        raise not_found()
    newest = list({one.name: one for one in run.jobs}.values())
    shown = run.jobs if request.query_params.get("filter") == "all" else newest
    return request.paged(shown, lambda one: checks.job(request.world, repository, run, one), "jobs")


@get(REPOSITORY + "/actions/jobs/{job_id:int}")
async def read_job(request: Call, job_id: FromPath[int]) -> Response[object]:
    """Tell about a job and its steps."""
    repository = request.repository(READ)
    run, job = _job(repository, job_id)
    return Response(checks.job(request.world, repository, run, job))


@get(REPOSITORY + "/actions/jobs/{job_id:int}/logs")
async def read_job_log(request: Call, job_id: FromPath[int]) -> Response[object]:
    """Send the caller to where the log lies, as GitHub does."""
    _, job = _job(request.repository(READ), job_id)
    storage = request.world.url.replace("127.0.0.1", "localhost")
    location = f"{storage}/job-logs/{job.id}?sig={SIGNATURE}"
    return Response(None, status_code=302, headers={"Location": location})


@get("/job-logs/{job_id:int}")
async def download_job_log(request: Call, job_id: FromPath[int]) -> Response[object]:
    """Give a log, by another name of this host; like the storage of GitHub, only to who shows no other credential.

    A range from the end is not known there; an answer is whole.
    """
    if request.headers.get("authorization"):
        raise Refusal(400, "Authentication information is not given in the correct format.")
    if request.query_params.get("sig") != SIGNATURE:
        raise not_found()
    for repository in request.world.repositories:
        if any(one.id == job_id for run in repository.workflow_runs for one in run.jobs):
            return Response(_job(repository, job_id)[1].log, media_type="text/plain")
    raise not_found()


def _statuses(request: Call, repository: Repository, sha: str) -> list[CommitStatus]:
    return [one for one in request.visible(repository.statuses) if one.sha == sha]


def _combined(states: list[str]) -> str:
    if any(state in {"error", "failure"} for state in states):
        return "failure"
    return "success" if states and all(state == "success" for state in states) else "pending"


def _job(repository: Repository, job_id: int) -> tuple[WorkflowRun, Job]:
    for run in repository.workflow_runs:
        for job in run.jobs:
            if job.id == job_id:
                return run, job
    raise not_found()


HANDLERS = [
    read_combined_status,
    list_statuses,
    create_status,
    list_workflow_runs,
    list_jobs,
    read_job,
    read_job_log,
    download_job_log,
]
