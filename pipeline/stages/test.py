"""Stage test: what the repository's own tests say of the head commit.

Promises a report for every way a trial can end: passed, failed, out of time, ended by others, could not start, not
asked for; where nothing is known of tests that were asked for, the report has a gap.
What the tests claim about themselves (JUnit XML) is shown beside the exit code, and where the two disagree the
report says so; a run of no test at all never counts as passed in silence.
Does not promise anything about the code when the tests lie: they are the branch's own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.reports import TestOutcome, TestReport
from pipeline.review.trial_report import Trial, TrialFile, gap, named, trial_report
from pipeline.review.verdict import DID_NOT_FINISH
from pipeline.services.process import CannotStart
from pipeline.services.repository import Repository, Sha
from pipeline.services.trial import SETTLE_SECONDS_MAX, Order, Outcome, Place, Worktrees, run_trial

VERSION: Final = 2
"""Raised when the report for the same input changes."""

READS: Final = ("head", "testing")
"""Parameters that the result depends on."""

CONTEXT: Final = ("repository",)
"""Parameters that it needs besides: where things are on this host."""

SECONDS_MAX: Final = 900.0
"""Time limit of a test command when nothing else is asked for."""

SECONDS_CEILING: Final = 86_400.0
"""No test command may hold a worker for longer than a day."""


class Testing(BaseModel):
    """How the tests are to be run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    junit: str | None = None
    seconds_max: Annotated[float, Field(gt=0, le=SECONDS_CEILING)] = SECONDS_MAX


class Params(BaseModel):
    """What this stage reads of the run's parameters."""

    model_config = ConfigDict(frozen=True)

    repository: Repository
    head: Sha
    testing: Testing = Testing()


def make_test(
    *, git: Callable[[Path], Awaitable[Worktrees]], trials: Path, environ: Mapping[str, str]
) -> StageFunction:
    """Make the stage.

    Args:
        git: Opens the repository at a path.
        trials: Directory of ours under which each execution gets its own place for the check-out.
        environ: The user's environment, from which the command's own is made.
    """

    async def test(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        testing = params.testing
        if testing.command is None:
            return _not_asked().model_dump(mode="json")
        ctx.progress(f"running {named(testing.command)}")
        place = Place.of(trials, ctx.lease_mark)
        result = await ctx.step(
            "run",
            partial(_try, partial(git, params.repository.path), place, environ),
            params.head,
            testing.model_dump(mode="json"),
            seconds_max=testing.seconds_max + SETTLE_SECONDS_MAX,
            observes=True,
        )
        if TestReport.model_validate(result).outcome in DID_NOT_FINISH:
            ctx.partial()  # It says nothing about the code: the same head is worth another try.
        return result

    return test


async def _try(
    git: Callable[[], Awaitable[Worktrees]],
    place: Place,
    environ: Mapping[str, str],
    head: str,
    testing: dict[str, JsonValue],
) -> JsonValue:
    wanted = Testing.model_validate(testing)
    order = Order(commit=head, command=wanted.command or (), junit=wanted.junit, seconds_max=wanted.seconds_max)
    worktrees = await git()
    try:
        outcome = await run_trial(worktrees, place, environ, order)
    except CannotStart as error:
        return _could_not_start(order, error).model_dump(mode="json")
    report = await asyncio.to_thread(trial_report, _trial(order, outcome))  # Large JUnit files take a second to parse.
    return report.model_dump(mode="json")


def _not_asked() -> TestReport:
    return TestReport(
        outcome=TestOutcome.NOT_ASKED,
        detail='No test command was given. Give one, as in `--test-command "pytest -q"`, to have the tests run.',
    )


def _could_not_start(order: Order, error: CannotStart) -> TestReport:
    return TestReport(
        outcome=TestOutcome.COULD_NOT_RUN,
        source="command",
        command=order.command,
        detail=f"{named(order.command)} could not be started: {_why_not(order.command[0], error)}. "
        "Correct `--test-command`, or install the program and review again with `--fresh`.",
        skipped=(gap(f"{named(order.command)} could not be started: {_why_not(order.command[0], error)}"),),
    )


def _why_not(program: str, error: CannotStart) -> str:
    if isinstance(error.__cause__, PermissionError):
        return "it may not be executed"
    if "/" in program and not program.startswith("/"):
        return "it is not part of the commit; the tests run in a fresh check-out, without files that git does not know"
    return "there is no such program" if "/" in program else "it is not on PATH"


def _trial(order: Order, outcome: Outcome) -> Trial:
    completed = outcome.completed
    return Trial(
        source="command",
        command=order.command,
        junit=order.junit,
        exit_code=completed.exit_code,
        stdout=completed.stdout,
        stderr=completed.stderr,
        seconds=completed.seconds,
        reports=tuple(TrialFile(path=one.path, content=one.content, left_out=one.left_out) for one in outcome.reports),
        stopped=f" at its limit of {order.seconds_max:g} s" if completed.timed_out else "",
        stopped_step="Raise `ONCEOVER_TEST_SECONDS_MAX`, or give a command that runs fewer tests.",
        withheld=outcome.withheld,
        stragglers=outcome.stragglers,
    )
