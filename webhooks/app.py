"""App: the door as a web application, with what an operator asks of a process.

`POST /webhooks/github`, `GET /health` (the process lives), `GET /ready` (Redis can be written), `GET /metrics`.
Errors are JSON with code, message and next step, never a trace. No documentation pages, no static files, no state.
Does not promise TLS or limits per address: those belong to the proxy in front.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from litestar import Litestar, MediaType, Request, Response, asgi, get
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.types import ControllerRouterHandler, Receive, Scope, Send
from pydantic import SecretStr

from pipeline.engine.errors import OnceoverError
from webhooks.answer import Answer, problem
from webhooks.comments import ParseCommand
from webhooks.counters import Counters
from webhooks.door import Door, DoorLimits
from webhooks.inbox import Inbox
from webhooks.own import Own

log = logging.getLogger(__name__)

LOOK_SECONDS_MAX: Final = 5.0
"""For a look at the store by `/ready` and `/metrics`: less than a probe usually waits."""

PROMETHEUS: Final = "text/plain; version=0.0.4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether deliveries can be stored, and if not, why."""

    is_ready: bool
    reasons: tuple[str, ...] = ()


LookReady: TypeAlias = Callable[[], Awaitable[Readiness]]
ReadMetrics: TypeAlias = Callable[[], Awaitable[str]]
Lifespan: TypeAlias = Callable[[Litestar], AbstractAsyncContextManager[None]]
AnyRequest: TypeAlias = Request[Any, Any, Any]  # Litestar's own parameters: user, auth, state. None is used.


def make_app(  # noqa: PLR0913 - each is another thing that the roof owns
    *,
    inbox: Inbox,
    secret: SecretStr,
    own: Own,
    parse_command: ParseCommand,
    readiness: LookReady,
    metrics: ReadMetrics,
    limits: DoorLimits | None = None,
    route_handlers: Sequence[ControllerRouterHandler] = (),
    lifespan: Sequence[Lifespan] = (),
) -> Litestar:
    """Build the application.

    Args:
        inbox: Where deliveries are stored.
        secret: The webhook secret of the GitHub App.
        own: What tells our own doings from those of others.
        parse_command: Finds the command in a comment.
        readiness: Looks whether deliveries can be stored.
        metrics: Answers what the rest of the process counts, in Prometheus' text format.
        limits: The bounds of one delivery.
        route_handlers: Further pages, which belong to the roof.
        lifespan: What is opened before the first request and closed after the last.

    Raises:
        AskPerson: The secret is empty.
    """
    limits = limits or DoorLimits()
    counters = Counters()
    door = Door(inbox=inbox, secret=secret, own=own, parse_command=parse_command, limits=limits, counters=counters)
    return Litestar(
        route_handlers=[_hook(door), _health(), _ready(readiness), _metrics(metrics, counters), *route_handlers],
        exception_handlers={HTTPException: _tell_http_error, Exception: _tell_bug},
        lifespan=list(lifespan),
        request_max_body_size=limits.body_bytes_max,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _hook(door: Door) -> ASGIRouteHandler:
    @asgi("/webhooks/github", copy_scope=False)
    async def github(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await door.take(scope, receive, send)
        else:  # Litestar gives such a handler every kind of connection.
            await send({"type": "websocket.close", "code": 1008, "reason": "Only POST is taken here."})

    return github


def _health() -> HTTPRouteHandler:
    @get("/health", sync_to_thread=False)
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return health


def _ready(readiness: LookReady) -> HTTPRouteHandler:
    @get("/ready")
    async def ready() -> Response[dict[str, Any]]:  # JSON of two types.
        try:
            async with asyncio.timeout(LOOK_SECONDS_MAX):
                found = await readiness()
        except TimeoutError:
            found = Readiness(is_ready=False, reasons=(f"Redis did not answer within {LOOK_SECONDS_MAX:g} s.",))
        except OnceoverError as error:
            found = Readiness(is_ready=False, reasons=(str(error),))
        status = 200 if found.is_ready else 503
        return Response({"ready": found.is_ready, "reasons": list(found.reasons)}, status_code=status)

    return ready


def _metrics(metrics: ReadMetrics, counters: Counters) -> HTTPRouteHandler:
    @get("/metrics")
    async def show_metrics() -> Response[str]:
        """Show what can be shown: without the store, the door's own counters matter most."""
        try:
            async with asyncio.timeout(LOOK_SECONDS_MAX):
                further = await metrics()
        except (TimeoutError, OnceoverError) as error:
            log.warning("metrics.store_not_read reason=%s", error)
            further = "# The store could not be read.\n"
        return Response(counters.text() + further, media_type=PROMETHEUS)

    return show_metrics


def _tell_http_error(_request: AnyRequest, error: HTTPException) -> Response[dict[str, Any]]:
    answer = problem(
        error.status_code,
        _CODES.get(error.status_code, "refused"),
        f"The request was refused with {error.status_code}.",
        "See docs/webhooks.md for what is served where.",
        error.headers,
    )
    return _response(answer)


def _tell_bug(_request: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    log.error("request.failed", exc_info=error)
    return _response(
        problem(500, "bug", "The request failed by a mistake of ours.", "See the process's log, and report it.")
    )


def _response(answer: Answer) -> Response[dict[str, Any]]:
    return Response(dict(answer.content), status_code=answer.status, headers=answer.headers, media_type=MediaType.JSON)


_CODES: Final = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
