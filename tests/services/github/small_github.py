"""A small GitHub: a real HTTP server that answers from a table, counts, and breaks in the ways that servers break."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from pipeline.services.github.app import GitHubApp
from pipeline.services.github.app_key import AppKey
from pipeline.services.github.caller import Caller
from pipeline.services.github.client import GitHub
from pipeline.services.github.place import Place, Purpose
from pipeline.services.github.settings import GitHubSettings
from pipeline.services.github.wire import GitHubWire

NOON = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
SHOP = Place(installation=7, repository="acme/shop", repository_id=101)
REPO = "/repos/acme/shop"
SHA = "a" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    connection: int

    @property
    def token(self) -> str:
        """The credential it carried."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """An answer, or a fault instead of one."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    """`cut` the connection, or `hang` until the client goes."""


Answers: TypeAlias = Says | list[Says] | Callable[[Seen], Says]


def ok(body: Any = None, status: int = 200, /, **headers: str) -> Says:  # noqa: ANN401 - any JSON value.
    return Says(status=status, body={} if body is None else body, headers=_named(headers))


def no(status: int, message: str = "", /, **headers: str) -> Says:
    return Says(status=status, body={"message": message}, headers=_named(headers))


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(slots=True, kw_only=True)
class SmallGitHub:
    """The server."""

    routes: dict[str, Answers] = field(default_factory=dict)
    """`METHOD /path` to what it says; a list is used up from its front, the last one stays."""
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    connections: int = 0
    serving: dict["asyncio.Task[object]", asyncio.StreamWriter] = field(default_factory=dict)

    def calls(self, route: str = "") -> list[Seen]:
        """List the requests to one route, or all."""
        return [one for one in self.seen if not route or f"{one.method} {one.path}" == route]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        self.connections += 1
        number = self.connections
        if task := asyncio.current_task():
            self.serving[task] = writer
        try:
            while seen := await _read(reader, number):
                self.seen.append(seen)
                if not await self._answer(seen, reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _answer(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        says = self._says(seen)
        if says.fault == "cut":
            return False
        if says.fault == "hang":
            await reader.read()
            return False
        body = says.body if isinstance(says.body, bytes) else json.dumps(says.body).encode()
        if says.status in {204, 304}:
            body = b""
        head = {"content-type": "application/json", "content-length": str(len(body)), **says.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"HTTP/1.1 {says.status} X\r\n{lines}\r\n".encode() + body)
        await writer.drain()
        return True

    def _says(self, seen: Seen) -> Says:
        answers = self.routes.get(f"{seen.method} {seen.path}", no(404, "Not Found"))
        if callable(answers):
            return answers(seen)
        if isinstance(answers, Says):
            return answers
        return answers.pop(0) if len(answers) > 1 else answers[0]


async def _read(reader: asyncio.StreamReader, connection: int) -> Seen | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Seen(
        method=method,
        path=parts.path,
        query={name: values[0] for name, values in parse_qs(parts.query).items()},
        headers=headers,
        body=json.loads(body) if body else None,
        connection=connection,
    )


@dataclass(slots=True, kw_only=True)
class FakeClock:
    """Time that passes when a test says so, and when somebody sleeps."""

    at: datetime = NOON
    seconds: float = 1_000.0
    slept: list[float] = field(default_factory=list)
    frozen_seconds: float = 0.0
    """What each sleep takes besides, as in a process that was stopped."""

    def now(self) -> datetime:
        """Read the wall clock."""
        return self.at

    def monotonic(self) -> float:
        """Read the seconds."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.slept.append(round(seconds, 3))
        self.pass_by(seconds + self.frozen_seconds)
        await asyncio.sleep(0)

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True, kw_only=True)
class FakeTokens:
    """Hands out `ghs_canary_1_secret`, and a new number after each refusal."""

    number: int = 1
    renews: bool = True
    """Whether there is a new one after a refusal."""
    suffix: str = ""
    """What stands at a token's end."""
    refused: list[str] = field(default_factory=list)
    asked: list[tuple[Place, Purpose]] = field(default_factory=list)

    async def token(self, place: Place, purpose: Purpose) -> SecretStr:
        """Give the present token."""
        self.asked.append((place, purpose))
        return SecretStr(f"ghs_canary_{self.number}_secret{self.suffix}")

    async def refuse(self, token: SecretStr) -> None:
        """Go on to the next token."""
        self.refused.append(token.get_secret_value())
        self.number += self.renews


@dataclass(slots=True, kw_only=True)
class World:
    """A server, and all that talks to it."""

    server: SmallGitHub
    clock: FakeClock
    tokens: FakeTokens
    caller: Caller
    github: GitHub
    app: GitHubApp


QUICK = GitHubSettings(write_interval_seconds=0.0, fresh_token_seconds=0.0)
"""No pause between writes and no doubt about tokens; tests of those say so."""


@asynccontextmanager
async def small_github(
    routes: Mapping[str, Answers] | None = None,
    *,
    base: str = "",
    private_key: str = "",
    **settings: Any,  # noqa: ANN401 - whichever setting.
) -> AsyncIterator[World]:
    """Start a server with these routes (without `base`), and a client of it."""
    github = SmallGitHub(routes={_under(base, route): says for route, says in (routes or {}).items()})
    server = await asyncio.start_server(github.serve, "127.0.0.1", 0)
    github.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{base}"
    limits, clock, tokens = replace(QUICK, **settings), FakeClock(), FakeTokens()
    try:
        async with GitHubWire(github.url, limits, tls=_tls()) as wire:
            caller = Caller(api_url=github.url, wire=wire, settings=limits, clock=clock)
            key = AppKey(app_id="31", private_key=SecretStr(private_key), clock=clock)
            yield World(
                server=github,
                clock=clock,
                tokens=tokens,
                caller=caller,
                github=GitHub(caller=caller, tokens=tokens, purpose=Purpose.WRITE),
                app=GitHubApp(caller=caller, key=key),
            )
    finally:
        server.close()
        for writer in github.serving.values():
            writer.close()
        await asyncio.gather(*github.serving)
        await server.wait_closed()


@cache
def _tls() -> ssl.SSLContext:
    """Make the costliest part of a client once; nothing here is encrypted."""
    return ssl.create_default_context()


def _under(base: str, route: str) -> str:
    method, path = route.split(" ")
    return f"{method} {base}{path}"


def make_key() -> tuple[str, rsa.RSAPublicKey]:
    """Make an App's private key, and what verifies it."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return pem.decode(), key.public_key()


def pull(number: int = 12, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - whichever field.
    """Build a pull request as GitHub tells it."""
    side = {"sha": SHA, "ref": "topic", "repo": {"id": 101, "full_name": "acme/shop", "node_id": "x"}}
    return {
        "number": number,
        "title": "Add a till",
        "state": "open",
        "draft": False,
        "user": {"id": 5, "login": "ada", "type": "User"},
        "head": side,
        "base": {**side, "ref": "main"},
        "labels": [{"name": "bug", "color": "f00"}],
        "html_url": "https://github.test/acme/shop/pull/12",
        "updated_at": "2026-09-01T12:00:00Z",
        "unknown": {"field": 1},
        **fields,
    }


def comment(comment_id: int = 1, body: str = "Hello") -> dict[str, Any]:
    """Build a comment as GitHub tells it."""
    return {"id": comment_id, "body": body, "user": {"id": 9, "login": "onceover[bot]", "type": "Bot"}}
