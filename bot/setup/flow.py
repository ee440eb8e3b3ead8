"""Flow: the registration from the printed link to the stored credentials, in one process.

Promises that the place for the credentials was looked at before GitHub is asked, that the credentials are stored before
the page says so, and that the application ends by itself: with the last page, or when the hour is over.
"""

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Callable
from typing import Final

import uvicorn
from pydantic import SecretStr

from bot.setup.conversion import convert
from bot.setup.plan import LOOPBACK, Plan, in_url, install_url, origin_of
from bot.setup.registered import NewApp, Registered
from bot.setup.tickets import STATE_SECONDS_MAX, Tickets
from bot.setup.web import PAGE, Done, Flow, Wish, make_setup_app
from pipeline.engine.errors import AskPerson, OnceoverError

FLOW_SECONDS_MAX: Final = STATE_SECONDS_MAX + 600.0
"""A page opened at the last moment still has some minutes; then nobody comes any more."""

LAST_PAGE_SECONDS_MAX: Final = 5
"""How long the end waits for a browser that reads slowly."""

CONNECTIONS_MAX: Final = 50
"""One browser needs two."""

SECRET_KEY_BYTES: Final = 32


class NobodyCame(AskPerson):
    """The flow was not finished in its time."""

    code = "setup.nobody_came"


class PortTaken(AskPerson):
    """We cannot listen where the settings say."""

    code = "setup.port_taken"


async def run_flow(plan: Plan, say: Callable[[str], None], *, seconds_max: float = FLOW_SECONDS_MAX) -> Registered:
    """Lead a person through the registration.

    Args:
        plan: What to do.
        say: Tells the terminal a line.
        seconds_max: How long to wait for the person.

    Raises:
        PortTaken: Something else listens there.
        NobodyCame: The time is over.
        OnceoverError: The credentials could not be stored.
    """
    with _listen(plan.host, plan.port) as listening:
        port = listening.getsockname()[1]
        tickets = Tickets(clock=time.monotonic)
        ended: asyncio.Future[Registered] = asyncio.get_running_loop().create_future()
        app = make_setup_app(_make_flow(plan, port, tickets, ended, say))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,  # It would hold the token and the code.
                lifespan="off",
                ws="none",
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_graceful_shutdown=LAST_PAGE_SECONDS_MAX,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="setup")
        over = asyncio.Event()
        for one in (serving, ended):
            one.add_done_callback(lambda _: over.set())
        _tell_link(plan, port, tickets.token, say)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds_max):
                    await over.wait()
            is_told_to_end = over.is_set()
        finally:
            server.should_exit = True
            await serving  # On Ctrl-C it sends itself the signal again when it has ended.
    if is_told_to_end and not ended.done():
        raise KeyboardInterrupt  # The server was told to end, by a signal that may not have reached us yet.
    if not ended.done():
        raise NobodyCame(
            f"Nobody finished the registration within {seconds_max / 60:.0f} minutes.",
            next_step="Run `onceover setup` again; a link that was printed before is worth nothing now.",
        )
    return ended.result()


def _make_flow(
    plan: Plan, port: int, tickets: Tickets, ended: "asyncio.Future[Registered]", say: Callable[[str], None]
) -> Flow:
    kept: list[Registered] = []

    async def register(code: str) -> Done:
        app = await convert(code, plan.github)
        registered = Registered(
            app=app,
            github=plan.github,
            public_url=plan.public_url,
            secret_key=SecretStr(secrets.token_urlsafe(SECRET_KEY_BYTES)),
        )
        try:
            stored = await asyncio.to_thread(plan.keep, registered)
        except OnceoverError as error:
            raise _lost(error, app) from error
        kept.append(registered)
        return Done(name=app.slug, install_url=install_url(app, plan.github), stored=stored, commands=plan.commands)

    async def end(error: OnceoverError | None) -> None:
        if ended.done():
            return
        if error is not None:
            ended.set_exception(error)
        else:
            ended.set_result(kept[-1])

    wish = Wish(
        github=plan.github,
        name=plan.name,
        organisation=plan.organisation,
        public_url=plan.public_url,
        origin=origin_of(plan, port),
    )
    return Flow(wish=wish, tickets=tickets, register=register, say=say, end=end)


def _tell_link(plan: Plan, port: int, token: str, say: Callable[[str], None]) -> None:
    say("Open this link in a browser; it works once, within the hour:")
    say(f"  {origin_of(plan, port)}{PAGE}?token={token}")
    if plan.host in LOOPBACK:
        tunnel = f"ssh -L {port}:{in_url(plan.host)}:{port} THIS_HOST"
        say(f"If the browser is on another machine, run there first: {tunnel}")


def _lost(error: OnceoverError, app: NewApp) -> AskPerson:
    return AskPerson(
        f"{error.message} GitHub has registered the App {app.slug} and hands its key out once.",
        next_step=f"{error.next_step} Then delete the App on GitHub and run `onceover setup` again.",
        code=error.error_code,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise PortTaken(
            f"Cannot listen on {in_url(host)}:{port}: {error.strerror}.",
            next_step="Set ONCEOVER_HOST and ONCEOVER_PORT, or end what listens there.",
        ) from error
