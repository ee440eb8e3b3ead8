"""Stage test by the repository's own checks: waited for, read, and told for every end."""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from bot.demo.simulated_github.accounts import Level
from bot.demo.simulated_github.checks import Annotation, JobEnd
from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.repositories import Pull
from bot.demo.simulated_github.writing import write_check_run
from pipeline.engine.errors import RetryLater
from pipeline.engine.stage import JsonValue, Woken
from pipeline.review.check_report import NO_LOGS, NO_STATUSES, RULES_UNKNOWN
from pipeline.review.job_log import EXCERPT_CHARACTERS_MAX
from pipeline.review.pull.check_page import CHECK_NAME
from pipeline.review.reports import CheckFact, TestOutcome, TestReport, TiedLine
from pipeline.stages.checks import APPEAR_SECONDS, POLL_SECONDS, QUIET_SECONDS, SIGNAL, Changes, Params, make_checks
from tests.builders.context import MemoryContext
from tests.stages.github_world import GitHubWorld

NOW = 1_800_000_000.0

LOG = """2026-11-23T21:44:33.1234567Z ##[group]Run pytest
2026-11-23T21:44:33.2234567Z \x1b[31m>       assert price("apple") == 3\x1b[0m
2026-11-23T21:44:33.3234567Z   File "/home/runner/work/shop/shop/prices.py", line 1, in price
2026-11-23T21:44:33.4234567Z FAILED tests/test_prices.py::test_apple - assert 2 == 3
2026-11-23T21:44:33.5234567Z ##[error]Process completed with exit code 1.
2026-11-23T21:44:33.6234567Z Post job cleanup.
"""
"""The end of a job's log, as GitHub Actions writes it."""


@dataclass(kw_only=True)
class Patient(MemoryContext):
    """A context whose waits take their time, and in which something may happen meanwhile."""

    clock: list[float] = field(default_factory=lambda: [NOW])
    meanwhile: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    asked: list[tuple[float, str | None]] = field(default_factory=list)

    async def wait(self, name: str, *, seconds: float, signal: str | None = None) -> Woken:
        """Let the time pass, or something happen at once; a wait that is over is over for a replay too."""
        is_known = name in self.waits
        woken = await super().wait(name, seconds=seconds, signal=signal)
        if is_known:
            return woken
        self.asked.append((seconds, signal))
        if self.meanwhile:
            await self.meanwhile.pop(0)()
            return Woken(by="signal")
        self.clock[0] += seconds
        return woken


def context(github: GitHubWorld, pull: Pull, **testing: JsonValue) -> Patient:
    base = github.repository.git.sha("main")
    return Patient(params=github.params(pull, merge_base=base, base_ref="main", testing=dict(testing)))


async def check(github: GitHubWorld, ctx: Patient) -> TestReport:
    stage = make_checks(
        github=lambda _run: github.client,
        app_id=github.github.app.id,
        changes=lines_of({"prices.py": (1,)}),
        now=lambda: ctx.clock[0],
    )
    return TestReport.model_validate(await stage(ctx))


def lines_of(changed: Mapping[str, Sequence[int]]) -> Changes:
    async def tell(run_id: str, params: Params, names: Sequence[str]) -> Mapping[str, Sequence[int]]:
        del run_id, params
        return {path: lines for path, lines in changed.items() if path.rpartition("/")[2] in names}

    return tell


async def end(github: GitHubWorld, sha: str, name: str, conclusion: str = "success", **more: str) -> None:
    """Let a job of GitHub Actions end, and tell nobody."""
    await github.github.finish_job(
        github.repository, sha, JobEnd(name=name, conclusion=conclusion, log=more.get("log", "")), lost=True
    )


def asked(github: GitHubWorld, path_end: str) -> int:
    """Count the calls to an endpoint."""
    return sum(one.path.endswith(path_end) for one in github.github.requests)


def fact(report: TestReport, name: str) -> CheckFact:
    [found] = [one for one in report.checks if one.name == name]
    return found


async def finish(github: GitHubWorld, sha: str, **conclusions: str) -> None:
    await github.github.finish_checks(github.repository, sha, conclusions, lost=True)


async def test_a_commit_that_nobody_checks_is_told_as_such_after_a_short_while(github: GitHubWorld) -> None:
    """A CI that never appears is an outcome, not a wait until the deadline."""
    ctx = context(github, await github.open_pull())

    report = await check(github, ctx)

    assert (report.outcome, ctx.asked) == (TestOutcome.NOT_ASKED, [(QUIET_SECONDS, SIGNAL)])
    assert report.detail == "No check of the repository's own stands on this commit."
    assert not ctx.is_partial


