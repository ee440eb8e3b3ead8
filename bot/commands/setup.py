"""`onceover setup`: register the GitHub App and store its credentials."""

import asyncio
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from cyclopts import Parameter
from pydantic import TypeAdapter, ValidationError

from bot.exit_codes import ExitCode
from bot.logs import set_up_logs
from bot.output import NewsConsole, write_text
from bot.private_directory import check_is_no_repositorys, make_private
from bot.settings import read_settings
from bot.settings_forms import WebAddress
from bot.settings_tree import Settings
from bot.setup.hosts import GITHUB_API, GitHubHost, api_url_of, web_url_of
from bot.setup.manifest import NAME_CHARACTERS_MAX
from bot.setup.plan import Plan, install_url
from bot.setup.public_url import check_public_url
from bot.setup.registered import Registered
from bot.setup.stored import as_env, as_kubernetes, check_place, store, write_private
from pipeline.engine.errors import AskPerson
from pipeline.review.visible import visible

LOGIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?")
"""An organisation's name, as GitHub allows it."""

NAME_BYTES: Final = 3
"""Of chance in the name of an App of no organisation: names are unique on the whole host."""

Form: TypeAlias = Literal["env", "kubernetes"]
Keep: TypeAlias = Callable[[Registered], str]


class SetupUsage(AskPerson):
    """The command was called wrongly."""

    code = "usage"


def setup(  # noqa: PLR0913  One parameter for each option.
    *,
    organisation: Annotated[str | None, Parameter(help="The App's owner; without it, whoever is signed in.")] = None,
    url: Annotated[str | None, Parameter(help="Where GitHub reaches this service; else ONCEOVER_PUBLIC_URL.")] = None,
    github_url: Annotated[str | None, Parameter(help="A GitHub Enterprise Server, as https://github.corp.")] = None,
    print_as: Annotated[
        Form | None, Parameter(name="--print", help="Print the credentials, as settings or as a Kubernetes Secret.")
    ] = None,
    out: Annotated[
        Path | None, Parameter(help="File for the credentials, readable by you alone; the key beside it.")
    ] = None,
    name: Annotated[str | None, Parameter(help="The App's name; GitHub's page may still change it.")] = None,
    force: Annotated[
        bool, Parameter(negative="", show_default=False, help="Replace another App's credentials in the file.")
    ] = False,
) -> ExitCode:
    """Register the GitHub App with one click and store its credentials."""
    # No .env: a stranger's could lead the browser, and with it the App's key, to another GitHub.
    settings = read_settings(os.environ, dotenv=None)
    set_up_logs(settings.telemetry.log_format)
    github = _host(github_url, settings)
    public_url = check_public_url(url or settings.web.public_url, github, port=settings.web.port)
    file = None if print_as and out is None else _place(out, settings, force=force)
    plan = Plan(
        github=github,
        name=_name(name, organisation),
        organisation=_checked(organisation),
        public_url=public_url,
        host=settings.web.host,
        port=settings.web.port,
        keep=_keeper(print_as, file, force=force),
        commands=_next_commands(print_as, file, settings),
    )
    # Here and not above: it loads a web server, half a second that `--help` and a refusal need not wait for.
    from bot.setup.flow import run_flow  # noqa: PLC0415

    _say_end(plan, asyncio.run(run_flow(plan, _say)))
    return ExitCode.DONE


def _host(github_url: str | None, settings: Settings) -> GitHubHost:
    named = settings.github.web_url
    if github_url is not None:
        try:
            named = TypeAdapter[str](WebAddress).validate_python(github_url)
        except ValidationError:
            raise SetupUsage(
                f"`--github-url {visible(github_url, lines=False)}` is no address.",
                next_step="It looks like https://github.example.org.",
            ) from None
    api_url = settings.github.api_url
    if named is None:
        return GitHubHost(web_url=web_url_of(api_url), api_url=api_url)
    return GitHubHost(web_url=named, api_url=api_url_of(named) if api_url == GITHUB_API else api_url)


def _name(name: str | None, organisation: str | None) -> str:
    chosen = name or f"Onceover {organisation or secrets.token_hex(NAME_BYTES)}"[:NAME_CHARACTERS_MAX].strip()
    if len(chosen) > NAME_CHARACTERS_MAX or not chosen.isprintable() or not chosen.strip():
        raise SetupUsage(
            f"The name has {len(chosen)} characters or some that cannot be shown.",
            next_step=f"GitHub takes up to {NAME_CHARACTERS_MAX} printable ones.",
        )
    return chosen


def _checked(organisation: str | None) -> str | None:
    if organisation is not None and not LOGIN.fullmatch(organisation):
        raise SetupUsage(
            f"`{visible(organisation, lines=False)}` is no organisation's name.",
            next_step="Take the one in its address, https://github.com/NAME.",
        )
    return organisation


def _place(out: Path | None, settings: Settings, *, force: bool) -> Path:
    if out is None:
        home = os.environ.get("HOME")
        check_is_no_repositorys(settings.storage.credentials_path, home=Path(home) if home else None)
        if settings.storage.credentials_file is None:
            make_private(settings.storage.state_dir)
    file = (out or settings.storage.credentials_path).absolute()
    check_place(file, force=force)
    return file


def _keeper(print_as: Form | None, file: Path | None, *, force: bool) -> Keep:
    def keep_stored(registered: Registered) -> str:
        assert file is not None  # noqa: S101  Without --print there is a place.
        store(registered, file, force=force)
        return f"Its credentials are in {file}, readable by you alone."

    def keep_printed(registered: Registered) -> str:
        text = as_kubernetes(registered) if print_as == "kubernetes" else as_env(registered, key_file=None)
        if file is None:
            write_text(text)
            return "Its credentials were printed in the terminal, and stored nowhere."
        write_private(file, text, replace=force)
        return f"Its credentials are in {file}, readable by you alone."

    return keep_printed if print_as else keep_stored


def _next_commands(print_as: Form | None, file: Path | None, settings: Settings) -> tuple[str, ...]:
    if print_as == "kubernetes":
        return (f"kubectl apply -f {file or 'the Secret that was printed'}",)
    if print_as == "env":
        return ("set these variables where the App runs, then: onceover doctor",)
    is_default = file == settings.storage.credentials_path
    named = () if is_default else (f"export ONCEOVER_CREDENTIALS_FILE={file}",)
    return (*named, "onceover doctor", "onceover dev")


def _say_end(plan: Plan, registered: Registered) -> None:
    install = install_url(registered.app, plan.github)
    _say(f"The App {registered.app.slug} is registered.")
    _say(f"Install it on repositories: {install or 'from its page on GitHub'}")
    _say("Then:")
    for command in plan.commands:
        _say(f"  {command}")


def _say(line: str) -> None:
    NewsConsole().print(visible(line, lines=False), markup=False, highlight=False, soft_wrap=True)
