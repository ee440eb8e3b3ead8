"""Shapes of commits, check suites, check runs, statuses and workflow runs."""

from bot.demo.simulated_github.checks import CheckRun, CheckSuite, CommitStatus, Job, WorkflowRun
from bot.demo.simulated_github.identifiers import node_id
from bot.demo.simulated_github.repositories import Repository
from bot.demo.simulated_github.shapes import accounts
from bot.demo.simulated_github.shapes.accounts import instant, user
from bot.demo.simulated_github.world import Json, World

COMMIT_FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"


def commit(world: World, repository: Repository, sha: str) -> Json:
    """Give a `commit`."""
    words = repository.git.ask("show", "-s", f"--format={COMMIT_FORMAT}", sha).decode(errors="replace").split("\0")
    sha, tree, parents, name, email, date, committer, committer_email, committed, message = words
    api, page = f"{world.url}/repos/{repository.full_name}", f"{world.url}/{repository.full_name}"
    return {
        "sha": sha,
        "node_id": node_id("Repository", repository.id) + sha,
        "url": f"{api}/commits/{sha}",
        "html_url": f"{page}/commit/{sha}",
        "comments_url": f"{api}/commits/{sha}/comments",
        "commit": {
            "author": {"name": name, "email": email, "date": date.replace("+00:00", "Z")},
            "committer": {"name": committer, "email": committer_email, "date": committed.replace("+00:00", "Z")},
            "message": message.rstrip("\n"),
            "tree": {"sha": tree, "url": f"{api}/git/trees/{tree}"},
            "url": f"{api}/git/commits/{sha}",
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "author": None,
        "committer": None,
        "parents": [
            {"sha": one, "url": f"{api}/commits/{one}", "html_url": f"{page}/commit/{one}"} for one in parents.split()
        ],
    }


def simple_commit(world: World, repository: Repository, sha: str) -> Json:
    """Give a `simple-commit`, as suites and workflow runs carry it."""
    full = commit(world, repository, sha)["commit"]
    return {
        "id": sha,
        "tree_id": full["tree"]["sha"],
        "message": full["message"],
        "timestamp": full["committer"]["date"],
        "author": {"name": full["author"]["name"], "email": full["author"]["email"]},
        "committer": {"name": full["committer"]["name"], "email": full["committer"]["email"]},
    }


def pull_marks(world: World, repository: Repository, sha: str) -> list[Json]:
    """List the pull requests of a commit as checks show them: none for a push to a fork."""
    api = f"{world.url}/repos/{repository.full_name}"
    place = {"id": repository.id, "url": api, "name": repository.name}
    return [
        {
            "id": pull.id,
            "number": pull.number,
            "url": f"{api}/pulls/{pull.number}",
            "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": place},
            "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": place},
        }
        for pull in repository.pulls_of(sha)
        if pull.head_repository is repository
    ]


def check_run(world: World, repository: Repository, run: CheckRun) -> Json:
    """Give a `check-run`."""
    api = f"{world.url}/repos/{repository.full_name}/check-runs/{run.id}"
    page = f"{world.url}/{repository.full_name}/runs/{run.id}"
    return {
        "id": run.id,
        "node_id": node_id("CheckRun", run.id),
        "name": run.name,
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": api,
        "html_url": page,
        "details_url": run.details_url or page,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": instant(run.started_at),
        "completed_at": instant(run.completed_at),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{api}/annotations",
        },
        "check_suite": {"id": run.suite.id},
        "app": accounts.app(world, run.app),
        "pull_requests": pull_marks(world, repository, run.head_sha),
    }


