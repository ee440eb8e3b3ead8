"""Reviewing: the verbs that start and stop reviews."""

from collections.abc import Sequence
from typing import Final, Literal

from pipeline.engine.lifecycle import RunState
from pipeline.review.pull import replies
from pipeline.review.pull.replies import Reply
from pipeline.services.github.models import Pull
from pipeline.stages.obey.work import Work

PAUSED_NOTE: Final = "paused"
"""The note that says who paused the reviews of a pull request."""


async def review(work: Work, pull: Pull) -> Reply:
    """Review the newest head."""
    outcome = await work.ask_for_review(pull)
    if outcome == "stale":  # GitHub still shows the head before the one that its webhook told.
        newest = await work.records.newest(work.subject)
        return replies.stale(pull.head.sha, newest.revision if newest else pull.head.sha)
    return (replies.nothing_to_do if outcome == "answered" else replies.accepted)(work.command, pull.head.sha)


async def rerun(work: Work, pull: Pull) -> Reply:
    """Do stages again; without a run to do them in, review."""
    what = work.command.arguments[0] if work.command.arguments else "failed"
    run = await work.run_of(pull)
    if run is None or run.state is RunState.SUPERSEDED:
        await work.ask_for_review(pull)
        return replies.accepted(work.command, pull.head.sha)
    await work.note_asked(pull)
    stages: Sequence[str] | Literal["all", "failed"]
    stages = "all" if what == "all" else "failed" if what == "failed" else [what]
    outcome = await work.engine.rerun(
        run.run_id, stages, fresh=work.command.fresh, why=work.why, delivery=work.delivery
    )
    done = outcome == "reopened"
    return (replies.accepted if done else replies.nothing_to_do)(work.command, pull.head.sha)


async def cancel(work: Work, pull: Pull) -> Reply:
    """Stop what is under way."""
    run = await work.records.newest(work.subject)
    if run is None:
        return replies.nothing_to_do(work.command, pull.head.sha)

    async def stop() -> str:
        return await work.records.cancel(run.run_id, work.why)

    is_cancelled = await work.ctx.step("cancel", stop) == "cancelled"
    return (replies.accepted if is_cancelled else replies.nothing_to_do)(work.command, run.revision)


async def pause(work: Work, pull: Pull) -> Reply:
    """Review nothing until `resume`."""
    was_paused = await _was_paused(work)
    await work.records.note(work.subject, PAUSED_NOTE, work.params.sender.login)
    return (replies.nothing_to_do if was_paused else replies.accepted)(work.command, pull.head.sha)


async def resume(work: Work, pull: Pull) -> Reply:
    """End the pause and review the newest head."""
    if not await _was_paused(work):
        return replies.nothing_to_do(work.command, pull.head.sha)
    await work.records.note(work.subject, PAUSED_NOTE, None)
    await work.ask_for_review(pull)
    return replies.accepted(work.command, pull.head.sha)


async def _was_paused(work: Work) -> bool:
    """Look; in a step, so that a later try of this command does not take its own doing for somebody else's."""

    async def look() -> bool:
        return PAUSED_NOTE in await work.records.notes(work.subject)

    return await work.ctx.step("is it paused", look)
