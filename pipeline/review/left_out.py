"""Left out: what was not read, told so that 5,000 files make a few lines and not 5,000.

Promises that every file is named or counted. Does not promise each one's reason when there are hundreds of them.
"""

import re
from collections.abc import Iterable
from itertools import chain
from typing import Final

from pipeline.review.reports import Skipped
from pipeline.review.wording import count

NAMED_MAX: Final = 20
"""Files that are named under one reason; the comment shows fewer still, `--json` all of these."""

REASONS_MAX: Final = 30
"""Reasons that are told; some hold a number that differs from file to file."""


MORE_FILES: Final = re.compile(r"([0-9][0-9,]{0,12}) more files?")
MORE_FINDINGS: Final = re.compile(r"[0-9][0-9,]{0,12} findings?")
"""How is told what is not named."""


def left_out(reasons: Iterable[tuple[str, str]], *, gap: bool) -> tuple[Skipped, ...]:
    """Tell pairs of path and reason, gathered by reason.

    Args:
        reasons: A path as it is shown, and a clause that can follow it; a pair that comes twice is told once.
        gap: Whether they should have been read.
    """
    paths: dict[str, dict[str, None]] = {}
    for path, why in reasons:
        paths.setdefault(why, {})[path] = None
    told, untold = list(paths.items())[:REASONS_MAX], list(paths.values())[REASONS_MAX:]
    named = (Skipped(what=what, why=why, gap=gap) for why, names in told for what in _named(list(names)))
    more = len(set(chain.from_iterable(untold)))
    return (*named, *((Skipped(what=count(more, "more file"), why="for reasons like these", gap=gap),) if more else ()))


def named_and_counted(whats: Iterable[str]) -> tuple[list[str], int]:
    """Part what is named, each once, from what is only counted; of nothing but numbers, the numbers are the names."""
    every = list(dict.fromkeys(whats))
    numbers = [int(more[1].replace(",", "")) for what in every if (more := MORE_FILES.fullmatch(what))]
    named = [what for what in every if not MORE_FILES.fullmatch(what)]
    return (named, sum(numbers)) if named else (every, 0)


def beyond(number: int, number_max: int) -> tuple[Skipped, ...]:
    """Tell how many findings are not told, if there are more than asked for."""
    if number <= number_max:
        return ()
    more = count(number - number_max, "finding")
    return (Skipped(what=more, why=f"the least severe ones, beyond the limit of {number_max:,}"),)


def _named(paths: list[str]) -> list[str]:
    more = len(paths) - NAMED_MAX
    return paths if more <= 0 else [*paths[:NAMED_MAX], count(more, "more file")]
