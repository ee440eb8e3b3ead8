"""Visible: text of a stranger, safe to print and to store.

Promises that what comes out is encodable as UTF-8 and that nobody is led to read something else than is there: no
terminal escape, no text that runs backwards, no hidden character. Each is shown as `<U+202E>` instead, so that a
reader sees it was there; only the colours of a terminal are dropped silently.
Does not promise safety as Markdown or HTML: that is the renderer's part.
"""

import re
from typing import Final

_TERMINAL_SEQUENCE: Final = re.compile(r"\x1b\[[0-9;:?]{0,40}[ -/]{0,2}[@-~]")
"""Control sequences (ECMA-48): colours, cursor movements. Every test runner writes them."""

_HIDDEN: Final = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # Control characters, ESC among them; tab and line ends are dealt with below.
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # Soft hyphen, joiners, fillers.
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # Zero width, line separators, directions.
    "\u3164\uffa0\ufe00-\ufe0e\ufeff\ufff0-\ufffb"  # Hangul fillers, variation selectors but the emoji one, BOM.
    "\ud800-\udfff"  # Lone surrogates: bytes that were no UTF-8.
    "\U000e0000-\U000e0fff"  # Tags and further variation selectors: whole messages hide in them.
    "]"
)
_LINE_ENDS: Final = re.compile(r"\r\n?|\n|\t")


def visible(text: str, *, lines: bool = True) -> str:
    """Show what is hidden in a text.

    Args:
        text: Whatever came from a repository, a program or a model.
        lines: Keep tabs and line ends (CR and CRLF become LF); without, they are shown as well, as befits a name.
    """
    shown = _HIDDEN.sub(_code, _TERMINAL_SEQUENCE.sub("", text))
    return _LINE_ENDS.sub(_kept if lines else _code, shown)


def _code(character: re.Match[str]) -> str:
    return "".join(f"<U+{ord(one):04X}>" for one in character[0])


def _kept(character: re.Match[str]) -> str:
    return "\t" if character[0] == "\t" else "\n"
