"""Stage: who may ask for what, and how it is answered."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.pull import replies
from pipeline.review.pull.command import FOR_EVERYBODY
from pipeline.review.pull.marker import ANSWER, Marker, read_marker
from pipeline.review.pull.replies import Reply, answer_body
from pipeline.services.github.errors import Gone
from pipeline.services.github.models import Pull
from pipeline.services.projection.sticky import Sticky
from pipeline.stages.obey import findings, reviewing, telling
from pipeline.stages.obey.work import Params, Servant, Work

ALOUD: Final = frozenset({"help", "status", "config", "explain", "dismiss"})
"""Verbs that are answered in words; of the others the check run shows what they did."""

OF_CLOSED: Final = frozenset({"status", "config", "explain"})
"""Verbs that are answered for a closed pull request."""

ACTS: Final[Mapping[str, Callable[[Work, Pull], Awaitable[Reply]]]] = {
    "review": reviewing.review,
    "rerun": reviewing.rerun,
    "cancel": reviewing.cancel,
    "pause": reviewing.pause,
    "resume": reviewing.resume,
    "status": telling.status,
    "config": telling.config,
    "explain": findings.explain,
    "dismiss": findings.dismiss,
}
"""All verbs but `help`, which looks at nothing."""


def make_obey(servant: Servant) -> StageFunction:
    """Make the stage."""

    async def obey(ctx: StageContext) -> JsonValue:
        work = Work(ctx=ctx, params=Params.model_validate(dict(ctx.params)), servant=servant)
        reply = await _answer(work)
        await _tell(work, reply)
        return {"reaction": reply.reaction, "answered": reply.text is not None}

    return obey


async def _answer(work: Work) -> Reply:
    """Do what is asked, if the sender may."""
    command = work.command
    is_for_everybody = command.verb in FOR_EVERYBODY and command.problem is None
    if not is_for_everybody and not await work.may_write():
        await work.ctx.decide(f"refused: {work.params.sender.login} may not write to this repository")
        return replies.refused()
    if command.problem is not None:
        return replies.not_understood(command)
    if command.verb == "help":
        return replies.helped()
    pull = await work.pull()
    if pull.state != "open" and command.verb not in OF_CLOSED:
        return replies.cannot_now("the pull request is closed.")
    return await ACTS[command.verb](work, pull)


async def _tell(work: Work, reply: Reply) -> None:
    """React to what was written, and answer in words where words help."""
    await _react(work, reply)
    is_aloud = work.command.verb in ALOUD or reply.reaction == "confused"
    source = f"{ANSWER}-{work.params.answer_to.kind.replace('_', '-')}-{work.params.answer_to.id}"
    pull = work.params.pull
    marker = Marker(kind=source, host=pull.host, repository_id=pull.repository_id, number=pull.number)
    body = answer_body(marker, reply) if is_aloud else None
    if body is None:
        return
    sticky = Sticky(
        effects=work.servant.effects(work.ctx.lease_mark),
        comments=work.comments,
        number=pull.number,
        author=work.servant.author,
        is_ours=lambda text: text is not None and read_marker(text) == marker,
        name=source,
    )
    await sticky.show(body)


async def _react(work: Work, reply: Reply) -> None:
    where, number = work.params.answer_to, work.params.pull.number
    try:
        if where.kind == "issue_comment":
            await work.comments.react(number, where.id, reply.reaction)
        elif where.kind == "review_comment":
            await work.comments.react_inline(number, where.id, reply.reaction)
    except Gone:
        await work.ctx.decide("no reaction: the comment was deleted meanwhile, or the conversation is locked")
