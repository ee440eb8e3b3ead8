"""Gate: what happens to each request before and after the routes: it is recorded, struck by faults, given an ETag.

Wraps the Litestar app as plain ASGI, because a broken connection is something a web framework cannot answer.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final, TypeGuard
from urllib.parse import unquote

from litestar import Litestar
from litestar.types import HTTPScope, Receive, Scope, Send

from bot.demo.simulated_github.call import ENCODED_SLASH, GIVEN, Given, credential_of
from bot.demo.simulated_github.courier import Courier
from bot.demo.simulated_github.faults import ActiveFault, Asked, Fault
from bot.demo.simulated_github.wire import Answer, Wire, header, read_body, replay
from bot.demo.simulated_github.world import Exchange, World

BY_ID = re.compile(r"^/repositories/(\d+)(?=/|$)")

ENCODED = re.compile("%2F", re.IGNORECASE)

RESET_SECONDS: Final = 3600
"""How far ahead `x-ratelimit-reset` lies unless a fault says otherwise."""

SECONDARY_LIMIT: Final = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)

PRIMARY_LIMIT: Final = "API rate limit exceeded for installation."

NO_COMMIT: Final = "No commit found for SHA: "


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
        body = await read_body(receive)
        exchange = self._record(scope, body)
        self._resolve_id(scope)
        blow, views = self.world.faults.strike(self._asked(scope, exchange))
        self._keep_slashes(scope)
        given = Given(world=self.world, courier=self.courier, views=views, serials=self.serials)
        scope["state"] = {**scope.get("state", {}), GIVEN: given}
        exchange.fault = blow.fault.kind if blow else next((view.fault.kind for view in views), None)
        await self._play(blow, exchange, Wire(scope=scope, receive=receive, send=send, body=body))

    async def _play(self, blow: ActiveFault | None, exchange: Exchange, wire: Wire) -> None:
        kind = blow.fault.kind if blow else None
        if blow and kind == "hang":
            if not await wire.wait(blow):
                return
            kind = None
        if kind == "cut":
            await wire.cut()
            return
        answer = self._blow(blow.fault, wire.scope) if blow and kind is not None else self._over_the_limit(wire.scope)
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

    async def _apply(self, wire: Wire) -> Answer:
        answer = Answer()
        await self.inner(wire.scope, replay(wire.body), answer.take)
        return answer

    def _record(self, scope: HTTPScope, body: bytes) -> Exchange:
        credential = credential_of(header(scope, "authorization"))
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
            api_version=header(scope, "x-github-api-version"),
        )
        self.world.requests.append(exchange)
        self.serials.append(self.world.ids.serial)
        return exchange

    def _asked(self, scope: HTTPScope, exchange: Exchange) -> Asked:
        token = self.world.tokens.get(credential_of(header(scope, "authorization")) or "")
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
                return _error(403, PRIMARY_LIMIT, headers)
            case "fresh_token":
                return _error(401, "Bad credentials", {})
            case "unknown_commit":
                return _unknown_commit(fault.sha, scope["path"])
            case _:
                return None

    def _over_the_limit(self, scope: HTTPScope) -> Answer | None:
        """Refuse what comes after the last request of the hour; asking for the limit is always free."""
        if self.world.used_requests <= self.world.rate_limit_max or scope["path"] == "/rate_limit":
            return None
        return _error(403, PRIMARY_LIMIT, {})

    def _finish(self, answer: Answer, scope: HTTPScope) -> None:
        """Add the headers that every answer has, and turn an unchanged one into 304."""
        limit, now = self.world.rate_limit_max, self.world.now()
        if scope["method"] == "GET" and answer.status == HTTPStatus.OK:
            answer.headers["etag"] = f'W/"{hashlib.sha256(answer.body).hexdigest()}"'
            if header(scope, "if-none-match") == answer.headers["etag"]:
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


def _is_http(scope: Scope) -> TypeGuard[HTTPScope]:
    return str(scope["type"]) == "http"


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
