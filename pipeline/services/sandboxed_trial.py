"""Sandboxed trial: one execution of a repository's test command on one commit, in a sandbox.

Promises what a trial promises (`trial.py`): the place and all processes are gone in the end; and what it does not:
the command is a stranger's, and reaches nothing of ours. The sandbox gets the commit's files and no git repository,
since the objects of ours are none of its business: tests that ask git find none.
Does not promise that reports are true; those that lay in the commit already, byte for byte, are left out.
"""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, assert_never

from pipeline.services import report_files
from pipeline.services.process import Completed
from pipeline.services.report_files import FILE_PLACES, FILES_MAX, FOLDER_PLACES, ReportFile
from pipeline.services.sandbox.contract import Limit, NotRun, Ran, Sandbox, Stopped
from pipeline.services.sandbox.limits import Limits
from pipeline.services.trial import Order, Outcome, Place, Worktrees, at_place

ANYWHERE: Final = (*FILE_PLACES, *FOLDER_PLACES)
"""Where reports are looked for if none is asked for."""


async def run_sandboxed_trial(
    worktrees: Worktrees, place: Place, sandbox: Sandbox, limits: Limits, order: Order
) -> Outcome | NotRun:
    """Check out, run in the sandbox, collect, remove.

    Args:
        worktrees: Of the repository under review.
        place: Where; this execution's alone.
        sandbox: Where the command runs.
        limits: The operator's; the order's time counts if it is less.
        order: What to try.

    Raises:
        OnceoverError: The commit could not be checked out.
    """
    chosen = replace(limits, seconds=min(limits.seconds, order.seconds_max))
    wanted = ANYWHERE if order.junit is None else (order.junit,)
    async with at_place(worktrees, place, order.commit) as tree:
        await asyncio.to_thread(_forget_git, tree)
        committed = await asyncio.to_thread(_reports_in, tree, order.junit)
        ended = await sandbox.run(order.command, tree, chosen, wanted=wanted)
    match ended:
        case NotRun():
            return ended
        case Stopped():
            return _outcome(_stopped(ended), (), ended.detail)
        case Ran():
            return _outcome(_ran(ended), tuple(_new(ended.files, committed, order.junit))[:FILES_MAX], "")
        case _:
            assert_never(ended)


def _forget_git(tree: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(tree / ".git")


def _reports_in(tree: Path, junit: str | None) -> dict[str, bytes]:
    return {file.path: file.content for file in report_files.collect(tree, junit, before={})}


def _new(files: Mapping[str, bytes], committed: Mapping[str, bytes], junit: str | None) -> Iterator[ReportFile]:
    for path, content in sorted(files.items()):
        if committed.get(path) != content and (junit is not None or path.endswith(".xml")):
            yield ReportFile(path=path, content=content)


def _ran(ended: Ran) -> Completed:
    return Completed(
        exit_code=ended.exit_code,
        stdout=ended.stdout,
        stderr=ended.stderr,
        timed_out=False,
        truncated=False,
        seconds=ended.seconds,
    )


def _stopped(ended: Stopped) -> Completed:
    return Completed(
        exit_code=-signal.SIGKILL,
        stdout=ended.stdout,
        stderr=ended.stderr,
        timed_out=ended.limit is Limit.TIME,
        truncated=ended.limit is Limit.OUTPUT,
        seconds=ended.seconds,
    )


def _outcome(completed: Completed, reports: tuple[ReportFile, ...], stopped: str) -> Outcome:
    return Outcome(completed=completed, reports=reports, withheld=(), stragglers=0, stopped=stopped)
