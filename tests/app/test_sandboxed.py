"""Tests in the sandbox, end to end: the base branch's command on a pull request's head, in a real bubblewrap."""

from typing import Final

import pytest

from bot.app.process import AppProcess
from bot.demo.simulated_github.checks import JobEnd
from bot.demo.simulated_github.repositories import Pull
from pipeline.review.reports import TestOutcome, TestReport
from pipeline.stages.sandboxed import FORK, NO_COMMAND, WHAT
from tests.app.world import CONFIGURATION, PLAIN, AppWorld
from tests.services.sandbox.chamber import why_no_namespaces

COMMAND: Final = "test:\n  source: sandbox\n  command: [python3, run_tests.py]\n  junit: report.xml\n"
ASKS: Final = PLAIN + COMMAND

REPORT: Final = '<testsuite><testcase name="a"/><testcase classname="shop" name="b">{verdict}</testcase></testsuite>'


def runner(verdict: str = "", exit_code: int = 0, more: str = "") -> str:
    """Write a program that leaves a report and ends so."""
    report = REPORT.format(verdict=verdict)
    return f"import sys\n{more}\nopen('report.xml', 'w').write({report!r})\nsys.exit({exit_code})\n"


@pytest.fixture
def offered(world: AppWorld) -> AppWorld:
    """A world whose operator offers the sandbox."""
    if why := why_no_namespaces():
        pytest.skip(why)
    world.settings |= {"ONCEOVER_SANDBOX": "bubblewrap"}
    return world


async def open_pull(world: AppWorld, program: str, configuration: str = ASKS) -> Pull:
    """Open a pull request whose branch holds the test program."""
    repository = await world.make_repository(files={CONFIGURATION: configuration})
    return await world.open_pull(repository, files={"run_tests.py": program})


async def report_of(world: AppWorld, process: AppProcess, pull: Pull) -> TestReport:
    """Read what the stage left in its checkpoint, once all is done."""
    await world.until_concluded(pull)
    run = await world.run_of(process, pull)
    stored = await process.opened.store.checkpoint(run.run_id, "test", run.stages["test"].fingerprint or "")
    assert stored, run.stages["test"]
    return TestReport.model_validate_json(stored)


async def test_the_base_branchs_command_is_run_on_the_head_and_its_report_read(offered: AppWorld) -> None:
    async with offered.process() as process:
        pull = await open_pull(offered, runner('<failure message="1 != 2"/>', exit_code=1))
        report = await report_of(offered, process, pull)

    assert (report.outcome, report.source, report.exit_code) == (TestOutcome.FAILED, "sandbox", 1)
    assert (report.tests_run, report.tests_failed) == (2, 1)
    assert [(one.name, one.message) for one in report.failed] == [("shop::b", "1 != 2")]
    assert "what the pull request's own code tells" in report.detail
    assert not list((offered.place / "state" / "sandboxed").iterdir()), "nothing of the pull request is left"


async def test_the_pull_request_does_not_choose_the_command(offered: AppWorld) -> None:
    """Configuration is the base branch's."""
    async with offered.process() as process:
        repository = await offered.make_repository(files={CONFIGURATION: ASKS})
        mine = {CONFIGURATION: ASKS.replace("run_tests.py", "mine.py"), "run_tests.py": runner(), "mine.py": "1 / 0"}
        pull = await offered.open_pull(repository, files=mine)
        report = await report_of(offered, process, pull)

    assert (report.command, report.outcome) == (("python3", "run_tests.py"), TestOutcome.PASSED)


async def test_case_73_tests_that_leave_early_have_not_passed(offered: AppWorld) -> None:
    async with offered.process() as process:
        pull = await open_pull(offered, "import os\nprint('1000 passed')\nos._exit(0)\n")
        report = await report_of(offered, process, pull)

    assert report.outcome is TestOutcome.COULD_NOT_RUN
    assert "did not write the report" in report.detail


async def test_a_report_that_lay_in_the_commit_is_none(offered: AppWorld) -> None:
    """Security case 73: it was written before any test."""
    async with offered.process() as process:
        repository = await offered.make_repository(files={CONFIGURATION: ASKS})
        files = {"run_tests.py": "pass\n", "report.xml": REPORT.format(verdict="")}
        pull = await offered.open_pull(repository, files=files)
        report = await report_of(offered, process, pull)

    assert (report.outcome, report.tests_run) == (TestOutcome.COULD_NOT_RUN, None)


async def test_the_tests_see_neither_network_nor_git_nor_a_key(offered: AppWorld) -> None:
    """Security cases 64, 65, 67 and 68."""
    look = (
        "import os, socket\n"
        "assert not os.path.exists('.git') and not os.path.exists('/root')\n"
        "assert not [name for name in os.environ if 'ONCEOVER' in name], os.environ\n"
        f"assert socket.socket().connect_ex(('127.0.0.1', {offered.github.url.rpartition(':')[2]}))\n"
    )
    async with offered.process() as process:
        pull = await open_pull(offered, runner(more=look))
        report = await report_of(offered, process, pull)

    assert report.outcome is TestOutcome.PASSED, report.output_tail


async def test_tests_that_do_not_end_are_stopped(offered: AppWorld) -> None:
    configuration = ASKS + "  seconds_max: 1\n"
    async with offered.process() as process:
        pull = await open_pull(offered, "while True: pass\n", configuration)
        report = await report_of(offered, process, pull)

    assert report.outcome is TestOutcome.TIMED_OUT
    assert "was stopped at its limit of 1 s" in report.detail


async def test_without_a_command_the_checks_are_read_instead(offered: AppWorld) -> None:
    async with offered.process() as process:
        pull = await open_pull(offered, runner(), PLAIN + "test:\n  source: sandbox\n")
        offered.github.start_checks(pull.repository, pull.head_sha, "unit")
        await offered.github.finish_job(pull.repository, pull.head_sha, JobEnd(name="unit"))
        report = await report_of(offered, process, pull)

    assert (report.outcome, report.source) == (TestOutcome.PASSED, "checks")
    assert [one.why for one in report.skipped if one.what == WHAT] == [NO_COMMAND]


async def test_a_forks_tests_are_not_run_unless_the_base_says_so(offered: AppWorld) -> None:
    async with offered.process() as process:
        repository = await offered.make_repository(files={CONFIGURATION: ASKS})
        offered.github.set_permission(repository, "bob", "write")
        fork = offered.github.add_fork(repository, "bob")
        await offered.github.push(fork, "feature", {"run_tests.py": runner()}, user="bob")
        pull = await offered.github.open_pull(repository, "feature", author="bob", fork=fork)
        report = await report_of(offered, process, pull)

    assert [one.why for one in report.skipped if one.what == WHAT] == [FORK]


async def test_an_operator_who_offers_no_sandbox_runs_nothing(world: AppWorld) -> None:
    async with world.process() as process:
        pull = await open_pull(world, runner())
        report = await report_of(world, process, pull)

    assert (report.outcome, report.source) == (TestOutcome.NOT_ASKED, "checks")
    assert not (world.place / "state" / "sandboxed").exists()
