"""Refute: the second look at what the model found in a group.

Promises one question for all remarks of a group, and none where there are none; that the same remarks are looked at
once, whatever crashes; and that each remark which is taken back stands in the journal with its reason. A second look
that cannot be read takes nothing back, and the report says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pipeline.engine.stage import JsonValue
from pipeline.review.agent_loop import LoopLimits
from pipeline.review.excerpts import FileExcerpt
from pipeline.review.group_review import GroupReview
from pipeline.review.refutation import RefuteAnswer, apply_verdicts, build_refutation, upheld
from pipeline.review.structured import Message, Unusable, ask_structured, spend_of, strict_schema
from pipeline.services.questions import Form
from pipeline.stages.analyze.conversation import Talk, converse
from pipeline.stages.analyze.desk import Desk

FORM: Final = "verdicts"
"""Name of the answer's form in the protocol."""


async def refute(
    talk: Talk, group: Sequence[FileExcerpt], review: GroupReview, *, desk: Desk | None, limits: LoopLimits
) -> GroupReview:
    """Look at the remarks of a group once more, and take back what does not hold.

    Args:
        talk: What conversations share.
        group: The group.
        review: What was found in it.
        desk: The tools, where the depth lets a doubter look things up; None for one plain question.
        limits: How far that may go.

    Raises:
        RetryLater, AskPerson, GiveUp: The model's failure; see `Questions.ask`.
    """
    if not review.findings:
        return review
    prompt = build_refutation(group, review.findings, nonce=talk.nonce)
    form = Form(name=FORM, schema=strict_schema(RefuteAnswer))

    async def call(messages: list[Message]) -> Mapping[str, JsonValue]:
        about = f"{review.paths[0]} once more"
        return await converse(talk, messages, desk=desk, limits=limits, about=about, form=form)

    outcome = await ask_structured(call, prompt.messages, RefuteAnswer)
    spend = review.spend + spend_of(outcome.answers)
    if isinstance(outcome, Unusable):
        return replace(unchecked(review), spend=spend)
    doubted = apply_verdicts(review.findings, outcome.value)
    for one in doubted.refuted:
        await talk.ctx.decide(f"refuted: {one.finding.path}:{one.finding.line} {one.finding.title}: {one.reason}")
    for text in upheld(review.findings, outcome.value):
        await talk.ctx.decide(text)
    return replace(review, findings=doubted.findings, refuted=len(doubted.refuted), spend=spend)


def unchecked(review: GroupReview) -> GroupReview:
    """Tell that nobody looked at the remarks a second time."""
    return replace(review, unchecked=len(review.findings))
