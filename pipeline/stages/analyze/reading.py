"""Reading: the change, read by a model group after group, as its share of the report.

A model that may answer later is asked again by the engine (`RetryLater`) until `MODEL_TRIES_MAX`; then the stage goes
on without it. Groups that were answered are kept, so each try asks only what is still open. What the model has not read
is worth doing again: the report is partial then.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from pipeline.engine.errors import AskPerson, OnceoverError, RetryLater
from pipeline.engine.fingerprint import fingerprint
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.depth import Turns, limits_of, turns_with_tools
from pipeline.review.diff import FileDiff
from pipeline.review.excerpts import FileExcerpt
from pipeline.review.group_review import GroupReview
from pipeline.review.grouping import group_files
from pipeline.review.guidance import Guidance
from pipeline.review.importance import choose_for_model
from pipeline.review.imports import links
from pipeline.review.kept_readings import with_known
from pipeline.review.model_findings import AnalyzeAnswer
from pipeline.review.model_reading import GroupUnread, tell_reading
from pipeline.review.model_remarks import finished
from pipeline.review.names import is_code
from pipeline.review.prompt import PROMPT_VERSION
from pipeline.review.reports import AnalysisReport, Skipped
from pipeline.review.structured import strict_schema
from pipeline.review.visible import visible
from pipeline.services.git import Git
from pipeline.services.prospects import ForeseenModel, look_ahead
from pipeline.services.questions import Model, Questions
from pipeline.stages.analyze.conversation import Talk
from pipeline.stages.analyze.desk import Heads, OpenDocumentation, heads_of, open_desk
from pipeline.stages.analyze.forecast import change_tokens_max, counted_tokens, excerpts_of, foretell, group_tokens_max
from pipeline.stages.analyze.instructions import read_guidance
from pipeline.stages.analyze.memory import Memory, Readings
from pipeline.stages.analyze.parameters import Params
from pipeline.stages.analyze.reviewer import Reviewer

MODEL_TRIES_MAX: Final = 3
"""Attempts of the stage in which a model that may answer later is waited for; fewer than the engine would grant."""

RETRY_AFTER_SECONDS_MAX: Final = 300.0
"""A model that asks for a longer pause is gone on without: the engine would give the whole stage up."""

GROUPS_AT_ONCE_MAX: Final = 3
"""Model calls at the same time: small servers answer few, and a wall that all would hit is found before all have."""

LAST_FAILURES_MAX: Final = 3
"""In the last try, failed calls after which the others are not made: time-outs of twenty groups would take an hour."""

LINKED_FILES_MAX: Final = 1_000
"""Files whose imports are looked at to put together what belongs together."""

NO_MODEL: Final = Skipped(
    what="model", why="no model is configured; set OPENAI_BASE_URL/OPENAI_API_KEY and ONCEOVER_LLM_MODEL"
)


async def read_with_model(  # noqa: PLR0913 - what the run asks for, and what the stage was made with.
    ctx: StageContext,
    params: Params,
    files: Sequence[FileDiff],
    git: Git,
    *,
    model: ForeseenModel | None,
    readings: Readings | None,
    documentation: OpenDocumentation | None = None,
) -> AnalysisReport:
    """Let the model read what it has not read before, group after group; tell what it did not read."""
    name = params.analysis.model
    if name is None:
        return AnalysisReport(skipped=(NO_MODEL,))
    if model is None:
        ctx.partial()  # A worker that has one can read it another time.
        return AnalysisReport(skipped=(Skipped(what="model", why=f"there is no client for {name} here", gap=True),))
    limits = limits_of(params.analysis.depth)
    prospects = await look_ahead(ctx, model, params.analysis.identity)
    room = choose_for_model(files, tokens_max=change_tokens_max(prospects, limits))
    excerpts = await asyncio.to_thread(excerpts_of, room.chosen)
    guidance = await read_guidance(git, params, room.chosen)
    memory = Memory(readings=readings, subject=params.subject, reader=_reader(params, guidance))
    known = await memory.take_over(ctx, excerpts)
    heads = heads_of(git, params.head, files)
    grouping = await asyncio.to_thread(
        group_files,
        known.taken.unread,
        links=await _links(heads, known.taken.unread, group_tokens_max(prospects, limits)),
        tokens_max=group_tokens_max(prospects, limits),
        groups_max=limits.groups_max,
    )
    await foretell(ctx, params, grouping.groups, prospects)
    turns = turns_with_tools(counted_tokens(grouping.groups), limits)
    reviewer = Reviewer(
        talk=_talk(ctx, params, model),
        title=params.title,
        limits=limits,
        prompt_tokens_max=prospects.prompt_tokens_max,
        desk=open_desk(git, params.head, limits.loop, documentation) if limits.has_tools else None,
        guidance=guidance,
        heads=heads,
        is_last_try=_is_last_try(ctx),
    )
    outcomes = await _review_groups(ctx, list(zip(grouping.groups, turns, strict=True)), reviewer, memory)
    without_room = (*grouping.left_out, *(file.shown_path for file in room.left_out))
    told = [_told(*pair) for pair in zip(grouping.groups, outcomes, strict=True)]
    report = with_known(tell_reading(told, without_room=without_room), known.taken, known.walkthroughs)
    return report.model_copy(update={"instructions": _used(guidance, excerpts)})


async def _links(heads: Heads, files: Sequence[FileExcerpt], tokens_max: float) -> Mapping[str, Sequence[str]]:
    """Find out which files belong together, if they do not stand together anyhow."""
    if sum(file.tokens for file in files) <= tokens_max:
        return {}
    texts = await heads([file.path for file in files if is_code(file.path)][:LINKED_FILES_MAX])
    return await asyncio.to_thread(links, texts)


def _reader(params: Params, guidance: Guidance) -> Callable[[FileExcerpt], str]:
    """Name who reads a file, and by which rules."""
    who: list[JsonValue] = [PROMPT_VERSION, params.analysis.identity, params.analysis.depth]
    return lambda file: fingerprint(*who, *guidance.rules_of([file.path]).words)


def _used(guidance: Guidance, files: Iterable[FileExcerpt]) -> tuple[str, ...]:
    """Name the instructions that guided the review of these files, whether now or on an earlier push."""
    return tuple(dict.fromkeys(source for file in files for source in guidance.rules_of([file.path]).texts))


def _told(group: Sequence[FileExcerpt], outcome: GroupReview | OnceoverError) -> GroupReview | GroupUnread:
    if isinstance(outcome, GroupReview):
        return outcome
    return GroupUnread(paths=tuple(file.path for file in group), why=visible(str(outcome), lines=False))


def _is_last_try(ctx: StageContext) -> bool:
    return ctx.attempt >= MODEL_TRIES_MAX


def _talk(ctx: StageContext, params: Params, model: Model) -> Talk:
    """Make what the conversations of this attempt share."""
    questions = Questions(
        model=model,
        schema=strict_schema(AnalyzeAnswer),
        schema_name="review",
        at_once_max=GROUPS_AT_ONCE_MAX,
        failures_max=LAST_FAILURES_MAX if _is_last_try(ctx) else 1,
    )
    return Talk(ctx=ctx, who=params.analysis.identity, questions=questions, nonce=ctx.run_id)


async def _review_groups(
    ctx: StageContext, groups: Sequence[tuple[Sequence[FileExcerpt], Turns]], reviewer: Reviewer, memory: Memory
) -> list[GroupReview | OnceoverError]:
    """Ask about every group; what waiting may heal is raised, to be tried later, as long as there is a try left."""
    questions = reviewer.talk.questions

    async def review(group: Sequence[FileExcerpt], turns: Turns) -> GroupReview | OnceoverError:
        try:
            reviewed = finished(await reviewer.review(group, turns), group)
        except OnceoverError as error:
            if questions.met(error):
                return error
            raise  # The engine's, which knows what to do about it.
        await memory.keep(group, reviewed)
        return reviewed

    if not groups:
        return []
    async with asyncio.TaskGroup() as together:
        tasks = [together.create_task(review(*group)) for group in groups]
    outcomes = [task.result() for task in tasks]
    if any(not isinstance(outcome, GroupReview) or outcome.unusable for outcome in outcomes):
        ctx.partial()
    if questions.walls:
        _raise_if_worth_a_try(questions.walls, is_last_try=reviewer.is_last_try)
        await ctx.decide(f"gone on without the model for some files: {questions.walls[0]}")
    return outcomes


def _raise_if_worth_a_try(walls: Sequence[RetryLater | AskPerson], *, is_last_try: bool) -> None:
    if is_last_try or any(isinstance(wall, AskPerson) for wall in walls):
        return
    for wall in walls:
        if isinstance(wall, RetryLater) and (wall.retry_after_seconds or 0) <= RETRY_AFTER_SECONDS_MAX:
            raise wall
