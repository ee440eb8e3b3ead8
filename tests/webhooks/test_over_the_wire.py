"""The door behind a real server, over real sockets: what a test client would tidy up before it arrives."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from webhooks.door import DoorLimits

from .payloads import pull_request
from .world import RawHeaders, World, headers_of, no_trace

GOOD = json.dumps(pull_request()).encode()
ANSWER_SECONDS_MAX = 30
"""Ends a test that got no answer; no test waits for it."""


@asynccontextmanager
async def served(world: World) -> AsyncIterator[int]:
    """Serve the application; answer the port."""
    server = uvicorn.Server(uvicorn.Config(world.app, log_config=None, ws="none", lifespan="on"))
    listening = socket.create_server(("127.0.0.1", 0))  # It takes connections before the server has started.
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


def head(headers: RawHeaders) -> bytes:
    """The head of a request, as it stands on the wire."""
    lines = [b"POST /webhooks/github HTTP/1.1", *(name + b": " + value for name, value in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def talk(port: int, *pieces: bytes, ends: bool = False) -> tuple[bytes, int]:
    """Say something piece by piece until it is answered; hear the status line, and how many pieces were sent."""
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = asyncio.create_task(reader.readline())
        sent = 0
        try:
            for piece in pieces:
                if answer.done():
                    break
                writer.write(piece)
                await writer.drain()
                sent += 1
            if ends:
                writer.write_eof()
            return await answer, sent
        except ConnectionError:
            return b"", sent
        finally:
            answer.cancel()
            writer.close()


async def test_a_delivery_is_taken() -> None:
    world = World()

    async with served(world) as port:
        status, _ = await talk(port, head(headers_of("pull_request", GOOD)), GOOD)

    assert status.startswith(b"HTTP/1.1 202 ")
    assert len(world.inbox.calls) == 1


async def test_a_body_in_many_pieces_is_the_same_delivery() -> None:
    world = World()
    pieces = [b"%x\r\n%s\r\n" % (len(part), part) for part in (GOOD[:7], GOOD[7:300], GOOD[300:])] + [b"0\r\n\r\n"]
    chunked = [(b"content-length", b""), (b"transfer-encoding", b"chunked")]

    async with served(world) as port:
        status, _ = await talk(port, head(headers_of("pull_request", GOOD, replaced=chunked)), *pieces)

    assert status.startswith(b"HTTP/1.1 202 ")


async def test_8_26_mb_are_refused_by_their_announcement() -> None:
    """Not one byte of the body is sent, and none is needed."""
    world = World()
    announced = [(b"content-length", str(26 * 1024 * 1024).encode())]

    async with served(world) as port:
        with no_trace(world):
            status, _ = await talk(port, head(headers_of("pull_request", GOOD, replaced=announced)))

    assert status.startswith(b"HTTP/1.1 413 ")


async def test_8_chunks_without_end_are_cut_off_at_the_cap() -> None:
    world = World(limits=DoorLimits(body_bytes_max=100_000))
    chunked = [(b"content-length", b""), (b"transfer-encoding", b"chunked")]
    chunk = b"%x\r\n%s\r\n" % (65_536, b"[" * 65_536)

    async with served(world) as port:
        with no_trace(world):
            _, sent = await talk(port, head(headers_of("pull_request", GOOD, replaced=chunked)), *[chunk] * 5_000)
        metrics = (await world.ask("GET", "/metrics")).body.decode()

    assert sent < 5_000
    assert 'code="too_large"} 1' in metrics


async def test_8_a_body_that_stops_coming_is_given_up() -> None:
    world = World(limits=DoorLimits(body_seconds_max=0.01))

    async with served(world) as port:
        with no_trace(world):
            status, _ = await talk(port, head(headers_of("pull_request", GOOD)), GOOD[:10])

    assert status.startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_is_cut_off_leaves_no_trace() -> None:
    world = World()

    async with served(world) as port:
        with no_trace(world):
            status, _ = await talk(port, head(headers_of("pull_request", GOOD)), GOOD[:-1], ends=True)

    assert b" 2" not in status[:12]


async def test_8_a_length_shorter_than_the_body_does_not_fit_the_signature() -> None:
    world = World()
    shorter = [(b"content-length", b"10")]

    async with served(world) as port:
        with no_trace(world):
            status, _ = await talk(port, head(headers_of("pull_request", GOOD, replaced=shorter)), GOOD)

    assert status[9:12] in {b"400", b"401"}


@pytest.mark.parametrize(
    "odd",
    [
        [(b"content-length", b"10"), (b"content-length", b"20")],
        [(b"content-length", b"10"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b""), (b"transfer-encoding", b"gzip, chunked")],
    ],
)
async def test_two_opinions_about_the_length_are_none(odd: RawHeaders) -> None:
    """Whoever smuggles needs two readers that disagree; there is one, and it takes nothing."""
    world = World(limits=DoorLimits(body_seconds_max=0.01))

    async with served(world) as port:
        with no_trace(world):
            status, _ = await talk(port, head(headers_of("pull_request", GOOD, replaced=odd)), GOOD)

    assert status[9:12] in {b"400", b"401", b"408", b"501"}
