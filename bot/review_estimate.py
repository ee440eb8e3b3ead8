"""Review estimate: what a review of a branch would cost at each depth, without asking a model anything.

Promises no call that costs: git is read, and a server of one's own is asked for its list of models to learn the window.
Tells the whole change, as if nothing of it had been read before; what an earlier review read is not asked again.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from rich.table import Table

from bot.assembly import Resources
from bot.local_review import ReviewOptions, Target, review_parameters
from pipeline.review.depth import Depth
from pipeline.review.estimate import Estimate, cost_told, tokens_told
from pipeline.services.git import open_git
from pipeline.services.llm_catalogue import UNKNOWN
from pipeline.services.llm_estimate import TokenEstimate
from pipeline.services.llm_room import room_for
from pipeline.services.prospects import Prospects
from pipeline.stages.analyze.change import read_change
from pipeline.stages.analyze.forecast import foresee
from pipeline.stages.analyze.parameters import Params

NO_MODEL: Final = (
    "No model is named, so these are tokens of a usual one; set ONCEOVER_LLM_MODEL to have its price told."
)
NO_PRICE: Final = "No price of {model} is known; docs/models.md shows how to tell it (ONCEOVER_LLM_MODELS_FILE)."
WHOLE: Final = "For the whole change: what an earlier review has read of it is not asked again."

UNNAMED_COMPLETION_TOKENS_MAX: Final = 16_000
"""What a model may write of which nothing is known."""


async def estimate_review(
    options: ReviewOptions, target: Target, resources: Resources, depths: Sequence[Depth]
) -> tuple[Estimate, ...]:
    """Say what a review would cost.

    Args:
        options: What the user asked for.
        target: What is compared.
        resources: The model that would be asked, if there is one.
        depths: How deep.

    Raises:
        AskPerson: The repository cannot be read.
    """
    params = Params.model_validate(review_parameters(options, target, resources))
    change = await read_change(await open_git(params.repository.path), params)
    prospects = await resources.model.prospects() if resources.model else _unnamed()
    return tuple([await asyncio.to_thread(foresee, change.readable, depth, prospects) for depth in depths])


def estimate_table(estimates: Sequence[Estimate]) -> Table:
    """Make a table with a line for each depth."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("DEPTH", "QUESTIONS", "TOKENS", "COST (USD)"):
        table.add_column(name, justify="left" if name == "DEPTH" else "right")
    for one in estimates:
        table.add_row(one.depth, f"{one.questions:,}", tokens_told(one) or "0", cost_told(one) or "unknown")
    return table


def estimate_notes(estimates: Sequence[Estimate], model: str | None) -> tuple[str, ...]:
    """Say what a reader has to know of the table."""
    if model is None:
        return NO_MODEL, WHOLE
    is_priced = all(one.nanodollars_high is not None or not one.questions for one in estimates)
    return (WHOLE,) if is_priced else (NO_PRICE.format(model=model), WHOLE)


def _unnamed() -> Prospects:
    estimate = TokenEstimate()
    room = room_for(
        "a model", context_tokens=None, completion_tokens_max=UNNAMED_COMPLETION_TOKENS_MAX, estimate=estimate
    )
    return Prospects(
        model=room.model,
        context_tokens=room.context_tokens,
        is_window_told=False,
        prompt_tokens_max=room.prompt_tokens_max,
        prompt_bytes_max=room.prompt_bytes_max,
        bytes_per_token=estimate.bytes_per_token,
        facts=UNKNOWN,
    )
