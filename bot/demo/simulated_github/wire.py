"""Wire: one request's way in and out below the web framework, where connections can hang and break."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from litestar.types import HTTPScope, Message, Receive, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.demo.simulated_github.faults import ActiveFault

TRANSPORT: Final = "simulated_github.transport"
"""Name of the connection's transport in a scope."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
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


async def read_body(receive: Receive) -> bytes:
    """Read the whole body of a request."""
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


def replay(body: bytes) -> Receive:
    """Give a body that was read to somebody who wants to read it."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:  # noqa: ANN401 - One of ASGI's messages.
        if messages:
            return messages.pop()
        return {"type": "http.disconnect"}

    return receive


def header(scope: HTTPScope, name: str) -> str | None:
    """Give a header of a request."""
    return next((value.decode() for key, value in scope["headers"] if key == name.encode()), None)
