"""Forecast: how a change is cut for the model that will read it, and what that will cost, before the first question.

Promises groups that fit the model's window, an estimate in the journal and before the reader's eyes, and the same of
both after a crash.
"""

import json
from collections.abc import Sequence
from typing import Final

from pipeline.engine.stage import StageContext
from pipeline.review.depth import DepthLimits, limits_of
from pipeline.review.estimate import Estimate, estimate
from pipeline.review.excerpts import BYTES_PER_TOKEN, FileExcerpt
from pipeline.review.model_findings import AnalyzeAnswer
from pipeline.review.prompt import SYSTEM
from pipeline.review.structured import strict_schema
from pipeline.services.prospects import Prospects
from pipeline.stages.analyze.parameters import Params

TOOLS_BYTES: Final = 6_000
"""What the description of the tools takes, by and large."""

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


async def foretell(
    ctx: StageContext, params: Params, groups: Sequence[Sequence[FileExcerpt]], prospects: Prospects
) -> Estimate:
    """Put into the journal, and before whoever watches, what will be spent."""
    depth = params.analysis.depth
    if not groups:
        return estimate((), depth)
    made = estimate(question_tokens(groups, prospects, limits_of(depth)), depth, prospects)
    await ctx.decide(f"{prospects.model} will be asked: {made.told}")
    ctx.progress(f"{prospects.model} reads {made.told}")
    return made


def _besides_bytes(limits: DepthLimits) -> int:
    schema = json.dumps(strict_schema(AnalyzeAnswer), separators=(",", ":"))
    return len(SYSTEM.encode()) + len(schema) + (TOOLS_BYTES if limits.has_tools else 0)
