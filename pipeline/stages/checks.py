"""Stage test, by the repository's own checks: what its CI says of the head commit.

Waits, parked and holding no worker, until all checks are finished: woken when GitHub tells of one, and looking by
itself once in a while, for a webhook may be lost. Promises a report for every end: passed, failed, not finished in
time, none there. Does not promise that checks test anything: they are the repository's own.

A check that nobody has begun is not waited for unless the base had checks too: an App may be asked for checks of every
commit and never answer.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.pull.check_page import CHECK_NAME
from pipeline.review.reports import FailedTest, Skipped, TestOutcome, TestReport
from pipeline.review.visible import visible
from pipeline.review.wording import count, listed
from pipeline.services.github.ci import ContinuousIntegration
from pipeline.services.github.client import GitHub
from pipeline.services.github.errors import Gone, NotAllowed
from pipeline.services.github.models import CheckRun, Status
from pipeline.services.pull_request import PullParams

VERSION: Final = 1
"""Raised when the report for the same checks changes."""

SIGNAL: Final = "checks"
"""What the door sends when GitHub tells of a check."""

POLL_SECONDS: Final = 120.0
"""A look without a signal: the net below lost webhooks."""

APPEAR_SECONDS: Final = 30.0
"""How long the first check of a commit may take to appear, where the base had some."""

LOOKS_MAX: Final = 2_000
"""Looks of one attempt; more is a loop."""

FAILED_MAX: Final = 20
"""Failed checks that are named; the rest is counted."""

TOLD_MAX: Final = 3
"""Failed checks whose annotations and log are read."""

MESSAGE_CHARACTERS_MAX: Final = 500
LOG_CHARACTERS_MAX: Final = 4_000

GOOD: Final = frozenset({"success", "neutral", "skipped"})
"""Conclusions that GitHub itself lets a required check pass with."""


class Testing(BaseModel):
    """What the configuration says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Literal["checks", "sandbox", "none"] = "checks"
    wait_minutes_max: int = Field(30, ge=0)


class Params(PullParams):
    """What this stage reads."""

    merge_base: str
    testing: Testing = Testing()


