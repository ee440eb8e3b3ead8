"""The repository's own CI: waited for by signals, read with its logs, and told on the pull request, end to end."""

from typing import Final

import pytest

from bot.app.process import AppProcess
from bot.demo.simulated_github.accounts import DEFAULT_PERMISSIONS
from bot.demo.simulated_github.checks import JobEnd
from bot.demo.simulated_github.repositories import Pull
from pipeline.review.check_report import NO_LOGS
from pipeline.review.reports import TestOutcome, TestReport, TiedLine
from tests.app.world import CONFIGURATION, PLAIN, AppWorld

ONLY_REQUIRED: Final = PLAIN + "test:\n  required_checks_only: true\n"

LOG: Final = """2026-11-23T21:44:33.1234567Z Run pytest
2026-11-23T21:44:33.3234567Z   File "/home/runner/work/shop/shop/shop.py", line 5, in listing
2026-11-23T21:44:33.4234567Z FAILED tests/test_shop.py::test_listing - OSError
2026-11-23T21:44:33.5234567Z ##[error]Process completed with exit code 1.
2026-11-23T21:44:33.6234567Z Post job cleanup.
"""

RED: Final = JobEnd(name="unit", conclusion="failure", log=LOG, failed_step="Run tests")
GREEN: Final = JobEnd(name="unit")


async def open_checked(world: AppWorld, *begun: str, configuration: str = PLAIN) -> Pull:
    """Open a pull request whose CI has begun."""
    repository = await world.make_repository(files={CONFIGURATION: configuration})
    pull = await world.open_pull(repository)
    world.github.start_checks(repository, pull.head_sha, *begun)
    return pull


async def report_of(world: AppWorld, process: AppProcess, pull: Pull) -> TestReport:
    """Read what the stage left in its checkpoint, once all is done."""
    await world.until_concluded(pull)
    run = await world.run_of(process, pull)
    stored = await process.opened.store.checkpoint(run.run_id, "test", run.stages["test"].fingerprint or "")
    assert stored
    return TestReport.model_validate_json(stored)


async def test_a_green_ci_is_waited_for_by_its_signal_alone(world: AppWorld) -> None:
    async with world.process() as process:
        pull = await open_checked(world, "unit")
        await world.github.finish_job(pull.repository, pull.head_sha, GREEN)
        report = await report_of(world, process, pull)

    assert (report.outcome, report.detail) == (TestOutcome.PASSED, "1 check of the repository passed.")


async def test_a_red_ci_is_told_with_its_test_its_line_and_its_log(world: AppWorld) -> None:
    async with world.process() as process:
        pull = await open_checked(world, "unit")
        await world.github.finish_job(pull.repository, pull.head_sha, RED)
        report = await report_of(world, process, pull)

    [unit] = report.checks
    assert (report.outcome, unit.steps) == (TestOutcome.FAILED, ("Run tests",))
    assert [one.name for one in unit.failed] == ["tests/test_shop.py::test_listing"]
    assert unit.lines == (TiedLine(path="shop.py", line=5, changed=True),)
    assert report.output_tail.endswith("Process completed with exit code 1.")
    assert world.checks(pull) == {pull.head_sha: "failure"}


async def test_a_flaky_job_does_not_fail_the_review(world: AppWorld) -> None:
    async with world.process() as process:
        pull = await open_checked(world, "unit", "slow")
        await world.github.finish_job(pull.repository, pull.head_sha, RED)
        await world.github.finish_job(pull.repository, pull.head_sha, GREEN)
        await world.github.finish_job(pull.repository, pull.head_sha, JobEnd(name="slow"))
        report = await report_of(world, process, pull)

    assert report.outcome is TestOutcome.PASSED
    assert {one.name: one.flaky for one in report.checks} == {"unit": True, "slow": False}


async def test_an_optional_check_neither_holds_up_nor_fails_who_asks_for_required_ones_only(world: AppWorld) -> None:
    async with world.process() as process:
        repository = await world.make_repository(files={CONFIGURATION: ONLY_REQUIRED})
        world.github.require_checks(repository, "unit")
        pull = await world.open_pull(repository)
        world.github.start_checks(repository, pull.head_sha, "unit", "deploy")
        await world.github.finish_job(repository, pull.head_sha, GREEN)
        await world.github.set_commit_status(repository, pull.head_sha, "failure", "coverage")
        report = await report_of(world, process, pull)

    assert (report.outcome, [one.name for one in report.checks]) == (TestOutcome.PASSED, ["unit"])


async def test_a_ci_that_never_appears_does_not_hold_up_the_review(world: AppWorld) -> None:
    async with world.process() as process:
        pull = await open_checked(world)
        report = await report_of(world, process, pull)

    assert report.outcome is TestOutcome.NOT_ASKED
    assert world.time.ahead_seconds < 120


async def test_a_lost_signal_is_made_up_for_by_a_look(world: AppWorld) -> None:
    async with world.process() as process:
        pull = await open_checked(world, "unit")
        await world.github.finish_job(pull.repository, pull.head_sha, GREEN, lost=True)
        report = await report_of(world, process, pull)

    assert report.outcome is TestOutcome.PASSED


async def test_a_ci_that_does_not_finish_is_named_and_the_review_is_partial(world: AppWorld) -> None:
    async with world.process() as process:
        pull = await open_checked(world, "endless", configuration=PLAIN + "test:\n  wait_minutes_max: 10\n")
        report = await report_of(world, process, pull)

    assert report.outcome is TestOutcome.TIMED_OUT
    assert "endless did not finish within 10 minutes" in [one.why for one in report.skipped if one.gap]
    assert world.checks(pull) == {pull.head_sha: "action_required"}, "nobody read the diff either"


@pytest.mark.parametrize("is_private", [True, False])
async def test_an_installation_without_the_permission_for_logs_says_so_once(world: AppWorld, is_private: bool) -> None:  # noqa: FBT001 - a parameter of a test.
    world.github.app.permissions = {name: level for name, level in DEFAULT_PERMISSIONS.items() if name != "actions"}
    async with world.process() as process:
        pull = await open_checked(world, "unit", "lint")
        pull.repository.private = is_private
        for name in ("unit", "lint"):
            await world.github.finish_job(
                pull.repository, pull.head_sha, JobEnd(name=name, conclusion="failure", log=LOG)
            )
        report = await report_of(world, process, pull)

    assert (report.outcome, len(report.failed)) == (TestOutcome.FAILED, 2)
    assert (NO_LOGS in report.skipped, bool(report.output_tail)) == (is_private, not is_private)
