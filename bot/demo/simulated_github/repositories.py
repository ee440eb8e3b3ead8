"""Repositories with their pull requests: who may do what in them, and everything that hangs on their commits."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from bot.demo.simulated_github.accounts import Account
from bot.demo.simulated_github.checks import CheckRun, CheckSuite, CommitStatus, WorkflowRun
from bot.demo.simulated_github.conversation import IssueComment, Review, ReviewComment
from bot.demo.simulated_github.diffs import ChangedFile, changed_files
from bot.demo.simulated_github.git_store import GitStore, UnknownObject

Permission: TypeAlias = Literal["admin", "write", "read", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a user may do: GitHub's coarse permission and the exact role behind it."""

    permission: Permission
    role_name: str


@dataclass(slots=True, kw_only=True, eq=False)
class Pull:
    """A pull request, which is also an issue with the same number."""

    id: int
    issue_id: int
    serial: int
    number: int
    repository: "Repository"
    title: str
    body: str | None
    author: Account
    base_ref: str
    base_sha: str
    head_ref: str
    head_repository: "Repository | None"
    """None once the fork was deleted."""
    head_owner: Account
    heads: list[str]
    """All head SHAs it ever had, the newest last."""
    created_at: datetime
    updated_at: datetime
    draft: bool = False
    state: Literal["open", "closed"] = "open"
    merged_at: datetime | None = None
    closed_at: datetime | None = None
    locked: bool = False
    labels: dict[str, int] = field(default_factory=dict)
    comments: list[IssueComment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    review_comments: list[ReviewComment] = field(default_factory=list)

    @property
    def head_sha(self) -> str:
        """The newest head."""
        return self.heads[-1]

    def review(self, review_id: int) -> Review | None:
        """Find a review."""
        return next((one for one in self.reviews if one.id == review_id), None)

    def is_public(self, comment: ReviewComment) -> bool:
        """Say whether everybody sees a review comment, as its review was submitted."""
        review = self.review(comment.review_id)
        return review is not None and review.state != "PENDING"


@dataclass(slots=True, kw_only=True, eq=False)
class Repository:
    """A repository with real git content."""

    id: int
    serial: int
    name: str
    owner: Account
    private: bool
    git: GitStore
    created_at: datetime
    parent: "Repository | None" = None
    default_branch: str = "main"
    access: dict[str, Access] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    suites: list[CheckSuite] = field(default_factory=list)
    check_runs: list[CheckRun] = field(default_factory=list)
    statuses: list[CommitStatus] = field(default_factory=list)
    workflow_runs: list[WorkflowRun] = field(default_factory=list)
    ruled_checks: list[str] = field(default_factory=list)
    """Checks that a ruleset requires on the default branch."""
    protected_checks: list[str] = field(default_factory=list)
    """Checks that the protection of the default branch requires."""
    is_deleted: bool = False

    @property
    def full_name(self) -> str:
        """`owner/name`, as it is now."""
        return f"{self.owner.login}/{self.name}"

    def access_of(self, login: str) -> Access:
        """Say what a user may do; on a public repository everybody reads."""
        if login == self.owner.login:
            return Access(permission="admin", role_name="admin")
        nobody: Permission = "none" if self.private else "read"
        return self.access.get(login, Access(permission=nobody, role_name="" if self.private else "read"))

    def pulls_of(self, sha: str) -> list[Pull]:
        """List the open pull requests of this repository whose head is the commit."""
        return [pull for pull in self.pulls.values() if pull.head_sha == sha and pull.state == "open"]

    def changes(self, pull: Pull, head: str | None = None) -> list[ChangedFile]:
        """List the files a pull request changes, at its head or at another of its commits."""
        try:
            base = self.git.merge_base(pull.base_sha, head or pull.head_sha)
        except UnknownObject:  # Unrelated histories.
            return []
        return changed_files(self.git, base, head or pull.head_sha)
