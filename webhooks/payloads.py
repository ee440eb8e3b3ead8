"""Payloads: the few fields of GitHub's payloads that the door reads.

Promises that what passes has the type, range and form that keys, addresses and orders of runs need. Narrow on purpose:
unknown fields are fine, for GitHub adds them without notice, and complete models reject payloads that GitHub sends.
Does not promise that a field is still true: deliveries are late and out of order. Workers ask the API.
Source: GitHub, "Webhook events and payloads"; the limits of text are GitHub's own, or above them.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Strict, StringConstraints

Id: TypeAlias = Annotated[int, Field(ge=1, le=2**63 - 1)]
Sha: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
"""SHA-1 today, SHA-256 when GitHub has it."""
Login: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_.\[\]-]{1,128}$")]
FullName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_.-]{1,100}/[0-9A-Za-z_.-]{1,100}$")]
ShortText: TypeAlias = Annotated[str, StringConstraints(max_length=1_024)]
LongText: TypeAlias = Annotated[str, StringConstraints(max_length=262_144)]
"""GitHub's cap of a body is 65,536 characters (four bytes each)."""
Instant: TypeAlias = Annotated[AwareDatetime, Strict(strict=False)]
"""Not strict, because in JSON an instant is a string."""
Present: TypeAlias = dict[str, object] | None
"""An object of which only the presence matters."""


class Shape(BaseModel):
    """What all shapes have in common: no conversion of types, and no input in the text of an error."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


class Account(Shape):
    """A user, a bot or an organisation."""

    id: Id
    login: Login
    type: str = "User"


class Repository(Shape):
    """A repository. Its id stays; its name does not."""

    id: Id
    full_name: FullName


class Installation(Shape):
    """Our App on one account."""

    id: Id


class Envelope(Shape):
    """What every event in a repository carries; without an installation it was not sent for an App."""

    repository: Repository
    sender: Account
    installation: Installation | None = None


class Head(Shape):
    """The newest commit of a branch."""

    sha: Sha


class PullRequest(Shape):
    """A pull request, at the moment of the event."""

    number: Id
    state: Literal["open", "closed"]
    head: Head
    updated_at: Instant
    merged: bool | None = None
    title: ShortText | None = None
    """Read only to refuse what GitHub cannot have sent."""


class Changes(Shape):
    """What an edit changed."""

    base: Present = None


class PullRequestEvent(Envelope):
    """Something happened to a pull request."""

    pull_request: PullRequest
    changes: Changes = Changes()


class Comment(Shape):
    """A comment in a conversation or beside a line."""

    id: Id
    body: LongText | None
    user: Account | None
    performed_via_github_app: Present = None


class Issue(Shape):
    """An issue; a pull request if it says so."""

    number: Id
    pull_request: Present = None


class PullNumber(Shape):
    """A pull request, of which only the number matters."""

    number: Id


class IssueCommentEvent(Envelope):
    """Somebody commented on an issue or a pull request."""

    comment: Comment
    issue: Issue


class ReviewCommentEvent(Envelope):
    """Somebody commented on a line of a pull request."""

    comment: Comment
    pull_request: PullNumber


class App(Shape):
    """The App that a check belongs to."""

    id: Id


class BaseRepository(Shape):
    """The repository that a pull request asks to merge into."""

    id: Id


class Base(Shape):
    """Where a pull request wants to go."""

    repo: BaseRepository


class CheckedPull(Shape):
    """A pull request in the list of a check: it may belong to another repository of the network."""

    number: Id
    head: Head
    base: Base


PullList: TypeAlias = Annotated[tuple[CheckedPull, ...], Strict(strict=False)]
"""Empty for the push of a fork. Not strict, because JSON has no tuples."""


class CheckRun(Shape):
    """A check run: ours, if GitHub keeps its word and ids do not lie."""

    id: Id
    head_sha: Sha
    external_id: ShortText | None = None
    app: App | None = None
    pull_requests: PullList = ()


class RequestedAction(Shape):
    """The button that was pressed."""

    identifier: ShortText


class CheckRunEvent(Envelope):
    """Somebody asks for a check run again, or presses one of its buttons."""

    check_run: CheckRun
    requested_action: RequestedAction | None = None


class CheckSuite(Shape):
    """All check runs of one App for one head."""

    id: Id
    head_sha: Sha
    created_at: Instant
    app: App | None = None
    pull_requests: PullList = ()


class CheckSuiteEvent(Envelope):
    """Checks are asked for, or are done."""

    check_suite: CheckSuite


class WorkflowRun(Shape):
    """A run of a workflow of GitHub Actions."""

    head_sha: Sha


class WorkflowRunEvent(Envelope):
    """A workflow is done."""

    workflow_run: WorkflowRun


class StatusEvent(Envelope):
    """A commit got a status by the older interface."""

    sha: Sha


class Group(Shape):
    """Pull requests that a merge queue tries together."""

    head_sha: Sha
    head_ref: ShortText
    base_sha: Sha


class MergeGroupEvent(Envelope):
    """A merge queue wants checks, or has no more use for them."""

    merge_group: Group


Repositories: TypeAlias = Annotated[tuple[Repository, ...], Strict(strict=False)]


class UpkeepEvent(Shape):
    """An installation or its repositories changed. Which list is filled depends on the event."""

    installation: Installation | None = None
    repository: Repository | None = None
    repositories: Repositories | None = None
    repositories_added: Repositories = ()
    repositories_removed: Repositories = ()
