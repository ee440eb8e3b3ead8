"""Pieces: a place of a change cut into parts of a size that can be read, and remembered, by themselves.

Promises that the pieces of a hunk, one after the other, are the hunk; that no piece parts removed lines from those that
stand in their place; and that a cut depends on the lines around it and not on their numbers, so that code which moves,
or a commit that touches one piece, leaves the others as they were. Does not promise the last: where functions are
shorter than `LINES_MIN`, a line more may move the next cuts too, which costs some reading and loses nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from pipeline.review.diff import Line, LineKind
from pipeline.review.excerpts import HunkExcerpt

LINES_MIN: Final = 20
"""A shorter piece tells a model too little, and its heading costs as much as it saves."""

LINES_MAX: Final = 60
"""A push that touches one line of a new file has a model read no more than this: some 700 tokens."""


def pieces_of(hunk: HunkExcerpt) -> Iterator[HunkExcerpt]:
    """Cut a hunk where a paragraph of code begins, or at the latest after `LINES_MAX` lines."""
    start = 0
    for end in _cuts(hunk.lines):
        yield _piece(hunk, start, end)
        start = end
    yield _piece(hunk, start, len(hunk.lines))


def _cuts(lines: Sequence[Line]) -> Iterator[int]:
    start = 0
    while len(lines) - start > LINES_MAX:
        places = [place for place in range(start + LINES_MIN, start + LINES_MAX + 1) if _may_part(lines, place)]
        if not places:  # One block of removed lines and what stands in their place; it stays whole.
            places = [place for place in range(start + LINES_MAX + 1, len(lines)) if _may_part(lines, place)][:1]
            if not places:
                return
        best = min(_looseness(lines, place) for place in places)
        start = next(place for place in places if _looseness(lines, place) == best)
        yield start


def _may_part(lines: Sequence[Line], place: int) -> bool:
    """Whether a cut before this line parts nothing that belongs together."""
    before, after = lines[place - 1].kind, lines[place].kind
    return before is after or (before is LineKind.CONTEXT or after is LineKind.CONTEXT)


def _looseness(lines: Sequence[Line], place: int) -> tuple[bool, int]:
    """Judge a cut: best at the least indented line after an empty one."""
    text = lines[place].text
    indented = len(text) - len(text.lstrip()) if text.strip() else len(text) + LINES_MAX
    return bool(lines[place - 1].text.strip()), indented


def _piece(hunk: HunkExcerpt, start: int, end: int) -> HunkExcerpt:
    """Take a part; git's heading tells where the first line is, and nothing of the others."""
    head = hunk if start == 0 else replace(hunk, heading="", secrets=())
    return replace(head, lines=hunk.lines[start:end])
