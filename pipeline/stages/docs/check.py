"""Check: the model's view of what the rules found stale, one question for a run.

Promises that whatever the model does, the rules' remarks are not lost: without an answer they stand, and the report
says that they were not checked. The question is a step: paid for once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.engine.errors import OnceoverError
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.reports import DocsFinding, Skipped, Spend
from pipeline.review.stale_check import CANDIDATES_MAX, Answers, judged, question
from pipeline.review.structured import Message, Unusable, ask_structured, spend_of, strict_schema
from pipeline.review.visible import visible
from pipeline.services.git_objects import Content
from pipeline.services.questions import ChosenModel, Model, Questions
from pipeline.stages.docs.parameters import Head

ASK_SECONDS_MAX: Final = 120.0
"""A hint about documentation is not worth a longer wait."""

DOCUMENT_BYTES_MAX: Final = 1_000_000
"""As much as is read of a document for the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The remarks, what is to be said of the check, and its cost."""

    stale: tuple[DocsFinding, ...]
    skipped: tuple[Skipped, ...] = ()
    spend: Spend = field(default_factory=Spend)


async def check(
    ctx: StageContext,
    head: Head,
    stale: tuple[DocsFinding, ...],
    *,
    who: ChosenModel,
    model: Model | None,
) -> Checked:
    """Let the model judge the remarks, if there are any and one was chosen."""
    if not stale or who.model is None:
        return Checked(stale=stale)
    if model is None:
        ctx.partial()  # A worker that has one can ask it another time.
        return await _unchecked(ctx, stale, f"there is no client for {who.model} here", Spend())
    documents = await _read(head, stale[:CANDIDATES_MAX])
    ctx.progress(f"{who.model} reads what seems stale")
    questions = Questions(
        model=model,
        schema=strict_schema(Answers),
        schema_name="stale",
        at_once_max=1,
        failures_max=1,
        seconds_max=ASK_SECONDS_MAX,
    )

    async def call(_who: JsonValue, messages: list[Message]) -> dict[str, JsonValue]:
        return await questions.ask(messages, f"{ctx.run_id}/docs")

    async def ask(messages: list[Message]) -> Mapping[str, JsonValue]:
        asked: JsonValue = [{**message} for message in messages]
        return await ctx.step("check stale documentation", call, who.identity, asked)

    try:
        outcome = await ask_structured(ask, question(stale, documents, ctx.run_id), Answers)
    except OnceoverError as error:
        if not questions.met(error):
            raise  # The engine's, which knows what to do about it.
        if questions.walls:
            ctx.partial()  # It may heal; what lies in the question itself will not.
        return await _unchecked(ctx, stale, str(error), Spend())
    if isinstance(outcome, Unusable):
        return await _unchecked(ctx, stale, outcome.reason, spend_of(outcome.answers))
    verdict = judged(stale, documents, outcome.value)
    return Checked(stale=verdict.stale, skipped=verdict.skipped, spend=spend_of(outcome.answers))


async def _read(head: Head, stale: Sequence[DocsFinding]) -> Mapping[str, Sequence[str]]:
    """Read the documents of the remarks, by the names that the remarks have; those that cannot be read are left out."""
    shown = {one.path for one in stale}
    paths = {entry.path: name for entry in head.tree.entries if (name := visible(entry.path, lines=False)) in shown}
    contents: Mapping[str, Content] = await head.objects.cat_files(head.commit, paths, bytes_max=DOCUMENT_BYTES_MAX)
    return {
        paths[path]: content.decode("utf-8", "replace").split("\n")
        for path, content in contents.items()
        if isinstance(content, bytes)
    }


async def _unchecked(ctx: StageContext, stale: tuple[DocsFinding, ...], why: str, spend: Spend) -> Checked:
    """Keep the rules' remarks and say why nobody checked them."""
    await ctx.decide(f"What the rules found stale in the documentation stands unchecked: {why}")
    note = Skipped(what="check of stale documentation by the model", why=why.strip().removesuffix("."))
    return Checked(stale=stale, skipped=(note,), spend=spend)
