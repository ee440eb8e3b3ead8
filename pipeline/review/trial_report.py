"""Trial report: how a run of the repository's test command is judged.

Promises a verdict for every way a trial can end; in doubt it did not pass. What the tests claim about themselves (JUnit
XML, output) is shown beside the exit code, and where they disagree the report says so; a run of no test at all never
counts as passed in silence. Does not promise anything about the code when the tests lie: they are the branch's own.
"""

import re
import shlex
import signal
from dataclasses import dataclass
from typing import Final

from pipeline.review.junit import Tally, Unreadable, parse_junit
from pipeline.review.redact import redact
from pipeline.review.reports import Skipped, TestOutcome, TestReport
from pipeline.review.verdict import DID_NOT_FINISH
from pipeline.review.visible import visible

TAIL_BYTES_MAX: Final = 64_000
"""Of each output, of which the report shows the end."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFile:
    """A file that may be a report."""

    path: str
    content: bytes = b""
    left_out: str = ""
    """Why it was not read, as a clause; empty if it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A run of the test command that is over."""

    source: str
    """`command` or `sandbox`."""
    command: tuple[str, ...]
    junit: str | None
    """Report file or folder that was asked for."""
    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    reports: tuple[TrialFile, ...] = ()
    stopped: str = ""
    """At which limit it was stopped, to follow "was stopped"; empty if it ended by itself."""
    stopped_as: TestOutcome = TestOutcome.TIMED_OUT
    stopped_step: str = ""
    """What helps against it, as a sentence."""
    needs_report: bool = False
    """A stranger's tests: without the report that was asked for, exit code 0 proves nothing (security case 73)."""
    withheld: tuple[str, ...] = ()
    """Names of variables that the command did not get because they look like secrets."""
    stragglers: int = 0
    """Processes that the command left behind and that were ended."""


def trial_report(trial: Trial) -> TestReport:
    """Judge a trial that ran; large JUnit files take a second to parse."""
    tally, unread = _read_reports(trial.reports)
    verdict, sentence = _judge(trial, tally)
    return TestReport(
        outcome=verdict,
        source=trial.source,
        command=trial.command,
        exit_code=trial.exit_code,
        seconds=round(trial.seconds, 3),
        tests_run=tally.ran if tally else None,
        tests_failed=tally.failed if tally else None,
        tests_skipped=tally.skipped if tally else None,
        tests_flaky=tally.flaky if tally else None,
        failed=tally.failures if tally else (),
        flaky=tally.flaky_tests if tally else (),
        output_tail=_tail(trial.stdout, trial.stderr),
        detail=" ".join([sentence, *_remarks(trial, tally, verdict)]),
        skipped=(gap(sentence), *unread) if verdict in DID_NOT_FINISH else unread,
    )


def gap(why: str) -> Skipped:
    """Say that tests were asked for and nothing is known of them."""
    return Skipped(what="tests", why=why.removesuffix("."), gap=True)


def _read_reports(files: tuple[TrialFile, ...]) -> tuple[Tally | None, tuple[Skipped, ...]]:
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


def _judge(trial: Trial, tally: Tally | None) -> tuple[TestOutcome, str]:
    """Say how it went and name the evidence; in doubt it did not pass."""
    code, took = trial.exit_code, f"{trial.seconds:.1f} s"
    command = named(trial.command)
    if trial.stopped:
        return trial.stopped_as, f"{command} was stopped{trial.stopped}."
    if code == 0:
        return _judge_success(command, took, trial, tally)
    if _was_ended_by_others(code) and not (tally and tally.failed):
        return TestOutcome.COULD_NOT_RUN, f"{command} {_ending(code)} after {took}, before it was done."
    return TestOutcome.FAILED, f"{command} {_ending(code)} after {took}{_told(tally) if code > 0 else ''}."


def _judge_success(command: str, took: str, trial: Trial, tally: Tally | None) -> tuple[TestOutcome, str]:
    """Judge a command that ended with exit code 0, which alone is no proof that a test was run."""
    if tally and tally.failed:
        told = f"although {command} ended with exit code 0"
        return TestOutcome.FAILED, f"The report names {_count(tally.failed, 'failed test')}, {told}."
    if tally and not tally.ran:
        return TestOutcome.COULD_NOT_RUN, f"{command} ended with exit code 0, but ran no test{_skips(tally)}."
    if tally is None and _says_no_test(trial.stdout + trial.stderr):
        return TestOutcome.COULD_NOT_RUN, f"{command} ended with exit code 0, but its output says that no test was run."
    if tally is None and trial.needs_report and trial.junit is not None:
        told = f"but did not write the report `{visible(trial.junit, lines=False)}`"
        return TestOutcome.COULD_NOT_RUN, f"{command} ended with exit code 0, {told}; so nothing tells of a test."
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


def _remarks(trial: Trial, tally: Tally | None, verdict: TestOutcome) -> list[str]:
    """Add what a reader of the verdict should know besides."""
    remarks: list[str] = []
    if trial.stopped:
        remarks.append(trial.stopped_step)
    if trial.exit_code in {-signal.SIGKILL, SHELL_SIGNAL_BASE + signal.SIGKILL} and not trial.stopped:
        remarks.append("Often the kernel does this when memory runs out.")
    if trial.exit_code > 0 and tally and not tally.failed:
        remarks.append("The report names no failed test: the output below may tell why.")
    if trial.junit is not None and not trial.reports:
        remarks.append(f"No report was written to `{visible(trial.junit, lines=False)}`.")
    if tally and tally.flaky:
        remarks.append(f"{_count(tally.flaky, 'test')} passed only when run again: flaky.")
    if tally and tally.is_cut:
        remarks.append("The report holds more cases than are counted.")
    if trial.stragglers:
        remarks.append(f"It left {_count(trial.stragglers, 'process')} behind, now ended.")
    if trial.withheld and verdict is not TestOutcome.PASSED:
        names = ", ".join(f"`{visible(name, lines=False)}`" for name in trial.withheld[:WITHHELD_NAMES_MAX])
        more = len(trial.withheld) - WITHHELD_NAMES_MAX
        remarks.append(f"Withheld from it as possible secrets: {names}{f' and {more} more' if more > 0 else ''}.")
    return remarks


def _tail(stdout: bytes, stderr: bytes) -> str:
    """Join the ends of both outputs, hidden characters shown, secrets replaced, cut at the front."""
    texts = [redact(visible(end[-TAIL_BYTES_MAX:].decode("utf-8", "replace"))).text.strip() for end in (stdout, stderr)]
    whole = "\n".join(text for text in texts if text)
    if len(whole) <= OUTPUT_CHARACTERS_MAX:
        return whole
    return "…" + whole[-OUTPUT_CHARACTERS_MAX + 1 :]


def named(command: tuple[str, ...]) -> str:
    """Write a command as a sentence names it, cut."""
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
