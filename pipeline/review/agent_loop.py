"""Agent loop: whether a conversation with tools goes on, as a value.

Promises an end: every road leads to `Stop` after at most `turns_max` turns and one more without tools, in which the
model is asked for its answer with what it has. A limit that is reached is met by that last question and not by silence,
so that what was paid for is not thrown away (security case 42). Nothing is spent that does not fit: the next turn
counts with what it will cost at most, before it is asked.
Does not count, ask or wait: whoever calls brings the numbers. After a crash they have to come out the same, so seconds
are the sum of what the kept steps took, not a clock's.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias, assert_never


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLimits:
    """How far a conversation may go."""

    turns_max: int = 8
    """Answers of the model, the last one without tools not counted."""
    tool_calls_max: int = 30
    tokens_max: int = 160_000
    """Of all turns together, prompts and answers; the last question has to fit in as well."""
    prompt_tokens_max: int = 120_000
    """What one prompt may hold; less for a model with a small window."""
    answer_tokens_max: int = 8_000
    """What one answer may cost; kept back for the last question."""
    results_tokens_max: int = 24_000
    """What the tools may add in one turn: calls in a turn by the longest result."""
    seconds_max: float = 600.0
    """Of all turns and calls together; a turn that began goes on to its own limit."""
    repeats_max: int = 3
    """Calls that were made before, after which the model goes round in circles."""
    faults_max: int = 6
    """Calls that were refused, after which the model does not understand its tools."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a conversation took so far."""

    turns: int = 0
    tool_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    repeats: int = 0
    faults: int = 0
    next_prompt_tokens: int = 0
    """What the conversation so far costs when it is sent once more."""
    was_asked_for_answer: bool = False
    """The last question was put."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantsTools:
    """The model asked for calls, and they were answered."""

    calls: int
    """How many; those that were refused too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The model gave its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidNothing:
    """Neither a call nor an answer that could be used."""


LastTurn: TypeAlias = WantsTools | Answered | SaidNothing | None
"""None before the first turn."""


class Reason(StrEnum):
    """Why no further tools are offered."""

    DONE = "done"
    TURNS = "turns"
    TOOL_CALLS = "tool_calls"
    TOKENS = "tokens"
    SECONDS = "seconds"
    REPEATS = "repeats"
    FAULTS = "faults"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgain:
    """Ask, and offer the tools."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskForAnswer:
    """Ask a last time, without tools."""

    why: Reason
    message: str
    """For the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Ask no more."""

    why: Reason
    has_answer: bool
    """False if all there is are the tools' answers."""


Next: TypeAlias = AskAgain | AskForAnswer | Stop

TOLD: Final = {
    Reason.TURNS: "You have used all your turns.",
    Reason.TOOL_CALLS: "You have used all your tool calls.",
    Reason.TOKENS: "There is room for one more answer only.",
    Reason.SECONDS: "The time for looking things up is over.",
    Reason.REPEATS: "You ask for what you were told already.",
    Reason.FAULTS: "Too many of your tool calls could not be made.",
    Reason.SILENCE: "Your last message held neither a tool call nor an answer.",
}
"""The beginning of the last question, by reason."""

LAST_QUESTION: Final = "Give your answer now, with what you know. Leave out what you could not check."


def decide(spent: Spent, last: LastTurn, limits: LoopLimits) -> Next:
    """Say what comes next.

    Args:
        spent: What the conversation took so far, the last turn and its calls included.
        last: What the last turn brought.
        limits: How far it may go.
    """
    match last:
        case Answered():
            return Stop(why=Reason.DONE, has_answer=True)
        case WantsTools() | None:
            why = _exhausted(spent, limits)
        case SaidNothing():
            why = _exhausted(spent, limits) or Reason.SILENCE
        case _:
            assert_never(last)
    if why is None and not spent.was_asked_for_answer:
        return AskAgain()
    return _finish(spent, why or Reason.SILENCE, limits)


def _finish(spent: Spent, why: Reason, limits: LoopLimits) -> Next:
    """Put the last question once, if it can be paid for."""
    if spent.was_asked_for_answer or spent.tokens + _turn_tokens(spent, limits) > limits.tokens_max:
        return Stop(why=why, has_answer=False)
    return AskForAnswer(why=why, message=f"{TOLD[why]} {LAST_QUESTION}")


def _exhausted(spent: Spent, limits: LoopLimits) -> Reason | None:
    """Name the first limit that is reached: first what the model does wrong, then what it has used up."""
    this_turn = _turn_tokens(spent, limits)
    last_question = this_turn + limits.answer_tokens_max + limits.results_tokens_max  # Longer by what this turn brings.
    reached = (
        (Reason.REPEATS, spent.repeats >= limits.repeats_max),
        (Reason.FAULTS, spent.faults >= limits.faults_max),
        (Reason.TURNS, spent.turns >= limits.turns_max),
        (Reason.TOOL_CALLS, spent.tool_calls >= limits.tool_calls_max),
        (Reason.SECONDS, spent.seconds >= limits.seconds_max),
        (Reason.TOKENS, spent.tokens + this_turn + last_question > limits.tokens_max),
        (Reason.TOKENS, last_question - limits.answer_tokens_max > limits.prompt_tokens_max),
    )
    return next((reason for reason, is_reached in reached if is_reached), None)


def _turn_tokens(spent: Spent, limits: LoopLimits) -> int:
    return spent.next_prompt_tokens + limits.answer_tokens_max
