"""Reader view: a pull request in a terminal, nearly as a reader sees it on GitHub.

What GitHub shows closed is shown closed: a `<details>` block is its summary line. Of the remarks beside lines, the
first stands whole and the others by their titles, for a terminal has no second column.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

_TAG: Final = re.compile(r"</?[a-z][^>]*>")
_SMALL: Final = re.compile(r"</?sub>")
"""Around what stands in small letters, which a terminal does not have."""

_REMARK: Final = re.compile(r"  \S+ on \S+:\S+")
"""The line above a remark, as `timeline.as_seen` writes it."""

_ITEM: Final = "- "


def as_read(page: str) -> str:
    """Shorten a page of `timeline.as_seen` to what a reader sees before he clicks anywhere."""
    return "".join(f"{line}\n" for line in _closed(_first_remark_whole(page.splitlines())))


def folded(text: str, *, columns: int, hang: int = 0) -> Iterator[str]:
    """Fold lines at words; what follows keeps the margin of its line.

    Args:
        text: Some lines.
        columns: Room for a line; a longer word has more.
        hang: How much further in the rest of a folded line stands.
    """
    for line in text.splitlines():
        inner = " " * (hang or len(_ITEM) * line.lstrip().startswith(_ITEM))
        yield from textwrap.wrap(
            line, columns, subsequent_indent=_margin(line) + inner, break_long_words=False, break_on_hyphens=False
        ) or [""]


def _first_remark_whole(lines: Iterable[str]) -> Iterator[str]:
    """Keep of each remark after the first its place and its title."""
    remarks = shown = 0
    for line in lines:
        if _REMARK.fullmatch(line):
            remarks, shown = remarks + 1, 0
        elif line and not line.startswith(" "):
            if remarks > 1:
                yield ""
            remarks = 0
        else:
            shown += 1
        if remarks <= 1 or shown <= 1:
            yield line


def _closed(lines: Iterable[str]) -> Iterator[str]:
    """Show a block of details by its summary line; a block within a block goes with it."""
    depth = 0
    for line in lines:
        depth += line.count("<details")
        if depth == 0:
            yield _SMALL.sub("", line)
        elif depth == 1 and "<summary>" in line:
            yield f"{_margin(line)}▸ {_TAG.sub('', line).strip()}"
        depth -= line.count("</details>")


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
