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
from bot.bookkeeper import bookkeeper_of
from bot.exit_codes import ExitCode
from bot.kept_readings import RedisReadings
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
from bot.model_notes import RedisNotes
from bot.opened_store import OpenedStore, open_store, settings_of_process
from bot.output import NewsConsole, result_page, write_json, write_text
from bot.progress import watch
from bot.review_estimate import estimate_notes, estimate_review, estimate_table
from bot.review_json import Provenance, ReviewJson, json_text, review_json
from bot.run_view import view_of
from bot.sarif_files import check_place, read_reported, write_sarif
from bot.settings_tree import Settings
from bot.terminal import print_review
from pipeline.engine.errors import AskPerson
from pipeline.engine.lifecycle import RunState
from pipeline.review.depth import Depth
from pipeline.review.reports import Summary, Verdict
from pipeline.review.visible import visible

ASKED_FOR: Final = frozenset({"model", "tests"})
"""What the caller configured or asked for by name, as `not_reviewed` calls it: that it was not done is no success."""

STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a command to end."""

_STOPPED: Final = {
    RunState.CANCELLED: "run {run} was cancelled; the same command goes on with what is left.",
    RunState.SUPERSEDED: "run {run} of {head} was superseded: a newer commit of {ref} is reviewed instead. "
    "The same command follows that one.",
}


class BadOption(AskPerson):
    """An option's value cannot be used."""

    code = "usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Screen:
    """Where to write what."""

    news: Console
    quiet: bool
    as_json: bool
    sarif: Path | None = None
    """Where to write the findings besides."""

    def tell(self, text: str) -> None:
        """Give a piece of news, unless nobody wants any."""
        if not self.quiet:
            self.say(text)

    def say(self, text: str) -> None:
        """Say what has to be said."""
        self.news.print(visible(f"onceover: {text}"), markup=False, highlight=False, soft_wrap=True)


def _flag(text: str, *, name: str | None = None) -> Parameter:
    """Declare a flag: without a negative form, and without a default that says what is plain."""
    return Parameter(name=name, negative="", show_default=False, help=text)


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
    fresh: Annotated[bool, _flag("Do everything anew, even what is done.")] = False,
    depth: Annotated[
        Depth, Parameter(help="How much the model reads and asks; `--estimate` tells what each depth costs.")
    ] = Depth.STANDARD,
    estimate: Annotated[
        bool, _flag("Tell what a review would cost at each depth, ask no model, and end with 0.")
    ] = False,
    sarif_in: Annotated[
        list[Path] | None,
        Parameter(help="SARIF of other tools: what they say of changed lines is told too.", negative=""),
    ] = None,
    sarif_out: Annotated[Path | None, Parameter(help="Write the findings as SARIF 2.1.0, too.")] = None,
    as_json: Annotated[bool, _flag("Print JSON; see docs/json.md.", name="--json")] = False,
    quiet: Annotated[bool, _flag("Show no progress; the result and errors only.")] = False,
) -> ExitCode:
    """Review what a branch changes; `bot.cli` tells the user more."""
    screen = _Screen(news=NewsConsole(), quiet=quiet, as_json=as_json, sarif=sarif_out)
    if sarif_out:
        check_place(sarif_out)
    reported, left_out = read_reported(sarif_in or [], repo.resolve())
    options = ReviewOptions(
        repository=repo,
        base=base,
        head=head,
        fresh=fresh,
        fail_on=fail_on,
        test_command=_split(test_command),
        junit=junit,
        depth=depth,
        reported=tuple(reported),
    )
    for one in left_out:
        screen.tell(f"left out of the SARIF: {one}.")
    try:
        return asyncio.run(_estimate(options, screen) if estimate else _review(options, screen))
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.say("interrupted. The same command goes on where it stopped.")
        return ExitCode.INTERRUPTED


def _notes(opened: OpenedStore) -> RedisNotes:
    """Keep what was found out about the model: the same command, killed and called again, asks it nothing twice."""
    return RedisNotes(opened.redis, opened.store.settings.prefix)


async def _estimate(options: ReviewOptions, screen: _Screen) -> ExitCode:
    """Tell what a review would cost; a model is opened and not asked."""
    settings = settings_of_process()
    target = await find_target(options)
    allowed = [depth for depth in Depth if depth.rank <= settings.review.depth_max.rank]
    async with open_store(settings) as opened, open_model(settings, notes=_notes(opened)) as model:
        resources = Resources(settings=settings, store=opened.store, model=model)
        estimates = await estimate_review(options, target, resources, allowed)
    if screen.as_json:
        write_json({"model": settings.model.name, "estimates": [one.model_dump(mode="json") for one in estimates]})
        return ExitCode.DONE
    with result_page() as page:
        page.print(estimate_table(estimates))
        for note in estimate_notes(estimates, settings.model.name):
            page.print(visible(note), markup=False, highlight=False, soft_wrap=True)
    return ExitCode.DONE


async def _review(options: ReviewOptions, screen: _Screen) -> ExitCode:
    settings = settings_of_process()
    _check_depth(options.depth, settings)
    target = await find_target(options)
    with _signals_cancel():
        async with (
            open_store(settings) as opened,
            open_model(settings, notes=_notes(opened), listener=bookkeeper_of(opened)) as model,
        ):
            for problem in opened.warnings:
                screen.tell(f"warning: {problem}")
            readings = RedisReadings(opened.redis, opened.store.settings.prefix)
            resources = Resources(
                settings=settings,
                store=opened.store,
                model=model,
                readings=readings,
                listener=bookkeeper_of(opened),
            )
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
    if screen.sarif and result.markdown:
        write_sarif(screen.sarif, result.summary, head=done.target.head)
    if screen.as_json:
        write_text(json_text(_as_json(done, result)))
    elif result.markdown:
        with result_page() as page:
            print_review(page, result.summary, result.facts, result.markdown)
    if stopped := _STOPPED.get(done.run.state):
        screen.say(stopped.format(run=done.run.run_id, head=done.target.head[:12], ref=done.target.head_ref))
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
    """Choose the exit code by the verdict, never green for nothing (ADR 0009, 0012)."""
    if summary.verdict is Verdict.CHANGES_NEEDED:
        return ExitCode.FINDINGS
    is_empty = summary.analysis is not None and summary.analysis.files_total == 0
    nothing_reviewed = summary.verdict is Verdict.NOT_REVIEWED and not is_empty
    was_asked_for = any(gap.gap and gap.what in ASKED_FOR for gap in summary.not_reviewed)
    return ExitCode.UPSTREAM if nothing_reviewed or summary.missing or was_asked_for else ExitCode.DONE


def _check_depth(depth: Depth, settings: Settings) -> None:
    if depth.rank > settings.review.depth_max.rank:
        raise BadOption(
            f"--depth is {depth}, and ONCEOVER_REVIEW_DEPTH_MAX allows {settings.review.depth_max}.",
            next_step="Ask for less, or raise the setting.",
        )


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
def _signals_cancel() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and the end of the terminal stop the command by one and the same way.

    Ctrl-C too: asyncio's own handler cancels in the midst of whatever runs, and `asyncio.timeout` takes a cancellation
    that comes just before it for its own.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is None or sys.platform == "win32":
        yield
        return
    for number in STOPPING:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)