async def test_a_workflow_that_has_begun_is_waited_for_before_its_first_job_is_there(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    [run] = github.github.start_checks(github.repository, pull.head_sha, "unit")
    github.repository.check_runs.remove(run)
    ctx = context(github, pull)
    ctx.meanwhile = [lambda: end(github, pull.head_sha, "unit")]

    report = await check(github, ctx)

    assert (report.outcome, ctx.asked) == (TestOutcome.PASSED, [(POLL_SECONDS, SIGNAL)])
    assert ctx.said == ["waiting for further jobs of GitHub Actions"]


async def test_a_job_that_waits_for_another_one_is_waited_for(github: GitHubWorld) -> None:
    """Between the two no job is there that is not done; only the suite tells that the workflow goes on."""
    pull = await github.open_pull()
    await end(github, pull.head_sha, "build")
    [suite] = [one for one in github.repository.suites if one.app.slug == "github-actions"]
    suite.status, suite.conclusion = "in_progress", None
    ctx = context(github, pull)
    ctx.meanwhile = [lambda: end(github, pull.head_sha, "unit", "failure")]

    report = await check(github, ctx)

    assert (report.outcome, len(report.checks)) == (TestOutcome.FAILED, 2)


async def test_the_first_check_is_given_time_to_appear_where_the_base_had_some(github: GitHubWorld) -> None:
    await finish(github, github.repository.git.sha("main"), unit="success")
    pull = await github.open_pull()
    ctx = context(github, pull)
    ctx.meanwhile = [lambda: finish(github, pull.head_sha, unit="success")]

    report = await check(github, ctx)

    assert (report.outcome, report.detail) == (TestOutcome.PASSED, "1 check of the repository passed.")
    assert ctx.asked == [(APPEAR_SECONDS, SIGNAL)]


async def test_checks_that_never_appear_are_waited_for_once(github: GitHubWorld) -> None:
    await finish(github, github.repository.git.sha("main"), unit="success")
    ctx = context(github, await github.open_pull())

    report = await check(github, ctx)

    assert (report.outcome, ctx.asked) == (TestOutcome.NOT_ASKED, [(APPEAR_SECONDS, SIGNAL)])


async def test_what_is_pending_is_waited_for_until_github_tells_of_it(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    github.github.start_checks(github.repository, pull.head_sha, "unit", "lint")
    ctx = context(github, pull)
    ctx.meanwhile = [
        lambda: finish(github, pull.head_sha, unit="success"),
        lambda: finish(github, pull.head_sha, lint="neutral"),
    ]

    report = await check(github, ctx)

    assert (report.outcome, report.detail) == (TestOutcome.PASSED, "2 checks of the repository passed.")
    assert ctx.asked == [(POLL_SECONDS, SIGNAL)] * 2
    assert ctx.said[-1] == "waiting for lint"


async def test_a_lost_webhook_costs_a_look_and_no_more(github: GitHubWorld) -> None:
    """The timer ends the wait; the look after it finds what nobody told."""
    pull = await github.open_pull()
    github.github.start_checks(github.repository, pull.head_sha, "unit")
    ctx = context(github, pull, wait_minutes_max=5)

    report = await check(github, ctx)

    assert report.outcome is TestOutcome.TIMED_OUT
    assert [seconds for seconds, _ in ctx.asked] == [POLL_SECONDS, POLL_SECONDS, 60.0]


async def test_what_does_not_finish_in_time_is_named_and_worth_another_look(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    github.github.start_checks(github.repository, pull.head_sha, "unit")
    await finish(github, pull.head_sha, lint="failure")
    ctx = context(github, pull, wait_minutes_max=0)

    report = await check(github, ctx)

    assert (report.outcome, ctx.is_partial, ctx.waits) == (TestOutcome.FAILED, True, [])
    assert report.detail == "1 of 2 checks of the repository failed: lint; 1 of 2 checks did not finish: unit."
    assert [one.name for one in report.failed] == ["lint"]
    assert [(one.what, one.gap) for one in report.skipped if one.gap] == [("tests", True)]


async def test_a_failed_job_is_told_with_its_step_its_test_its_line_and_the_end_of_its_log(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    await end(github, pull.head_sha, "lint")
    job = JobEnd(
        name="unit",
        conclusion="failure",
        log=LOG,
        failed_step="Run tests",
        annotations=(annotation("prices.py", 1, "2 is not\u202e 3"), annotation(".github", 1, "exit code 1")),
    )
    await github.github.finish_job(github.repository, pull.head_sha, job, lost=True)

    report = await check(github, context(github, pull))

    assert report.outcome is TestOutcome.FAILED
    assert report.detail == "1 of 2 checks of the repository failed: unit."
    unit = fact(report, "unit")
    assert (unit.steps, unit.message) == (("Run tests",), "prices.py:1: 2 is not<U+202E> 3")
    assert unit.failed[0].name == "tests/test_prices.py::test_apple"
    assert unit.lines == (TiedLine(path="prices.py", line=1, changed=True),)
    assert [(one.name, one.path, one.line) for one in report.failed] == [("unit", "prices.py", 1)]
    assert report.output_tail.endswith("Process completed with exit code 1.")
    assert "2026-11-23T" not in report.output_tail


async def test_a_long_log_is_told_by_its_end(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    log = "x" * 30_000_000 + "\nE  assert 2 == 3"
    await end(github, pull.head_sha, "unit", "failure", log=log)

    report = await check(github, context(github, pull))

    assert report.output_tail.endswith("E  assert 2 == 3")
    assert len(report.output_tail) <= EXCERPT_CHARACTERS_MAX


async def test_a_secret_in_a_log_or_an_annotation_goes_no_further(github: GitHubWorld) -> None:
    """Security case 109."""
    canary = "ghp_" + "c4n4ry" * 6
    pull = await github.open_pull()
    job = JobEnd(
        name="unit",
        conclusion="failure",
        log=f"export TOKEN={canary}\nFAILED tests/test_a.py::test_a - {canary}\n",
        failed_step=canary,
        annotations=(annotation("prices.py", 1, f"bad token {canary}"),),
    )
    await github.github.finish_job(github.repository, pull.head_sha, job, lost=True)

    report = await check(github, context(github, pull))

    assert canary not in report.model_dump_json()
    assert "<secret:github-token:medium>" in report.output_tail


def annotation(path: str, line: int, message: str) -> Annotation:
    return {"path": path, "start_line": line, "end_line": line, "annotation_level": "failure", "message": message}


@pytest.mark.parametrize("status", [403, 404])
async def test_logs_that_may_not_be_read_are_said_once_with_what_it_would_take(
    github: GitHubWorld, status: int
) -> None:
    pull = await github.open_pull()
    for name in ("unit", "lint", "types"):
        await end(github, pull.head_sha, name, "failure", log=LOG)
    body = '{"message": "Resource not accessible by integration"}'
    github.github.faults.add(Fault(kind="refuse", path="/actions/", status=status, body=body, times=None))

    report = await check(github, context(github, pull))

    assert (report.outcome, report.output_tail, len(report.failed)) == (TestOutcome.FAILED, "", 3)
    assert [one for one in report.skipped if one.what == NO_LOGS.what] == [NO_LOGS]
    assert "`actions: read`" in NO_LOGS.why
    assert sum("/actions/" in one.path for one in github.github.requests) == 1


async def test_a_token_without_the_permission_for_logs_reads_all_else(github: GitHubWorld) -> None:
    granted: dict[str, Level] = {"metadata": "read", "contents": "read", "checks": "read"}
    pull = await github.open_pull()
    job = JobEnd(name="unit", conclusion="failure", log=LOG, annotations=(annotation("prices.py", 1, "2 is not 3"),))
    await github.github.finish_job(github.repository, pull.head_sha, job, lost=True)
    github.repository.private = True
    github.use_token(granted)

    report = await check(github, context(github, pull))

    assert fact(report, "unit").lines == (TiedLine(path="prices.py", line=1, changed=True),)
    assert [one for one in report.skipped if not one.gap] == [NO_LOGS, NO_STATUSES]


async def test_details_that_do_not_come_do_not_hold_up_the_report(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    await end(github, pull.head_sha, "unit", "failure", log=LOG)
    github.github.faults.add(Fault(kind="refuse", path="/job-logs/", status=503, body="away", times=None))
    ctx = context(github, pull)

    for _ in range(2):
        with pytest.raises(RetryLater):
            await check(github, ctx)
        ctx = dataclasses.replace(ctx, attempt=ctx.attempt + 1)
    report = await check(github, ctx)

    assert (report.outcome, report.output_tail) == (TestOutcome.FAILED, "")


async def test_a_check_that_failed_and_passed_when_run_again_is_flaky_and_no_failure(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    await end(github, pull.head_sha, "lint")
    await end(github, pull.head_sha, "unit", "failure", log=LOG)
    await end(github, pull.head_sha, "unit")

    report = await check(github, context(github, pull))

    assert (report.outcome, report.failed) == (TestOutcome.PASSED, ())
    unit = fact(report, "unit")
    assert (unit.flaky, unit.attempts, unit.conclusion) == (True, 2, "success")
    assert report.detail == (
        "2 checks of the repository passed. unit failed on this commit and passed when run again: flaky."
    )
    assert not fact(report, "lint").flaky


async def test_a_check_that_failed_again_and_again_is_failed(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    for conclusion in ("success", "failure", "failure"):
        await end(github, pull.head_sha, "unit", conclusion, log=LOG)

    report = await check(github, context(github, pull))

    assert (report.outcome, fact(report, "unit").attempts, fact(report, "unit").flaky) == (TestOutcome.FAILED, 3, False)


async def test_a_failure_that_the_base_has_too_is_told_as_such(github: GitHubWorld) -> None:
    base = github.repository.git.sha("main")
    pull = await github.open_pull()
    for sha, unit in ((base, "failure"), (pull.head_sha, "failure")):
        await end(github, sha, "unit", unit)
        await end(github, sha, "lint", "success" if sha == base else "failure")

    report = await check(github, context(github, pull))

    assert {one.name: one.fails_on_base for one in report.failed} == {"unit": True, "lint": False}
    assert report.new_failures == 1
    assert "unit fails on the base too." in report.detail
    assert asked(github, f"/commits/{base}/check-runs") == 1


async def test_what_failed_without_a_result_of_the_base_is_not_called_new(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    await end(github, pull.head_sha, "unit", "failure")

    report = await check(github, context(github, pull))

    assert (report.new_failures, report.failed[0].fails_on_base) == (None, None)


@pytest.mark.parametrize("by", ["ruleset", "protection"])
async def test_required_and_optional_checks_are_told_apart(github: GitHubWorld, by: str) -> None:
    github.github.require_checks(
        github.repository, "unit", CHECK_NAME, by="ruleset" if by == "ruleset" else "protection"
    )
    pull = await github.open_pull()
    await end(github, pull.head_sha, "unit")
    await end(github, pull.head_sha, "lint", "failure")

    report = await check(github, context(github, pull))

    assert {one.name: one.required for one in report.checks} == {"unit": True, "lint": False}
    assert report.outcome is TestOutcome.FAILED
    assert report.detail.endswith("The base branch does not require what failed.")


async def test_with_required_checks_only_the_others_are_neither_waited_for_nor_judged(github: GitHubWorld) -> None:
    github.github.require_checks(github.repository, "unit")
    pull = await github.open_pull()
    await end(github, pull.head_sha, "unit")
    await end(github, pull.head_sha, "lint", "failure")
    await github.github.set_commit_status(github.repository, pull.head_sha, "pending", "slow/old", lost=True)
    ctx = context(github, pull, required_checks_only=True)

    report = await check(github, ctx)

    assert (report.outcome, ctx.waits) == (TestOutcome.PASSED, [])
    assert report.detail == "1 required check of the repository passed."


async def test_only_required_checks_where_none_is_required_is_told_as_such(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    await end(github, pull.head_sha, "unit", "failure")

    report = await check(github, context(github, pull, required_checks_only=True))

    assert report.outcome is TestOutcome.NOT_ASKED
    assert "the base branch requires no check" in report.detail


async def test_rules_that_cannot_be_read_let_all_checks_count(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    await end(github, pull.head_sha, "unit", "failure")
    github.github.faults.add(Fault(kind="refuse", path="/branches/main$", status=404, body="{}", times=None))

    report = await check(github, context(github, pull, required_checks_only=True))

    assert (report.outcome, fact(report, "unit").required) == (TestOutcome.FAILED, None)
    assert RULES_UNKNOWN in report.skipped


async def test_a_required_check_that_never_appears_is_named_and_not_waited_for_long(github: GitHubWorld) -> None:
    github.github.require_checks(github.repository, "deploy-preview")
    pull = await github.open_pull()
    await end(github, pull.head_sha, "unit")
    ctx = context(github, pull)

    report = await check(github, ctx)

    assert (report.outcome, ctx.asked) == (TestOutcome.TIMED_OUT, [(APPEAR_SECONDS, SIGNAL)])
    assert (report.detail, ctx.is_partial) == ("1 required check did not appear: deploy-preview.", True)
    assert fact(report, "deploy-preview").conclusion == "missing"


async def test_statuses_count_as_checks_do(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    await github.github.set_commit_status(github.repository, pull.head_sha, "pending", "ci/old", lost=True)
    ctx = context(github, pull)
    ctx.meanwhile = [
        lambda: github.github.set_commit_status(github.repository, pull.head_sha, "error", "ci/old", lost=True)
    ]

    report = await check(github, ctx)

    assert (report.outcome, len(ctx.waits)) == (TestOutcome.FAILED, 1)
    assert [one.name for one in report.failed] == ["ci/old"]


async def test_statuses_that_an_installation_does_not_show_are_done_without(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    await finish(github, pull.head_sha, unit="success")
    await github.github.set_commit_status(github.repository, pull.head_sha, "failure", "ci/old", lost=True)
    words = '{"message": "Resource not accessible by integration"}'
    github.github.faults.add(Fault(kind="refuse", path="/status$", status=403, body=words, times=None))

    report = await check(github, context(github, pull))

    assert report.outcome is TestOutcome.PASSED


async def test_our_own_checks_are_nobodys_to_wait_for(github: GitHubWorld) -> None:
    """Two pull requests of one head would wait for each other."""
    pull = await github.open_pull()
    for run in ("r_1/1", "r_2/2"):
        own(github, pull, run)
    await end(github, pull.head_sha, "unit")
    ctx = context(github, pull)

    report = await check(github, ctx)

    assert (report.outcome, [one.name for one in report.checks], ctx.waits) == (TestOutcome.PASSED, ["unit"], [])


async def test_a_strangers_check_with_our_name_counts(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    await end(github, pull.head_sha, CHECK_NAME, "failure")

    report = await check(github, context(github, pull))

    assert (report.outcome, [one.name for one in report.failed]) == (TestOutcome.FAILED, [CHECK_NAME])


async def test_a_process_that_was_not_told_the_app_knows_our_checks_by_their_external_id(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    own(github, pull, "r_81/1")
    await end(github, pull.head_sha, CHECK_NAME, "success")
    stage = make_checks(github=lambda _run: github.client, now=lambda: NOW)

    report = TestReport.model_validate(await stage(context(github, pull)))

    assert [(one.name, one.source) for one in report.checks] == [(CHECK_NAME, "github-actions")]


def own(github: GitHubWorld, pull: Pull, external_id: str) -> None:
    """Begin a check run of ours."""
    run = write_check_run(github.github.world, github.repository, github.github.app, CHECK_NAME, pull.head_sha)
    run.external_id = external_id


async def test_checks_that_pass_cost_few_calls(github: GitHubWorld) -> None:
    """Two looks: two calls for the rules, two for each look, one more when all that is there is done."""
    pull = await github.open_pull()
    github.github.start_checks(github.repository, pull.head_sha, "unit")
    ctx = context(github, pull)
    ctx.meanwhile = [lambda: end(github, pull.head_sha, "unit")]

    await check(github, ctx)

    assert len(github.github.requests) == 7


async def test_hostile_names_are_shown_and_cut(github: GitHubWorld) -> None:
    """Security cases 53 and 108."""
    pull = await github.open_pull()
    await end(github, pull.head_sha, "\x1b[31m\u202eunit\n@all" + "x" * 5_000, "failure")

    report = await check(github, context(github, pull))

    [failed] = report.failed
    assert failed.name.startswith("<U+202E>unit<U+000A>@all")
    assert len(failed.name) <= 120


async def test_tests_that_nobody_asked_for_ask_github_nothing(github: GitHubWorld) -> None:
    ctx = context(github, await github.open_pull(), source="none")

    report = await check(github, ctx)

    assert report.outcome is TestOutcome.NOT_ASKED
    assert github.github.requests == []


async def test_a_second_try_comes_to_the_same_end_however_late_it_is(github: GitHubWorld) -> None:
    """What was seen at the third look is not forgotten because the time is over when the worker's successor looks."""
    pull = await github.open_pull()
    github.github.start_checks(github.repository, pull.head_sha, "unit")
    ctx = context(github, pull, wait_minutes_max=3)
    ctx.meanwhile = [lambda: finish(github, pull.head_sha, unit="success")]
    first = await check(github, ctx)
    asked = len(github.github.requests)

    later = dataclasses.replace(ctx, attempt=2, clock=[NOW + 86_400])
    again = await check(github, later)

    assert (again, again.outcome) == (first, TestOutcome.PASSED)
    assert len(github.github.requests) == asked
