"""Stage test: every way a trial can end has an honest report."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.engine.errors import GiveUp
from pipeline.engine.stage import JsonValue
from pipeline.review.reports import FailedTest, TestOutcome, TestReport
from pipeline.review.trial_report import OUTPUT_CHARACTERS_MAX
from pipeline.services.git import open_git
from pipeline.stages.test import make_test
from tests.builders.context import MemoryContext
from tests.builders.repository import Content, RepositoryBuilder, executable

PASS = "<testcase name='a'/>"
FAIL = "<testcase classname='t' name='b'><failure message='no'/></testcase>"
SKIP = "<testcase name='c'><skipped/></testcase>"


@dataclass
class Bench:
    """A repository whose head is tested."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    repository: RepositoryBuilder = field(init=False)

    def __post_init__(self) -> None:
        self.repository = RepositoryBuilder(path=self.folder / "shop")

    def context(
        self, command: list[str] | None, files: dict[str, Content] | None = None, **testing: JsonValue
    ) -> MemoryContext:
        """Commit the files and ask for their test."""
        head = self.repository.commit({"README.md": "shop", **(files or {})})
        return MemoryContext(
            params={
                "repository": {"path": str(self.repository.path), "name": "shop"},
                "head": head,
                "testing": {"command": list(command) if command else None, "junit": None, "seconds_max": 60, **testing},
            }
        )

    async def run(self, context: MemoryContext) -> TestReport:
        """Run the stage."""
        environ = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **self.environ}
        test = make_test(git=open_git, trials=self.folder / "trials", environ=environ)
        return TestReport.model_validate(await test(context))

    async def report(self, *command: str, files: dict[str, Content] | None = None, **testing: JsonValue) -> TestReport:
        """Commit the files, run the command on them and return the report."""
        return await self.run(self.context([*command], files, **testing))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def reporting(*cases: str, exit_code: int = 0) -> list[str]:
    """Make a command that writes these cases and ends so."""
    return ["sh", "-c", f'echo "<testsuite>{"".join(cases)}</testsuite>" >junit.xml; exit {exit_code}']


async def test_without_a_command_it_says_how_to_ask(bench: Bench) -> None:
    context = bench.context(None)

    report = await bench.run(context)

    assert report.outcome is TestOutcome.NOT_ASKED
    assert "--test-command" in report.detail
    assert context.executed == []


async def test_the_committed_files_are_tested_and_not_those_of_the_work_tree(bench: Bench) -> None:
    context = bench.context(["cat", "README.md"])
    (bench.repository.path / "README.md").write_text("not committed")

    report = await bench.run(context)

    assert (report.outcome, report.output_tail) == (TestOutcome.PASSED, "shop")
    assert bench.repository.git("status", "--porcelain") == " M README.md"
    assert not list((bench.folder / "trials").iterdir())


async def test_a_finished_trial_is_not_run_again(bench: Bench, tmp_path: Path) -> None:
    context = bench.context(["sh", "-c", f"echo ran >>{tmp_path}/count"])

    first, second = await bench.run(context), await bench.run(context.next_attempt())

    assert first == second
    assert (tmp_path / "count").read_text() == "ran\n"


async def test_an_old_attempt_that_ends_late_does_not_end_the_tests_of_its_successor(
    bench: Bench, tmp_path: Path
) -> None:
    os.mkfifo(started := tmp_path / "started")
    let_go = tmp_path / "let_go"
    context = bench.context(["sh", "-c", f"echo >{started}; until [ -e {let_go} ]; do sleep 0.02; done; echo done"])
    new = asyncio.ensure_future(bench.run(context.next_attempt()))
    await asyncio.to_thread(started.read_text)

    old = asyncio.ensure_future(bench.run(context))
    await asyncio.to_thread(started.read_text)
    old.cancel()
    with pytest.raises(asyncio.CancelledError):
        await old
    let_go.touch()

    assert (await new).output_tail == "done"


