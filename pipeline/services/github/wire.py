"""Wire: one HTTP request through githubkit, sent once, and what came of it as a value.

Promises that nothing is repeated (githubkit's own retries re-send POSTs on 5xx), that no redirect is followed here,
that every wait and every answer has a limit, that one connection pool serves all tasks, and that no foreign error
leaves: those hold the request and so the token. Promises nothing about what an answer means.

This is the only module that imports githubkit, which costs 0.3 s of CPU and 45 MB (measured on 0.16.1 with Python
3.11; httpx, pyjwt and a Redis client are among it). Its typed models would cost 0.1 s and 20 MB more with the first
one, and reject what real servers send, so requests are raw and answers are read by the narrow models of `models.py`.
Three of its habits are corrected here: its client lives in a context variable, so that tasks begun outside of
`async with` would open a new connection for each call; it reads `Retry-After` as a number only and dies of a date; and
raw requests carry no API version.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Final, Self, cast

import githubkit
import httpx
from githubkit.exception import RequestError
from githubkit.throttling import LocalThrottler

from pipeline.engine.stage import JsonValue
from pipeline.services.bounded_body import BoundedBody
from pipeline.services.github.answer import Answer, Lost, NoAnswer, Outcome, harmless
from pipeline.services.github.request import Request
from pipeline.services.github.settings import API_VERSION, GitHubSettings


class GitHubWire:
    """githubkit with its pool; an async context manager that closes its connections.

    Args:
        api_url: `https://api.github.com`, `https://HOST/api/v3`, or a test server.
        settings: All limits.
        tls: Whom to trust; by default the usual authorities, or those of `SSL_CERT_FILE`. Making one takes 25 ms.
    """

    def __init__(self, api_url: str, settings: GitHubSettings, *, tls: ssl.SSLContext | None = None) -> None:
        for library in ("httpx", "httpcore"):  # They log addresses, and those of job logs carry a signature.
            logging.getLogger(library).setLevel(logging.WARNING)
        self._settings: Final = settings
        self._kit: Final = _Kit(api_url, settings, tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._kit.pool.aclose()

    async def send(self, request: Request) -> Outcome:
        """Send a request once and read the answer to its end; every failure is a value."""
        if request.tail_bytes_max is not None:
            return await self._stream(request, request.tail_bytes_max)
        content = None if request.body is None else encoded(request.body)
        try:
            async with asyncio.timeout(self._settings.call_seconds_max):
                response = await self._kit.arequest(
                    request.method, request.url, content=content, headers=_headers(request)
                )
        except TimeoutError:
            return NoAnswer(lost=Lost.UNKNOWN, cause=f"not within {self._settings.call_seconds_max:g} s")
        except RequestError as error:
            return _no_answer(error.exc, self._settings)
        except (ValueError, httpx.InvalidURL) as error:  # An address or a header that HTTP cannot carry.
            return NoAnswer(lost=Lost.UNSENT, cause=f"it cannot be sent ({type(error).__name__})")
        return Answer(
            status=response.status_code,
            url=request.url,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=response.content,
        )

    async def _stream(self, request: Request, tail_bytes_max: int) -> Outcome:
        """Read an answer to its end and keep only that; githubkit would hold all of it."""
        try:
            async with (
                asyncio.timeout(self._settings.call_seconds_max),
                self._kit.pool.stream(
                    request.method,
                    request.url,
                    headers=_headers(request),
                    extensions={BYTES_MAX: self._settings.stream_bytes_max},
                ) as response,
            ):
                tail = bytearray()
                async for chunk in response.aiter_raw():
                    tail += chunk
                    del tail[:-tail_bytes_max]
        except TimeoutError:
            return NoAnswer(lost=Lost.UNKNOWN, cause=f"not within {self._settings.call_seconds_max:g} s")
        except (httpx.HTTPError, _TooLong) as error:
            return _no_answer(error, self._settings)
        except (ValueError, httpx.InvalidURL) as error:
            return NoAnswer(lost=Lost.UNSENT, cause=f"it cannot be sent ({type(error).__name__})")
        return Answer(
            status=response.status_code,
            url=request.url,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=bytes(tail),
        )


BYTES_MAX: Final = "onceover.bytes_max"
"""The extension of a request that names another limit than the usual one."""


def user_agent() -> str:
    """Name the product and its version, as GitHub asks of every client."""
    try:
        return f"onceover/{version('onceover')}"
    except PackageNotFoundError:  # A source tree without an installation.
        return "onceover"


def encoded(body: JsonValue) -> bytes:
    """Write JSON; half a surrogate pair, which a model can write and UTF-8 cannot, becomes a question mark."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(errors="replace")


