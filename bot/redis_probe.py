"""Redis probe: is there a server on this socket, and does it answer?

Promises an answer within the limit. Speaks the protocol by hand, because the client is made to be patient.
"""

import asyncio
import contextlib
from enum import Enum, auto
from pathlib import Path


class Answer(Enum):
    """What came back."""

    READY = auto()
    LOADING = auto()  # It reads its AOF.
    ABSENT = auto()  # Nobody listens: not yet, or not any more.
    SILENT = auto()  # Somebody listens and says nothing, or nothing that a Redis says.


async def ask(socket: Path, *, seconds_max: float) -> Answer:
    """Send one PING on a connection of its own."""
    try:
        async with asyncio.timeout(seconds_max):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                line = await reader.readline()
            finally:
                writer.close()
    except TimeoutError:  # Before its parent class OSError.
        return Answer.SILENT
    except OSError:
        return Answer.ABSENT
    return judge(line)


def judge(line: bytes) -> Answer:
    """Read the first line of an answer; an empty one means that the connection was closed."""
    if line.startswith(b"+PONG"):
        return Answer.READY
    if line.startswith(b"-LOADING"):
        return Answer.LOADING
    return Answer.SILENT if line else Answer.ABSENT


async def until_gone(socket: Path) -> None:
    """Return when the server closes a connection kept for this alone; no asking, so no delay and no cost."""
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            await reader.read(1)
        finally:
            writer.close()
