"""Body: the raw bytes of a delivery, within bounds.

Promises that no more than the cap is ever held, and that reading ends: a declared length is judged before the first
byte, chunks are counted as they come, and a limit stands on the whole time.
Does not promise that the sender hears why: it may have gone, or may still be sending when the connection is closed.
"""

import asyncio
from typing import Final

from litestar.types import Receive

from webhooks.refused import SenderGone, too_large, too_slow

BODY_BYTES_MAX: Final = 25 * 1024 * 1024
"""GitHub's own cap: what is larger is never delivered ("Webhook events and payloads")."""

BODY_SECONDS_MAX: Final = 10.0
"""GitHub gives up after 10 s (github.com); whoever sends for longer is not GitHub."""


async def read_body(receive: Receive, *, declared_bytes: int | None, bytes_max: int, seconds_max: float) -> bytes:
    """Read a body to its end.

    Args:
        receive: The ASGI callable that answers its pieces.
        declared_bytes: Its `Content-Length`; None if there is none.
        bytes_max: The cap.
        seconds_max: Limit on the time for the whole of it.

    Raises:
        Refused: It is, or says it is, larger than the cap (413); it takes too long (408).
        SenderGone: The connection ended first.
    """
    if declared_bytes is not None and declared_bytes > bytes_max:
        raise too_large(bytes_max)
    try:
        async with asyncio.timeout(seconds_max):
            return await _read_to_the_end(receive, bytes_max)
    except TimeoutError as error:
        raise too_slow(seconds_max) from error


async def _read_to_the_end(receive: Receive, bytes_max: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise SenderGone("The connection ended before the body did.")
        body += message["body"]
        if len(body) > bytes_max:
            raise too_large(bytes_max)
        if not message["more_body"]:
            return bytes(body)
