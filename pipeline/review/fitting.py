"""Fitting: as much of a comment as GitHub takes, the most valuable parts first.

Promises that the text keeps the limit, that each part is whole or absent, and that what was cut is said.
Does not promise a good choice beyond the values that the parts carry.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.review.wording import count

COMMENT_CHARACTERS_MAX: Final = 65_536
"""GitHub's limit for the body of an issue comment; a longer one is refused with 422."""

NOTICE_CHARACTERS_MAX: Final = 600
"""Kept free for the sentence that says what was cut."""

_JOIN: Final = "\n\n"
_FOLD: Final = "<details>\n<summary>{summary}</summary>\n\n{inside}\n\n</details>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page; it is left out when none of its blocks is kept."""

    name: str
    """Parts are told apart by it."""
    heading: str = ""
    """Markdown above the blocks."""
    folded: str = ""
    """Words to click on; empty for a section that is open. Our own words only, since they stand in HTML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Complete Markdown that is kept or cut as a whole."""

    section: Section
    text: str
    value: int
    """What is worth least is cut first."""
    noun: str
    """What one of these is called when it was cut."""


def length(text: str) -> int:
    """Count as the strictest reader of the limit would: UTF-16 units, an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def fit(first: str, blocks: Sequence[Block], last: str, *, characters_max: int = COMMENT_CHARACTERS_MAX) -> str:
    """Put a page together within the limit.

    Args:
        first: Always there, at the top: the marker and the verdict.
        blocks: In reading order; blocks of one section stand together.
        last: Always there, at the end: what the reader can do next.
        characters_max: The limit.
    """
    room = characters_max - length(first) - length(last) - 2 * len(_JOIN) - NOTICE_CHARACTERS_MAX
    kept: set[int] = set()
    opened: set[Section] = set()
    for number, block in sorted(enumerate(blocks), key=lambda numbered: -numbered[1].value):
        overhead = 0 if block.section in opened else length(_laid_out(block.section, [])) + len(_JOIN)
        needed = length(block.text) + len(_JOIN) + overhead
        if needed <= room:
            room -= needed
            kept.add(number)
            opened.add(block.section)
    cut = Counter(block.noun for number, block in enumerate(blocks) if number not in kept)
    sections: dict[Section, list[str]] = {}
    for number in sorted(kept):
        sections.setdefault(blocks[number].section, []).append(blocks[number].text)
    pages = [_laid_out(section, texts) for section, texts in sections.items()]
    return _JOIN.join([first, *pages, *_notice(cut, characters_max), last])


def _laid_out(section: Section, texts: Sequence[str]) -> str:
    is_tight = all(text.startswith("- ") and "\n" not in text for text in texts)  # A list of single lines.
    listed = ("\n" if is_tight else _JOIN).join(texts)
    inside = _JOIN.join(filter(None, [section.heading, listed]))
    return _FOLD.format(summary=section.folded, inside=inside) if section.folded else inside


def _notice(cut: Counter[str], characters_max: int) -> list[str]:
    if not cut:
        return []
    what = ", ".join(count(number, noun) for noun, number in cut.items())
    notice = f"_Left out to keep the limit of {characters_max:,} characters: {what}._"
    return [
        notice if len(notice) <= NOTICE_CHARACTERS_MAX - len(_JOIN) else "_Left out: more than can be listed here._"
    ]
