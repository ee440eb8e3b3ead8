"""Patterns: which paths a list of lines in the manner of `.gitignore` means.

Promises the meaning of gitignore(5), later lines winning, and an answer in time: a pattern with so many wildcards
that a hostile name could keep the matcher busy for minutes is refused when it is read (security case 31).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pathspec import GitIgnoreSpec

from pipeline.engine.errors import AskPerson
from pipeline.review.visible import visible

PATTERNS_MAX: Final = 200
"""Each is tried on each path."""

PATTERN_CHARACTERS_MAX: Final = 200

STARS_MAX: Final = 4
"""Runs of `*` in a pattern. The work grows with length to the power of their number: of one part of 250 characters
with 3 of them 2 ms, with 4 0.3 s, with 5 11 s."""

STARS_IN_PART_MAX: Final = 3

DEEP_STARS_MAX: Final = 2
"""`**` in a pattern: three of them take 0.2 s on a path of 400 parts."""

PATH_CHARACTERS_MAX: Final = 1_000
"""No pattern means a longer path."""


class BadPattern(AskPerson):
    """A pattern that is none, or would take too long to match."""

    code = "bad_pattern"


@dataclass(frozen=True, slots=True)
class Patterns:
    """A list of patterns; made by `read_patterns`."""

    lines: tuple[str, ...]
    spec: GitIgnoreSpec

    def meaning(self, path: str) -> str | None:
        """Return the pattern that decides that the path is meant; None if it is not."""
        if len(path) > PATH_CHARACTERS_MAX:
            return None
        found = self.spec.check_file(path)
        return self.lines[found.index] if found.include and found.index is not None else None


def read_patterns(lines: Iterable[str]) -> Patterns:
    """Check and compile patterns, one a line.

    Raises:
        BadPattern: One is malformed or has too many wildcards, or there are too many of them.
    """
    kept = tuple(lines)
    if len(kept) > PATTERNS_MAX:
        raise BadPattern(f"{len(kept)} patterns; the limit is {PATTERNS_MAX}.", next_step="Join or drop some.")
    for line in kept:
        _check(line)
    return Patterns(kept, GitIgnoreSpec.from_lines(kept))


def is_pattern(line: str) -> bool:
    """Whether `read_patterns` takes this line."""
    try:
        _check(line)
    except BadPattern:
        return False
    return True


def _check(line: str) -> None:
    shown = visible(line[:PATTERN_CHARACTERS_MAX], lines=False)
    stars = [len(re.findall(r"\*+", part)) for part in line.split("/")]
    if (
        len(line) > PATTERN_CHARACTERS_MAX
        or sum(stars) > STARS_MAX
        or max(stars) > STARS_IN_PART_MAX
        or line.count("**") > DEEP_STARS_MAX
    ):
        raise BadPattern(
            f"Pattern `{shown}` has {len(line)} characters and {sum(stars)} wildcards; the limits are"
            f" {PATTERN_CHARACTERS_MAX} and {STARS_MAX} ({STARS_IN_PART_MAX} between slashes, {DEEP_STARS_MAX} `**`).",
            next_step="Write it as several simpler ones.",
        )
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error) as error:
        raise BadPattern(
            f"`{shown}` is no pattern: {error}.", next_step="Write it as you would in .gitignore."
        ) from error
