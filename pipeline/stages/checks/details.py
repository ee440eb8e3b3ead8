"""Details: what failed checks say of their failure, and where that meets the change.

Promises that nothing is asked for a commit whose checks passed; that each failed check costs three calls at most and is
read once; that what may not be read is noted, and costs one call in all; and that details which do not come do not hold
up the report.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from pydantic import TypeAdapter

from pipeline.engine.errors import AskPerson, GiveUp, OnceoverError, RetryLater
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.check_report import (
    FAILED_MAX,
    MESSAGE_CHARACTERS_MAX,
    Details,
    Evidence,
    key,
    named_places,
    traced,
)
from pipeline.review.job_log import read_log
from pipeline.review.reports import FailedTest
from pipeline.review.repository_checks import ACTIONS, Check, Required, Seen, base_conclusions
from pipeline.services.github.ci import LOG_BYTES_MAX
from pipeline.services.github.models import Annotation
from pipeline.stages.checks.look import Look, one_line, prose, see_base
from pipeline.stages.checks.parameters import Params

TOLD_MAX: Final = 5
"""Failed checks whose steps, annotations and log are read: three calls each."""

DETAIL_TRIES: Final = 3
"""Tries after which a report goes out without the details that GitHub does not give out."""


CHANGED: Final = TypeAdapter(dict[str, tuple[int, ...]])


class Changes(Protocol):
    """Whoever knows the changed lines of a pull request."""

    async def __call__(self, run_id: str, params: Params, names: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """Give the changed lines of the files that have one of these names, by path."""


async def no_changes(run_id: str, params: Params, names: Sequence[str]) -> Mapping[str, Sequence[int]]:
    """Know of no changed lines. Implements `Changes`."""
    del run_id, params, names
    return {}


async def gather_evidence(ctx: StageContext, look: Look, seen: Seen, required: Required, changes: Changes) -> Evidence:
    """Gather what a report tells besides the conclusions: nothing, if all passed."""
    failed = seen.failed
    details: dict[str, Details] = {}
    for check in failed[:TOLD_MAX]:
        if check.kind == "run":
            may_read_logs = not any(one.logs_are_hidden for one in details.values())
            details[key(check)] = await _details(ctx, look, check, may_read_logs=may_read_logs)
    testing = look.params.testing
    return Evidence(
        seen=seen,
        required=required,
        only_required=testing.required_checks_only,
        base=base_conclusions(await see_base(ctx, look)) if failed else {},
        details=details,
        changed=await _changed(ctx, look, details, changes),
        waited_minutes=testing.wait_minutes_max,
    )


async def _details(ctx: StageContext, look: Look, check: Check, *, may_read_logs: bool) -> Details:
    """Read what a failed check says of itself; after some tries without an answer the report goes without."""

    async def read(check_id: int, annotations: int, is_job: bool) -> JsonValue:  # noqa: FBT001 - a step's input.
        job = is_job and await look.ci.job(check_id)
        log = await look.ci.log_tail(check_id) if job else None
        remarks = await look.ci.annotations(check_id) if annotations else []
        steps = [one.name for one in job.steps if one.conclusion == "failure"] if job else []
        told: JsonValue = _told(steps, remarks, log, logs_are_hidden=is_job and not job).model_dump(mode="json")
        return told

    is_job = check.app == ACTIONS and may_read_logs
    try:
        return Details.model_validate(
            await ctx.step("read a failed check", read, check.id, check.annotations, is_job, observes=True)
        )
    except (RetryLater, AskPerson, GiveUp) as error:
        _raise_if_worth_a_try(ctx, error)
        await ctx.decide(f"without details of check {check.id}, which GitHub did not give out in {ctx.attempt} tries")
        return Details()


def _told(steps: Sequence[str], remarks: Sequence[Annotation], log: bytes | None, *, logs_are_hidden: bool) -> Details:
    """Join steps, annotations and log, all of them written by anybody."""
    failures = [one for one in remarks if one.annotation_level in {"failure", None}] or list(remarks)
    placed = [one for one in failures if not one.path.startswith(".github")]  # Actions' own: "exit code 1".
    told = read_log(log or b"", is_cut=len(log or b"") >= LOG_BYTES_MAX)
    named = [_annotated(one) for one in placed[:FAILED_MAX]]
    words = [f"{one.path}:{one.line}: {one.message}" for one in named] or [
        prose(one.message or one.title or "", MESSAGE_CHARACTERS_MAX) for one in failures[:1]
    ]
    trace = "\n".join([*(one.message or "" for one in placed), *(one.raw_details or "" for one in placed), told.text])
    return Details(
        steps=tuple(one_line(one) for one in steps[:FAILED_MAX]),
        message="\n".join(words)[:MESSAGE_CHARACTERS_MAX],
        failed=(*told.failed, *named)[:FAILED_MAX],
        excerpt=told.excerpt,
        places=traced(trace),
        logs_are_hidden=logs_are_hidden,
    )


def _annotated(one: Annotation) -> FailedTest:
    return FailedTest(
        name=one_line(one.title or one.path),
        message=prose(one.message or one.title or "", MESSAGE_CHARACTERS_MAX),
        path=one_line(one.path),
        line=max(1, one.start_line),
    )


async def _changed(
    ctx: StageContext, look: Look, details: Mapping[str, Details], changes: Changes
) -> Mapping[str, Sequence[int]]:
    """Ask for the changed lines of the files that failures name; without them nothing is tied, and no more."""
    places = [place for one in details.values() for place in named_places(one)]
    names = sorted({place.path.rpartition("/")[2] for place in places})
    if not names:
        return {}

    async def ask(_base: str, _head: str, *names: str) -> dict[str, JsonValue]:
        found = await changes(ctx.run_id, look.params, names)
        return {path: list(lines) for path, lines in found.items()}

    try:
        found = await ctx.step("changed lines of failures", ask, look.params.merge_base, look.head, *names)
    except (RetryLater, AskPerson, GiveUp) as error:
        _raise_if_worth_a_try(ctx, error)
        return {}
    return CHANGED.validate_python(found)


def _raise_if_worth_a_try(ctx: StageContext, error: OnceoverError) -> None:
    """Let the engine try again, a few times; details are not worth more, and no person need be called for them."""
    if isinstance(error, RetryLater) and ctx.attempt < DETAIL_TRIES:
        raise error
