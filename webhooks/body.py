"""Body: the raw bytes of a delivery, within bounds.

Promises that no more than the cap is ever held, and that reading ends: a declared length is judged before the first
byte, chunks are counted as they come, and a limit stands on the whole time. Anybody can send 25 MB under a signature
that will turn out wrong, so few large bodies are read at a time; GitHub's usual ones, some 20 KB, never wait for them.
Does not promise that the sender hears why: it may have gone, or may still be sending when the connection is closed.
"""

import asyncio
from typing import Final

from litestar.types import Receive

from webhooks.refused import SenderGone, busy, too_large, too_slow

BODY_BYTES_MAX: Final = 25 * 1024 * 1024
"""GitHub's own cap: what is larger is never delivered ("Webhook events and payloads")."""

BODY_SECONDS_MAX: Final = 10.0
"""GitHub gives up after 10 s (github.com); whoever sends for longer is not GitHub."""

LARGE_BYTES: Final = 1024 * 1024
"""A body above this is large. Deliveries of the events that the App asks for stay far below."""

LARGE_BODIES_MAX: Final = 4
"""Large bodies that are read at the same time: together at most 100 MB, whoever sends them."""


class Bodies:
    """Read bodies to their end.

    Args:
        bytes_max: The cap of one.
        seconds_max: Limit on the time for the whole of one.
    """

    def __init__(self, *, bytes_max: int, seconds_max: float) -> None:
        self._bytes_max: Final = bytes_max
        self._seconds_max: Final = seconds_max
        self._large_bodies = 0

    async def read(self, receive: Receive, *, declared_bytes: int | None) -> bytes:
        """Read one body.

        Args:
            receive: The ASGI callable that answers its pieces.
            declared_bytes: Its `Content-Length`; None if there is none.

        Raises:
            Refused: It is, or says it is, larger than the cap (413); it takes too long (408); too many others are
                as large (503).
            SenderGone: The connection ended first.
        """
        if declared_bytes is not None and declared_bytes > self._bytes_max:
            raise too_large(self._bytes_max)
        try:
            async with asyncio.timeout(self._seconds_max):
                return await self._read_to_the_end(receive)
        except TimeoutError as error:
            raise too_slow(self._seconds_max) from error

    async def _read_to_the_end(self, receive: Receive) -> bytes:
        body = bytearray()
        is_large = False
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise SenderGone("The connection ended before the body did.")
                body += message["body"]
                if len(body) > self._bytes_max:
                    raise too_large(self._bytes_max)
                if len(body) > LARGE_BYTES and not is_large:
                    self._enter_large()
                    is_large = True
                if not message["more_body"]:
                    return bytes(body)
        finally:
            self._large_bodies -= is_large

    def _enter_large(self) -> None:
        if self._large_bodies >= LARGE_BODIES_MAX:
            raise busy(LARGE_BODIES_MAX)
        self._large_bodies += 1
