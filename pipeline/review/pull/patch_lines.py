"""Patch lines: the lines of a file that GitHub lets a comment stand on.

Promises the numbers that GitHub's own `patch` text gives: on the RIGHT side (the head) added and unchanged lines, on
the LEFT side (the base) deleted ones, by hunk. A patch that is cut off counts up to where it ends, for the numbers
before that are sure; what is no patch has no lines. Never raises.
Does not promise the whole change: GitHub leaves `patch` out for binary and large files and cuts nothing else.
Rule: a comment on a line outside every hunk is refused, and all of its review with it (REST, "Create a review").
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pipeline.review.diff import Line, LineKind

_HEADER: Final = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@", re.ASCII)
_NO_LINE_END: Final = "\\"
"""Begins `\\ No newline at end of file`, which is no line."""

_KINDS: Final = {"+": LineKind.ADDED, "-": LineKind.REMOVED, " ": LineKind.CONTEXT, "": LineKind.CONTEXT}
"""By the sign before a line; some programs take away the blank of an empty one."""


@dataclass(frozen=True, kw_only=True)
class PatchLines:
    """The commentable lines of one file. Without slots, so that they can be numbered once and kept."""

    hunks: tuple[tuple[Line, ...], ...]
    """Top down."""

    @cached_property
    def right(self) -> Mapping[int, int]:
        """Line of the head's version to the place of its hunk."""
        return {line.new_number: at for at, line in self._lines() if line.new_number is not None}

    @cached_property
    def left(self) -> Mapping[int, int]:
        """Deleted line of the base's version to the place of its hunk."""
        return {
            line.old_number: at
            for at, line in self._lines()
            if line.old_number is not None and line.kind is LineKind.REMOVED
        }

    def between(self, first: int, last: int) -> tuple[Line, ...]:
        """Give the lines of a hunk from one line of the head's version to another, the deleted among them."""
        if self.right.get(first) is None or self.right.get(first) != self.right.get(last):
            return ()
        hunk = self.hunks[self.right[first]]
        places = {line.new_number: place for place, line in enumerate(hunk) if line.new_number is not None}
        return hunk[places[first] : places[last] + 1]

    def _lines(self) -> Iterator[tuple[int, Line]]:
        return ((at, line) for at, hunk in enumerate(self.hunks) for line in hunk)


def read_patch(patch: str | None) -> PatchLines:
    """Read the patch of one file as GitHub's list of files gives it; an absent one has no lines."""
    return PatchLines(hunks=tuple(_hunks((patch or "").removesuffix("\n").split("\n"))))


def _hunks(lines: list[str]) -> Iterator[tuple[Line, ...]]:
    at = 0
    while at < len(lines) and (header := _HEADER.match(lines[at])):
        hunk, is_whole, at = _hunk(header, lines, at + 1)
        yield hunk
        if not is_whole:
            return


def _hunk(header: re.Match[str], lines: list[str], at: int) -> tuple[tuple[Line, ...], bool, int]:
    """Read as many lines as the header counts; give them, whether all were there, and where the next hunk begins."""
    old, new = int(header[1]), int(header[3])
    old_end, new_end = old + int(header[2] or 1), new + int(header[4] or 1)
    read: list[Line] = []
    while at < len(lines) and (old < old_end or new < new_end or lines[at][:1] == _NO_LINE_END):
        text = lines[at]
        if text[:1] != _NO_LINE_END:
            kind = _KINDS.get(text[:1])
            has_old, has_new = kind is not LineKind.ADDED, kind is not LineKind.REMOVED
            if kind is None or (has_old and old >= old_end) or (has_new and new >= new_end):
                break
            read.append(Line(kind, old if has_old else None, new if has_new else None, text[1:]))
            old, new = old + has_old, new + has_new
        at += 1
    return tuple(read), old == old_end and new == new_end, at
