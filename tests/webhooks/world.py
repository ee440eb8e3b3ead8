"""The door in a test: the real application, and at its edge an inbox that remembers and can be away."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from litestar import Litestar
from litestar.types import Message, Scope
from pydantic import SecretStr

from pipeline.engine.request import RunRequest
from webhooks.app import Readiness, make_app
from webhooks.decision import Decision
from webhooks.door import DoorLimits
from webhooks.events import decide, make_event
from webhooks.inbox import Delivery, Kind, Receipt
from webhooks.own import Own
from webhooks.signature import sign

from .payloads import Json

SECRET = SecretStr("It's a Secret to Everybody")
OWN = Own(host="api.github.com", app_id=5, bot_user_id=99)
DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958"

NEVER_ENDS = cast("Iterable[bytes]", object())
"""A body of which no further piece comes."""
LEAVES = cast("Iterable[bytes]", object())
"""A body in the middle of which the connection ends."""


class NothingSent(Exception):
    """The application ended without an answer."""


RawHeaders: TypeAlias = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A command as a parser finds it."""

    verb: str
    arguments: tuple[str, ...] = ()
    fresh: bool = False
    problem: str | None = None


def parse_words(text: str) -> Words | None:
    """The simplest parser that serves: a first line that starts with `/onceover`."""
    first, *words = text.partition("\n")[0].split() or [""]
    if first != "/onceover":
        return None
    return Words(verb=words[0] if words else "help", arguments=tuple(words[1:]))


def decided(name: str, payload: Json, *, own: Own = OWN) -> Decision:
    """What an event comes to."""
    return decide(make_event(name, DELIVERY, payload), own=own, parse_command=parse_words)


@dataclass
class RememberingInbox:
    """Keeps what it is asked for, knows a delivery again, and raises what it is told to."""

    calls: list[tuple[str, object]] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    fails_with: Exception | None = None
    hangs: bool = False

    async def submit(self, delivery: Delivery, kind: Kind, request: RunRequest) -> Receipt:
        """Keep a request under its kind."""
        return await self._keep(delivery, kind, request, Receipt(outcome="accepted", run=request.run_id))

    async def signal(self, delivery: Delivery, topic: str, name: str) -> Receipt:
        """Keep a signal."""
        return await self._keep(delivery, "signal", (topic, name), Receipt(outcome="accepted"))

    async def stop(self, delivery: Delivery, subject: str, why: str, *, order: int) -> Receipt:
        """Keep what is to be stopped."""
        return await self._keep(delivery, "stop", (subject, why, order), Receipt(outcome="accepted"))

    async def ignore(self, delivery: Delivery, reason: str) -> Receipt:
        """Keep a reason."""
        return await self._keep(delivery, "ignore", reason, Receipt(outcome="ignored", reason=reason))

    async def _keep(self, delivery: Delivery, what: str, asked: object, receipt: Receipt) -> Receipt:
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails_with is not None:
            raise self.fails_with
        if any(each.id == delivery.id for each in self.deliveries):
            return Receipt(outcome="duplicate", run=receipt.run)
        self.deliveries.append(delivery)
        self.calls.append((what, asked))
        return receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:  # Tests look into it freely.
        """The answer as an object."""
        return cast("dict[str, Any]", json.loads(self.body))


