"""Forecast: how a change is cut for the model that will read it, and what that will cost, before the first question.

Promises groups that fit the model's window, an estimate in the journal and before the reader's eyes, and the same of
both after a crash.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.engine.stage import StageContext
from pipeline.review.depth import Depth, DepthLimits, limits_of
from pipeline.review.diff import FileDiff
from pipeline.review.estimate import Estimate, announced, estimate
from pipeline.review.excerpts import BYTES_PER_TOKEN, FileExcerpt, excerpt_of
from pipeline.review.grouping import group_files
from pipeline.review.importance import choose_for_model
from pipeline.review.kept_readings import cut_into_pieces
from pipeline.review.model_findings import AnalyzeAnswer
from pipeline.review.prompt import SYSTEM
from pipeline.review.structured import strict_schema
from pipeline.services.prospects import Prospects
from pipeline.stages.analyze.parameters import Params

TOOLS_BYTES: Final = 2_800
"""What the description of the tools takes, by and large."""

DEPTH_BYTES_PER_TOKEN: Final = 4
"""By this rule the limits of a depth are measured; models need a token for 3 to 4."""

SELDOM_FULL: Final = 0.8
"""Share of the room in all groups that is given to files: groups do not fill up, and lines get numbers."""


def group_tokens_max(prospects: Prospects, limits: DepthLimits) -> int:
    """Say what of a change one question may hold, in the packer's tokens."""
    return prospects.packing_tokens_max(
        limits.group_tokens_max, besides_bytes=_besides_bytes(limits), bytes_per_token=BYTES_PER_TOKEN
    )


def change_tokens_max(prospects: Prospects, limits: DepthLimits) -> float:
    """Say what of a change all questions together may hold, in the packer's tokens."""
    return SELDOM_FULL * group_tokens_max(prospects, limits) * limits.groups_max


def question_tokens(groups: Sequence[Sequence[FileExcerpt]], prospects: Prospects, limits: DepthLimits) -> list[int]:
    """Say how long the first question about each group probably is, as the model counts."""
    besides = _besides_bytes(limits)
    return [prospects.tokens(besides + int(sum(file.tokens for file in group) * BYTES_PER_TOKEN)) for group in groups]


def excerpts_of(files: Iterable[FileDiff]) -> list[FileExcerpt]:
    """Take from changed files what a model reads of them; slow for large ones, so call it in a thread."""
    return [cut_into_pieces(excerpt_of(file)) for file in files]


def foresee(files: Sequence[FileDiff], depth: Depth, prospects: Prospects) -> Estimate:
    """Say what reading these files will cost if nothing of them was read before; asks nothing.

    Slow for large changes, so call it in a thread.
    """
    limits = limits_of(depth)
    room = choose_for_model(files, tokens_max=change_tokens_max(prospects, limits))
    grouping = group_files(
        excerpts_of(room.chosen), tokens_max=group_tokens_max(prospects, limits), groups_max=limits.groups_max
    )
    return _estimate(grouping.groups, depth, prospects)


def counted_tokens(groups: Sequence[Sequence[FileExcerpt]]) -> list[int]:
    """Say how long a turn with tools is for each group, as the limits of a depth count: four bytes to a token.

    No schema is sent beside tools.
    """
    besides = len(SYSTEM.encode()) + TOOLS_BYTES
    lengths = (besides + sum(file.tokens for file in group) * BYTES_PER_TOKEN for group in groups)
    return [-int(-length // DEPTH_BYTES_PER_TOKEN) for length in lengths]


async def foretell(
    ctx: StageContext, params: Params, groups: Sequence[Sequence[FileExcerpt]], prospects: Prospects
) -> Estimate:
    """Put into the journal, and before whoever watches, what will be spent."""
    depth = params.analysis.depth
    made = _estimate(groups, depth, prospects)
    if not groups:
        return made
    await ctx.decide(announced(prospects.model, made))
    ctx.progress(f"{prospects.model} reads {made.told}")
    return made


def _estimate(groups: Sequence[Sequence[FileExcerpt]], depth: Depth, prospects: Prospects) -> Estimate:
    limits = limits_of(depth)
    return estimate(
        question_tokens(groups, prospects, limits),
        depth,
        prospects,
        besides_tokens=prospects.tokens(_besides_bytes(limits) - len(SYSTEM.encode())),
    )


def _besides_bytes(limits: DepthLimits) -> int:
    """Say what a question holds besides the files: instructions, the form of the answer, tools."""
    schema = json.dumps(strict_schema(AnalyzeAnswer), separators=(",", ":"))
    return len(SYSTEM.encode()) + len(schema) + (TOOLS_BYTES if limits.has_tools else 0)
