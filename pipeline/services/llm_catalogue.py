"""LLM catalogue: what models cost and how much they read.

Promises that a model which is not in it has an unknown cost and never none, that a price is only used for prompts up
to the length that it is meant for, and that a price of ours is only used for the server that it was read from: a
server at home may call its model as it likes. Does not promise that a price is still the one on the bill: `AS_OF` says
how old ours are, and the operator's own file goes before them.

Money is counted in whole nanodollars (1e-9 US dollars), rounded up per call: integers add up the same in every order
and in Redis, and the cheapest token costs some ten of them.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.engine.errors import AskPerson
from pipeline.services.llm_room import CONTEXT_TOKENS_MAX, CONTEXT_TOKENS_MIN

OPENAI_URL: Final = "https://api.openai.com/v1"
"""Where the key goes if nobody names another server."""

AS_OF: Final = date(2026, 5, 27)
"""When the prices below were last compared with a copy of the vendor's page."""

NANODOLLARS_PER_TOKEN: Final = 1_000
"""At one US dollar for a million tokens."""

USD_PER_MILLION_MAX: Final = 10_000
"""Above this a price is a slip: cents taken for dollars, or a price for one token."""

MODELS_MAX: Final = 1_000
"""Entries in an operator's file."""

FILE_CHARACTERS_MAX: Final = 1_000_000

_DATED: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")
"""How OpenAI names a snapshot of a model, which costs what the model costs."""

Usd = Annotated[Decimal, Field(ge=0, le=USD_PER_MILLION_MAX, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=1)]


class ModelFacts(BaseModel):
    """One entry: what is known of a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Annotated[Usd | None, Field(description="US dollars for a million prompt tokens.")] = None
    cached_prompt: Annotated[Usd | None, Field(description="The same for those read from a cache; else `prompt`.")] = (
        None
    )
    completion: Annotated[Usd | None, Field(description="US dollars for a million tokens written.")] = None
    priced_prompt_tokens_max: Annotated[
        Tokens | None, Field(description="The prices hold for prompts up to this long; beyond, the cost is unknown.")
    ] = None
    context_tokens: Annotated[
        int | None, Field(ge=CONTEXT_TOKENS_MIN, le=CONTEXT_TOKENS_MAX, description="The window, answer included.")
    ] = None
    completion_tokens_max: Annotated[Tokens | None, Field(description="The most that it writes.")] = None
    server: Annotated[str | None, Field(description="Base URL of the only server that this is about.")] = None

    @model_validator(mode="after")
    def _has_both_prices(self) -> Self:
        if (self.prompt is None) != (self.completion is None) or (self.prompt is None and self.cached_prompt):
            raise ValueError("give `prompt` and `completion`, or neither")
        return self

    def cost_nanodollars(self, *, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> int | None:
        """Say what one call cost; None if that is not known.

        Args:
            prompt_tokens: All that was read, cached or not.
            cached_tokens: Those of them that came from a cache.
            completion_tokens: What was written, hidden reasoning included.
        """
        if self.prompt is None or self.completion is None:
            return None
        if self.priced_prompt_tokens_max is not None and prompt_tokens > self.priced_prompt_tokens_max:
            return None
        cached = self.prompt if self.cached_prompt is None else self.cached_prompt
        from_cache = min(cached_tokens, prompt_tokens)
        cost = (prompt_tokens - from_cache) * self.prompt + from_cache * cached + completion_tokens * self.completion
        return int((cost * NANODOLLARS_PER_TOKEN).to_integral_value(ROUND_CEILING))


UNKNOWN: Final = ModelFacts()
"""A model that nobody has told us of."""


class Catalogue(BaseModel):
    """All entries, by the name under which the server knows the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: date | None = None
    """When the prices were right; shown, not judged."""
    models: Annotated[Mapping[str, ModelFacts], Field(max_length=MODELS_MAX)] = Field(default_factory=dict)

    def facts(self, model: str, server: str) -> ModelFacts:
        """Find what is known of a model; a dated snapshot without an entry of its own is what its name says.

        Args:
            model: The name that is sent.
            server: Base URL.
        """
        for name in (model, _DATED.sub("", model)):
            entry = self.models.get(name)
            if entry is not None and entry.server in {None, server}:
                return entry
        return UNKNOWN

    def over(self, other: "Catalogue") -> "Catalogue":
        """Put these entries before those of another catalogue; an entry counts as a whole."""
        return Catalogue(as_of=self.as_of or other.as_of, models={**other.models, **self.models})


def read_catalogue(text: str, *, form: Literal["toml", "json"], name: str) -> Catalogue:
    """Read an operator's file.

    Args:
        text: Its content.
        form: How it is written.
        name: How a message calls it.

    Raises:
        AskPerson: It cannot be read; the message says where and why.
    """
    if len(text) > FILE_CHARACTERS_MAX:
        raise _unreadable(name, f"{len(text):,} characters; the limit is {FILE_CHARACTERS_MAX:,}")
    try:
        # Decimal from the first digit: 0.1 as a float is already another price.
        content = tomllib.loads(text, parse_float=Decimal) if form == "toml" else json.loads(text, parse_float=Decimal)
        return Catalogue.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise _unreadable(name, f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise _unreadable(name, f"no {form.upper()}: {error}") from None


def _unreadable(name: str, why: str) -> AskPerson:
    return AskPerson(
        f"The model catalogue {name} cannot be used: {why}.",
        next_step="docs/models.md shows the form.",
        code="model_catalogue",
    )


def _openai(
    prompt: str, cached: str, completion: str, *, context: int | None = None, priced_to: int | None = None
) -> ModelFacts:
    return ModelFacts(
        prompt=Decimal(prompt),
        cached_prompt=Decimal(cached),
        completion=Decimal(completion),
        priced_prompt_tokens_max=priced_to,
        context_tokens=context,
        server=OPENAI_URL,
    )


DEFAULT: Final = Catalogue(
    as_of=AS_OF,
    models={
        "gpt-5.5": _openai("5.00", "0.50", "30.00", priced_to=272_000),
        "gpt-5.4": _openai("2.50", "0.25", "15.00", priced_to=272_000),
        "gpt-5.4-mini": _openai("0.75", "0.075", "4.50"),
        "gpt-5.4-nano": _openai("0.20", "0.02", "1.25"),
        "gpt-5-mini": _openai("0.25", "0.025", "2.00", context=400_000),
        "gpt-4.1": _openai("2.00", "0.50", "8.00", context=1_047_576),
        "gpt-4o": _openai("2.50", "1.25", "10.00", context=128_000),
        "gpt-4o-mini": _openai("0.15", "0.075", "0.60", context=128_000),
    },
)
"""A few models of OpenAI's own server, at its standard prices; from copies of developers.openai.com/api/docs/pricing
(4 and 27 May 2026) and, where prompts above 272,000 tokens cost more, GitHub's table of the same prices."""
