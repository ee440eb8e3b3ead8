"""Stage test: what the repository's own tests say of the head commit.

Promises a report for every way a trial can end: passed, failed, out of time, ended by others, could not start, not
asked for; where nothing is known of tests that were asked for, the report has a gap.
What the tests claim about themselves (JUnit XML) is shown beside the exit code, and where the two disagree the
report says so; a run of no test at all never counts as passed in silence.
Does not promise anything about the code when the tests lie: they are the branch's own.
"""

import asyncio
import re
import shlex
import signal
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.junit import Tally, Unreadable, parse_junit
from pipeline.review.reports import Skipped, TestOutcome, TestReport
from pipeline.review.verdict import DID_NOT_FINISH
from pipeline.review.visible import visible
from pipeline.services.process import CannotStart
from pipeline.services.report_files import ReportFile
from pipeline.services.repository import Repository, Sha
from pipeline.services.trial import SETTLE_SECONDS_MAX, Order, Outcome, Place, Worktrees, run_trial

VERSION: Final = 1
"""Raised when the report for the same input changes."""

READS: Final = ("head", "testing")
"""Parameters that the result depends on."""

CONTEXT: Final = ("repository",)
"""Parameters that it needs besides: where things are on this host."""

SECONDS_MAX: Final = 900.0
"""Time limit of a test command when nothing else is asked for."""

SECONDS_CEILING: Final = 86_400.0
"""No test command may hold a worker for longer than a day."""

OUTPUT_CHARACTERS_MAX: Final = 4_000
"""End of the output that the report keeps: about fifty lines, enough for a runner's own summary."""

COMMAND_CHARACTERS_MAX: Final = 120
"""Longer commands are cut where a sentence names them; the report's field has them whole."""

WITHHELD_NAMES_MAX: Final = 6
"""Variables that a sentence names; enough to recognise why a test did not find its key."""

ENDED_BY_OTHERS: Final = frozenset({signal.SIGKILL, signal.SIGTERM})
"""Signals that come from outside the tests: the kernel's when memory runs out, an operator's, a stopping machine's."""

SHELL_SIGNAL_BASE: Final = 128
"""A shell ends with 128 and the number of the signal that ended its command; POSIX, 2.8.2."""

_SAYS_NO_TEST: Final = re.compile(rb"^(?:=* ?no tests ran\b|Ran 0 tests\b|No tests found\b)", re.MULTILINE)
"""Words of pytest, unittest and jest."""

_SAYS_SOME_TEST: Final = re.compile(rb"^Ran [1-9]\d* tests?\b|\b[1-9]\d* passed\b", re.MULTILINE)
"""Words of another part of the same run that did: several suites share one output."""


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
        ctx.progress(f"running {_named(testing.command)}")
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
    report = await asyncio.to_thread(_report, order, outcome)  # Large JUnit files take a second to parse.
    return report.model_dump(mode="json")


def _not_asked() -> TestReport:
    return TestReport(
        outcome=TestOutcome.NOT_ASKED,
        detail='No test command was given. Give one, as in `--test-command "pytest -q"`, to have the tests run.',
    )


def _could_not_start(order: Order, error: CannotStart) -> TestReport:
    return TestReport(
        outcome=TestOutcome.COULD_NOT_RUN,
        command=order.command,
        detail=f"{_named(order.command)} could not be started: {_why_not(order.command[0], error)}. "
        "Correct `--test-command`, or install the program and review again with `--fresh`.",
        skipped=(_gap(f"{_named(order.command)} could not be started: {_why_not(order.command[0], error)}"),),
    )


def _why_not(program: str, error: CannotStart) -> str:
    if isinstance(error.__cause__, PermissionError):
        return "it may not be executed"
    if "/" in program and not program.startswith("/"):
        return "it is not part of the commit; the tests run in a fresh check-out, without files that git does not know"
    return "there is no such program" if "/" in program else "it is not on PATH"


def _report(order: Order, outcome: Outcome) -> TestReport:
    """Judge a trial that ran."""
    completed = outcome.completed
    tally, unread = _read_reports(outcome.reports)
    verdict, sentence = _judge(order, outcome, tally)
    return TestReport(
        outcome=verdict,
        command=order.command,
        exit_code=completed.exit_code,
        seconds=round(completed.seconds, 3),
        tests_run=tally.ran if tally else None,
        tests_failed=tally.failed if tally else None,
        tests_skipped=tally.skipped if tally else None,
        failed=tally.failures if tally else (),
        output_tail=_tail(completed.stdout, completed.stderr),
        detail=" ".join([sentence, *_remarks(order, outcome, tally, verdict)]),
        skipped=(_gap(sentence), *unread) if verdict in DID_NOT_FINISH else unread,
    )


def _gap(why: str) -> Skipped:
    """Say that tests were asked for and nothing is known of them."""
    return Skipped(what="tests", why=why.removesuffix("."), gap=True)


def _read_reports(files: tuple[ReportFile, ...]) -> tuple[Tally | None, tuple[Skipped, ...]]:
    """Add up all readable reports; None if there is none."""
    tally: Tally | None = None
    skipped: list[Skipped] = []
    for file in files:
        parsed = Unreadable(why=file.left_out) if file.left_out else parse_junit(file.content)
        if isinstance(parsed, Unreadable):
            skipped.append(Skipped(what=visible(file.path, lines=False), why=f"not read as JUnit XML: {parsed.why}"))
        else:
            tally = parsed if tally is None else tally + parsed
    return tally, tuple(skipped)


