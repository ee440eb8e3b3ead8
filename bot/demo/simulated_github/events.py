"""Events: what each webhook says, built in one place for people's actions and for the App's own writes."""

from collections.abc import Mapping
from typing import Any

from bot.demo.simulated_github.accounts import Account
from bot.demo.simulated_github.checks import CheckRun, CheckSuite, CommitStatus, WorkflowRun
from bot.demo.simulated_github.conversation import IssueComment, Review, ReviewComment
from bot.demo.simulated_github.courier import Event
from bot.demo.simulated_github.repositories import Pull, Repository
from bot.demo.simulated_github.shapes import accounts, checks, pulls
from bot.demo.simulated_github.world import Json, World


def pull_event(world: World, pull: Pull, action: str, sender: Account, **more: object) -> Event:
    """Make a `pull_request` event."""

    def content() -> Json:
        return {"number": pull.number, "pull_request": pulls.pull_full(world, pull), **more}

    return Event(name="pull_request", action=action, sender=sender, repository=pull.repository, content=content)


def comment_event(
    world: World, pull: Pull, comment: IssueComment, action: str, sender: Account, **more: object
) -> Event:
    """Make an `issue_comment` event; it carries the issue and no head SHA, as GitHub's does."""

    def content() -> Json:
        shape = pulls.issue_comment(world, pull, comment)
        return {"issue": pulls.issue(world, pull), "comment": shape, **more}

    return Event(name="issue_comment", action=action, sender=sender, repository=pull.repository, content=content)


def review_event(world: World, pull: Pull, review: Review, action: str, sender: Account) -> Event:
    """Make a `pull_request_review` event."""

    def content() -> Json:
        shape = {**pulls.review(world, pull, review), "state": review.state.lower()}
        return {"review": shape, "pull_request": pulls.pull_simple(world, pull)}

    return Event(name="pull_request_review", action=action, sender=sender, repository=pull.repository, content=content)


def review_comment_event(
    world: World, pull: Pull, comment: ReviewComment, action: str, sender: Account, **more: object
) -> Event:
    """Make a `pull_request_review_comment` event."""

    def content() -> Json:
        shape = pulls.review_comment(world, pull, comment)
        return {"comment": shape, "pull_request": pulls.pull_simple(world, pull), **more}

    return Event(
        name="pull_request_review_comment", action=action, sender=sender, repository=pull.repository, content=content
    )


def check_run_event(
    world: World, repository: Repository, run: CheckRun, action: str, sender: Account, **more: object
) -> Event:
    """Make a `check_run` event; `rerequested` and `requested_action` go to the App of the run alone."""

    def content() -> Json:
        shape = {**checks.check_run(world, repository, run), "check_suite": _suite(world, repository, run.suite)}
        return {"check_run": shape, **more}

    return Event(
        name="check_run",
        action=action,
        sender=sender,
        repository=repository,
        content=content,
        only=run.app if action in {"rerequested", "requested_action"} else None,
    )


def check_suite_event(world: World, repository: Repository, suite: CheckSuite, action: str, sender: Account) -> Event:
    """Make a `check_suite` event; `requested` and `rerequested` go to the App of the suite alone."""
    return Event(
        name="check_suite",
        action=action,
        sender=sender,
        repository=repository,
        content=lambda: {"check_suite": _suite(world, repository, suite)},
        only=suite.app if action in {"requested", "rerequested"} else None,
    )


def status_event(world: World, repository: Repository, one: CommitStatus) -> Event:
    """Make a `status` event, which has no action."""

    def content() -> Json:
        shape = checks.status(world, repository, one)
        same = ("id", "state", "context", "description", "target_url", "created_at", "updated_at")
        return {
            **{name: shape[name] for name in same},
            "sha": one.sha,
            "name": repository.full_name,
            "branches": [],
            "commit": checks.commit(world, repository, one.sha),
        }

    return Event(name="status", action=None, sender=one.creator, repository=repository, content=content)


def workflow_run_event(world: World, repository: Repository, run: WorkflowRun, sender: Account) -> Event:
    """Make a `workflow_run` event of a run that is over."""

    def content() -> Json:
        return {"workflow_run": checks.workflow_run(world, repository, run), "workflow": None}

    return Event(name="workflow_run", action="completed", sender=sender, repository=repository, content=content)


def repository_event(repository: Repository, action: str, sender: Account, changes: Mapping[str, Any]) -> Event:
    """Make a `repository` event."""
    return Event(
        name="repository",
        action=action,
        sender=sender,
        repository=repository,
        content=lambda: {"changes": dict(changes)},
    )


def short_repository(world: World, repository: Repository) -> Json:
    """Give a repository as installation events list it."""
    full = accounts.repository(world, repository)
    return {name: full[name] for name in ("id", "node_id", "name", "full_name", "private")}


def _suite(world: World, repository: Repository, suite: CheckSuite) -> Json:
    shape = checks.check_suite(world, repository, suite)
    del shape["repository"]
    return shape
