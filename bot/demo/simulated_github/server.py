r"""Server: the simulated GitHub as a running thing, which tests and the demo hold in their hands.

    async with SimulatedGitHub() as github:
        shop = github.add_repository("acme/shop")
        github.app.webhook_url = "http://127.0.0.1:8080/webhooks/github"
        await github.install(github.app, [shop])
        await github.push(shop, "feature", {"a.py": "print()\n"}, user="alice")
        pull = await github.open_pull(shop, "feature", author="alice")
        github.leftovers({pull: Left(comments=1, reviews=1)})

Promises that everything is real HTTP on 127.0.0.1, that the App named `onceover` is there from the start, and that
leaving the block ends every connection, also those that hang, and raises if the simulation itself broke. State may be
read and changed between requests.
"""

import asyncio
import ssl
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx2
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from uvicorn import Config
from uvicorn.server import ServerState

from bot.demo.simulated_github import leftovers, timeline
from bot.demo.simulated_github.accounts import App
from bot.demo.simulated_github.actions.apps import AppActions
from bot.demo.simulated_github.actions.checks import CheckActions
from bot.demo.simulated_github.actions.pulls import PullActions
from bot.demo.simulated_github.call import GIVEN, Call, Given
from bot.demo.simulated_github.courier import Courier
from bot.demo.simulated_github.faults import Faults
from bot.demo.simulated_github.gate import Gate
from bot.demo.simulated_github.git_store import UnknownObject
from bot.demo.simulated_github.leftovers import Left, NotExactlyOne, Only
from bot.demo.simulated_github.refusals import Refusal, not_found
from bot.demo.simulated_github.repositories import Pull
from bot.demo.simulated_github.routes import (
    apps,
    checks,
    comments,
    continuous_integration,
    git_http,
    pulls,
    registration,
    repositories,
    review_comments,
    reviews,
)
from bot.demo.simulated_github.wire import TransportProtocol
from bot.demo.simulated_github.world import Delivery, Exchange, World

BODY_BYTES_MAX: Final = 100 * 1024 * 1024
"""Longest request that is read; a fetch of git names at most some thousand commits."""

CLOSE_SECONDS_MAX: Final = 5
"""How long the last connections may take to notice that they were closed."""

AREAS: Final = (
    apps,
    repositories,
    pulls,
    comments,
    reviews,
    review_comments,
    checks,
    continuous_integration,
    registration,
    git_http,
)


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


class SimulationBroke(Exception):
    """A request made the simulation itself fail: a mistake here, not an answer of GitHub."""


class SimulatedGitHub(PullActions, CheckActions, AppActions):
    """A GitHub with one App, empty otherwise.

    Args:
        now: The clock; tokens and JWTs are judged by it.
    """

    app: App
    """The App under test; `world.apps` holds the others."""

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="simulated-github-"))
            self.world = World(directory=Path(directory), now=self._now)
            self.app = self.add_app("onceover")
            client = await stack.enter_async_context(httpx2.AsyncClient(verify=_tls(), trust_env=False))
            self._courier = Courier(world=self.world, client=client)
            stack.push_async_callback(self._courier.stop)
            await stack.enter_async_context(
                _Listener(self.world, Gate(world=self.world, courier=self._courier, inner=make_routes()))
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.clear()
        await self._stack.aclose()
        if self.world.mistakes and error is None:
            raise SimulationBroke("\n".join(self.world.mistakes))

    @property
    def url(self) -> str:
        """Where everything is: the API's base address, git remotes and web pages."""
        return self.world.url

    @property
    def faults(self) -> Faults:
        """The script of faults."""
        return self.world.faults

    @property
    def requests(self) -> list[Exchange]:
        """Every request so far."""
        return self.world.requests

    @property
    def deliveries(self) -> list[Delivery]:
        """Every webhook so far, the newest last."""
        return self.world.deliveries

    def writes(self, path: str = "") -> list[Exchange]:
        """List the requests that asked for a change, by a part of their path."""
        return [one for one in self.requests if one.is_write and path in one.path]

    async def settle(self) -> None:
        """Return once the App was told of all that it wrote itself."""
        await self.courier.settle()

    def leftovers(self, expected: Mapping[Pull, Left] | None = None) -> None:
        """Check that the App left exactly this on each pull request, and nothing on the others.

        Raises:
            NotExactlyOne: With a line for each difference.
        """
        said = leftovers.compare(self.world, self.app, dict(expected or {}))
        if said:
            raise NotExactlyOne("\n".join(said))

    def only(self, pull: Pull) -> Only:
        """Give the one comment, review and newest check run of the App."""
        return leftovers.only(pull, self.app)

    def as_seen(self, pull: Pull) -> str:
        """Write a pull request down as a reader sees it."""
        return timeline.as_seen(pull)


class _Listener:
    """Uvicorn's protocol on a socket of its own: no signal handlers, no ticking loop, an end without waiting."""

    def __init__(self, world: World, gate: Gate) -> None:
        self._world = world
        self._config = Config(
            gate,
            http=TransportProtocol,
            ws="none",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            log_config=None,
            access_log=False,
        )
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> None:
        self._config.load()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: TransportProtocol(config=self._config, server_state=self._state, app_state={}), "127.0.0.1", 0
        )
        self._world.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._state.connections):
            if isinstance(connection, TransportProtocol):
                connection.transport.abort()
        await asyncio.sleep(0)  # Lets the protocols hear of it, so that their requests end as those of a lost client.
        if self._state.tasks:
            _, late = await asyncio.wait(set(self._state.tasks), timeout=CLOSE_SECONDS_MAX)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


@cache
def make_routes() -> Litestar:
    """Put the routes together, once in a process: they hold nothing, and reading their signatures takes 0.1 s."""
    return Litestar(
        route_handlers=[handler for area in AREAS for handler in area.HANDLERS],
        request_class=Call,
        exception_handlers={
            Refusal: _refuse,
            HTTPException: _refuse_http,
            UnknownObject: _refuse_object,
            Exception: _own_up,
        },
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
    )


@cache
def _tls() -> ssl.SSLContext:
    """Load the certificates of this machine once in a process; the address of an App may be https."""
    return ssl.create_default_context()


def _refuse(_: Request[Any, Any, Any], refusal: Refusal) -> Response[object]:
    return Response(refusal.content, status_code=refusal.status, headers=refusal.headers)


def _refuse_object(_: Request[Any, Any, Any], __: UnknownObject) -> Response[object]:
    return Response(not_found().content, status_code=404)


def _own_up(request: Request[Any, Any, Any], error: Exception) -> Response[object]:
    """Answer 500, and remember the mistake, so that it does not pass for a fault of GitHub."""
    given: Given = request.scope["state"][GIVEN]
    given.world.mistakes.append(f"{request.method} {request.scope['path']}: {error!r}")
    return Response({"message": "Server Error"}, status_code=500)


def _refuse_http(_: Request[Any, Any, Any], error: HTTPException) -> Response[object]:
    """Answer what Litestar itself refuses, such as an unknown path, as GitHub does."""
    message = "Not Found" if error.status_code in {404, 405} else error.detail
    status = 404 if error.status_code == 405 else error.status_code  # noqa: PLR2004 - GitHub has no 405.
    return Response({"message": message, "documentation_url": "https://docs.github.com/rest"}, status_code=status)
