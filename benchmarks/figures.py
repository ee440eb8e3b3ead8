"""Figures: what was measured, round by round, and how two sides compare.

Sides alternate within a round, so that whatever else the machine does hits all of them; a ratio is taken within
each round, and the median of the rounds is told with the range.
"""

import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Measure: TypeAlias = Callable[[], Awaitable[float]]


@dataclass(slots=True, kw_only=True)
class Table:
    """One comparison: sides under one condition."""

    title: str
    unit: str
    baseline: str
    values: dict[str, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What one should know beside the figures."""
    digits: int = 1

    def median(self, side: str) -> float:
        """Answer the middle of a side's rounds."""
        return statistics.median(self.values[side])

    def ratios(self, side: str) -> list[float]:
        """Compare a side with the baseline within each round."""
        pairs = zip(self.values[side], self.values[self.baseline], strict=True)
        return [value / base for value, base in pairs if base]

    def lines(self) -> Sequence[str]:
        """Write it for people."""
        lines = [self.title]
        width = max(map(len, self.values), default=0)
        for side, values in self.values.items():
            middle, low, high = self.median(side), min(values), max(values)
            line = f"  {side:<{width}}  {middle:10.{self.digits}f} {self.unit}"
            line += f"  ({low:.{self.digits}f} to {high:.{self.digits}f})"
            if side != self.baseline and (ratios := self.ratios(side)):
                line += f"   {statistics.median(ratios):.2f} of {self.baseline}"
            lines.append(line)
        return [*lines, *(f"  {note}" for note in self.notes)]

    def to_json(self) -> dict[str, object]:
        """Write it for programs."""
        return {
            "title": self.title,
            "unit": self.unit,
            "baseline": self.baseline,
            "rounds": self.values,
            "medians": {side: self.median(side) for side in self.values},
            "ratios": {side: statistics.median(self.ratios(side)) for side in self.values if self.ratios(side)},
            "notes": self.notes,
        }


async def alternate(table: Table, sides: Mapping[str, Measure], rounds: int) -> Table:
    """Measure each side once a round, in an order that turns with each round."""
    names = list(sides)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            table.values.setdefault(name, []).append(await sides[name]())
    table.values = {name: table.values[name] for name in names}
    return table
