"""Hidden text: characters in added lines that a reader does not see, or sees elsewhere than a compiler does.

Security case 36. Found by rule, whatever the language: controls of direction ("Trojan Source", CVE-2021-42574), tag
characters and variation selectors, in which whole messages hide, letters without a glyph, and characters without width.
Promises no alarm about what honest text needs: emoji and their parts, joiners inside scripts that join, a byte order
mark at the beginning of a file. Does not promise to find letters that only look like others.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.review.diff import FileDiff, Line, LineKind
from pipeline.review.findings import CLAIM_CHARACTERS_MAX, Finding, Severity
from pipeline.review.redact import redact
from pipeline.review.visible import visible
from pipeline.review.wording import count

SOURCE: Final = "onceover:hidden-text"

FILES_MAX: Final = 50
"""Told one by one; a change with more is strange as a whole, and the first ones show it."""

LINES_NAMED_MAX: Final = 5
"""Further lines of a file that one remark names."""

EXCERPT_CHARACTERS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One way to hide something."""

    pattern: re.Pattern[str]
    severity: Severity
    title: str
    why: str


_EMOJI_BEFORE: Final = "\u200d\u20e3\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_JOINING: Final = "\u0590-\u1fff\ua800-\uabff" + _EMOJI_BEFORE + "\ufe0f"
"""Scripts from Hebrew to Greek Extended with their marks, and emoji: there a joiner is part of a word or of a sign."""

_KINDS: Final = (
    _Kind(
        pattern=re.compile("[\u202a-\u202e\u2066-\u2069]"),
        severity=Severity.HIGH,
        title="A hidden character changes the direction of the text",
        why="What is shown is not what runs: it may turn code into a comment, or a comment into code.",
    ),
    _Kind(
        # The flags of England, Scotland and Wales are spelt with tags; nothing else in use is.
        pattern=re.compile("(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"),
        severity=Severity.HIGH,
        title="Tag characters that nobody sees",
        why="They spell text that readers do not see and that programs and models read.",
    ),
    _Kind(
        pattern=re.compile(
            "[\ufe00-\ufe0e\U000e0100-\U000e01ef]{2,}|(?<=[\x20-\x7e])[\ufe00-\ufe0d\U000e0100-\U000e01ef]"
        ),
        severity=Severity.HIGH,
        title="Variation selectors that select nothing",
        why="A row of them, or one after a plain letter, holds data that nobody sees.",
    ),
    _Kind(
        pattern=re.compile("[\u115f\u1160\u3164\uffa0](?![\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3])"),
        severity=Severity.HIGH,
        title="A letter without a glyph",
        why="It may stand in a name, and then two names that look the same are different, or a name looks like none.",
    ),
    _Kind(
        pattern=re.compile(f"[\u200b\u2060\u180e]|(?<![{_JOINING}])[\u200c\u200d]|\ufeff"),
        severity=Severity.MEDIUM,
        title="A character without width",
        why="Nobody sees it; it makes equal-looking names and strings differ.",
    ),
)


def hidden_text(files: Iterable[FileDiff]) -> tuple[Finding, ...]:
    """Find what is hidden in the added lines; one remark for each file and way.

    Args:
        files: Files of the change, read or not: hidden text in a file that nobody reads is hidden all the better.
    """
    found: list[Finding] = []
    for file in files:
        if len({one.path for one in found}) >= FILES_MAX:
            break
        if not file.is_binary and _may_hide(file):
            found.extend(_in_file(file))
    return tuple(found)


_SUSPECT: Final = re.compile(
    b"\xe1\x85[\x9f\xa0]|\xe1\xa0\x8e|\xe2\x80[\x8b-\x8d\xaa-\xae]|\xe2\x81[\xa0-\xa9]|\xe3\x85\xa4|\xef\xbb\xbf"
    b"|\xef\xb8[\x80-\x8e]|\xef\xbe\xa0|\xf3\xa0"
)
"""The same characters as UTF-8: a large change is looked over as bytes, and only what is suspect is taken apart."""


def _may_hide(file: FileDiff) -> bool:
    return any(_SUSPECT.search(part) for part in file.patch or ())


def _in_file(file: FileDiff) -> Iterator[Finding]:
    added = [line for hunk in file.hunks for line in hunk.lines if line.kind is LineKind.ADDED]
    for kind in _KINDS:
        if lines := [line for line in added if kind.pattern.search(_text(line))]:
            yield _finding(file, kind, lines)


def _text(line: Line) -> str:
    """Read a line without a byte order mark where that may stand."""
    return line.text.removeprefix("\ufeff") if line.new_number == 1 else line.text


def _finding(file: FileDiff, kind: _Kind, lines: Sequence[Line]) -> Finding:
    first, more = lines[0], lines[1:]
    number = first.new_number or 1
    named = ", ".join(str(line.new_number) for line in more[:LINES_NAMED_MAX])
    rest = ", and more" if more[LINES_NAMED_MAX:] else ""
    beside = f" Also on {count(len(more), 'further line')}: {named}{rest}." if more else ""
    shown = redact(visible(first.text.strip(), lines=False)).text[:EXCERPT_CHARACTERS_MAX]
    return Finding(
        path=file.shown_path,
        line=number,
        line_end=number,
        severity=kind.severity,
        category="security",
        title=kind.title,
        claim=f"{kind.why}{beside} With what is hidden made visible, the line reads: {shown}"[:CLAIM_CHARACTERS_MAX],
        source=SOURCE,
        confidence=0.9,
    )
