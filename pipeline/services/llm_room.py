"""LLM room: what fits into a model's context window.

Promises that a prompt within `prompt_tokens_max` leaves room for the answer, and for the one turn that repairs it: the
prompt again, the bad answer and its faults. Does not promise anything about a window that nobody told us: it is then
taken for small, which costs more questions and loses none.
"""

from dataclasses import dataclass
from typing import Final

from pipeline.services.llm_estimate import TokenEstimate

CONTEXT_TOKENS_ASSUMED: Final = 32_768
"""For a model whose window nobody tells: what the smaller models in use for code have."""

CONTEXT_TOKENS_MIN: Final = 512
CONTEXT_TOKENS_MAX: Final = 20_000_000
"""Outside of these a number is no window."""

ANSWER_SHARE_MAX: Final = 3
"""The answer gets a third of the window at most, or nothing would be left to answer to."""

REPEATED_TOKENS_MAX: Final = 7_000
"""What of a bad answer goes back to be repaired: 20,000 characters (`structured.REPEATED_CHARACTERS_MAX`)."""

OVERHEAD_TOKENS: Final = 300
"""The chat template, and the words of the repair turn around the bad answer."""

COMPLETION_TOKENS_MIN: Final = 256
"""With less room than this an answer is not worth asking for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a prompt for one model may take.

    A packer works with one `Room` from start to end, and whoever repeats its work keeps the room with it: the
    estimate learns, and another packing would be other questions, paid for again.
    """

    model: str
    context_tokens: int
    is_told: bool
    """The window was told by the server, the operator or our table; false: it is assumed."""
    completion_tokens_max: int
    prompt_tokens_max: int
    """As the model counts."""
    prompt_bytes_max: int
    """UTF-8 bytes that hardly exceed that; the estimate's margin is taken off."""

    def tokens_as(self, bytes_per_token: float) -> int:
        """Give the room in the tokens of a packer that counts by a fixed rule."""
        return int(self.prompt_bytes_max / bytes_per_token)


def room_for(model: str, *, context_tokens: int | None, completion_tokens_max: int, estimate: TokenEstimate) -> Room:
    """Share a window out between prompt, answer and repair.

    Args:
        model: Its name.
        context_tokens: The window; None if nobody tells.
        completion_tokens_max: What the model may write if there is room.
        estimate: What is known of its tokenizer.
    """
    window = CONTEXT_TOKENS_ASSUMED if context_tokens is None else context_tokens
    completion = min(completion_tokens_max, window // ANSWER_SHARE_MAX)
    prompt = max(window - completion - min(completion, REPEATED_TOKENS_MAX) - OVERHEAD_TOKENS, 0)
    return Room(
        model=model,
        context_tokens=window,
        is_told=context_tokens is not None,
        completion_tokens_max=completion,
        prompt_tokens_max=prompt,
        prompt_bytes_max=estimate.bytes_at_most(prompt),
    )


def completion_tokens(wanted: int, *, context_tokens: int | None, prompt_tokens: int) -> int | None:
    """Say what the answer to a prompt may take.

    Args:
        wanted: The most it should take.
        context_tokens: The window; None if nobody tells, and then nothing is cut on a guess.
        prompt_tokens: What the prompt takes.

    Returns:
        The limit to send, or None if prompt and answer do not fit.
    """
    if context_tokens is None:
        return wanted
    left = context_tokens - prompt_tokens
    return min(wanted, left) if left >= min(COMPLETION_TOKENS_MIN, wanted) else None


def is_window(tokens: object) -> bool:
    """Whether a number that somebody tells can be a context window."""
    return type(tokens) is int and CONTEXT_TOKENS_MIN <= tokens <= CONTEXT_TOKENS_MAX
