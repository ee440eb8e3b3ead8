"""Prospects: what is known of a model before it is asked: how much it reads at once, and what that costs.

Promises that a run looks once and keeps what it saw: what is packed by it stays packed so after a crash, although the
estimate of its tokens learns with every bill meanwhile. Does not promise anything of a fallback model: one that reads
less than the first choice is passed over by the client.
"""

from typing import Annotated, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

from pipeline.engine.stage import JsonValue, StageContext
from pipeline.services.llm_catalogue import ModelFacts
from pipeline.services.llm_estimate import BYTES_PER_TOKEN_MAX, BYTES_PER_TOKEN_MIN
from pipeline.services.questions import Model

PACKING_STEP_TOKENS: Final = 500
"""Room is given out in steps: an estimate that learns a little must not pack a known change anew."""


class Prospects(BaseModel):
    """What can be said of the first choice among the models."""

    model_config = ConfigDict(frozen=True)

    model: str
    context_tokens: int
    """Its window."""
    is_window_told: bool
    """By the server, the operator or our table; false: it is assumed, and small."""
    prompt_tokens_max: Annotated[int, Field(ge=0)]
    """Of one prompt, as the model counts; answer and repair have their room besides."""
    prompt_bytes_max: Annotated[int, Field(ge=0)]
    """UTF-8 bytes that hardly exceed that."""
    bytes_per_token: Annotated[float, Field(ge=BYTES_PER_TOKEN_MIN, le=BYTES_PER_TOKEN_MAX)]
    """By its bills so far."""
    facts: ModelFacts
    """Its price, if one is known."""

    def tokens(self, text_bytes: int) -> int:
        """Say how many tokens so many UTF-8 bytes probably are."""
        return -int(-text_bytes // self.bytes_per_token)

    def packing_tokens_max(self, wanted: int, *, besides_bytes: int, bytes_per_token: float) -> int:
        """Say what one question may hold, in the tokens of a packer that counts by a fixed rule.

        Args:
            wanted: What it would take if there is room.
            besides_bytes: What every question holds besides: instructions, schema, tools.
            bytes_per_token: The packer's rule.

        Returns:
            At most `wanted` and at least one step: a window in which nothing fits is for the client to tell.
        """
        room = int((self.prompt_bytes_max - besides_bytes) / bytes_per_token)
        return min(wanted, max(room // PACKING_STEP_TOKENS, 1) * PACKING_STEP_TOKENS)

    def cost_nanodollars(self, *, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> int | None:
        """Say what one call costs; None if that is not known."""
        return self.facts.cost_nanodollars(
            prompt_tokens=prompt_tokens, cached_tokens=cached_tokens, completion_tokens=completion_tokens
        )


class Foreseen(Protocol):
    """A model that can say what it offers; asks nothing that costs."""

    async def prospects(self) -> Prospects:
        """Say what is known of the first choice."""


class ForeseenModel(Model, Foreseen, Protocol):
    """A model that answers, and says beforehand what it offers."""


async def look_ahead(ctx: StageContext, model: Foreseen, who: JsonValue) -> Prospects:
    """Look once in a run; every later try and every other worker sees the same.

    Args:
        ctx: The stage that wants to know.
        model: Who is to be asked.
        who: What tells it from every other, see `ChosenModel.identity`.
    """

    async def look(_who: JsonValue) -> dict[str, JsonValue]:
        told: dict[str, JsonValue] = (await model.prospects()).model_dump(mode="json")
        return told

    return Prospects.model_validate(await ctx.step("look at the model", look, who))
