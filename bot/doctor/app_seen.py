"""App seen: what the checks read of GitHub's answers, and who is asked for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol


class AppSeen(Protocol):
    """The App as GitHub describes it."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def slug(self) -> str:
        """Its name in addresses."""

    @property
    def permissions(self) -> Mapping[str, str]:
        """What it asks for."""

    @property
    def events(self) -> Sequence[str]:
        """What it subscribes to."""


class HookSeen(Protocol):
    """Where GitHub delivers."""

    @property
    def url(self) -> str | None:
        """The address; None or empty if the webhook is off."""

    @property
    def insecure_ssl(self) -> str | float | None:
        """1 if GitHub does not look at the certificate."""


class AccountSeen(Protocol):
    """Who has installed the App."""

    @property
    def login(self) -> str:
        """The account's name."""


class InstallationSeen(Protocol):
    """The App in one account."""

    @property
    def account(self) -> AccountSeen | None:
        """Whose; None if it was deleted."""

    @property
    def permissions(self) -> Mapping[str, str]:
        """What the account has granted."""

    @property
    def suspended_at(self) -> datetime | None:
        """Since when it may do nothing."""


class DeliverySeen(Protocol):
    """A webhook that was sent."""

    @property
    def guid(self) -> str:
        """The same for a redelivery."""

    @property
    def delivered_at(self) -> datetime:
        """When."""

    @property
    def status_code(self) -> int:
        """What we answered; 0 if nothing came."""


class AppView(Protocol):
    """GitHub, asked in the name of the App."""

    async def app(self) -> AppSeen:
        """Describe the App."""

    async def hook(self) -> HookSeen:
        """Describe its webhook."""

    async def installations(self) -> Sequence[InstallationSeen]:
        """List its installations."""

    async def deliveries(self, *, since: datetime, status: str | None = None) -> Sequence[DeliverySeen]:
        """List webhooks that were sent, newest first."""
