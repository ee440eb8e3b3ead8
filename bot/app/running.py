"""Running: a process of the App, from its settings to its orderly end."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, Final

from bot.app.trust import with_secret_key
from bot.app_credentials import Role, held_against, required_for, wanted_by, without_others
from bot.credentials_file import PRIVATE_KEYS
from bot.exit_codes import ExitCode
from bot.logs import set_up_logs
from bot.sandbox import first_look
from bot.settings import read_settings
from bot.settings_tree import PRIVATE_KEY, Settings
from pipeline.engine.errors import AskPerson
from pipeline.review.visible import visible

STOPS: Final = (signal.SIGTERM, signal.SIGINT)


class UnknownRole(AskPerson):
    """There is no role of that name for this command."""

    code = "usage"


def read_app_settings(roles: Collection[Role]) -> Settings:
    """Read the settings of a process with these roles, and set up its logs.

    Raises:
        SettingsInvalid: Some are wrong; it tells all of them.
    """
    settings = read_settings(os.environ, Path.cwd() / ".env", credentials=wanted_by(roles))
    set_up_logs(settings.telemetry.log_format, is_service=True)
    return with_secret_key(settings)


def parse_roles(text: str, *, allowed: Collection[Role]) -> frozenset[Role]:
    """Read roles with commas between.

    Raises:
        UnknownRole: One is none, or none that this command can hold.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in {role.value for role in allowed}]
    if unknown or not names:
        known = ", ".join(sorted(role.value for role in allowed))
        raise UnknownRole(f"`{', '.join(unknown) or text}` is no role of a worker.", next_step=f"Roles are: {known}.")
    return frozenset(Role(name) for name in names)


def run_process(settings: Settings, roles: frozenset[Role]) -> ExitCode:
    """Hold the roles until asked to stop.

    Raises:
        AskPerson: A credential, Redis or the address needs a person.
    """
    for lack in held_against(roles, settings):
        say(f"warning: {lack}")
        for variable in PRIVATE_KEYS if lack.variable == PRIVATE_KEY else (lack.variable,):
            os.environ.pop(variable, None)  # At least what this process starts must not inherit it.
    return asyncio.run(_until_stopped(_run(without_others(roles, settings), roles)))


async def _run(settings: Settings, roles: frozenset[Role]) -> None:
    # Here and not above: they load litestar and githubkit, which `--help` need not wait for.
    from bot.app.process import open_app  # noqa: PLC0415
    from bot.app.web import make_door, serve  # noqa: PLC0415

    credentials = required_for(roles, settings)
    async with open_app(settings, credentials, roles) as process:
        for problem in process.opened.warnings:
            say(f"warning: {problem}")
        if Role.REVIEWER in roles and (told := await first_look(settings, os.environ)):
            say(visible(told, lines=False))
        async with contextlib.AsyncExitStack() as stack:
            if Role.DOOR in roles:
                web = settings.web
                ready = _tell_address(web.host)
                app = make_door(process, credentials)
                await stack.enter_async_context(serve(app, host=web.host, port=web.port, on_ready=ready))
            working = sorted(role.value for role in roles - {Role.DOOR})
            if working:
                say(f"working as {', '.join(working)}; stop with Ctrl-C or SIGTERM, runs go on elsewhere or later.")
            await process.work()


async def _until_stopped(duty: Coroutine[Any, Any, None]) -> ExitCode:
    """Run until a signal asks to stop; a second one does not interrupt the orderly end."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(duty)
    asked: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        if not asked:
            asked.append(number)
            task.cancel()
            say("stopping: steps under way finish, the rest is handed on.")

    for number in STOPS:
        loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not asked:
            raise
    finally:
        for number in STOPS:
            loop.remove_signal_handler(number)
    return ExitCode.INTERRUPTED if signal.SIGINT in asked else ExitCode.DONE


def _tell_address(host: str) -> Callable[[int], None]:
    shown = f"[{host}]" if ":" in host else host
    return lambda port: say(f"listening on http://{shown}:{port}, deliveries go to /webhooks/github")


def say(text: str) -> None:
    """Tell the operator one line; one who has left must not keep the process from what it does."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"onceover: {text}\n")
        sys.stderr.flush()
