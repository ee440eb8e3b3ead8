"""Scoring: how what was found compares with what should have been.

Pure. A remark counts as found if a finding stands in the same file within `tolerance` lines of it; each finding is
counted for one remark at most, and each remark once. What is found besides is noise, of which a second finding on a
remark that was found already is told apart (a repetition). Does not judge words: whether a finding on the right line
says the right thing is for people, or for a judge that a benchmark brings with it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

TOLERANCE_LINES: Final = 3
"""A remark on the head of a loop, or on the line after, means the same defect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Lines of a file, from 1."""

    path: str
    line: int
    line_end: int

    def distance(self, other: "Spot") -> int | None:
        """Count the lines between two spots, 0 if they overlap; None in another file."""
        if self.path != other.path:
            return None
        return max(0, other.line - self.line_end, self.line - other.line_end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A remark that should be made."""

    spot: Spot
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What became of one case, or of many together."""

    cases: int = 1
    found: int = 0
    """Remarks that were expected and made."""
    missed: int = 0
    noise: int = 0
    """Findings that nobody expected."""
    repeated: int = 0
    """Further findings on a remark that was found; not counted as noise."""
    clean_cases: int = 0
    clean_silent: int = 0
    """Clean cases about which nothing was said."""
    anchors: int = 0
    """Findings in all."""
    anchors_valid: int = 0
    """Those that stand on lines that there are."""
    found_by_kind: Mapping[str, int] = field(default_factory=dict)
    wanted_by_kind: Mapping[str, int] = field(default_factory=dict)

    @property
    def precision(self) -> float | None:
        """Share of findings that were expected; None if there was no finding."""
        return _share(self.found, self.found + self.noise)

    @property
    def recall(self) -> float | None:
        """Share of the expected remarks that were made; None if none was expected."""
        return _share(self.found, self.found + self.missed)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of the two; None if there was neither a finding nor an expected remark."""
        return _share(2 * self.found, 2 * self.found + self.noise + self.missed)

    @property
    def silence(self) -> float | None:
        """Share of clean cases about which nothing was said."""
        return _share(self.clean_silent, self.clean_cases)


def score(
    wanted: Sequence[Wanted], found: Sequence[Spot], lengths: Mapping[str, int], *, tolerance: int = TOLERANCE_LINES
) -> Score:
    """Score one case.

    Args:
        wanted: Remarks that should be made; none for a clean case.
        found: Where findings stand.
        lengths: Lines of each file of the head, by path.
        tolerance: Lines that a finding may be off.
    """
    matched = _match(wanted, found, tolerance)
    near = [one for number, one in enumerate(found) if number not in matched.values()]
    repeated = sum(any(_is_near(one, other.spot, tolerance) for other in wanted) for one in near)
    return Score(
        found=len(matched),
        missed=len(wanted) - len(matched),
        noise=len(near) - repeated,
        repeated=repeated,
        clean_cases=int(not wanted),
        clean_silent=int(not wanted and not found),
        anchors=len(found),
        anchors_valid=sum(1 <= one.line <= one.line_end <= lengths.get(one.path, 0) for one in found),
        found_by_kind=Counter(wanted[number].kind for number in matched),
        wanted_by_kind=Counter(one.kind for one in wanted),
    )


def total(scores: Iterable[Score]) -> Score:
    """Add up: every remark and every finding counts the same, whatever case it is of."""
    numbers: Counter[str] = Counter()
    found: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    for one in scores:
        numbers.update({name: getattr(one, name) for name in _NUMBERS})
        found.update(one.found_by_kind)
        wanted.update(one.wanted_by_kind)
    return Score(**dict.fromkeys(_NUMBERS, 0) | numbers, found_by_kind=found, wanted_by_kind=wanted)


_NUMBERS: Final = (
    "cases",
    "found",
    "missed",
    "noise",
    "repeated",
    "clean_cases",
    "clean_silent",
    "anchors",
    "anchors_valid",
)


def _match(wanted: Sequence[Wanted], found: Sequence[Spot], tolerance: int) -> dict[int, int]:
    """Pair remarks with findings, the nearest first; by number."""
    pairs = sorted(
        (distance, wanted_at, found_at)
        for wanted_at, one in enumerate(wanted)
        for found_at, other in enumerate(found)
        if (distance := one.spot.distance(other)) is not None and distance <= tolerance
    )
    matched: dict[int, int] = {}
    for _, wanted_at, found_at in pairs:
        if wanted_at not in matched and found_at not in matched.values():
            matched[wanted_at] = found_at
    return matched


def _is_near(one: Spot, other: Spot, tolerance: int) -> bool:
    distance = one.distance(other)
    return distance is not None and distance <= tolerance


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
