"""Gate: what happens to each request before and after the routes: it is recorded, struck by faults, given an ETag.

Wraps the Litestar app as plain ASGI, because a broken connection is something a web framework cannot answer. The
protocol class puts the connection's transport where the gate finds it.
"""

import asyncio
import hashlib
import json
import re
from dataclasses import dataclass, field
from email.utils import format_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeGuard
from urllib.parse import unquote

from litestar import Litestar
from litestar.types import HTTPScope, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.demo.simulated_github.call import ENCODED_SLASH, GIVEN, Given, credential_of
from bot.demo.simulated_github.courier import Courier
from bot.demo.simulated_github.faults import ActiveFault, Asked, Fault
from bot.demo.simulated_github.world import Exchange, World

TRANSPORT: Final = "simulated_github.transport"
"""Name of the connection's transport in a scope."""

BY_ID = re.compile(r"^/repositories/(\d+)(?=/|$)")

ENCODED = re.compile("%2F", re.IGNORECASE)

RESET_SECONDS: Final = 3600
"""How far ahead `x-ratelimit-reset` lies unless a fault says otherwise."""

SECONDARY_LIMIT: Final = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)

NO_COMMIT: Final = "No commit found for SHA: "


class TransportProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1 with the transport in each scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As its parent does.
        """Remember the connection."""
        super().connection_made(transport)
        # Uvicorn's types describe an ASGI app as a protocol of its own; the gate is one for both.
        self.app = partial(_with_transport, self.app, transport)


