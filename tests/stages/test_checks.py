"""Stage test by the repository's own checks: waited for, read, and told for every end."""

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from bot.demo.simulated_github.checks import Annotation
from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.repositories import Pull
from pipeline.engine.stage import JsonValue, Woken
from pipeline.review.pull.check_page import CHECK_NAME
from pipeline.review.reports import TestOutcome, TestReport
from pipeline.stages.checks import APPEAR_SECONDS, LOG_CHARACTERS_MAX, POLL_SECONDS, SIGNAL, make_checks
from tests.builders.context import MemoryContext
from tests.stages.github_world import GitHubWorld

NOW = 1_800_000_000.0


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
    return Patient(params=github.params(pull, merge_base=base, testing=dict(testing)))


async def check(github: GitHubWorld, ctx: Patient) -> TestReport:
    stage = make_checks(github=lambda _run: github.client, now=lambda: ctx.clock[0])
    return TestReport.model_validate(await stage(ctx))


async def finish(github: GitHubWorld, sha: str, **conclusions: str) -> None:
    await github.github.finish_checks(github.repository, sha, conclusions, lost=True)


async def test_a_commit_without_checks_is_told_as_such_and_not_waited_for(github: GitHubWorld) -> None:
    ctx = context(github, await github.open_pull())

    report = await check(github, ctx)

    assert (report.outcome, ctx.waits) == (TestOutcome.NOT_ASKED, [])
    assert report.detail == "No check of the repository's own stands on this commit."


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
    assert report.detail == "1 of 2 checks did not finish: unit."
    assert [one.name for one in report.failed] == ["lint"]
    assert report.skipped[0].gap


async def test_a_failed_check_is_told_with_its_annotations_and_the_end_of_its_log(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    await finish(github, pull.head_sha, unit="failure", lint="success")
    [run] = [one for one in github.repository.check_runs if one.name == "unit"]
    run.annotations.append(annotation("prices.py", 3, "2 is not\u202e 3"))
    github.github.faults.add(Fault(kind="refuse", path="/logs$", status=200, body="x" * 90_000 + "E  assert 2 == 3"))

    report = await check(github, context(github, pull))

    assert report.outcome is TestOutcome.FAILED
    assert report.detail == "1 of 2 checks of the repository failed: unit."
    assert [(one.name, one.message) for one in report.failed] == [("unit", "prices.py:3: 2 is not<U+202E> 3")]
    assert report.output_tail.endswith("E  assert 2 == 3")
    assert len(report.output_tail) <= LOG_CHARACTERS_MAX


def annotation(path: str, line: int, message: str) -> Annotation:
    return {"path": path, "start_line": line, "end_line": line, "annotation_level": "failure", "message": message}


@pytest.mark.parametrize("status", [403, 404])
async def test_details_that_may_not_be_read_are_left_out(github: GitHubWorld, status: int) -> None:
    pull = await github.open_pull()
    await finish(github, pull.head_sha, unit="failure")
    body = '{"message": "Resource not accessible by integration"}'
    github.github.faults.add(Fault(kind="refuse", path="/annotations$|/logs$", status=status, body=body, times=None))

    report = await check(github, context(github, pull))

    assert (report.outcome, report.output_tail) == (TestOutcome.FAILED, "")
    assert [(one.name, one.message) for one in report.failed] == [("unit", "")]


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


async def test_our_own_check_is_nobodys_to_wait_for(github: GitHubWorld) -> None:
    pull = await github.open_pull()
    github.github.start_checks(github.repository, pull.head_sha, CHECK_NAME)
    ctx = context(github, pull)

    report = await check(github, ctx)

    assert (report.outcome, ctx.waits) == (TestOutcome.NOT_ASKED, [])


@pytest.mark.parametrize("source", ["none", "sandbox"])
async def test_tests_that_nobody_asked_for_ask_github_nothing(github: GitHubWorld, source: str) -> None:
    ctx = context(github, await github.open_pull(), source=source)

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
