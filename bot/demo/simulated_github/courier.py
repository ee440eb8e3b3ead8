"""Courier: signs webhooks, sends them to the App, and keeps the delivery log.

Promises GitHub's headers, a signature over the raw bytes, one GUID per event, and a log entry for each attempt whether
it was answered or not. As GitHub does, it never sends again by itself. An App without `webhook_url` gets nothing.
"""

import asyncio
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from bot.demo.simulated_github.accounts import Account, App, Installation
from bot.demo.simulated_github.identifiers import node_id
from bot.demo.simulated_github.repositories import Repository
from bot.demo.simulated_github.shapes import accounts
from bot.demo.simulated_github.world import Delivery, Json, World

ANSWER_SECONDS_MAX: Final = 10
"""GitHub hangs up on an App that has not answered by then."""

ANSWER_CHARACTERS_MAX: Final = 10_000
"""How much of an answer the log keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, before it is addressed to anybody."""

    name: str
    action: str | None
    sender: Account
    repository: Repository | None = None
    content: Callable[[], Json] = dict
    """Makes the rest of the payload; asked only if somebody hears of the event."""
    only: App | None = None
    """Only this App is told, as with the buttons of a check run."""


@dataclass(slots=True)
class Courier:
    """Sends events to the Apps that hear them, one after the other."""

    world: World
    client: httpx2.AsyncClient
    is_unreachable: bool = False
    """Let every delivery fail as if the App were down; the log shows them as failed."""
    tells_own_events: bool = True
    """Whether what the App itself wrote comes back to it as webhooks, as on GitHub."""
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def tell(self, event: Event, *, lost: bool = False) -> None:
        """Send an event to every App installed on its repository. `lost`: nothing is sent, and no log shows it."""
        for delivery in () if lost else self._addressed(event):
            await self._attempt(delivery)

    def tell_later(self, event: Event) -> None:
        """Send an event that the App itself caused, after it has its answer; it says what is so now."""
        for delivery in self._addressed(event) if self.tells_own_events else ():
            self.later(self._attempt(delivery))

    async def tell_installation(self, event: Event, installation: Installation) -> None:
        """Send an event to one installation, whatever became of it, if its App has an address."""
        if installation.app.webhook_url is not None:
            await self._attempt(self._delivery(event, installation.app, installation, str(uuid.uuid4())))

    async def send(self, event: Event, app: App) -> Delivery:
        """Send an event that concerns the App and no installation, such as a ping."""
        return await self._attempt(self._delivery(event, app, None, str(uuid.uuid4())))

    async def again(self, delivery: Delivery) -> Delivery:
        """Send the same delivery once more: same GUID, same bytes, one more entry in the log."""
        return await self._attempt(
            Delivery(
                id=self.world.ids.next("Delivery"),
                serial=self.world.ids.serial,
                guid=delivery.guid,
                app=delivery.app,
                event=delivery.event,
                action=delivery.action,
                payload=delivery.payload,
                body=delivery.body,
                headers=delivery.headers,
                delivered_at=self.world.instant(),
                installation_id=delivery.installation_id,
                repository_id=delivery.repository_id,
                redelivery=True,
            )
        )

    def later(self, *errands: Coroutine[Any, Any, object]) -> None:
        """Do something after the answer that is being made, such as telling the App of its own writes."""
        for errand in errands:
            task = asyncio.create_task(errand)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Return once nothing is on its way any more."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Drop what is on its way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _addressed(self, event: Event) -> list[Delivery]:
        """Make a delivery for each App that hears the event; all have the same GUID, as it names the event."""
        if event.repository is None:
            return []
        guid = str(uuid.uuid4())
        return [
            self._delivery(event, installation.app, installation, guid)
            for installation in self.world.installations_on(event.repository)
            if event.only in {None, installation.app}
            and installation.app.webhook_url is not None
            and installation.app.hears(event.name)
        ]

    def _delivery(self, event: Event, app: App, installation: Installation | None, guid: str) -> Delivery:
        payload = self._payload(event, installation)
        body = json.dumps(payload, ensure_ascii=False).encode()
        return Delivery(
            id=self.world.ids.next("Delivery"),
            serial=self.world.ids.serial,
            guid=guid,
            app=app,
            event=event.name,
            action=event.action,
            payload=payload,
            body=body,
            headers=_headers(app, event.name, guid, body),
            delivered_at=self.world.instant(),
            installation_id=None if installation is None else installation.id,
            repository_id=None if event.repository is None else event.repository.id,
        )

    async def _attempt(self, delivery: Delivery) -> Delivery:
        self.world.deliveries.append(delivery)
        if self.is_unreachable or delivery.app.webhook_url is None:
            return delivery
        try:
            answer = await self.client.post(
                delivery.app.webhook_url, content=delivery.body, headers=delivery.headers, timeout=ANSWER_SECONDS_MAX
            )
        except httpx2.HTTPError:
            return delivery
        delivery.status_code = answer.status_code
        delivery.answer = answer.text[:ANSWER_CHARACTERS_MAX]
        return delivery

    def _payload(self, event: Event, installation: Installation | None) -> Json:
        payload: Json = {} if event.action is None else {"action": event.action}
        payload |= event.content()
        if event.repository is not None:
            payload["repository"] = accounts.repository(self.world, event.repository)
            if event.repository.owner.type == "Organization":
                payload["organization"] = accounts.user(self.world, event.repository.owner)
        if installation is not None and "installation" not in payload:
            payload["installation"] = {"id": installation.id, "node_id": node_id("Installation", installation.id)}
        return {**payload, "sender": accounts.user(self.world, event.sender)}


def sign(secret: str, body: bytes) -> str:
    """Give the value of `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _headers(app: App, event: str, guid: str, body: bytes) -> dict[str, str]:
    return {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/51a1d0e",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(app.hook_id),
        "X-GitHub-Hook-Installation-Target-ID": str(app.id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-Hub-Signature-256": sign(app.webhook_secret, body),
    }
