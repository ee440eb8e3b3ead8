"""LLM transport: the connection to one model server.

Promises that the key goes to the configured server only, that a call ends (no redirect, no compression, a limit on
every wait and on the bytes of a body), and that the environment's proxies and certificates are used. Does not promise
to try anything again.
"""

from typing import cast
from urllib.parse import urlsplit

import httpx2

from pipeline.engine.errors import AskPerson
from pipeline.services.bounded_body import BoundedBody
from pipeline.services.llm_catalogue import OPENAI_URL
from pipeline.services.llm_failures import KEY_STEP, URL_STEP


class TooLarge(Exception):
    """The body is longer than we read."""


def checked_url(base_url: str | None, key: str) -> str:
    """Say where the calls go.

    Raises:
        AskPerson: That is no http(s) address, or has a user in it, or the key is missing or cannot be sent.
    """
    url = (base_url or OPENAI_URL).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        # Not repeated: what stands there may be a password.
        raise AskPerson("`OPENAI_BASE_URL` is not of the form http(s)://host[:port]/v1.", next_step=URL_STEP)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise AskPerson("The key for the model has characters that no key has.", next_step=KEY_STEP, code="model_key")
    if url == OPENAI_URL and not key:
        raise AskPerson("No key for OpenAI is set.", next_step=KEY_STEP, code="model_key")
    return url


def make_http_client(
    *, connect_seconds_max: float, silence_seconds_max: float, response_bytes_max: int
) -> httpx2.AsyncClient:
    """Build the transport: no redirects, no compression, limits on waits and on bytes.

    Args:
        connect_seconds_max: Until the connection stands, and for a free one in the pool.
        silence_seconds_max: Longest pause between two bytes.
        response_bytes_max: Longest body that is read; a longer one raises `TooLarge`.

    The limit on bytes is a hook and not a transport of our own, since that would switch off the proxies and
    certificates that the environment names.
    """

    async def bound(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise TooLarge  # Not asked for, and a small one may unpack to any size.
        response.stream = _Bounded(cast("httpx2.AsyncByteStream", response.stream), response_bytes_max, TooLarge)

    return httpx2.AsyncClient(
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        timeout=httpx2.Timeout(silence_seconds_max, connect=connect_seconds_max),
        event_hooks={"response": [bound]},
    )


class _Bounded(BoundedBody, httpx2.AsyncByteStream):
    """What httpx2 takes for a body."""
