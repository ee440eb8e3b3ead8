"""`onceover demo`: see it work, without an account, a model or a network."""

import asyncio
import contextlib
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from cyclopts import Parameter
from rich.console import Console

from bot.demo.demonstration import STATE, Shown, demonstrate
from bot.exit_codes import ExitCode
from bot.output import NewsConsole, say_last, write_text
from bot.private_directory import DirectoryUnusable, check_is_no_repositorys
from pipeline.engine.errors import AskPerson

COLUMNS_MIN: Final = 40
COLUMNS_MAX: Final = 100
"""Prose wider than this is hard to read, however wide the window is."""

HANG: Final = 11
"""Columns by which the rest of a folded line of the story stands further in than its beginning."""

STOPS: Final = (signal.SIGTERM, signal.SIGHUP)
"""Besides Ctrl-C: whoever ends the demo ends all that it started."""

Told = TypeVar("Told")


class BadPlace(AskPerson):
    """The demo cannot work in the directory that was named."""

    code = "usage"


def demo(
    *,
    local: Annotated[
        bool, Parameter(negative="", show_default=False, help="Show a review of a local branch instead of the App.")
    ] = False,
    keep: Annotated[
        Path | None, Parameter(help="An empty directory to work in and to keep; a temporary one without.")
    ] = None,
) -> ExitCode:
    """Show a pull request on a bad day, from webhook to exactly one comment."""
    console = NewsConsole()
    with _place(keep) as place:
        if local:
            return _demo_local(console, place, kept=keep)
        return _demo_app(console, place, kept=keep)


def _demo_app(console: Console, place: Path, *, kept: Path | None) -> ExitCode:
    # Here and not above: they load litestar and uvicorn, which `--help` need not wait for.
    from bot.demo.app_demonstration import StoodStill, demonstrate_app  # noqa: PLC0415
    from bot.demo.app_verdict import next_steps, verdict  # noqa: PLC0415
    from bot.demo.promises import promises  # noqa: PLC0415
    from bot.demo.reader_view import as_read, folded  # noqa: PLC0415

    columns = min(max(console.width, COLUMNS_MIN), COLUMNS_MAX) - 1

    def say(text: str, /, *, is_act: bool = False) -> None:
        lines = "\n".join(folded(text, columns=columns, hang=HANG))
        console.print(lines, style="bold" if is_act else None, markup=False, highlight=False, soft_wrap=True)

    try:
        story = run_stoppable(demonstrate_app(place, say))
    except StoodStill as error:
        say_last(str(error))
        return ExitCode.FINDINGS
    say("\n6. The pull request, as a reader sees it", is_act=True)
    say("")
    write_text("".join(f"{line}\n" for line in folded(as_read(story.page), columns=columns)))
    held = promises(story.shown)
    say("\n7. What was promised", is_act=True)
    say("")
    state = shlex.quote(str(kept.resolve() / STATE)) if kept is not None else None
    for line in (*verdict(story, held), *next_steps(story.run_id, program=_program(), state=state)):
        _say(console, line)
    return ExitCode.DONE if all(one.holds for one in held) else ExitCode.FINDINGS


def _demo_local(console: Console, place: Path, *, kept: Path | None) -> ExitCode:
    """Review a sample branch, kill the review in the middle with kill -9, resume it, and count what was paid twice."""
    shown = run_stoppable(demonstrate(place, lambda text: _say(console, text)))
    _say(console, _verdict(shown, kept=kept))
    return ExitCode.DONE if shown.repeated == 0 else ExitCode.FINDINGS


def run_stoppable(story: Coroutine[Any, Any, Told]) -> Told:
    """Run to the end; a signal that asks us to end is taken as Ctrl-C is, so that nothing is left behind.

    Raises:
        KeyboardInterrupt: It was stopped; all that it started has ended.
    """

    async def run() -> Told:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(story)
        stopped: list[int] = []

        def stop(number: int) -> None:
            stopped.append(number)
            task.cancel()

        for number in STOPS:
            if signal.getsignal(number) is signal.SIG_IGN:
                continue  # As `nohup` wants it.
            loop.add_signal_handler(number, stop, number)
        try:
            return await task
        except asyncio.CancelledError:
            if stopped:
                raise KeyboardInterrupt from None
            raise

    return asyncio.run(run())


def _program() -> str:
    """Name the command so that one can type it: by its path if the shell would find another one, or none."""
    typed = Path(sys.argv[0])
    found = shutil.which("onceover")
    if typed.name != "onceover" or (found and Path(found).resolve() == typed.resolve()):
        return "onceover"
    return shlex.quote(str(typed))


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
