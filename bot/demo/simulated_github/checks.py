"""Check suites, check runs, commit statuses and workflow runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from bot.demo.simulated_github.accounts import Account, App

Annotation: TypeAlias = Mapping[str, Any]  # As it was sent; GitHub keeps it as it is.


@dataclass(slots=True, kw_only=True, eq=False)
class CheckSuite:
    """All check runs of one App for one commit."""

    id: int
    serial: int
    app: App
    head_sha: str
    head_branch: str | None
    created_at: datetime
    status: str = "queued"
    conclusion: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class CheckRun:
    """One check of a commit."""

    id: int
    serial: int
    app: App
    suite: CheckSuite
    name: str
    head_sha: str
    status: str
    started_at: datetime | None
    conclusion: str | None = None
    completed_at: datetime | None = None
    external_id: str = ""
    details_url: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Annotation] = field(default_factory=list)
    actions: list[Mapping[str, str]] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    """Every status and summary it showed, oldest first: what somebody who watched saw."""


@dataclass(slots=True, kw_only=True, eq=False)
class CommitStatus:
    """The older kind of check: a state of a commit in a context."""

    id: int
    serial: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: Account
    created_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A job of a workflow run, with its log."""

    id: int
    serial: int
    name: str
    conclusion: str
    log: str
    attempt: int = 1
    """1, and one more for each time it was run again."""
    failed_step: str = ""
    """The step at which it failed, if it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """How a job ends."""

    name: str
    conclusion: str = "success"
    log: str = ""
    failed_step: str = ""
    annotations: tuple[Annotation, ...] = ()


@dataclass(slots=True, kw_only=True, eq=False)
class WorkflowRun:
    """A run of a GitHub Actions workflow."""

    id: int
    serial: int
    name: str
    head_sha: str
    head_branch: str
    suite: CheckSuite
    status: str
    conclusion: str | None
    created_at: datetime
    jobs: list[Job] = field(default_factory=list)