def _judge(order: Order, outcome: Outcome, tally: Tally | None) -> tuple[TestOutcome, str]:
    """Say how it went and name the evidence; in doubt it did not pass."""
    code, took = outcome.completed.exit_code, f"{outcome.completed.seconds:.1f} s"
    command = _named(order.command)
    if outcome.completed.timed_out:
        return TestOutcome.TIMED_OUT, f"{command} was stopped at its limit of {order.seconds_max:g} s."
    if code == 0:
        return _judge_success(command, took, outcome, tally)
    if _was_ended_by_others(code) and not (tally and tally.failed):
        return TestOutcome.COULD_NOT_RUN, f"{command} {_ending(code)} after {took}, before it was done."
    return TestOutcome.FAILED, f"{command} {_ending(code)} after {took}{_told(tally) if code > 0 else ''}."


def _judge_success(command: str, took: str, outcome: Outcome, tally: Tally | None) -> tuple[TestOutcome, str]:
    """Judge a command that ended with exit code 0, which alone is no proof that a test was run."""
    if tally and tally.failed:
        told = f"although {command} ended with exit code 0"
        return TestOutcome.FAILED, f"The report names {_count(tally.failed, 'failed test')}, {told}."
    if tally and not tally.ran:
        return TestOutcome.COULD_NOT_RUN, f"{command} ended with exit code 0, but ran no test{_skips(tally)}."
    if tally is None and _says_no_test(outcome.completed.stdout + outcome.completed.stderr):
        return TestOutcome.COULD_NOT_RUN, f"{command} ended with exit code 0, but its output says that no test was run."
    return TestOutcome.PASSED, f"{command} ended with exit code 0 after {took}{_told(tally)}."


def _was_ended_by_others(code: int) -> bool:
    """Whether a signal ended it that no test sends itself: then nothing is known, unless a report names failures."""
    return -code in ENDED_BY_OTHERS or code - SHELL_SIGNAL_BASE in ENDED_BY_OTHERS


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {_signal_name(-code)}"
    if _was_ended_by_others(code):
        return f"ended with exit code {code}, as a shell tells {_signal_name(code - SHELL_SIGNAL_BASE)},"
    return f"ended with exit code {code}"


def _says_no_test(output: bytes) -> bool:
    return bool(_SAYS_NO_TEST.search(output)) and not _SAYS_SOME_TEST.search(output)


def _told(tally: Tally | None) -> str:
    """Add what the report tells to a sentence about the exit code."""
    if tally is None:
        return "; it left no JUnit XML, so the number of tests is unknown"
    return f"; {tally.failed} of {_count(tally.ran, 'test')} failed{_skips(tally)}"


def _skips(tally: Tally) -> str:
    return f", {tally.skipped} skipped" if tally.skipped else ""


def _remarks(order: Order, outcome: Outcome, tally: Tally | None, verdict: TestOutcome) -> list[str]:
    """Add what a reader of the verdict should know besides."""
    completed = outcome.completed
    remarks: list[str] = []
    if verdict is TestOutcome.TIMED_OUT:
        remarks.append("Raise `ONCEOVER_TEST_SECONDS_MAX`, or give a command that runs fewer tests.")
    if completed.exit_code in {-signal.SIGKILL, SHELL_SIGNAL_BASE + signal.SIGKILL} and not completed.timed_out:
        remarks.append("Often the kernel does this when memory runs out.")
    if completed.exit_code > 0 and tally and not tally.failed:
        remarks.append("The report names no failed test: the output below may tell why.")
    if order.junit is not None and not outcome.reports:
        remarks.append(f"No report was written to `{visible(order.junit, lines=False)}`.")
    if tally and tally.is_cut:
        remarks.append("The report holds more cases than are counted.")
    if outcome.stragglers:
        remarks.append(f"It left {_count(outcome.stragglers, 'process')} behind, now ended.")
    if outcome.withheld and verdict is not TestOutcome.PASSED:
        names = ", ".join(f"`{visible(name, lines=False)}`" for name in outcome.withheld[:WITHHELD_NAMES_MAX])
        more = len(outcome.withheld) - WITHHELD_NAMES_MAX
        remarks.append(f"Withheld from it as possible secrets: {names}{f' and {more} more' if more > 0 else ''}.")
    return remarks


def _tail(stdout: bytes, stderr: bytes) -> str:
    """Join the ends of both outputs, hidden characters shown, cut at the front."""
    texts = [visible(end.decode("utf-8", "replace")).strip() for end in (stdout, stderr)]
    whole = "\n".join(text for text in texts if text)
    if len(whole) <= OUTPUT_CHARACTERS_MAX:
        return whole
    return "…" + whole[-OUTPUT_CHARACTERS_MAX + 1 :]


def _named(command: tuple[str, ...]) -> str:
    shown = visible(shlex.join(command), lines=False)
    return f"`{shown if len(shown) <= COMMAND_CHARACTERS_MAX else shown[: COMMAND_CHARACTERS_MAX - 1] + '…'}`"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _count(number: int, noun: str) -> str:
    plural = {"process": "processes"}.get(noun, f"{noun}s")
    return f"{number:,} {noun if number == 1 else plural}"
