"""Screen: what stands between the bytes of a repository and a model.

Promises that a text is redacted as a whole before any line of it is taken, so that no range, search or window shows a
part of a secret; that line numbers stay git's (a line feed alone ends a line); and that hidden characters are visible.
Both cleaners come from above, since they belong to the review: see `pipeline.review.redact` and
`pipeline.review.visible`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

BINARY_BYTES_LOOKED_AT: Final = 8_000
"""A NUL among so many first bytes makes a file binary; the rule is git's own (buffer_is_binary)."""


class Visible(Protocol):
    """Shows what is hidden in a text."""

    def __call__(self, text: str, *, lines: bool = True) -> str:
        """Show it; without `lines` also tabs and line ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """How text is cleaned.

    Args:
        redact: Replaces secrets, and keeps the number of lines.
        visible: Shows hidden characters.
    """

    redact: Callable[[str], str]
    visible: Visible

    def name(self, path: str) -> str:
        """Show a path on one line; it may be asked for in this form."""
        return self.visible(self.redact(path), lines=False)

    def clear_lines(self, content: bytes) -> list[str]:
        """Part a text into lines without secrets, hidden characters still in them."""
        lines = self.redact(content.decode("utf-8", "replace")).split("\n")
        return lines[:-1] if lines[-1] == "" else lines

    def shown(self, line: str, characters_max: int, *, around: str = "") -> str:
        """Show one line; a long one is cut, so that what was looked for stays in sight."""
        line = line.removesuffix("\r")
        if len(line) > characters_max:
            start = max(0, line.find(around) - characters_max // 3) if around else 0
            part = line[start : start + characters_max]
            line = f"{'…' * bool(start)}{part}… [{len(line):,} characters]"
        return self.visible(line.replace("\r", "<U+000D>"))


def is_binary(content: bytes) -> bool:
    """Whether git would call it binary."""
    return b"\0" in content[:BINARY_BYTES_LOOKED_AT]
