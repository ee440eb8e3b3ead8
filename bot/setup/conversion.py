"""Conversion: the code that GitHub gave the browser becomes the App's credentials, once.

Promises one request within its limits, and a sentence with the next step for each way in which it fails. It is never
sent again by itself: GitHub takes a code once, and what a lost answer held is lost.
"""

import asyncio
from typing import Final

import httpx2
from pydantic import ValidationError

from bot.setup.hosts import GitHubHost
from bot.setup.registered import NewApp
from pipeline.engine.errors import AskPerson

CONVERSION_SECONDS_MAX: Final = 30.0
"""One request; GitHub makes a key pair meanwhile, which takes a second or two."""

ANSWER_BYTES_MAX: Final = 262_144
"""The answer takes 10 KB."""

API_VERSION: Final = "2022-11-28"

START_AGAIN: Final = "Run `onceover setup` again."
APP_IS_THERE: Final = (
    "If the App is in your list of GitHub Apps already, delete it there first: its key was in the answer that was lost."
)


class ConversionFailed(AskPerson):
    """GitHub did not give the credentials."""

    code = "setup.conversion_failed"


async def convert(code: str, github: GitHubHost, *, seconds_max: float = CONVERSION_SECONDS_MAX) -> NewApp:
    """Exchange the code.

    Args:
        code: Letters, digits, `-` and `_`, as GitHub gave it.
        github: Who gave it.
        seconds_max: Limit of the whole exchange.

    Raises:
        ConversionFailed: GitHub refused, did not answer, or answered something else.
    """
    url = f"{github.api_url}/app-manifests/{code}/conversions"
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION, "User-Agent": "onceover"}
    try:
        # Proxies and CA bundles of the environment count; redirects are not followed: the code goes to one host only.
        async with (
            asyncio.timeout(seconds_max),
            httpx2.AsyncClient(timeout=seconds_max, follow_redirects=False) as client,
            client.stream("POST", url, headers=headers) as answer,
        ):
            return _read(answer.status_code, await _content(answer), github)
    except httpx2.ConnectError as error:
        raise ConversionFailed(
            f"{github.api_url} cannot be reached: {_said(error)}.",
            next_step=f"Check the network, the proxy and `--github-url`. {START_AGAIN} {APP_IS_THERE}",
        ) from error
    except (httpx2.HTTPError, TimeoutError) as error:
        raise ConversionFailed(
            f"{github.api_url} did not answer within {seconds_max:g} s or hung up: {_said(error)}.",
            next_step=f"{APP_IS_THERE} {START_AGAIN}",
        ) from error


async def _content(answer: httpx2.Response) -> bytes:
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > ANSWER_BYTES_MAX:
            return b""  # Then it is no App.
    return bytes(content)


def _read(status: int, content: bytes, github: GitHubHost) -> NewApp:
    if status in {404, 410, 422}:
        raise ConversionFailed(
            f"{github.api_url} does not know the code (HTTP {status}): "
            "it was used before, is older than an hour, or is of another GitHub.",
            next_step=f"{START_AGAIN} {APP_IS_THERE}",
        )
    if status != httpx2.codes.CREATED:
        raise ConversionFailed(
            f"{github.api_url} answered HTTP {status} instead of the App's credentials.",
            next_step=f"Look at GitHub's status page. {APP_IS_THERE} {START_AGAIN}",
        )
    try:
        return NewApp.model_validate_json(content)
    except ValidationError:
        raise ConversionFailed(  # Without its cause, which would show the key.
            f"{github.api_url} answered something else than an App's credentials.",
            next_step=f"Check `--github-url`. {APP_IS_THERE} {START_AGAIN}",
        ) from None


def _said(error: Exception) -> str:
    return type(error).__name__ if not str(error) else "".join(c for c in str(error) if c.isprintable())[:300]
