"""Wording: numbers and lists as a person would say them."""

from collections.abc import Iterable, Sequence
from typing import Final

_SECONDS_PER_MINUTE: Final = 60


def count(number: int, noun: str, plural: str = "") -> str:
    """Say how many: `1 file`, `1,200 files`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(words: Iterable[str]) -> str:
    """Join with commas and a final "and"."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def some(words: Sequence[str], words_max: int, *, uncounted: int = 0) -> str:
    """List the first few and count the rest.

    Args:
        words: What is listed.
        words_max: How many are named.
        uncounted: How many more there are that are not among the words.
    """
    more = max(0, len(words) - words_max) + uncounted
    named = ", ".join(words[:words_max])
    return f"{named} and {more:,} more" if more else named


def duration(seconds: float) -> str:
    """Say how long: `0.4 s`, `12 s`, `3 min 5 s`."""
    if seconds < 10:  # noqa: PLR2004 - below ten seconds a tenth is worth telling.
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _SECONDS_PER_MINUTE)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def capitalised(sentence: str) -> str:
    """Begin with a capital letter and leave the rest as it is."""
    return sentence[:1].upper() + sentence[1:]