async def _with_transport(app: Any, transport: asyncio.Transport, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - Between uvicorn's types and Litestar's.
    scope["extensions"] = {**scope.get("extensions", {}), TRANSPORT: transport}
    await app(scope, receive, send)


@dataclass(slots=True)
class Answer:
    """A whole answer, kept until it is decided what becomes of it."""

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        """Serve as the `send` of an ASGI app."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            self.body += message["body"]


@dataclass(slots=True)
class Gate:
    """The outermost ASGI app."""

    world: World
    courier: Courier
    inner: Litestar
    serials: list[int] = field(default_factory=list)
    """The newest object's serial at the start of each request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not _is_http(scope):
            raise RuntimeError(f"The simulated GitHub speaks HTTP only, not {scope['type']}.")
        body = await _read(receive)
        exchange = self._record(scope, body)
        self._resolve_id(scope)
        blow, views = self.world.faults.strike(self._asked(scope, exchange))
        self._keep_slashes(scope)
        given = Given(world=self.world, courier=self.courier, views=views, serials=self.serials)
        scope["state"] = {**scope.get("state", {}), GIVEN: given}
        exchange.fault = blow.fault.kind if blow else next((view.fault.kind for view in views), None)
        await self._play(blow, exchange, _Wire(scope=scope, receive=receive, send=send, body=body))

    async def _play(self, blow: ActiveFault | None, exchange: Exchange, wire: "_Wire") -> None:
        kind = blow.fault.kind if blow else None
        if blow and kind == "hang":
            if not await wire.wait(blow):
                return
            kind = None
        if kind == "cut":
            await wire.cut()
            return
        answer = self._blow(blow.fault, wire.scope) if blow and kind is not None else None
        if answer is None:
            answer = await self._apply(wire)
        if blow and kind == "hang_after" and not await wire.wait(blow):
            return
        if kind == "cut_after":
            await wire.cut()
            return
        if blow and kind == "apply_then_status":
            answer = _plain(blow.fault)
        self._finish(answer, wire.scope)
        exchange.status, exchange.answer = answer.status, answer.body
        await wire.respond(answer, is_truncated=kind == "truncate")

    async def _apply(self, wire: "_Wire") -> Answer:
        answer = Answer()
        await self.inner(wire.scope, _replay(wire.body), answer.take)
        return answer

    def _record(self, scope: HTTPScope, body: bytes) -> Exchange:
        credential = credential_of(_header(scope, "authorization"))
        if (token := self.world.tokens.get(credential or "")) is not None:
            token.used += 1
        self.world.used_requests += 1
        exchange = Exchange(
            number=len(self.world.requests) + 1,
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode(),
            caller=_caller(credential, is_installation=token is not None),
            body=body,
            api_version=_header(scope, "x-github-api-version"),
        )
        self.world.requests.append(exchange)
        self.serials.append(self.world.ids.serial)
        return exchange

    def _asked(self, scope: HTTPScope, exchange: Exchange) -> Asked:
        token = self.world.tokens.get(credential_of(_header(scope, "authorization")) or "")
        return Asked(
            method=exchange.method,
            path=scope["path"],
            query=exchange.query,
            body=exchange.body,
            token_used=None if token is None else token.used,
        )

    def _resolve_id(self, scope: HTTPScope) -> None:
        """Serve `/repositories/ID/...` as what the repository is called today."""
        if (found := BY_ID.match(scope["path"])) is None:
            return
        repository = self.world.by_id(int(found[1]))
        name = "unknown/unknown" if repository is None else repository.full_name
        scope["path"] = f"/repos/{name}{scope['path'][found.end() :]}"
        raw = scope["raw_path"].decode().removeprefix(f"/repositories/{found[1]}")
        scope["raw_path"] = f"/repos/{name}{raw}".encode()

    def _keep_slashes(self, scope: HTTPScope) -> None:
        """Let an encoded slash part nothing, as on GitHub: a branch `a/b` is one parameter as `a%2Fb`."""
        raw = scope["raw_path"].decode()
        scope["path"] = unquote(ENCODED.sub(ENCODED_SLASH, raw))

    def _blow(self, fault: Fault, scope: HTTPScope) -> Answer | None:
        """Answer instead of the routes; None if they are asked first."""
        match fault.kind:
            case "refuse":
                return _plain(fault)
            case "secondary_limit":
                headers = {} if fault.retry_after_seconds is None else {"retry-after": str(fault.retry_after_seconds)}
                return _error(403, SECONDARY_LIMIT, headers)
            case "primary_limit":
                now = self.world.now().timestamp()
                reset = int(now + (fault.retry_after_seconds or RESET_SECONDS))
                headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)}
                return _error(403, "API rate limit exceeded for installation.", headers)
            case "fresh_token":
                return _error(401, "Bad credentials", {})
            case "unknown_commit":
                return _unknown_commit(fault.sha, scope["path"])
            case _:
                return None

    def _finish(self, answer: Answer, scope: HTTPScope) -> None:
        """Add the headers that every answer has, and turn an unchanged one into 304."""
        limit, now = self.world.rate_limit_max, self.world.now()
        if scope["method"] == "GET" and answer.status == HTTPStatus.OK:
            answer.headers["etag"] = f'W/"{hashlib.sha256(answer.body).hexdigest()}"'
            if _header(scope, "if-none-match") == answer.headers["etag"]:
                answer.status, answer.body = HTTPStatus.NOT_MODIFIED, b""
                self.world.used_requests -= 1  # A 304 is free of the primary limit.
        used = min(self.world.used_requests, limit)
        answer.headers = {
            "date": format_datetime(now, usegmt=True),
            "server": "github.com",
            "x-github-request-id": f"{len(self.world.requests):04X}:0001",
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(limit - used),
            "x-ratelimit-used": str(used),
            "x-ratelimit-reset": str(int(now.timestamp()) + RESET_SECONDS),
            "x-ratelimit-resource": "core",
            **answer.headers,
            "content-length": str(len(answer.body)),
        }
        if answer.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            del answer.headers["content-length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wire:
    """One request's way back to whoever asked."""

    scope: HTTPScope
    receive: Receive
    send: Send
    body: bytes

    @property
    def _transport(self) -> asyncio.Transport:
        extensions: dict[str, Any] = self.scope["extensions"] or {}
        transport: asyncio.Transport = extensions[TRANSPORT]
        return transport

    async def wait(self, fault: ActiveFault) -> bool:
        """Wait until the fault is released (True) or the caller hangs up (False)."""
        released, gone = asyncio.ensure_future(fault.released()), asyncio.ensure_future(_gone(self.receive))
        try:
            await asyncio.wait({released, gone}, return_when=asyncio.FIRST_COMPLETED)
            return released.done()
        finally:
            for task in (released, gone):
                task.cancel()
            await asyncio.gather(released, gone, return_exceptions=True)

    async def cut(self) -> None:
        """Break the connection, and wait until the server has noticed."""
        self._transport.abort()
        await _gone(self.receive)

    async def respond(self, answer: Answer, *, is_truncated: bool) -> None:
        """Send the answer, or its first half and then nothing."""
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if is_truncated:
            half = answer.body[: len(answer.body) // 2]
            await self.send({"type": "http.response.body", "body": half, "more_body": True})
            self._transport.close()  # Unlike abort, this sends what was written.
            await _gone(self.receive)
            return
        await self.send({"type": "http.response.body", "body": answer.body, "more_body": False})


def _is_http(scope: Scope) -> TypeGuard[HTTPScope]:
    return str(scope["type"]) == "http"


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += message["body"]
        if not message["more_body"]:
            return body


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _replay(body: bytes) -> Receive:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:  # noqa: ANN401 - One of ASGI's messages.
        if messages:
            return messages.pop()
        return {"type": "http.disconnect"}

    return receive


def _header(scope: HTTPScope, name: str) -> str | None:
    return next((value.decode() for key, value in scope["headers"] if key == name.encode()), None)


def _caller(credential: str | None, *, is_installation: bool) -> str:
    if credential is None:
        return "nobody"
    if is_installation:
        return "installation"
    return "app" if credential.startswith("eyJ") else "unknown"


def _plain(fault: Fault) -> Answer:
    return Answer(fault.status, {"content-type": "application/json", **fault.headers}, fault.body.encode())


def _error(status: int, message: str, headers: dict[str, str]) -> Answer:
    body = json.dumps({"message": message, "documentation_url": "https://docs.github.com/rest"}).encode()
    return Answer(status, {"content-type": "application/json; charset=utf-8", **headers}, body)


def _unknown_commit(sha: str, path: str) -> Answer:
    """Answer as each kind of endpoint does about a commit that has not arrived there."""
    if path.endswith("/git-upload-pack"):
        line = f"ERR upload-pack: not our ref {sha}\n"
        return Answer(
            200, {"content-type": "application/x-git-upload-pack-result"}, f"{len(line) + 4:04x}{line}".encode()
        )
    if "/contents/" in unquote(path):
        return _error(404, f"No commit found for the ref {sha}", {})
    return _error(404, "Not Found", {}) if "/compare/" in path else _error(422, f"{NO_COMMIT}{sha}", {})
