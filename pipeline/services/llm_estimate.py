"""LLM estimate: about how many tokens a text is, learnt from what the servers bill.

Promises a number for any model without a vocabulary to download, a margin that shrinks as bills arrive and grows as
they surprise, and that no single odd bill spoils it. Does not promise to be exact: text of another kind than before
(a minified file, Chinese comments) is denser, which is what `tokens_at_most` is for.
"""

import math
from dataclasses import dataclass
from typing import Final

BYTES_PER_TOKEN_AT_FIRST: Final = 3.0
"""Before anything was billed: tokenizers of today need 3 to 4 UTF-8 bytes for code, so this errs to the safe side."""

BYTES_PER_TOKEN_MIN: Final = 1.0
BYTES_PER_TOKEN_MAX: Final = 8.0
"""Outside of these a bill is not about our text: a server that cuts prompts silently, or one that counts otherwise."""

SAMPLE_BYTES_MIN: Final = 2_000
"""Shorter prompts teach nothing: the chat template around them weighs too much."""

WEIGHT_MIN: Final = 0.1
"""What the newest bill counts at least: some ten calls later, the estimate follows another kind of text."""

MARGIN_MIN: Final = 0.05
MARGIN_AT_FIRST: Final = 0.15
SAMPLES_MIN: Final = 3
"""How many bills it takes until the spread among them is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEstimate:
    """What is known of one model's tokenizer."""

    bytes_per_token: float = BYTES_PER_TOKEN_AT_FIRST
    spread: float = 0.0
    """How far a bill lies from its estimate on average, as a share of it."""
    samples: int = 0

    @property
    def margin(self) -> float:
        """What is added to be on the safe side, as a share."""
        return MARGIN_AT_FIRST if self.samples < SAMPLES_MIN else max(MARGIN_MIN, 2 * self.spread)

    def tokens(self, text_bytes: int) -> int:
        """Say how many tokens so many UTF-8 bytes probably are."""
        return math.ceil(text_bytes / self.bytes_per_token)

    def tokens_at_most(self, text_bytes: int) -> int:
        """Say how many tokens so many UTF-8 bytes hardly exceed."""
        return math.ceil(text_bytes / self.bytes_per_token * (1 + self.margin))

    def bytes_at_most(self, tokens: int) -> int:
        """Say how many UTF-8 bytes hardly exceed so many tokens."""
        return math.floor(max(tokens, 0) * self.bytes_per_token / (1 + self.margin))

    def learn(self, text_bytes: int, billed_tokens: int) -> "TokenEstimate":
        """Take a bill into account; one that cannot be about the text changes nothing."""
        if text_bytes < SAMPLE_BYTES_MIN or billed_tokens <= 0:
            return self
        seen = text_bytes / billed_tokens
        if not BYTES_PER_TOKEN_MIN <= seen <= BYTES_PER_TOKEN_MAX:
            return self
        weight = max(1 / (self.samples + 1), WEIGHT_MIN)
        surprise = abs(self.bytes_per_token / seen - 1) if self.samples else 0.0
        return TokenEstimate(
            bytes_per_token=self.bytes_per_token + weight * (seen - self.bytes_per_token),
            spread=self.spread + weight * (surprise - self.spread),
            samples=self.samples + 1,
        )
