"""Look: what GitHub shows of the checks of a commit, as values.

Promises few calls: two for each look, a third when nothing is left to wait for; all of them conditional. Our own check
run, and those of our other pull requests with the same head, are known by our App's id, or by the form of their
external id: anybody's job may bear our name.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.check_report import MESSAGE_CHARACTERS_MAX
from pipeline.review.pull.check_page import CHECK_NAME
from pipeline.review.redact import redact
from pipeline.review.repository_checks import ACTIONS, PENDING, Check, Seen, newest
from pipeline.review.visible import visible
from pipeline.services.github.ci import ContinuousIntegration
from pipeline.services.github.models import CheckRun, Status
from pipeline.stages.checks.parameters import Params

NAME_CHARACTERS_MAX: Final = 300
"""Of a name that is kept; GitHub itself allows 255 in most places."""

OWN_EXTERNAL_ID: Final = re.compile(r"r_[0-9A-Za-z_-]{1,80}/[1-9][0-9]{0,17}")
"""The form of our check runs' external ids, the run's id and the pull request's number, for a process that was not
told our App's id."""

TEXT_CHARACTERS_MAX: Final = 2_000
"""Of a text of a check, from which its first words are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a run looks with, and for whom."""

    ci: ContinuousIntegration
    params: Params
    app_id: int | None

    @property
    def head(self) -> str:
        """The commit."""
        return self.params.pull.head


async def see(look: Look, now: Callable[[], float]) -> Seen:
    """Look once: two calls, and a third when all that is there is done."""
    checks, are_hidden = await checks_of(look, look.head, attempts=True)
    is_to_come = not any(one.is_pending for one in checks) and await _workflow_runs_on(look, checks)
    return Seen(checks=checks, workflow_runs_on=is_to_come, statuses_are_hidden=are_hidden, at=now())


async def see_base(ctx: StageContext, look: Look) -> tuple[Check, ...]:
    """Look once at what the checks said of the merge base; two calls."""

    async def look_once(sha: str) -> list[JsonValue]:
        return [one.model_dump(mode="json") for one in (await checks_of(look, sha, attempts=False))[0]]

    found = await ctx.step("look at the base's checks", look_once, look.params.merge_base)
    return tuple(Check.model_validate(one) for one in found)


async def checks_of(look: Look, sha: str, *, attempts: bool) -> tuple[tuple[Check, ...], bool]:
    """Read the checks of others on a commit, and whether statuses may not be read."""
    runs = [one for one in await look.ci.runs(sha, attempts=attempts) if not _is_own(one, look.app_id)]
    statuses = await look.ci.statuses(sha)
    attempted = newest(_of_run(one) for one in runs)
    return (*attempted, *(_of_status(one) for one in statuses or ())), statuses is None


async def _workflow_runs_on(look: Look, checks: Sequence[Check]) -> bool:
    """Whether GitHub Actions is at work although no job is: the next one waits for those before, or for a runner."""
    if checks and not any(one.app == ACTIONS for one in checks):
        return False
    suites = await look.ci.suites(look.head)
    return any(one.status != "completed" for one in suites if one.app is not None and one.app.slug == ACTIONS)


def _is_own(run: CheckRun, app_id: int | None) -> bool:
    """Whether a check run is ours, for this pull request or for another one with the same head."""
    if app_id is not None:
        return run.app is not None and run.app.id == app_id
    return run.name == CHECK_NAME and OWN_EXTERNAL_ID.fullmatch(run.external_id or "") is not None


def _of_run(run: CheckRun) -> Check:
    app = run.app
    return Check(
        name=one_line(run.name),
        id=run.id,
        suite=run.check_suite.id if run.check_suite else 0,
        app=one_line(app.slug or "") if app else "",
        app_id=app.id if app else 0,
        conclusion=(run.conclusion or "unknown") if run.status == "completed" else PENDING,
        title=prose(run.output.title or "", MESSAGE_CHARACTERS_MAX),
        annotations=run.output.annotations_count,
        url=run.html_url or "",
    )


def _of_status(status: Status) -> Check:
    return Check(
        name=one_line(status.context),
        kind="status",
        conclusion=PENDING if status.state == "pending" else status.state,
        title=prose(status.description or "", MESSAGE_CHARACTERS_MAX),
        url=status.target_url or "",
    )


def one_line(text: str) -> str:
    """Make a name of a stranger's safe to keep."""
    return redact(visible(text, lines=False)).text[:NAME_CHARACTERS_MAX]


def prose(text: str, characters_max: int) -> str:
    """Make a text of a stranger's safe to keep."""
    return redact(visible(text[:TEXT_CHARACTERS_MAX])).text.strip()[:characters_max]