class Seen(BaseModel):
    """The checks of a commit at one look."""

    model_config = ConfigDict(frozen=True)

    runs: tuple[CheckRun, ...] = ()
    statuses: tuple[Status, ...] = ()

    at: float = 0.0
    """Unix seconds; kept with the look, so that whoever goes over it again decides as was decided then."""

    @property
    def is_empty(self) -> bool:
        """Whether nobody checks this commit."""
        return not self.runs and not self.statuses

    @property
    def pending(self) -> tuple[str, ...]:
        """Names of those that are not finished."""
        runs = (one.name for one in self.runs if one.status != "completed")
        return (*runs, *(one.context for one in self.statuses if one.state == "pending"))

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of those that say no."""
        runs = (one.name for one in self.failed_runs)
        return (*runs, *(one.context for one in self.statuses if one.state in {"failure", "error"}))

    @property
    def failed_runs(self) -> tuple[CheckRun, ...]:
        """Check runs that say no."""
        return tuple(one for one in self.runs if one.status == "completed" and one.conclusion not in GOOD)

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.runs) + len(self.statuses)


def make_checks(*, github: Callable[[str], GitHub], now: Callable[[], float] = time.time) -> StageFunction:
    """Make the stage.

    Args:
        github: Makes the client that reads on behalf of a run.
        now: Unix seconds; decides when waiting is over.
    """

    async def test(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        if params.testing.source != "checks":
            return _not_asked(params.testing.source).model_dump(mode="json")
        ci = ContinuousIntegration(github=github(ctx.run_id), place=params.at)
        seen = await _until_finished(ctx, ci, params, now)
        if seen.is_empty:
            return _none_there().model_dump(mode="json")
        if seen.pending:
            ctx.partial()  # They may be finished when the same head is asked for again.
            return _unfinished(seen, params.testing).model_dump(mode="json")
        return (await _report(ctx, ci, seen)).model_dump(mode="json")

    return test


async def _until_finished(
    ctx: StageContext, ci: ContinuousIntegration, params: Params, now: Callable[[], float]
) -> Seen:
    """Look, and wait, and look again, as long as the configuration allows."""

    async def begin() -> float:
        return now()

    async def look(_turn: int, sha: str) -> JsonValue:
        found = Seen(
            runs=tuple(one for one in await ci.runs(sha) if one.name != CHECK_NAME),  # It waits for us.
            statuses=tuple(await ci.statuses(sha) or ()),
            at=now(),
        )
        seen: JsonValue = found.model_dump(mode="json")
        return seen

    head = params.pull.head
    give_up_at = await ctx.step("begin", begin, observes=True) + 60 * params.testing.wait_minutes_max
    seen = Seen()
    for turn in range(LOOKS_MAX):
        seen = Seen.model_validate(await ctx.step("look at the checks", look, turn, head, observes=True))
        if seen.is_empty:
            before = Seen.model_validate(await ctx.step("look at the base's checks", look, 0, params.merge_base))
            if before.is_empty or turn > 0:
                return seen
        elif not seen.pending:
            return seen
        left = give_up_at - seen.at
        if left <= 0:
            return seen
        what = _awaited(seen)
        ctx.progress(f"waiting for {what}")
        pause = APPEAR_SECONDS if seen.is_empty else POLL_SECONDS
        await ctx.wait(f"{what}, look {turn + 1}", seconds=min(pause, left), signal=SIGNAL)
    return seen


def _awaited(seen: Seen) -> str:
    """Name what is waited for; a check's name is a stranger's text."""
    if not seen.pending:
        return "the first check"
    first = visible(seen.pending[0], lines=False)[:60]
    more = len(seen.pending) - 1
    return f"{first} and {count(more, 'more check')}" if more else first


async def _report(ctx: StageContext, ci: ContinuousIntegration, seen: Seen) -> TestReport:
    if not seen.failed:
        detail = f"{count(seen.total, 'check')} of the repository passed."
        return TestReport(outcome=TestOutcome.PASSED, detail=detail)

    async def read(ids: list[int]) -> JsonValue:
        return [await _told(ci, check_id) for check_id in ids]

    ids = [one.id for one in seen.failed_runs[:TOLD_MAX]]
    told = await ctx.step("read the failed checks", read, [*ids], observes=True) if ids else []
    messages = _texts(told, "message")
    failed = [FailedTest(name=_name(name), message=messages.get(at, "")) for at, name in enumerate(seen.failed)]
    logs = "\n".join(_texts(told, "log").values())
    names = listed(_name(name) for name in seen.failed[:TOLD_MAX])
    return TestReport(
        outcome=TestOutcome.FAILED,
        failed=tuple(failed[:FAILED_MAX]),
        output_tail=logs[-LOG_CHARACTERS_MAX:],
        detail=f"{len(seen.failed)} of {count(seen.total, 'check')} of the repository failed: {names}.",
    )


async def _told(ci: ContinuousIntegration, check_id: int) -> dict[str, JsonValue]:
    """Read what a failed check says of itself; what may not be read is left out."""
    try:
        annotations = await ci.annotations(check_id)
    except (Gone, NotAllowed):
        annotations = []
    log = await ci.log_tail(check_id)
    lines = (f"{one.path}:{one.start_line}: {one.message or one.title or ''}" for one in annotations[:FAILED_MAX])
    text = (log or b"").decode("utf-8", "replace")
    return {
        "message": visible("\n".join(lines))[:MESSAGE_CHARACTERS_MAX],
        "log": visible(text)[-LOG_CHARACTERS_MAX:],
    }


def _texts(told: JsonValue, field: str) -> dict[int, str]:
    rows: Sequence[JsonValue] = told if isinstance(told, list) else ()
    found: Iterable[tuple[int, JsonValue]] = (
        (at, row.get(field)) for at, row in enumerate(rows) if isinstance(row, dict)
    )
    return {at: text for at, text in found if isinstance(text, str) and text}


def _name(text: str) -> str:
    return visible(text, lines=False)[:120]


def _not_asked(source: str) -> TestReport:
    why = "the configuration says so" if source == "none" else "no sandbox is offered here"
    return TestReport(
        outcome=TestOutcome.NOT_ASKED,
        detail=f"The tests were not looked at: {why}.",
        skipped=(Skipped(what="tests", why=why),),
    )


def _none_there() -> TestReport:
    why = "no check of the repository's own stands on this commit"
    return TestReport(
        outcome=TestOutcome.NOT_ASKED,
        detail=f"{why[0].upper()}{why[1:]}.",
        skipped=(Skipped(what="tests", why=why),),
    )


def _unfinished(seen: Seen, testing: Testing) -> TestReport:
    names = listed(_name(name) for name in seen.pending[:TOLD_MAX])
    why = f"{names} did not finish within {count(testing.wait_minutes_max, 'minute')}"
    return TestReport(
        outcome=TestOutcome.FAILED if seen.failed else TestOutcome.TIMED_OUT,
        failed=tuple(FailedTest(name=_name(name)) for name in seen.failed[:FAILED_MAX]),
        detail=f"{len(seen.pending)} of {count(seen.total, 'check')} did not finish: {names}.",
        skipped=(Skipped(what="tests", why=why, gap=True),),
    )
