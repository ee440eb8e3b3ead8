"""Problem: what is wrong in a configuration file, and where.

Promises one line of text without control characters and without backticks but our own, so that it may be printed and
quoted. Does not promise that it is safe as Markdown or HTML: that is the renderer's part.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, TypeAlias

from pipeline.review.visible import visible

SHOWN_CHARACTERS_MAX: Final = 60
"""Of a value that is quoted in a message; enough to recognise it."""

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the top of the file."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something begins: line and column from 1, in characters."""

    line: int
    column: int


TOP: Final = Place(1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that a person has to correct."""

    source: str
    """Which file, as its reader knows it."""
    line: int
    column: int
    path: str
    """The setting, as `stages.test`; empty if it is the file as a whole."""
    message: str
    """What was found, what is expected, what to write instead."""

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}: {self.message}"


def make_problem(source: str, place: Place, message: str, path: Path = ()) -> Problem:
    """Make a problem of a place in a file."""
    return Problem(
        source=source, line=place.line, column=place.column, path=dotted(path), message=visible(message, lines=False)
    )


def dotted(path: Path) -> str:
    """Write a path as one names it in a sentence: `filters.labels.include[2]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def shown(text: str) -> str:
    """Show a value in a message: cut, on one line, and without backticks that would end its quotation."""
    cut = text if len(text) <= SHOWN_CHARACTERS_MAX else text[: SHOWN_CHARACTERS_MAX - 1] + "…"
    return visible(cut, lines=False).replace("`", "'")


def nearest(word: str, known: tuple[str, ...]) -> str | None:
    """Find the name that was probably meant."""
    return next(iter(get_close_matches(word.lower(), known, n=1)), None)
