"""Model remarks: what is done to a model's remarks once they are checked.

Promises that each carries the line of code that names it on the next push, and that what linters are for is dropped and
counted. Does not promise to see every remark about style: one that is filed as a fault is taken for one.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pipeline.review.excerpts import FileExcerpt
from pipeline.review.findings import Finding, Severity
from pipeline.review.group_review import GroupReview

STYLE: Final = "about style, which linters are for"
"""Why a remark is dropped; a clause that can follow `remark`."""

_STYLE: Final = re.compile(
    r"\b(?:formatting|whitespace|indentation|line length|line is too long|trailing spaces?|blank lines?|docstrings?"
    r"|comments? missing|missing comments?|type hints?|type annotations?|import order|unsorted imports?|unused imports?"
    r"|naming convention|variable name|snake_case|camelCase|magic numbers?|pep ?8|code style|stylistic|semicolons?"
    r"|readability|f-strings?)\b",
    re.IGNORECASE,
)
_MAY_BE_STYLE: Final = frozenset({"maintainability", "docs"})
_WORTH_LETTERS: Final = 4
"""A line with fewer, such as a bracket, names no place."""


def finished(review: GroupReview, group: Sequence[FileExcerpt]) -> GroupReview:
    """Note the code that remarks stand on, and drop those about style."""
    texts = {
        (file.path, line.new_number): line.text
        for file in group
        for hunk in file.hunks
        for line in hunk.lines
        if line.new_number is not None
    }
    seen: Counter[tuple[str, int]] = Counter()
    kept = tuple(_on_code(finding, texts, seen) for finding in review.findings if not _is_style(finding))
    styled = len(review.findings) - len(kept)
    dropped = Counter(review.dropped) + Counter({STYLE: styled}) if styled else review.dropped
    return replace(review, findings=kept, dropped=dropped)


def _is_style(finding: Finding) -> bool:
    is_minor = not finding.severity.is_at_least(Severity.MEDIUM)
    return is_minor and finding.category in _MAY_BE_STYLE and _STYLE.search(finding.title) is not None


def _on_code(finding: Finding, texts: Mapping[tuple[str, int], str], seen: Counter[tuple[str, int]]) -> Finding:
    """Name a remark by the first of its lines that says something; the second one there has a name of its own."""
    lines = [texts.get((finding.path, number), "") for number in range(finding.line, finding.line_end + 1)]
    telling = (line for line in lines if sum(map(str.isalnum, line)) >= _WORTH_LETTERS)
    line = next(telling, lines[0])
    named = finding.on_code(line)
    place = (named.fingerprint, finding.line)
    seen[place] += 1
    return named if seen[place] == 1 else finding.on_code(f"{line} #{seen[place]}")
