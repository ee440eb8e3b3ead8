"""Web: the door, served."""

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Final

import uvicorn
from litestar import Litestar
from redis.exceptions import RedisError

from bot.app.clients import host_of
from bot.app.process import AppProcess
from bot.app_credentials import AppCredentials
from bot.redis_health import Severity, check_server
from bot.usage_ledger import RedisUsage
from bot.usage_page import usage_metrics
from pipeline.engine.errors import AskPerson, OnceoverError
from pipeline.review.pull.command import parse_command
from webhooks.app import Readiness, make_app
from webhooks.own import Own

DRAIN_SECONDS_MAX: Final = 10
"""How long requests under way may take when the process is asked to end; GitHub hangs up after as long."""

BACKLOG: Final = 2_048
"""Connections that wait to be accepted: GitHub's surges are short."""


LOOK_SECONDS: Final = 1.0
"""How long a look at Redis is told again. One takes half a millisecond of this process and 20 microseconds of Redis
(measured), which is little for a probe; but the page is open to everybody who reaches the door."""


class CannotListen(AskPerson):
    """The address is taken, or not ours."""

    code = "cannot_listen"


def make_door(process: AppProcess, credentials: AppCredentials) -> Litestar:
    """Make the door's application."""
    if credentials.webhook_secret is None:
        raise AskPerson("The door has no webhook secret.", next_step="Set ONCEOVER_GITHUB_WEBHOOK_SECRET.")
    return make_app(
        inbox=process.inbox,
        secret=credentials.webhook_secret,
        own=Own(host=host_of(process.settings), app_id=process.settings.github.app_id, bot_user_id=process.own_bot),
        parse_command=parse_command,
        readiness=Looks(partial(_readiness, process)).look,
        metrics=lambda: _metrics(process),
    )


@contextlib.asynccontextmanager
async def serve(app: Litestar, *, host: str, port: int, on_ready: Callable[[int], None]) -> AsyncIterator[None]:
    """Serve while the block runs; then finish what is under way.

    Args:
        app: The application.
        host: Where to listen.
        port: Where to listen; 0 for any free one.
        on_ready: Told the port once requests are answered.

    Raises:
        CannotListen: The address cannot be had.
    """
    with _listen(host, port) as listening:
        server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                ws="none",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=DRAIN_SECONDS_MAX,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="web")
        try:
            await server.is_up(serving)
            on_ready(listening.getsockname()[1])
            yield
        finally:
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    """uvicorn, without its own handling of signals: the process ends in an order of its own."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._is_up: Final = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._is_up.set()

    async def is_up(self, serving: "asyncio.Task[None]") -> None:
        """Wait until requests are answered, or raise what stood in the way."""
        waiting = asyncio.create_task(self._is_up.wait(), name="web is up")
        await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if serving.done():
            serving.result()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield


@contextlib.contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or asyncio would leave Nagle's algorithm on, and each answer would wait for 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise CannotListen(
                f"Cannot listen on {host}:{port}: {error.strerror or error}.",
                next_step="Set ONCEOVER_HOST and ONCEOVER_PORT to an address that is free.",
            ) from error
        listening.listen(BACKLOG)
        yield listening


class Looks:
    """Looks at Redis, at most one in `LOOK_SECONDS`: probes, and whoever else finds the page, share one.

    Args:
        look: Looks.
        monotonic: Seconds that only go forward.
    """

    def __init__(
        self, look: Callable[[], Awaitable[Readiness]], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._look: Final = look
        self._monotonic: Final = monotonic
        self._turn: Final = asyncio.Lock()
        self._seen: tuple[Readiness, float] | None = None

    async def look(self) -> Readiness:
        """Tell what was seen a moment ago, or look."""
        async with self._turn:
            if self._seen is None or self._monotonic() - self._seen[1] >= LOOK_SECONDS:
                self._seen = await self._look(), self._monotonic()
            return self._seen[0]


async def _readiness(process: AppProcess) -> Readiness:
    """Look whether what is accepted now would be kept."""
    redis = process.opened.redis
    try:
        await redis.set(f"{process.opened.store.settings.prefix}ready", secrets.token_hex(4), px=60_000)
        problems = await check_server(redis, "this Redis")
    except (RedisError, OSError, OnceoverError) as error:
        return Readiness(is_ready=False, reasons=(f"Redis: {error}",))
    broken = any(problem.severity is Severity.BROKEN for problem in problems)
    return Readiness(is_ready=not broken, reasons=tuple(str(problem) for problem in problems))


async def _metrics(process: AppProcess) -> str:
    """Tell what all processes count together, in Prometheus' text format."""
    store = process.opened.store
    counters = await store.counters()
    waiting = await store.due_counts(process.graphs.all.roles)
    lines = ["# TYPE onceover_counter_total counter"]
    lines += [f'onceover_counter_total{{name="{name}"}} {value}' for name, value in sorted(counters.items())]
    lines += ["# TYPE onceover_runs_live gauge"]
    lines += [f'onceover_runs_live{{role="{role}"}} {value}' for role, value in sorted(waiting.items())]
    lines += usage_metrics(await RedisUsage(process.opened.redis, store.settings.prefix).by_model())
    return "\n".join(lines) + "\n"
