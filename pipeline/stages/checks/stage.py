"""Stage: waits for the repository's own checks, and reports what they came to.

Waits, parked and holding no worker, until all checks are finished: woken when GitHub tells of one, and looking by
itself once in a while, for a webhook may be lost. Promises a report for every end: passed, failed, flaky, not finished
in time, none there. Does not promise that checks test anything: they are the repository's own.

A CI that never appears is waited for a short while only: longer where the base had checks, since an App may be asked
for checks of every commit and never answer.
"""

import time
from collections.abc import Callable
from typing import Final

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.check_report import make_report, none_there, nothing_required
from pipeline.review.pull.check_page import CHECK_NAME
from pipeline.review.reports import Skipped, TestOutcome, TestReport
from pipeline.review.repository_checks import Required, Requirement, Seen, Stage
from pipeline.review.wording import count
from pipeline.services.github.ci import ContinuousIntegration
from pipeline.services.github.client import GitHub
from pipeline.services.github.models import RequiredCheck
from pipeline.stages.checks.details import Changes, gather_evidence, no_changes
from pipeline.stages.checks.look import Look, one_line, see, see_base
from pipeline.stages.checks.parameters import Params

VERSION: Final = 2
"""Raised when the report for the same checks changes."""

SIGNAL: Final = "checks"
"""What the door sends when GitHub tells of a check."""

POLL_SECONDS: Final = 120.0
"""A look without a signal: the net below lost webhooks."""

APPEAR_SECONDS: Final = 60.0
"""How long the first check of a commit, or a required one, may take to appear where some are to be expected."""

QUIET_SECONDS: Final = 15.0
"""The same where nothing speaks for a CI: GitHub makes the checks of a push within seconds."""

LOOKS_MAX: Final = 2_000
"""Looks of one attempt; more is a loop."""


def make_checks(
    *,
    github: Callable[[str], GitHub],
    app_id: int | None = None,
    changes: Changes = no_changes,
    now: Callable[[], float] = time.time,
) -> StageFunction:
    """Make the stage.

    Args:
        github: Makes the client that reads on behalf of a run.
        app_id: Our App's, whose checks are nobody's to wait for; None if this process was not told it.
        changes: Tells the changed lines, to which failures are tied; asked only when something failed.
        now: Unix seconds; decides when waiting is over.
    """

    async def test(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        testing = params.testing
        if testing.source == "none":
            return _not_asked().model_dump(mode="json")
        look = Look(ci=ContinuousIntegration(github=github(ctx.run_id), place=params.at), params=params, app_id=app_id)
        required = await _required(ctx, look)
        if testing.required_checks_only and required.is_whole and not required.checks:
            return nothing_required().model_dump(mode="json")
        seen = await _until_finished(ctx, look, required, now)
        if seen.stage(required) is Stage.EMPTY:
            return none_there().model_dump(mode="json")
        report = make_report(await gather_evidence(ctx, look, seen, required, changes))
        if any(skipped.gap for skipped in report.skipped):
            ctx.partial()  # They may be finished when the same head is asked for again.
        return report.model_dump(mode="json")

    return test


async def _required(ctx: StageContext, look: Look) -> Required:
    """Ask once which checks the base branch requires; two calls."""
    branch = look.params.base_ref
    if not branch:
        return Required()

    async def ask(branch: str) -> JsonValue:
        ruled = await look.ci.required_by_rules(branch)
        protected = await look.ci.required_by_protection(branch)
        asked = [_requirement(one) for one in (*(ruled or ()), *(protected or ()))]
        wanted = tuple(one for one in dict.fromkeys(asked) if not _is_ours(one, look.app_id))
        is_whole = ruled is not None and protected is not None
        found: JsonValue = Required(checks=wanted, is_whole=is_whole).model_dump(mode="json")
        return found

    return Required.model_validate(await ctx.step("required checks", ask, branch, observes=True))


def _requirement(one: RequiredCheck) -> Requirement:
    """Read a requirement; GitHub writes -1 for an App of anybody's."""
    return Requirement(name=one_line(one.context), app_id=one.app_id if one.app_id and one.app_id > 0 else None)


def _is_ours(one: Requirement, app_id: int | None) -> bool:
    """Whether a branch requires our own check, which waits for this stage."""
    return one.name == CHECK_NAME and one.app_id in {None, app_id}


async def _until_finished(ctx: StageContext, look: Look, required: Required, now: Callable[[], float]) -> Seen:
    """Look, and wait, and look again, as long as the configuration allows."""

    async def begin() -> float:
        return now()

    async def look_once(_turn: int, _sha: str) -> JsonValue:
        seen: JsonValue = (await see(look, now)).model_dump(mode="json")
        return seen

    testing = look.params.testing
    begun_at = await ctx.step("begin", begin, observes=True)
    give_up_at = begun_at + 60 * testing.wait_minutes_max
    seen = Seen()
    for turn in range(LOOKS_MAX):
        seen = Seen.model_validate(await ctx.step("look at the checks", look_once, turn, look.head, observes=True))
        seen = seen.only(required) if testing.required_checks_only else seen
        stage = seen.stage(required)
        if stage is Stage.DONE:
            return seen
        until = give_up_at if stage is Stage.RUNNING else min(give_up_at, begun_at + await _grace(ctx, look, stage))
        left = until - seen.at
        if left <= 0:
            return seen
        what = _awaited(seen, required)
        ctx.progress(f"waiting for {what}")
        await ctx.wait(f"{what}, look {turn + 1}", seconds=min(POLL_SECONDS, left), signal=SIGNAL)
    return seen


async def _grace(ctx: StageContext, look: Look, stage: Stage) -> float:
    """Say how long something may take to appear: the base's checks tell whether there is a CI at all."""
    if stage is Stage.ABSENT or await see_base(ctx, look):
        return APPEAR_SECONDS
    return QUIET_SECONDS


def _awaited(seen: Seen, required: Required) -> str:
    """Name what is waited for; a check's name is a stranger's text."""
    names = seen.pending or seen.missing(required)
    if not names:
        return "the first check"
    more = len(names) - 1
    return f"{names[0][:60]} and {count(more, 'more check')}" if more else names[0][:60]


def _not_asked() -> TestReport:
    why = "the configuration says so"
    return TestReport(
        outcome=TestOutcome.NOT_ASKED,
        detail=f"The tests were not looked at: {why}.",
        skipped=(Skipped(what="tests", why=why),),
    )
