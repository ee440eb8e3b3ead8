"""Evidence: whether what a model quotes stands in the code, and where.

Promises that a quotation is found whatever became of its spaces, line ends, line numbers and signs on the way through
a model, and that of several places the one nearest to the claimed lines is taken. Lines that the change removes count
where they stood: a remark about a lost check has nothing else to quote. Does not promise that a quotation proves
anything.
"""

import bisect
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pipeline.review.diff import Line, LineKind
from pipeline.review.excerpts import FileExcerpt
from pipeline.review.redact import redact
from pipeline.review.visible import visible

LETTERS_MIN: Final = 3
"""A shorter quotation, without its spaces, stands everywhere."""

LINES_NEAR: Final = 3
"""So far from its quotation a remark may stand, if the quotation itself is on no line of the change."""

REMOVED_LINES_NEAR: Final = 20
"""So far from a removed line a remark on its loss may stand: about a screen."""

PLACES_MAX: Final = 1_000
"""Places of one quotation that are compared; more of them say nothing."""

_CUT: Final = "<cut>"
_GAP: Final = re.compile(r"\W*(?:\.\.\.|\u2026)\W*")
"""A line that stands for lines left out."""
_FENCE: Final = re.compile(r"\s*```\w*\s*")
_GUTTER: Final = re.compile(r"^\s*\d*\s*[+|-]?\s?")
"""What stands before the code in a prompt, in a tool's answer, or in a diff."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a remark about one file may stand on.

    Args:
        anchors: Lines of the head's side that the model was shown of the change.
        head: The head's version, raw, line by line; None if nobody could read it.
        shown: Lines of the head's side by number, as the change has them; enough where `head` is None.
        removed: Runs of removed lines, each with the number of the line that stands in their place.
    """

    anchors: Collection[int]
    head: Sequence[str] | None = None
    shown: Mapping[int, str]
    removed: Sequence[tuple[int, str]] = ()

    @property
    def lines(self) -> Mapping[int, str]:
        """All known lines of the head's side, raw."""
        return self.shown if self.head is None else dict(enumerate(self.head, 1))

    def near(self, quotation: str, first: int, last: int) -> tuple[int, int] | None:
        """Find the quoted lines nearest to the claimed ones.

        Returns:
            Their first and last number; the claimed ones if removed lines are quoted that stood there; None if what is
            quoted stands nowhere.
        """
        for parts in _readings(quotation):
            places = [self._place(part, first, last) for part in parts]
            if places and all(places) and places[0]:
                return places[0]
            if any(all(part in run for part in parts) for run in self._removed_near(first, last)):
                return first, last
        return None

    def _place(self, squeezed: str, first: int, last: int) -> tuple[int, int] | None:
        text, starts, numbers = self._index
        places: list[tuple[int, int]] = []
        at = text.find(squeezed)
        while at >= 0 and len(places) < PLACES_MAX:
            begin = numbers[bisect.bisect_right(starts, at) - 1]
            end = numbers[bisect.bisect_right(starts, at + len(squeezed) - 1) - 1]
            places.append((begin, end))
            at = text.find(squeezed, at + 1)
        return min(places, key=lambda place: (distance(place, (first, last)), place), default=None)

    def _removed_near(self, first: int, last: int) -> Iterator[str]:
        for number, text in self.removed:
            if distance((number, number), (first, last)) <= REMOVED_LINES_NEAR:
                yield _squeezed(_as_shown(text))

    @cached_property
    def _index(self) -> tuple[str, list[int], list[int]]:
        """All lines as the model sees them, without spaces; where each begins; and its number. Empty ones are none."""
        known = self.lines
        texts = _as_shown("\n".join(known.values())).split("\n")
        squeezed = [(number, _squeezed(line)) for number, line in zip(known, texts, strict=True)]
        starts, numbers, at = [], [], 0
        for number, line in squeezed:
            if line:
                starts.append(at)
                numbers.append(number)
                at += len(line)
        return "".join(line for _, line in squeezed), starts, numbers


def grounds_of(files: Iterable[FileExcerpt], heads: Mapping[str, str]) -> dict[str, Ground]:
    """Collect what remarks about a group of files may stand on.

    Args:
        files: What the model was shown.
        heads: The head's version of those that could be read, by shown path.
    """
    shown: dict[str, dict[int, str]] = {}
    removed: dict[str, list[tuple[int, str]]] = {}
    for file in files:
        lines, gone = shown.setdefault(file.path, {}), removed.setdefault(file.path, [])
        for hunk in file.hunks:
            lines.update((line.new_number, line.text) for line in hunk.lines if line.new_number is not None)
            gone.extend(_runs(hunk.lines))
    return {
        path: Ground(
            anchors=frozenset(lines),
            head=split_lines(heads[path]) if path in heads else None,
            shown=lines,
            removed=tuple(removed[path]),
        )
        for path, lines in shown.items()
    }


def split_lines(text: str) -> list[str]:
    """Part a text as git does: a line feed alone ends a line."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def distance(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Count the lines between two ranges; 0 if they share one."""
    return max(0, one[0] - other[1], other[0] - one[1])


def _runs(lines: Sequence[Line]) -> Iterator[tuple[int, str]]:
    """Collect removed lines that stand together; those of a deleted file stand at its beginning."""
    run: list[str] = []
    number = 1
    for line in lines:
        if line.kind is LineKind.REMOVED:
            run.append(line.text)
            continue
        number = line.new_number or number
        if run:
            yield number, "\n".join(run)
            run = []
    if run:
        yield number, "\n".join(run)


def _readings(quotation: str) -> Iterator[list[str]]:
    """Read a quotation as it stands, then without what a prompt or a diff puts before the code."""
    lines = [line for line in quotation.replace(_CUT, "").splitlines() if not _FENCE.fullmatch(line)]
    for bare in (lines, [_GUTTER.sub("", line) for line in lines]):
        parts = list(_parts(bare))
        if parts and all(len(part) >= LETTERS_MIN for part in parts):
            yield parts


def _parts(lines: Iterable[str]) -> Iterator[str]:
    """Part a quotation where it leaves lines out."""
    part = ""
    for line in lines:
        if _GAP.fullmatch(line):
            if part:
                yield part
            part = ""
        else:
            part += _squeezed(line)
    if part:
        yield part


def _as_shown(text: str) -> str:
    """Show code as the model got to see it, but for its spaces."""
    lines = redact(text).text.split("\n")
    return "\n".join(visible(line.replace("\t", " ").replace("\r", " "), lines=False) for line in lines)


def _squeezed(text: str) -> str:
    return "".join(text.split())
