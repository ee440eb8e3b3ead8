"""Models: of what GitHub says, the little that Onceover reads.

Narrow on purpose: unknown fields are ignored, and what real servers leave out or set to null (a deleted fork, a
deleted user) is allowed for. Text in here was written by anybody; it is data.
"""

from datetime import UTC, datetime

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr


def as_github(moment: datetime) -> str:
    """Write a moment as GitHub does: whole seconds, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class User(_Model):
    """An account; GitHub answers null for one that was deleted."""

    id: int
    login: str
    type: str = "User"
    """`User`, `Bot` or `Organization`."""


class RepositoryName(_Model):
    """A repository as others mention it."""

    id: int
    full_name: str


class Repository(RepositoryName):
    """A repository."""

    default_branch: str = ""
    private: bool = True
    archived: bool = False
    html_url: str = ""


class Branch(_Model):
    """One side of a pull request."""

    sha: str
    ref: str
    repo: RepositoryName | None = None
    """None if the fork was deleted."""


class Label(_Model):
    """A label of a pull request."""

    name: str


class Pull(_Model):
    """A pull request."""

    number: int
    title: str
    body: str | None = None
    state: str
    """`open` or `closed`."""
    draft: bool = False
    merged: bool = False
    """Whether it was merged; lists do not say."""
    locked: bool = False
    user: User | None = None
    head: Branch
    base: Branch
    labels: tuple[Label, ...] = ()
    html_url: str = ""
    updated_at: datetime | None = None


class PullFile(_Model):
    """A changed file."""

    filename: str
    previous_filename: str | None = None
    status: str
    """added, removed, modified, renamed, copied, changed, unchanged."""
    patch: str | None = None
    """Left out for binary and for large files."""
    sha: str | None = None
    """Of the blob."""
    additions: int = 0
    deletions: int = 0


class _Sha(_Model):
    sha: str


class Comparison(_Model):
    """Two commits against each other."""

    merge_base_commit: _Sha | None = None
    status: str = ""
    ahead_by: int = 0
    behind_by: int = 0


class Commit(_Sha):
    """A commit that GitHub has."""


class CollaboratorPermission(_Model):
    """What somebody may do; on a public repository everybody may read."""

    permission: str
    """admin, write, read, none."""
    user: User | None = None
    """Whose it is."""
    role_name: str = ""
    """The exact role: maintain counts as write above, triage as read."""

    @property
    def may_write(self) -> bool:
        """Whether this is one of those who may change the repository."""
        return self.permission in {"admin", "write"}


class IssueComment(_Model):
    """A comment in the conversation."""

    id: int
    node_id: str = ""
    body: str | None = None
    user: User | None = None
    html_url: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Review(_Model):
    """A review; PENDING until it is submitted."""

    id: int
    node_id: str = ""
    state: str
    """PENDING, COMMENTED, APPROVED, CHANGES_REQUESTED, DISMISSED."""
    body: str | None = None
    commit_id: str | None = None
    user: User | None = None
    html_url: str = ""
    submitted_at: datetime | None = None

    @property
    def is_pending(self) -> bool:
        """Whether only its author can see it."""
        return self.state.upper() == "PENDING"


class ReviewComment(_Model):
    """An inline comment."""

    id: int
    node_id: str = ""
    body: str | None = None
    path: str = ""
    line: int | None = None
    """None if the line has gone from the diff since."""
    side: str | None = None
    commit_id: str | None = None
    in_reply_to_id: int | None = None
    pull_request_review_id: int | None = None
    user: User | None = None
    html_url: str = ""


class Reaction(_Model):
    """A reaction, the same one if it was there already."""

    id: int
    content: str


class AppName(_Model):
    """An App as checks mention it."""

    id: int
    slug: str | None = None


class CheckOutput(_Model):
    """What a check run shows."""

    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations_count: int = 0


class SuiteMark(_Model):
    """A check suite as its runs mention it."""

    id: int


class CheckRun(_Model):
    """One check of a commit."""

    id: int
    name: str
    head_sha: str
    external_id: str | None = None
    status: str
    conclusion: str | None = None
    app: AppName | None = None
    output: CheckOutput = CheckOutput()
    check_suite: SuiteMark | None = None
    html_url: str | None = None
    details_url: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


class CheckSuite(_Model):
    """All checks of one App on a commit."""

    id: int
    head_sha: str
    status: str | None = None
    conclusion: str | None = None
    app: AppName | None = None
    latest_check_runs_count: int = 0


class Annotation(_Model):
    """A remark of a check on a file."""

    path: str
    start_line: int
    end_line: int
    annotation_level: str | None = None
    title: str | None = None
    message: str | None = None
    raw_details: str | None = None


class Status(_Model):
    """A commit status, the older form of a check."""

    context: str
    state: str
    """success, pending, failure, error."""
    description: str | None = None
    target_url: str | None = None


class JobStep(_Model):
    """A step of a job."""

    name: str
    status: str = ""
    conclusion: str | None = None


class Job(_Model):
    """A job of GitHub Actions."""

    id: int
    name: str = ""
    run_attempt: int = 1
    conclusion: str | None = None
    steps: tuple[JobStep, ...] = ()


class RequiredCheck(_Model):
    """A check that a branch requires: by a ruleset `integration_id` names the App, by a protection `app_id`."""

    context: str
    app_id: int | None = Field(None, validation_alias=AliasChoices("integration_id", "app_id"))


class _RuleParameters(_Model):
    required_status_checks: tuple[RequiredCheck, ...] = ()


class BranchRule(_Model):
    """One rule that holds on a branch."""

    type: str
    parameters: _RuleParameters = _RuleParameters()


class _RequiredChecks(_Model):
    contexts: tuple[str, ...] = ()
    checks: tuple[RequiredCheck, ...] = ()


class _Protection(_Model):
    required_status_checks: _RequiredChecks | None = None


class ProtectedBranch(_Model):
    """A branch with what its protection requires; everybody who reads the repository may see that much."""

    name: str
    protection: _Protection | None = None


class App(_Model):
    """The App that we are."""

    id: int
    slug: str
    name: str = ""
    html_url: str = ""
    client_id: str | None = None
    permissions: dict[str, str] = {}
    events: tuple[str, ...] = ()
    owner: User | None = None


class HookConfig(_Model):
    """Where GitHub sends the App's webhooks."""

    url: str | None = None
    content_type: str | None = None
    insecure_ssl: str | float | None = None


class Installation(_Model):
    """The App in one account."""

    id: int
    account: User | None = None
    app_id: int = 0
    permissions: dict[str, str] = {}
    events: tuple[str, ...] = ()
    repository_selection: str = ""
    """`all` or `selected`."""
    suspended_at: datetime | None = None
    html_url: str = ""


class Delivery(_Model):
    """One webhook POST, in the App's own log."""

    id: int
    guid: str
    """`X-GitHub-Delivery`: the same for a redelivery."""
    delivered_at: datetime
    redelivery: bool = False
    status: str = ""
    status_code: int = 0
    event: str = ""
    action: str | None = None
    installation_id: int | None = None
    repository_id: int | None = None
    duration: float = 0.0
    throttled_at: datetime | None = None


class Minted(_Model):
    """A new installation token, as GitHub hands it out."""

    token: SecretStr
    expires_at: datetime
    permissions: dict[str, str] = {}