@pytest.mark.parametrize(
    ("command", "outcome", "numbers", "words"),
    [
        (["true"], TestOutcome.PASSED, (None, None, None), "number of tests is unknown"),
        (["false"], TestOutcome.FAILED, (None, None, None), "exit code 1"),
        (reporting(PASS, SKIP), TestOutcome.PASSED, (1, 0, 1), "0 of 1 test failed, 1 skipped."),
        (reporting(PASS, FAIL, exit_code=1), TestOutcome.FAILED, (2, 1, 0), "1 of 2 tests failed."),
        (reporting(FAIL), TestOutcome.FAILED, (1, 1, 0), "names 1 failed test, although"),
        (reporting(PASS, exit_code=3), TestOutcome.FAILED, (1, 0, 0), "The report names no failed test"),
        (reporting(), TestOutcome.COULD_NOT_RUN, (0, 0, 0), "but ran no test."),
        (reporting(SKIP), TestOutcome.COULD_NOT_RUN, (0, 0, 1), "but ran no test, 1 skipped."),
        (["echo", "Ran 0 tests in 0.000s"], TestOutcome.COULD_NOT_RUN, (None, None, None), "says that no test was run"),
        (["printf", "Ran 0 tests\\nRan 2 tests"], TestOutcome.PASSED, (None, None, None), "number of tests is unknown"),
        (["sh", "-c", "kill -SEGV $$"], TestOutcome.FAILED, (None, None, None), "ended by SIGSEGV"),
        (reporting(PASS, FAIL, exit_code=137), TestOutcome.FAILED, (2, 1, 0), "1 of 2 tests failed."),
    ],
)
async def test_exit_code_and_report_are_judged_together(
    bench: Bench, command: list[str], outcome: TestOutcome, numbers: tuple[int | None, ...], words: str
) -> None:
    """Security case 73: exit 0 with no test is not a pass, and a contradiction is told."""
    report = await bench.report(*command)

    assert (report.outcome, report.tests_run, report.tests_failed, report.tests_skipped) == (outcome, *numbers)
    assert words in report.detail
    assert report.command == tuple(command)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("kill -KILL $$", "was ended by SIGKILL after"),
        ("kill -TERM $$", "was ended by SIGTERM after"),
        ("sh -c 'kill -KILL $$'; exit $?", "exit code 137, as a shell tells SIGKILL, after"),
    ],
)
async def test_tests_that_somebody_else_ended_did_not_finish_and_do_not_count_as_failed(
    bench: Bench, command: str, words: str
) -> None:
    """As the kernel does when memory runs out: that says nothing about the code."""
    context = bench.context(["sh", "-c", command])

    report = await bench.run(context)

    assert report.outcome is TestOutcome.COULD_NOT_RUN
    assert words in report.detail
    assert ("memory" in report.detail) == ("KILL" in command)
    assert context.is_partial


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["no-such-runner"], "could not be started"),
        (["sleep", "600"], "was stopped at its limit of 0.5 s"),
        (["sh", "-c", "kill -KILL $$"], "was ended by SIGKILL"),
        (reporting(), "ran no test"),
        (["sh", "-c", "echo '<!DOCTYPE a []><testsuite/>' >junit.xml; kill -KILL $$"], "was ended by SIGKILL"),
    ],
)
async def test_tests_that_were_asked_for_and_say_nothing_are_a_gap(bench: Bench, command: list[str], why: str) -> None:
    report = await bench.run(bench.context(command, seconds_max=0.5))

    (gap,) = (skipped for skipped in report.skipped if skipped.gap)
    assert gap.what == "tests"
    assert why in gap.why