def check_suite(world: World, repository: Repository, suite: CheckSuite) -> Json:
    """Give a `check-suite`."""
    api = f"{world.url}/repos/{repository.full_name}/check-suites/{suite.id}"
    runs = [run for run in repository.check_runs if run.suite is suite]
    return {
        "id": suite.id,
        "node_id": node_id("CheckSuite", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": suite.status,
        "conclusion": suite.conclusion,
        "url": api,
        "before": None,
        "after": suite.head_sha,
        "pull_requests": pull_marks(world, repository, suite.head_sha),
        "app": accounts.app(world, suite.app),
        "created_at": instant(suite.created_at),
        "updated_at": instant(suite.created_at),
        "rerequestable": True,
        "runs_rerequestable": True,
        "latest_check_runs_count": len(runs),
        "check_runs_url": f"{api}/check-runs",
        "head_commit": simple_commit(world, repository, suite.head_sha),
        "repository": accounts.repository(world, repository),
    }


def status(world: World, repository: Repository, one: CommitStatus) -> Json:
    """Give a `status`."""
    return {
        "id": one.id,
        "node_id": node_id("Status", one.id),
        "state": one.state,
        "context": one.context,
        "description": one.description,
        "target_url": one.target_url,
        "avatar_url": f"{world.url}/avatars/{one.creator.id}",
        "url": f"{world.url}/repos/{repository.full_name}/statuses/{one.sha}",
        "creator": user(world, one.creator),
        "created_at": instant(one.created_at),
        "updated_at": instant(one.created_at),
    }


def workflow_run(world: World, repository: Repository, run: WorkflowRun) -> Json:
    """Give a `workflow-run`."""
    api = f"{world.url}/repos/{repository.full_name}/actions"
    own = f"{api}/runs/{run.id}"
    return {
        "id": run.id,
        "node_id": node_id("WorkflowRun", run.id),
        "name": run.name,
        "check_suite_id": run.suite.id,
        "check_suite_node_id": node_id("CheckSuite", run.suite.id),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": f".github/workflows/{run.name}.yml",
        "display_title": run.name,
        "run_number": 1,
        "run_attempt": max((one.attempt for one in run.jobs), default=1),
        "event": "pull_request",
        "status": run.status,
        "conclusion": run.conclusion,
        "workflow_id": run.id + 1,
        "url": own,
        "html_url": f"{world.url}/{repository.full_name}/actions/runs/{run.id}",
        "jobs_url": f"{own}/jobs",
        "logs_url": f"{own}/logs",
        "check_suite_url": f"{world.url}/repos/{repository.full_name}/check-suites/{run.suite.id}",
        "artifacts_url": f"{own}/artifacts",
        "cancel_url": f"{own}/cancel",
        "rerun_url": f"{own}/rerun",
        "workflow_url": f"{api}/workflows/{run.id + 1}",
        "pull_requests": pull_marks(world, repository, run.head_sha),
        "created_at": instant(run.created_at),
        "updated_at": instant(run.created_at),
        "run_started_at": instant(run.created_at),
        "previous_attempt_url": None,
        "actor": user(world, repository.owner),
        "triggering_actor": user(world, repository.owner),
        "head_commit": simple_commit(world, repository, run.head_sha),
        "repository": accounts.repository(world, repository),
        "head_repository": accounts.repository(world, repository),
    }


def job(world: World, repository: Repository, run: WorkflowRun, one: Job) -> Json:
    """Give a `job`."""
    api = f"{world.url}/repos/{repository.full_name}"
    return {
        "id": one.id,
        "node_id": node_id("Job", one.id),
        "run_id": run.id,
        "run_url": f"{api}/actions/runs/{run.id}",
        "run_attempt": one.attempt,
        "head_sha": run.head_sha,
        "head_branch": run.head_branch,
        "workflow_name": run.name,
        "name": one.name,
        "url": f"{api}/actions/jobs/{one.id}",
        "html_url": f"{world.url}/{repository.full_name}/actions/runs/{run.id}/job/{one.id}",
        "check_run_url": f"{api}/check-runs/{one.id}",
        "status": "completed",
        "conclusion": one.conclusion,
        "created_at": instant(run.created_at),
        "started_at": instant(run.created_at),
        "completed_at": instant(run.created_at),
        "labels": ["ubuntu-latest"],
        "steps": _steps(one, instant(run.created_at)),
        "runner_id": None,
        "runner_name": None,
        "runner_group_id": None,
        "runner_group_name": None,
    }


def protection(repository: Repository) -> Json:
    """Give the part of a `branch-protection` that everybody sees who reads the repository."""
    names = repository.protected_checks
    return {
        "enabled": bool(names),
        "required_status_checks": {
            "enforcement_level": "everyone" if names else "off",
            "contexts": list(names),
            "checks": [{"context": name, "app_id": None} for name in names],
        },
    }


def rules(repository: Repository) -> list[Json]:
    """List the rules of the default branch as `repository-rule-detailed`."""
    source = {"ruleset_source_type": "Repository", "ruleset_source": repository.full_name, "ruleset_id": 1}
    required = {
        "strict_required_status_checks_policy": False,
        "required_status_checks": [{"context": name} for name in repository.ruled_checks],
    }
    if not repository.ruled_checks:
        return []
    return [
        {"type": "deletion", **source},
        {"type": "required_status_checks", "parameters": required, **source},
    ]


def _steps(job: Job, at: str | None) -> list[Json]:
    """List a job's steps: those around every job, and the one at which it failed."""
    names = ["Set up job", *([job.failed_step] if job.failed_step else []), "Complete job"]
    return [
        {
            "name": name,
            "status": "completed",
            "conclusion": "failure" if name == job.failed_step else "success",
            "number": number,
            "started_at": at,
            "completed_at": at,
        }
        for number, name in enumerate(names, start=1)
    ]
