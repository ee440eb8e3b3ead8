"""Accounts, Apps, installations and the tokens that act for them."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Final, Literal, TypeAlias

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.demo.simulated_github.identifiers import Identifiers

Level: TypeAlias = Literal["read", "write"]
AccountType: TypeAlias = Literal["User", "Organization", "Bot"]

TOKEN_SECONDS: Final = 3600
"""How long an installation token lives (GitHub: one hour)."""

KEY_BITS: Final = 2048
"""Size of an App's RSA key, as GitHub makes them."""

OWNER_LOGIN: Final = "octo-owner"
"""Who owns what nobody else does: Apps, and what an organisation does by somebody's hand."""

DEFAULT_PERMISSIONS: Final[Mapping[str, Level]] = {
    "metadata": "read",
    "contents": "read",
    "pull_requests": "write",
    "checks": "write",
    "issues": "read",
    "statuses": "read",
    "actions": "read",
    "merge_queues": "read",
}
"""What an App of a test may do unless told otherwise: what Onceover asks for."""

DEFAULT_EVENTS: Final = frozenset(
    {
        "pull_request",
        "issue_comment",
        "pull_request_review_comment",
        "check_run",
        "check_suite",
        "workflow_run",
        "status",
        "merge_group",
        "repository",
    }
)
"""What an App of a test is subscribed to unless told otherwise."""


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A user, an organisation or the bot user of an App."""

    id: int
    login: str
    type: AccountType = "User"


@dataclass(slots=True, kw_only=True, eq=False)
class App:
    """A registered GitHub App. `webhook_url` may be set at any time; without one nothing is sent."""

    id: int
    hook_id: int
    slug: str
    name: str
    owner: Account
    bot: Account
    created_at: datetime
    client_id: str
    client_secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    webhook_url: str | None = None
    permissions: dict[str, Level] = field(default_factory=lambda: dict(DEFAULT_PERMISSIONS))
    events: set[str] = field(default_factory=lambda: set(DEFAULT_EVENTS))

    @property
    def private_key(self) -> str:
        """The App's RSA key as PEM."""
        return _key_pair(self.id)[0]

    @property
    def public_key(self) -> str:
        """What signatures of the App are checked with, as PEM."""
        return _key_pair(self.id)[1]

    def hears(self, event: str) -> bool:
        """Say whether the event reaches the App: subscribed, or sent to every App that may have it."""
        automatic = event in {"ping", "installation", "installation_repositories", "installation_target"}
        checks = event in {"check_run", "check_suite"} and self.permissions.get("checks") == "write"
        return automatic or checks or event in self.events


@dataclass(slots=True, kw_only=True, eq=False)
class Installation:
    """An App on an account, with all of its repositories or some."""

    id: int
    app: App
    account: Account
    permissions: dict[str, Level]
    created_at: datetime
    repository_ids: set[int] | None = None
    """None: all of the account's, also those to come."""
    suspended_at: datetime | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Token:
    """An installation token, perhaps narrowed."""

    value: str = field(repr=False)
    installation: Installation
    permissions: Mapping[str, Level]
    repository_ids: frozenset[int] | None
    expires_at: datetime
    used: int = 0
    """Requests that carried it so far."""

    def covers(self, repository_id: int, owner_id: int) -> bool:
        """Say whether the repository is one that this token acts on."""
        installed = self.installation.repository_ids
        return (
            owner_id == self.installation.account.id
            and (installed is None or repository_id in installed)
            and (self.repository_ids is None or repository_id in self.repository_ids)
        )

    def may(self, need: str) -> bool:
        """Say whether it has a permission such as `issues:write`; `a:read|b:write` asks for either."""
        return any(self._has(*one.split(":")) for one in need.split("|"))

    def _has(self, name: str, level: str) -> bool:
        return self.permissions.get(name) in {"write", level}


def make_app(ids: Identifiers, *, slug: str, name: str, owner: Account, created_at: datetime) -> App:
    """Register an App with secrets of its own."""
    number = ids.next("App")
    return App(
        id=number,
        hook_id=ids.next("Hook"),
        slug=slug,
        name=name,
        owner=owner,
        bot=Account(id=ids.next("User"), login=f"{slug}[bot]", type="Bot"),
        created_at=created_at,
        client_id=f"Iv23li{number}",
        client_secret=secrets.token_hex(20),
        webhook_secret=secrets.token_hex(20),
    )


def make_token(
    installation: Installation, permissions: Mapping[str, Level], repository_ids: Iterable[int] | None, now: datetime
) -> Token:
    """Mint a token of the form GitHub uses since 2026: `ghs_APPID_` and three parts with dots between."""
    parts = ".".join(secrets.token_urlsafe(24) for _ in range(3))
    return Token(
        value=f"ghs_{installation.app.id}_{parts}",
        installation=installation,
        permissions=permissions,
        repository_ids=None if repository_ids is None else frozenset(repository_ids),
        expires_at=(now + timedelta(seconds=TOKEN_SECONDS)).replace(microsecond=0),
    )


@cache
def _key_pair(_app_id: int) -> tuple[str, str]:
    """Make the keys of an App. Once per id and process: making them takes a tenth of a second."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
