"""`onceover demo`: see it work, without an account, a model or a network."""

import asyncio
import contextlib
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from bot.demo.demonstration import STATE, Shown, demonstrate
from bot.exit_codes import ExitCode
from bot.output import NewsConsole
from bot.private_directory import DirectoryUnusable, check_is_no_repositorys
from pipeline.engine.errors import AskPerson


class BadPlace(AskPerson):
    """The demo cannot work in the directory that was named."""

    code = "usage"


def demo(
    *,
    keep: Annotated[
        Path | None, Parameter(help="An empty directory to work in and to keep; a temporary one without.")
    ] = None,
) -> ExitCode:
    """Review a sample branch, kill the review in the middle with kill -9, resume it, and count what was paid twice."""
    console = NewsConsole()
    with _place(keep) as place:
        shown = asyncio.run(demonstrate(place, lambda text: _say(console, text)))
    _say(console, _verdict(shown, kept=keep))
    return ExitCode.DONE if shown.repeated == 0 else ExitCode.FINDINGS


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def _place(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield _checked(keep.absolute())
        return
    with tempfile.TemporaryDirectory(prefix="onceover-demo-") as place:
        yield Path(place)


def _checked(keep: Path) -> Path:
    """Make the directory that is to be kept; what the demo cannot use is told before it begins."""
    next_step = "Name a new one with `--keep`, outside of every repository."
    try:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise BadPlace(f"The directory {keep} is not empty.", next_step=next_step)
        check_is_no_repositorys(keep, home=None)
    except OSError as error:
        raise BadPlace(f"The directory {keep} cannot be used: {error.strerror}.", next_step=next_step) from error
    except DirectoryUnusable as error:
        raise BadPlace(error.message, next_step=next_step) from error
    return keep.resolve()


def _verdict(shown: Shown, *, kept: Path | None) -> str:
    lines = [
        "",
        f"Model calls answered before the kill: {shown.calls_before}. Asked again after it: {shown.repeated}.",
        f"The resumed review asked {shown.calls_after} more: the one that was under way.",
        "",
        "Now on a branch of your own:  onceover review",
        "With a model:                 OPENAI_API_KEY=... ONCEOVER_LLM_MODEL=... onceover review",
    ]
    if kept is not None:
        state = shlex.quote(str(kept.resolve() / STATE))
        lines += ["What this one did, step by step:", f"  ONCEOVER_STATE_DIR={state} onceover runs list"]
    else:
        lines.append("What a run did, step by step: onceover runs list, onceover runs show RUN")
    return "\n".join(lines)
