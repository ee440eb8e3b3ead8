"""Doc comments: what programs in other languages than Python say of themselves, by the comments' own conventions.

Promises the blocks with their lines and, where the next line declares something, its name. Reads lines, not the
language: a comment inside a string is one too.

Conventions: JSDoc, Javadoc, PHPDoc, KDoc, Scaladoc (`/** ... */`), Rust (`///`, `//!`) and C# (`///`), Go and Ruby
(comment lines right above a declaration).
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

BLOCK_LINES_MAX: Final = 400
"""A longer comment is cut: it is a licence or a program that was commented out."""

_STARRED: Final = (
    "js",
    "jsx",
    "mjs",
    "cjs",
    "ts",
    "tsx",
    "mts",
    "cts",
    "java",
    "kt",
    "kts",
    "scala",
    "php",
    "cs",
    "rs",
)
_ABOVE: Final = ("go", "rb")

COMMENTED_SUFFIXES: Final = (*_STARRED, *_ABOVE)
"""Names of files that are read."""

_DECLARES: Final = re.compile(
    r"\b(?:func|function|def|class|module|interface|type|struct|enum|trait|fn|record|const|let|var|static|object|fun)\*?"
    r"\s+(?:\([^)]{0,80}\)\s*)?(?:self\.)?([A-Za-z_$][\w$]*)|([A-Za-z_$][\w$]*)\s*\("
)
_STAR_START: Final = re.compile(r"^\s*/\*\*(?!/)")
_SLASHES: Final = re.compile(r"^\s*(///(?!/)|//!)")
_PLAIN_LINE: Final = re.compile(r"^\s*(//|#)(?!!)")
_DECLARATION: Final = re.compile(r"^\s*(func|type|const|var|package|def|class|module)\b")
_PASSED_OVER: Final = re.compile(r"^\s*(@|#\[|\[)|^\s*$")
"""Annotations and attributes between a comment and what it describes."""


def doc_comments(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """List first line, last line (from 1) and described name of each block; the name may be empty."""
    index = 0
    while index < len(lines):
        end, is_told = _block(lines, index)
        if is_told:
            yield index + 1, end, _described(lines, end)
        index = end


def _block(lines: Sequence[str], start: int) -> tuple[int, bool]:
    """Return the index after the comment that begins here, or after the line, and whether it describes something.

    A run of comment lines that describes nothing is passed over as a whole: looked at again from each of its lines, a
    file full of them would take minutes.
    """
    last = min(len(lines), start + BLOCK_LINES_MAX)
    if _STAR_START.match(lines[start]):
        return next((index + 1 for index in range(start, last) if "*/" in lines[index]), last), True
    if _SLASHES.match(lines[start]):
        return next((index for index in range(start, last) if not _SLASHES.match(lines[index])), last), True
    if _PLAIN_LINE.match(lines[start]):
        end = next((index for index in range(start, last) if not _is_plain(lines[index])), last)
        return end, end < len(lines) and _DECLARATION.match(lines[end]) is not None
    return start + 1, False


def _is_plain(line: str) -> bool:
    return _PLAIN_LINE.match(line) is not None and not _SLASHES.match(line)


def _described(lines: Sequence[str], end: int) -> str:
    """Return the name of what stands below a block."""
    for line in lines[end : end + 5]:
        if not _PASSED_OVER.match(line):
            match = _DECLARES.search(line[:400])
            return (match[1] or match[2]) if match else ""
    return ""
