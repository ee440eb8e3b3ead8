"""Glob: names of branches, labels and authors that a repository means.

Promises an answer after one step for each character of the text, whatever glob and text say: no regular expression is
made of what a repository wrote, and nothing is tried twice (security case 31). `*` is any text without `/`, `**` any
text, `?` one character but `/`; all else, brackets too, is itself, so that `dependabot[bot]` means that bot.

The states of the matcher are the bits of one number (Baeza-Yates and Gonnet, "A New Approach to Text Searching", 1992):
bit n is set while the first n parts of the glob can mean the text so far.
"""

from collections.abc import Iterable
from typing import Final

GLOB_CHARACTERS_MAX: Final = 250
"""As long as a branch may be on most file systems."""

TEXT_CHARACTERS_MAX: Final = 1_000
"""No glob means a longer text."""

STAR: Final = "*"
DEEP: Final = "**"
ONE: Final = "?"


def first_match(globs: Iterable[str], text: str, *, fold: bool = False) -> str | None:
    """Return the first glob that means the text; None if none does.

    Args:
        globs: As the configuration has them.
        text: A branch, a label, a login.
        fold: Whether capitals do not count, as GitHub has it of labels and logins.
    """
    told = text.casefold() if fold else text
    return next((glob for glob in globs if is_match(glob.casefold() if fold else glob, told)), None)


def is_match(glob: str, text: str) -> bool:
    """Whether the glob means the whole text."""
    if len(text) > TEXT_CHARACTERS_MAX:
        return False
    parts = _split(glob)
    bits = _bits(parts)
    deep, star, one = bits.get(DEEP, 0), bits.get(STAR, 0), bits.get(ONE, 0)
    reached = _past_stars(1, deep | star)
    for character in text:
        is_part = character != "/"
        stays = reached & (deep | (star if is_part else 0))
        moves = reached & (bits.get(character, 0) | (one if is_part else 0))
        reached = _past_stars(stays | moves << 1, deep | star)
    return bool(reached >> len(parts))


def _split(glob: str) -> tuple[str, ...]:
    """Split into characters, `*` and `**`; more stars than two mean the same as two."""
    parts: list[str] = []
    for character in glob:
        if character == STAR and parts and parts[-1] in {STAR, DEEP}:
            parts[-1] = DEEP
        else:
            parts.append(character)
    return tuple(parts)


def _bits(parts: tuple[str, ...]) -> dict[str, int]:
    """Set, for each part, the bits of the places where it stands."""
    bits: dict[str, int] = {}
    for at, part in enumerate(parts):
        bits[part] = bits.get(part, 0) | 1 << at
    return bits


def _past_stars(reached: int, stars: int) -> int:
    """Add what is reached without a character; once is enough, since two stars never follow each other."""
    return reached | (reached & stars) << 1
