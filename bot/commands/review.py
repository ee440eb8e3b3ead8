"""`onceover review`: review a branch of a local repository."""

import asyncio
import contextlib
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter
from rich.console import Console

from bot.assembly import Resources, open_model
from bot.exit_codes import ExitCode
from bot.local_review import (
    LocalReview,
    Result,
    ReviewOptions,
    Start,
    find_target,
    problems_of,
    read_result,
    review_locally,
)
from bot.opened_store import open_store, settings_of_process
from bot.progress import watch
from bot.review_json import Provenance, ReviewJson, json_text, review_json
from bot.run_view import view_of
from bot.terminal import print_review
from pipeline.engine.errors import AskPerson
from pipeline.engine.lifecycle import RunState
from pipeline.review.reports import Summary, Verdict
from pipeline.review.visible import visible

MODEL: Final = "model"
"""What a part left unread by the model is called in `not_reviewed`."""


class BadOption(AskPerson):
    """An option's value cannot be used."""

    code = "usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Screen:
    """Where to write what."""

    result: Console
    news: Console
    quiet: bool
    as_json: bool

    def tell(self, text: str) -> None:
        """Give a piece of news, unless nobody wants any."""
        if not self.quiet:
            self.say(text)

    def say(self, text: str) -> None:
        """Say what has to be said."""
        self.news.print(visible(f"onceover: {text}"), markup=False, highlight=False, soft_wrap=True)


def review(  # noqa: PLR0913 - each is an option of the command line.
    *,
    repo: Annotated[Path, Parameter(help="A path in the repository.")] = Path(),
    base: Annotated[
        str | None, Parameter(help="What the branch goes into; the remote's main branch, or main, without.")
    ] = None,
    head: Annotated[str | None, Parameter(help="The branch or commit to review; the current one without.")] = None,
    fail_on: Annotated[
        Literal["critical", "high", "medium", "low", "info", "never"],
        Parameter(help="Exit with 1 from this severity on; failing tests always do."),
    ] = "high",
    test_command: Annotated[
        str | None,
        Parameter(help='Run the tests of the head commit in a check-out of its own, as in "pytest -q"; no shell.'),
    ] = None,
    junit: Annotated[
        str | None, Parameter(help="Where the test command writes JUnit XML, relative to the check-out.")
    ] = None,
    fresh: Annotated[bool, Parameter(negative="", help="Do everything anew, even what is done.")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print JSON; see docs/json.md.")] = False,
    quiet: Annotated[bool, Parameter(negative="", help="Show no progress; the result and errors only.")] = False,
) -> ExitCode:
    """Review what a branch changes: the commits, not what is uncommitted.

    Durable: interrupted by Ctrl-C or kill -9, the same command goes on where it stopped. Asked again, it answers from
    checkpoints. A second one on the same commit follows the first and pays nothing.

    The test command runs code of the branch with your rights, as running the tests by hand would.
    """
    options = ReviewOptions(
        repository=repo,
        base=base,
        head=head,
        fresh=fresh,
        fail_on=fail_on,
        test_command=_split(test_command),
        junit=junit,
    )
    screen = _Screen(result=Console(), news=Console(stderr=True), quiet=quiet, as_json=as_json)
    try:
        return asyncio.run(_review(options, screen))
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.say("interrupted. The same command goes on where it stopped.")
        return ExitCode.INTERRUPTED


async def _review(options: ReviewOptions, screen: _Screen) -> ExitCode:
    settings = settings_of_process()
    target = await find_target(options)
    with _sigterm_cancels():
        async with open_store(settings) as opened, open_model(settings) as model:
            for problem in opened.warnings:
                screen.tell(f"warning: {problem}")
            resources = Resources(settings=settings, store=opened.store, model=model)
            clock_offset = 0.0

            def begin(start: Start) -> None:
                nonlocal clock_offset
                clock_offset = start.now_ms / 1000 - time.time()
                screen.tell(start.told)

            with watch(screen.news, lambda: time.time() + clock_offset, quiet=screen.quiet) as progress:
                done = await review_locally(options, target, resources, on_start=begin, on_view=progress.show)
            return await _finish(done, resources, screen)


async def _finish(done: LocalReview, resources: Resources, screen: _Screen) -> ExitCode:
    for problem in problems_of(done.run):
        screen.tell(f"stage {problem}")
    result = await read_result(done, resources.store)
    if screen.as_json:
        screen.result.file.write(json_text(_as_json(done, result)))
    elif result.markdown:
        print_review(screen.result, result.summary, result.facts, result.markdown)
    if done.run.state in {RunState.CANCELLED, RunState.SUPERSEDED}:
        screen.say(f"run {done.run.run_id} was {done.run.state}; the same command goes on with what is left.")
        return ExitCode.INTERRUPTED
    return _exit_code(result.summary) if result.markdown else ExitCode.UPSTREAM


def _as_json(done: LocalReview, result: Result) -> ReviewJson:
    provenance = Provenance(
        run_id=done.run.run_id,
        head=done.target.head,
        base=done.target.base,
        merge_base=done.target.merge_base,
        resumed=done.start.resumed,
        from_checkpoints=done.start.outcome == "answered",
    )
    return review_json(result.summary, provenance, view_of(done.run, {}).stages, result.markdown)


def _exit_code(summary: Summary) -> ExitCode:
    """Choose the exit code by the verdict, never green for nothing (ADR 0009)."""
    if summary.verdict is Verdict.CHANGES_NEEDED:
        return ExitCode.FINDINGS
    is_empty = summary.analysis is not None and summary.analysis.files_total == 0
    nothing_reviewed = summary.verdict is Verdict.NOT_REVIEWED and not is_empty
    model_failed = any(skipped.gap and skipped.what.startswith(MODEL) for skipped in summary.not_reviewed)
    return ExitCode.UPSTREAM if nothing_reviewed or model_failed else ExitCode.DONE


def _split(command: str | None) -> tuple[str, ...] | None:
    if command is None:
        return None
    try:
        parts = tuple(shlex.split(command))
    except ValueError as error:
        raise BadOption(f"--test-command cannot be split into words: {error}.", next_step="Close the quote.") from error
    if not parts:
        raise BadOption("--test-command is empty.", next_step='Name a program, as in --test-command "pytest -q".')
    return parts


@contextlib.contextmanager
def _sigterm_cancels() -> Iterator[None]:
    """Let SIGTERM end the command as cleanly as Ctrl-C does."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is None or sys.platform == "win32":
        yield
        return
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
