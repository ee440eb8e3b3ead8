"""Estimate: what a review will cost at least and at most, before the first question is put.

Promises a range from the sizes of what will be asked, by plain arithmetic: the same groups, depth and price give the
same range. The lower end is one question per group and short answers; the upper end is all that the depth allows and
long answers. Does not promise that a model which thinks aloud for pages stays below it; what a call may take at most is
a limit of the client, and what a review may spend at most is a budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Protocol

from pydantic import Field

from pipeline.review.depth import Depth, limits_of
from pipeline.review.reports import NANODOLLARS_PER_DOLLAR, Report

ANSWER_TOKENS_LOW: Final = 10
"""A sentence, and nothing found."""

ANSWER_TOKENS_HIGH: Final = 2_000
"""Fifteen findings, most with a suggestion."""

WORDS_PROMPT_TOKENS_LOW: Final = 250
WORDS_PROMPT_TOKENS_HIGH: Final = 800
"""The one question of the stage summarize, by the size of the review."""

WORDS_PROMPT_SHARE: Final = 0.25
"""Of the first questions: a small change has a short summary."""

WORDS_ANSWER_TOKENS: Final = (10, 300)

LESS_SHARE: Final = 0.3
MORE_SHARE: Final = 0.15
"""How far the guess of tokens itself may be off: it errs to the safe side until bills have taught it."""


ANNOUNCED: Final = "will be asked:"
"""Stands between the name of a model and what it will cost."""


class Price(Protocol):
    """What a model costs."""

    def cost_nanodollars(self, *, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> int | None:
        """Say what one call costs; None if that is not known."""


class Estimate(Report):
    """What a review will probably cost."""

    depth: Depth
    questions: Annotated[int, Field(ge=0, description="Groups of files that are asked about.")]
    tokens_low: Annotated[int, Field(ge=0, description="Read and written.")]
    tokens_high: Annotated[int, Field(ge=0)]
    nanodollars_low: Annotated[int | None, Field(ge=0, description="None if the model's price is not known.")] = None
    nanodollars_high: Annotated[int | None, Field(ge=0)] = None

    @property
    def told(self) -> str:
        """Say it in words, for a reader."""
        if not self.questions:
            return f"nothing to ask a model about, {self.depth} depth"
        money = cost_told(self)
        parts = (f"about {tokens_told(self)} tokens", *([f"{money} USD"] if money else ()), f"{self.depth} depth")
        return ", ".join(parts)  # Not `$`: GitHub reads that as mathematics.


def estimate(
    group_prompt_tokens: Sequence[int],
    depth: Depth,
    price: Price | None = None,
    *,
    besides_tokens: int = 0,
) -> Estimate:
    """Say what a review will cost.

    Args:
        group_prompt_tokens: Length of the first question about each group that has to be asked; groups whose answer
            is kept from before cost nothing and are left out.
        depth: How far it goes.
        price: Of the model that is asked first; None if it is not known.
        besides_tokens: Those of them that some servers do not count: the form of the answer, tools that a question may
            not get.
    """
    if not group_prompt_tokens:
        return Estimate(depth=depth, questions=0, tokens_low=0, tokens_high=0)
    low, high = _least(group_prompt_tokens, besides_tokens), _most(group_prompt_tokens, depth)
    return Estimate(
        depth=depth,
        questions=len(group_prompt_tokens),
        tokens_low=low.prompt + low.completion,
        tokens_high=high.prompt + high.completion,
        nanodollars_low=_cost(price, low),
        nanodollars_high=_cost(price, high),
    )


def announced(model: str, made: Estimate) -> str:
    """Say it as the journal does; `ANNOUNCED` finds it there again."""
    return f"{model} {ANNOUNCED} {made.told}"


def tokens_told(made: Estimate) -> str:
    """Say how many tokens, as `9.8k to 33k`; empty if nothing is asked."""
    return f"{_thousands(made.tokens_low)} to {_thousands(made.tokens_high)}" if made.questions else ""


def cost_told(made: Estimate) -> str:
    """Say how many US dollars, as `0.010 to 0.041`; empty if the price is not known or nothing is asked."""
    if made.nanodollars_low is None or made.nanodollars_high is None:
        return ""
    return f"{_dollars(made.nanodollars_low)} to {_dollars(made.nanodollars_high)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calls:
    """Calls of about one length."""

    number: int
    prompt: int
    completion: int


def _least(groups: Sequence[int], besides_tokens: int) -> _Calls:
    # Of a single group the account stands as it is; nobody is asked to make one of several.
    words, answer = (WORDS_PROMPT_TOKENS_LOW, WORDS_ANSWER_TOKENS[0]) if len(groups) > 1 else (0, 0)
    return _Calls(
        number=len(groups) + (len(groups) > 1),
        prompt=int((sum(groups) - besides_tokens * len(groups)) * (1 - LESS_SHARE)) + words,
        completion=len(groups) * ANSWER_TOKENS_LOW + answer,
    )


def _most(groups: Sequence[int], depth: Depth) -> _Calls:
    first, limits = sum(groups), limits_of(depth)
    extra = limits.extra_tokens(first)
    # Each further turn reads at least a first question, so there are at most so many of them.
    further = min(-(-extra // min(groups)), len(groups) * (limits.loop.turns_max + limits.refutes))
    words = min(WORDS_PROMPT_TOKENS_HIGH, 2 * WORDS_PROMPT_TOKENS_LOW + int(first * WORDS_PROMPT_SHARE))
    return _Calls(
        number=len(groups) + further + 1,
        prompt=int((first + extra + words) * (1 + MORE_SHARE)),
        completion=(len(groups) + further) * ANSWER_TOKENS_HIGH + WORDS_ANSWER_TOKENS[1],
    )


def _cost(price: Price | None, calls: _Calls) -> int | None:
    """Price calls of average length one by one: a price may hold for prompts up to a length only."""
    if price is None:
        return None
    prompt, completion = -(-calls.prompt // calls.number), -(-calls.completion // calls.number)
    one = price.cost_nanodollars(prompt_tokens=prompt, cached_tokens=0, completion_tokens=completion)
    return None if one is None else one * calls.number


def _thousands(tokens: int) -> str:
    """Say `0.9k`, `12k`, `1,200k`."""
    thousands = tokens / 1_000
    return f"{thousands:.1f}k" if thousands < 10 else f"{thousands:,.0f}k"  # noqa: PLR2004 - two digits are enough.


def _dollars(nanodollars: int) -> str:
    """Say two digits that count: cents of a dollar, tenths of a cent of a cent."""
    usd = nanodollars / NANODOLLARS_PER_DOLLAR
    digits = 2 if usd >= 0.1 else 3 if usd >= 0.01 else 4  # noqa: PLR2004 - see above.
    return f"{usd:.{digits}f}"
