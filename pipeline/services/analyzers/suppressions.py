"""Suppressions: comments that make an analyser keep silent.

They are honoured, as everywhere; but a change that brings its own silence should say so in the review, since the
reader of a quiet report would not look. Found by text: a string that looks like such a comment counts too.
"""

import re
from typing import Final

SUPPRESSION: Final = re.compile(
    rb"#\s*(?:noqa\b|nosec\b|shellcheck\s+disable\s*=|zizmor:\s*ignore\b|(?:ruff|flake8):\s*(?:noqa|ignore|disable)\b)",
    re.IGNORECASE,
)


def suppressed_lines(content: bytes) -> tuple[int, ...]:
    """Return the numbers, from 1, of lines that silence an analyser."""
    if not SUPPRESSION.search(content):
        return ()
    return tuple(number for number, line in enumerate(content.split(b"\n"), start=1) if SUPPRESSION.search(line))
