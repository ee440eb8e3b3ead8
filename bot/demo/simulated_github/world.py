"""World: all that the simulated GitHub remembers.

Tests and server share this one object, in one event loop: nothing here is locked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from bot.demo.simulated_github.accounts import Account, App, Installation, Token, make_app
from bot.demo.simulated_github.faults import Faults
from bot.demo.simulated_github.identifiers import Identifiers
from bot.demo.simulated_github.repositories import Pull, Repository

Now: TypeAlias = Callable[[], datetime]
Json: TypeAlias = dict[str, Any]  # GitHub's JSON: free values.


class NoSuchThing(Exception):
    """A test named a thing that is not there: a mistake in the test."""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and what became of it. The token itself is not kept."""

    number: int
    method: str
    path: str
    query: str
    caller: str
    """`app`, `installation`, `nobody` or `unknown`."""
    body: bytes = field(repr=False)
    fault: str | None = None
    status: int | None = None
    """None: no answer left the server (it was cut off, or still hangs)."""
    answer: bytes = field(default=b"", repr=False)
    api_version: str | None = None

    @property
    def is_write(self) -> bool:
        """Say whether it asks for a change of something that people see: not of tokens, not of the App itself."""
        return self.method != "GET" and self.path.startswith(("/repos/", "/repositories/"))


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One webhook as the App's delivery log keeps it; a redelivery is one more, with the same `guid`."""

    id: int
    serial: int
    guid: str
    app: App
    event: str
    action: str | None
    payload: Json = field(repr=False)
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    delivered_at: datetime
    installation_id: int | None
    repository_id: int | None
    redelivery: bool = False
    status_code: int = 0
    """0: nobody answered."""
    answer: str = ""

    @property
    def is_success(self) -> bool:
        """Say whether the App answered 2xx."""
        return 200 <= self.status_code < 300  # noqa: PLR2004 - HTTP's own numbers.


@dataclass(slots=True, kw_only=True)
class ManifestCode:
    """What an App was registered with, and until when it can be turned into credentials."""

    app: App
    made_at: datetime


@dataclass(slots=True, kw_only=True)
class World:
    """The state. Fields may be read and changed freely between requests."""

    directory: Path
    now: Now
    url: str = ""
    """Where the server listens: API base, git and web pages in one."""
    ids: Identifiers = field(default_factory=Identifiers)
    faults: Faults = field(init=False)
    accounts: dict[str, Account] = field(default_factory=dict)
    apps: list[App] = field(default_factory=list)
    installations: list[Installation] = field(default_factory=list)
    repositories: list[Repository] = field(default_factory=list)
    former_names: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    requests: list[Exchange] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    manifest_codes: dict[str, ManifestCode] = field(default_factory=dict)
    rate_limit_max: int = 5_000
    """Requests that are answered; after them, 403 until a test sets this higher."""
    used_requests: int = 0
    mistakes: list[str] = field(default_factory=list)
    """Where the simulation itself failed."""

    def __post_init__(self) -> None:
        self.faults = Faults(self.ids)

    def account(self, login: str) -> Account:
        """Find an account, or make a user of that name."""
        if login not in self.accounts:
            self.accounts[login] = Account(id=self.ids.next("User"), login=login)
        return self.accounts[login]

    def make_app(self, slug: str, name: str, owner: Account) -> App:
        """Register an App and its bot user."""
        app = make_app(self.ids, slug=slug, name=name, owner=owner, created_at=self.instant())
        self.apps.append(app)
        self.accounts[app.bot.login] = app.bot
        return app

    def app_of(self, account: Account) -> App | None:
        """Find the App whose bot user this is."""
        return next((app for app in self.apps if app.bot is account), None)

    def find(self, full_name: str) -> Repository | None:
        """Find a repository by its name of today; case does not matter."""
        return next((one for one in self.living() if one.full_name.lower() == full_name.lower()), None)

    def by_id(self, repository_id: int) -> Repository | None:
        """Find a repository by id."""
        return next((one for one in self.living() if one.id == repository_id), None)

    def living(self) -> list[Repository]:
        """List the repositories that are not deleted."""
        return [one for one in self.repositories if not one.is_deleted]

    def repository(self, place: "Repository | str") -> Repository:
        """Give a repository that a test names.

        Raises:
            NoSuchThing: If there is none of that name.
        """
        found = self.find(place) if isinstance(place, str) else place
        if found is None:
            raise NoSuchThing(f"No repository {place}. Make it with add_repository.")
        return found

    def installations_on(self, repository: Repository) -> list[Installation]:
        """List the installations that see the repository and are not suspended."""
        return [
            one
            for one in self.installations
            if one.suspended_at is None
            and one.account is repository.owner
            and (one.repository_ids is None or repository.id in one.repository_ids)
        ]

    def all_pulls(self) -> list[Pull]:
        """List all pull requests."""
        return [pull for repository in self.repositories for pull in repository.pulls.values()]

    def instant(self) -> datetime:
        """Give the time in whole seconds, as GitHub writes it."""
        return self.now().astimezone(UTC).replace(microsecond=0)
