"""Depth: how much a review may read and ask, in three steps that a person can choose between.

Promises one frozen value for each step, and that what is read besides the first questions (turns with tools, second
opinions, repairs) is bounded by what those questions take: a large change costs in proportion, a small one little.
Does not promise that more depth finds more; `onceover eval` says what it brings with a model.

Tokens are counted as the packer of excerpts does, which errs to the safe side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pipeline.review.agent_loop import LoopLimits


class Depth(StrEnum):
    """How deep a review looks; in ascending order of what it costs."""

    QUICK = "quick"  # One question per group; nothing is looked up, nothing is asked twice.
    STANDARD = "standard"  # Looks up what fits into a third more, and doubts its own findings.
    DEEP = "deep"  # Looks up what it wants to.

    @property
    def rank(self) -> int:
        """0 for the shallowest."""
        return list(Depth).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthLimits:
    """What one depth allows."""

    has_tools: bool
    """Whether the model may look things up."""
    refutes: bool
    """Whether a second question tries to refute what was found."""
    refuter_turns_max: int = 0
    """Turns in which the model may look things up for that one too."""
    loop: LoopLimits = field(default_factory=LoopLimits)
    """How far the conversation about one group may go."""
    group_tokens_max: int
    """Of excerpts, in one question."""
    groups_max: int
    """Questions about one change; what is beyond is named as not read."""
    extra_tokens_min: int = 0
    """What a review may read besides its first questions, however small they are."""
    extra_share: float = 0.0
    """The same, as a share of the first questions."""
    extra_tokens_max: int = 0
    """The same, however large they are."""
    findings_max: int
    """Findings that are told, if the configuration does not want fewer."""
    context_lines: int
    """Unchanged lines shown around a change."""

    def extra_tokens(self, first_tokens: int) -> int:
        """Say what a review may read besides first questions of this length in all."""
        wanted = max(self.extra_tokens_min, int(first_tokens * self.extra_share))
        return min(wanted, self.extra_tokens_max)


_NO_LOOP: Final = LoopLimits(turns_max=0, tool_calls_max=0, results_tokens_max=0)

LIMITS: Final = {
    Depth.QUICK: DepthLimits(
        has_tools=False,
        refutes=False,
        loop=_NO_LOOP,
        group_tokens_max=12_000,
        groups_max=10,
        findings_max=20,
        context_lines=3,
    ),
    # Measured against 4.0k, 13k, 72k and 111k tokens for changes of 20, 500, 3,000 and 6,000 lines: three fifths of
    # what the leading open-source bot reads for them.
    Depth.STANDARD: DepthLimits(
        has_tools=True,
        refutes=True,
        refuter_turns_max=1,
        loop=LoopLimits(
            turns_max=4,
            tool_calls_max=10,
            tokens_max=48_000,
            answer_tokens_max=4_000,
            results_tokens_max=4_000,
            seconds_max=300.0,
        ),
        group_tokens_max=16_000,
        groups_max=20,
        extra_tokens_min=2_400,
        extra_share=0.35,
        extra_tokens_max=30_000,
        findings_max=50,
        context_lines=3,
    ),
    Depth.DEEP: DepthLimits(
        has_tools=True,
        refutes=True,
        refuter_turns_max=3,
        loop=LoopLimits(),
        group_tokens_max=12_000,
        groups_max=40,
        extra_tokens_min=60_000,
        extra_share=6.0,
        extra_tokens_max=2_000_000,
        findings_max=100,
        context_lines=10,
    ),
}
"""What each depth allows."""


def limits_of(depth: Depth) -> DepthLimits:
    """Say what a depth allows."""
    return LIMITS[depth]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """How often the model may look things up about one group."""

    reading: int = 0
    """Before it says what it found; 0 means that its first question is its only one."""
    doubting: int = 0
    """Before it says what of that holds."""


def turns_with_tools(first_tokens: Sequence[int], limits: DepthLimits) -> tuple[Turns, ...]:
    """Share out the turns in which the model may look things up, where they pay most for their price.

    A turn sends the whole conversation again, so it is cheap where the first question is short. Rounds are given out
    one by one, each to the groups in the order of their price, until nothing that is left would pay for another.
    What is left then goes to the second looks, which are short: of a large group the model may look up what decides
    about a remark even where it could not look things up while it read.

    Args:
        first_tokens: Length of the first question about each group.
        limits: Of the review's depth.

    Returns:
        For each group, how many turns.
    """
    turns, doubts = [0] * len(first_tokens), [0] * len(first_tokens)
    if not limits.has_tools:
        return tuple(Turns() for _ in first_tokens)
    left = limits.extra_tokens(sum(first_tokens))
    by_price = sorted(range(len(first_tokens)), key=lambda place: (first_tokens[place], place))
    for turn in range(limits.loop.turns_max):
        for place in by_price:
            price = first_tokens[place] + (turn + 1) * RESULTS_TOKENS_USUAL
            if price > left:
                break
            turns[place] += 1
            left -= price
    for place in range(len(first_tokens)):
        doubts[place] = min(limits.refuter_turns_max, left // DOUBTING_TOKENS_USUAL) if limits.refutes else 0
        left -= doubts[place] * DOUBTING_TOKENS_USUAL
    return tuple(Turns(reading=reading, doubting=doubting) for reading, doubting in zip(turns, doubts, strict=True))


DOUBTING_TOKENS_USUAL: Final = 2_000
"""What a turn adds to a second look, by and large: the tools' descriptions, what they answered, and all of it again."""

RESULTS_TOKENS_USUAL: Final = 500
"""What a turn adds to a conversation, by and large: the model's calls and what the tools answered."""