def _headers(request: Request) -> dict[str, str]:
    headers = {"Accept": request.accept, "X-GitHub-Api-Version": API_VERSION, **request.headers}
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    if request.token is not None:
        headers["Authorization"] = f"Bearer {request.token.get_secret_value()}"
    return headers


class _TooLong(Exception):
    """The body is longer than we read, or packed so that one cannot tell."""


def _no_answer(error: Exception, settings: GitHubSettings) -> NoAnswer:
    """Say how a call was lost; only what certainly never left counts as unsent."""
    cause = harmless(f"{type(error).__name__} {error}")
    if isinstance(error, _TooLong):
        return NoAnswer(lost=Lost.TOO_LONG, cause=f"longer than {settings.response_bytes_max} bytes, or compressed")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return NoAnswer(lost=Lost.UNTRUSTED, cause=cause)
    unsent = (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
        httpx.LocalProtocolError,
    )
    return NoAnswer(lost=Lost.UNSENT if isinstance(error, unsent) else Lost.UNKNOWN, cause=cause)


class _Kit(githubkit.GitHub[githubkit.UnauthAuthStrategy]):
    """githubkit, with one pool for all tasks and without judging answers."""

    def __init__(self, api_url: str, settings: GitHubSettings, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            githubkit.UnauthAuthStrategy(),
            base_url=api_url,
            user_agent=user_agent(),
            follow_redirects=False,
            timeout=_timeout(settings),
            http_cache=False,
            throttler=LocalThrottler(settings.calls_at_once_max),
            auto_retry=False,
        )
        self.pool: Final = _make_pool(settings, tls)

    @asynccontextmanager
    async def get_async_client(self) -> AsyncGenerator[httpx.AsyncClient, None]:
        """Give the one pool, whichever task asks."""
        yield self.pool

    def _check_is_error(self, response: httpx.Response) -> bool:  # noqa: ARG002 - the base class's shape.
        """Let every answer through: `failures.py` classes them."""
        return False

    def _check_rate_limit(self, response: object) -> None:
        """Look for no limit: the base class's version cannot read every `Retry-After`."""


def _timeout(settings: GitHubSettings) -> httpx.Timeout:
    return httpx.Timeout(
        connect=settings.connect_seconds_max,
        read=settings.read_seconds_max,
        write=settings.send_seconds_max,
        pool=settings.pool_seconds_max,
    )


def _make_pool(settings: GitHubSettings, tls: ssl.SSLContext | None) -> httpx.AsyncClient:
    """Build the pool: no redirects, no compression (a small body may unpack to any size), limits on waits and bytes.

    The limit on bytes is a hook and not a transport, which would switch off the proxies and certificates that the
    environment names.
    """

    async def bound(response: httpx.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _TooLong
        bytes_max = response.request.extensions.get(BYTES_MAX, settings.response_bytes_max)
        response.stream = _Bounded(cast("httpx.AsyncByteStream", response.stream), bytes_max, _TooLong)

    return httpx.AsyncClient(
        follow_redirects=False,
        headers={"User-Agent": user_agent(), "Accept-Encoding": "identity"},
        timeout=_timeout(settings),
        verify=tls or True,
        limits=httpx.Limits(
            max_connections=settings.calls_at_once_max,
            max_keepalive_connections=settings.calls_at_once_max,
            keepalive_expiry=settings.keepalive_seconds_max,
        ),
        event_hooks={"response": [bound]},
    )


class _Bounded(BoundedBody, httpx.AsyncByteStream):
    """What httpx takes for a body."""
