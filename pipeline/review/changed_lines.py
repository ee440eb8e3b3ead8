"""Changed lines: which remarks of a tool are about what the change did.

A tool reads whole files; a reviewer answers for the change. A remark counts if one of its lines was added, and it is
cut to the added lines that it is about, so that it stands inside the diff.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


def touched(changed: Sequence[int], line: int, line_end: int) -> tuple[int, int] | None:
    """Return the first and last changed line within a remark's lines; None if it is not about the change.

    Args:
        changed: Numbers of the changed lines, sorted.
        line: First line of the remark.
        line_end: Its last line.
    """
    first, after = bisect_left(changed, line), bisect_right(changed, line_end)
    return (changed[first], changed[after - 1]) if first < after else None
