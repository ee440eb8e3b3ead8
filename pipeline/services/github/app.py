"""App: what only the App itself may do, by its private key: mint tokens, list installations, recover deliveries.

Held by the broker and the publisher, never by the process that reads a pull request's text. Promises that a token is
as narrow as asked: without a word GitHub makes one that opens every repository of the account with all that the App
may. Keeps no token: how long one is used, and by whom, is the business of whoever asked for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from pydantic import SecretStr

from pipeline.engine.stage import JsonValue
from pipeline.services.github import endpoints
from pipeline.services.github.answer import Answer
from pipeline.services.github.app_key import AppKey
from pipeline.services.github.caller import Call, Caller, Speaker
from pipeline.services.github.errors import Gone
from pipeline.services.github.models import (
    App,
    Delivery,
    HookConfig,
    Installation,
    Minted,
    Repository,
    User,
)

DELIVERIES_MAX: Final = 5_000
"""Deliveries looked at in one go; a longer list is continued by the next look."""

METADATA: Final[Mapping[str, str]] = {"metadata": "read"}
"""The least that a token can have."""

T = TypeVar("T")
_SpeakAs: TypeAlias = Callable[[], Speaker]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationToken:
    """A token for some repositories of one installation."""

    token: SecretStr
    expires_at: datetime
    """By GitHub's clock."""
    permissions: Mapping[str, str]
    """What GitHub granted."""

    @property
    def expires_at_ms(self) -> int:
        """The same as Unix milliseconds."""
        return round(self.expires_at.timestamp() * 1000)


class GitHubApp:
    """The App at one GitHub.

    Args:
        caller: Sends and classes.
        key: Signs for the App.
    """

    def __init__(self, *, caller: Caller, key: AppKey) -> None:
        self._caller: Final = caller
        self._key: Final = key

    async def mint(
        self, installation: int, *, repository_ids: Sequence[int], permissions: Mapping[str, str]
    ) -> InstallationToken:
        """Make a new token, good for an hour; whoever asks keeps it.

        Args:
            installation: Whose.
            repository_ids: Which repositories it opens; none named means all.
            permissions: What it may there, and never more than the App may.

        Raises:
            NotAllowed: The App's key or clock is wrong, the installation is suspended or lacks a permission.
            Gone: The installation was removed.
            Refused: The installation has not accepted a permission, or has no such repository.
        """
        reach: dict[str, JsonValue] = {"repository_ids": [*sorted(repository_ids)]} if repository_ids else {}
        endpoint = endpoints.MINT
        call = Call(
            endpoint=endpoint,
            path=endpoint.path(installation_id=installation),
            body={**reach, "permissions": dict(permissions)},
        )
        minted = await self._get(call, Minted)
        granted = minted.permissions or dict(permissions)
        return InstallationToken(token=minted.token, expires_at=minted.expires_at, permissions=granted)

    async def app(self) -> App:
        """Say who we are, what we may and which events we get."""
        return await self._get(Call(endpoint=endpoints.APP, path=endpoints.APP.path()), App)

    async def hook(self) -> HookConfig:
        """Say where GitHub sends our webhooks."""
        return await self._get(Call(endpoint=endpoints.APP_HOOK, path=endpoints.APP_HOOK.path()), HookConfig)

    async def bot(self, installation: int) -> User:
        """Find the user in whose name the App comments; its id tells our own content from what others paste.

        Args:
            installation: Any; the question needs a token, on some servers.
        """
        slug = (await self.app()).slug
        minted = await self.mint(installation, repository_ids=(), permissions=METADATA)
        call = Call(endpoint=endpoints.USER, path=endpoints.USER.path(username=f"{slug}[bot]"))
        return self._caller.read(await self._caller.send(call, Speaker(token=minted.token, is_fresh=True)), User, call)

    async def installations(self) -> list[Installation]:
        """List the accounts that have installed the App, suspended ones too."""
        endpoint = endpoints.INSTALLATIONS
        return await self._get_all(Call(endpoint=endpoint, path=endpoint.path()), Installation, speaker=self._as_app)

    async def installation_of(self, owner: str, repository: str) -> Installation | None:
        """Find the installation that a repository is reached through, or None if it has none."""
        endpoint = endpoints.INSTALLATION_OF
        call = Call(endpoint=endpoint, path=endpoint.path(owner=owner, repo=repository))
        try:
            return await self._get(call, Installation)
        except Gone:
            return None

    async def repositories(self, installation: int) -> list[Repository]:
        """List the repositories that an installation opens."""
        minted = await self.mint(installation, repository_ids=(), permissions=METADATA)
        endpoint = endpoints.INSTALLATION_REPOSITORIES
        speaker = Speaker(token=minted.token, is_fresh=True)
        call = Call(endpoint=endpoint, path=endpoint.path())
        return await self._get_all(call, Repository, speaker=lambda: speaker, items_in="repositories")

    async def deliveries(self, *, since: datetime, status: str | None = None) -> list[Delivery]:
        """List webhook deliveries, newest first; GitHub keeps three days, Enterprise Server seven.

        Args:
            since: Older ones are left out.
            status: `failure` or `success`; both if unset.
        """
        endpoint = endpoints.DELIVERIES
        query = {"status": status} if status else {}
        call = Call(endpoint=endpoint, path=endpoint.path(), query=query)
        found: list[Delivery] = []
        async for answer in self._caller.pages(call, self._send_as_app):
            page = self._caller.read_page(answer, Delivery, call, None)
            found += [one for one in page if one.delivered_at >= since]
            if not page or page[-1].delivered_at < since or len(found) >= DELIVERIES_MAX:
                break
        return found[:DELIVERIES_MAX]

    async def redeliver(self, delivery_id: int) -> None:
        """Have GitHub send a delivery again, under the same `X-GitHub-Delivery`.

        Args:
            delivery_id: The entry in the log, not the GUID.
        """
        endpoint = endpoints.REDELIVER
        call = Call(endpoint=endpoint, path=endpoint.path(delivery_id=delivery_id))
        await self._caller.send(call, self._as_app())

    def _as_app(self) -> Speaker:
        return Speaker(token=self._key.token(), is_app=True)

    async def _send_as_app(self, call: Call, url: str) -> Answer:
        return await self._caller.send(call, self._as_app(), url)

    async def _get(self, call: Call, model: type[T]) -> T:
        return self._caller.read(await self._caller.send(call, self._as_app()), model, call)

    async def _get_all(self, call: Call, item: type[T], *, speaker: _SpeakAs, items_in: str | None = None) -> list[T]:
        async def send(paged: Call, url: str) -> Answer:
            return await self._caller.send(paged, speaker(), url)

        pages = [self._caller.read_page(page, item, call, items_in) async for page in self._caller.pages(call, send)]
        return [one for page in pages for one in page]