async def test_a_trial_that_takes_too_long_is_stopped(bench: Bench) -> None:
    report = await bench.report("sleep", "600", seconds_max=0.2)

    assert report.outcome is TestOutcome.TIMED_OUT
    assert "its limit of 0.2 s" in report.detail
    assert "ONCEOVER_TEST_SECONDS_MAX" in report.detail


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("no-such-runner", "not on PATH"),
        (".venv/bin/pytest", "not part of the commit"),
        ("./README.md", "may not be executed"),
        ("/no/such", "no such program"),
    ],
)
async def test_a_command_that_cannot_be_started_is_told(bench: Bench, program: str, reason: str) -> None:
    report = await bench.report(program, "-q")

    assert report.outcome is TestOutcome.COULD_NOT_RUN
    assert reason in report.detail
    assert "--test-command" in report.detail
    assert report.skipped[0].gap


async def test_a_script_of_the_commit_can_be_the_command(bench: Bench) -> None:
    report = await bench.report("./check", files={"check": executable("#!/bin/sh\necho checked\n")})

    assert (report.outcome, report.output_tail) == (TestOutcome.PASSED, "checked")


async def test_pytest_is_understood_without_any_option(bench: Bench) -> None:
    files = {"tests/test_cart.py": "def test_total():\n    assert 1 + 1 == 3\n\ndef test_more(): pass\n"}

    report = await bench.report("pytest", "-q", "-p", "no:cacheprovider", files={**files})

    assert (report.outcome, report.exit_code, report.tests_run) == (TestOutcome.FAILED, 1, 2)
    (failed,) = report.failed
    assert failed == FailedTest(
        name="tests.test_cart::test_total", message=failed.message, path="tests/test_cart.py", line=2
    )
    assert "assert (1 + 1) == 3" in failed.message


async def test_a_report_that_was_asked_for_and_is_not_there_is_told(bench: Bench) -> None:
    report = await bench.report("true", junit="out/results.xml")

    assert report.outcome is TestOutcome.PASSED
    assert "No report was written to `out/results.xml`." in report.detail


async def test_a_report_that_cannot_be_read_is_told(bench: Bench) -> None:
    report = await bench.report("sh", "-c", "echo '<!DOCTYPE a []><testsuite/>' >junit.xml")

    assert report.tests_run is None
    assert [(skipped.what, "DTD" in skipped.why) for skipped in report.skipped] == [("junit.xml", True)]


async def test_withheld_variables_are_named_when_it_did_not_pass(bench: Bench) -> None:
    bench.environ["SHOP_TOKEN"] = "secret"

    report = await bench.report("sh", "-c", 'test -n "$SHOP_TOKEN"')

    assert "Withheld from it as possible secrets: `SHOP_TOKEN`." in report.detail


async def test_hostile_output_is_made_visible_and_cut_at_the_front(bench: Bench) -> None:
    report = await bench.report(
        "sh", "-c", r"head -c 50000 /dev/zero; printf '\033[31mred\377\342\200\256 end'; echo err >&2"
    )

    assert report.output_tail.startswith("…")
    assert report.output_tail.endswith("<U+0000>red\ufffd<U+202E> end\nerr")
    assert len(report.output_tail) == OUTPUT_CHARACTERS_MAX


async def test_a_commit_that_is_not_there_fails_the_stage(bench: Bench) -> None:
    context = bench.context(["true"])
    context.params = {**context.params, "head": "0" * 39 + "1"}

    with pytest.raises(GiveUp):
        await bench.run(context)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda params: {**params, "head": "--upload-pack=x"},
        lambda params: {**params, "testing": {"command": []}},
        lambda params: {**params, "testing": {"command": "pytest"}},
        lambda params: {**params, "testing": {"command": ["true"], "seconds_max": 0}},
        lambda params: {**params, "testing": {"command": ["true"], "shell": True}},
    ],
)
async def test_parameters_of_another_form_are_refused(
    bench: Bench, spoil: Callable[[dict[str, JsonValue]], dict[str, JsonValue]]
) -> None:
    context = bench.context(["true"])
    context.params = spoil(dict(context.params))

    with pytest.raises(ValueError, match="validation error"):
        await bench.run(context)