@dataclass
class World:
    """One door and whoever knocks."""

    inbox: RememberingInbox = field(default_factory=RememberingInbox)
    readiness: Readiness | Exception = field(default_factory=lambda: Readiness(is_ready=True))
    metrics: str | Exception = "onceover_runs 3\n"
    limits: DoorLimits = field(default_factory=DoorLimits)
    own: Own = OWN

    def __post_init__(self) -> None:
        self.app = self._make_app()

    def _make_app(self) -> Litestar:
        return make_app(
            inbox=self.inbox,
            secret=SECRET,
            own=self.own,
            parse_command=parse_words,
            readiness=self._look,
            metrics=self._count,
            limits=self.limits,
        )

    async def _look(self) -> Readiness:
        if isinstance(self.readiness, Exception):
            raise self.readiness
        return self.readiness

    async def _count(self) -> str:
        if isinstance(self.metrics, Exception):
            raise self.metrics
        return self.metrics

    async def deliver(
        self, event: str, payload: Json | bytes, *, replaced: RawHeaders | None = None, delivery: str = DELIVERY
    ) -> Heard:
        """Send what GitHub would send: signed, as JSON. `replaced` takes the place of headers of the same name."""
        body = payload if isinstance(payload, bytes) else compact(payload)
        return await self.post(body, headers_of(event, body, replaced=replaced, delivery=delivery))

    async def post(
        self, body: bytes | Iterable[bytes], headers: RawHeaders, *, ends: asyncio.Event | None = None
    ) -> Heard:
        """Send raw bytes, in one piece or in several; the body may not end before something happens."""
        pieces = [body] if isinstance(body, bytes) else body
        return await self.ask("POST", "/webhooks/github", headers, pieces, ends=ends)

    async def ask(
        self,
        method: str,
        path: str,
        headers: RawHeaders = [],  # noqa: B006 - never changed
        body: Iterable[bytes] = (),
        *,
        ends: asyncio.Event | None = None,
    ) -> Heard:
        """Ask the application as a server does."""
        pieces = _pieces(body)
        sent: list[Any] = []  # Litestar's messages are a union of fifteen.

        async def receive() -> Any:  # noqa: ANN401 - same
            if body is NEVER_ENDS:
                await asyncio.Event().wait()
            message = next(pieces)
            if ends is not None and not message.get("more_body", False):
                await ends.wait()
            return message

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(_scope(method, path, headers), receive, send)
        if not sent:
            raise NothingSent
        start, *rest = sent
        return Heard(
            status=start["status"],
            headers={name.decode().lower(): value.decode() for name, value in start["headers"]},
            body=b"".join(message.get("body", b"") for message in rest),
        )

    async def dial(self, path: str) -> list[Any]:
        """Ask for a web socket; answer all messages that come back."""
        sent: list[Any] = []

        async def receive() -> Any:  # noqa: ANN401 - Litestar's messages are a union of fifteen.
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(
            cast("Scope", {**_scope("GET", path, []), "type": "websocket", "subprotocols": []}), receive, send
        )
        return sent


def compact(payload: Json) -> bytes:
    """Write a payload as GitHub does."""
    return json.dumps(payload, separators=(",", ":")).encode()


def headers_of(event: str, body: bytes, *, replaced: RawHeaders | None = None, delivery: str = DELIVERY) -> RawHeaders:
    """The headers of a genuine delivery."""
    replaced = replaced or []
    genuine = [
        (b"host", b"onceover.example"),
        (b"user-agent", b"GitHub-Hookshot/044aadd"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-github-delivery", delivery.encode()),
        (b"x-github-event", event.encode()),
        (b"x-github-hook-id", b"292430182"),
        (b"x-hub-signature", b"sha1=" + b"0" * 40),
        (b"x-hub-signature-256", sign(body, SECRET)),
    ]
    names = {name for name, _ in replaced}
    return [(name, value) for name, value in genuine if name not in names] + [each for each in replaced if each[1]]


@contextmanager
def no_trace(world: World) -> Iterator[None]:
    """Expect that nothing reaches the inbox."""
    yield
    assert world.inbox.calls == []


def _pieces(body: Iterable[bytes]) -> Iterator[Message]:
    for piece in () if body in (NEVER_ENDS, LEAVES) else body:
        yield cast("Message", {"type": "http.request", "body": piece, "more_body": True})
    if body is not LEAVES:
        yield cast("Message", {"type": "http.request", "body": b"", "more_body": False})
    while True:
        yield cast("Message", {"type": "http.disconnect"})


def _scope(method: str, path: str, headers: RawHeaders) -> Scope:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 8080),
        "state": {},
        "extensions": {},
    }
    return cast("Scope", scope)
