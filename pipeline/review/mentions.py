"""Mentions: documentation that speaks of names as they were before the change.

Promises few and sure remarks: a name must be written as `pipeline.review.spellings` tells; a name that merely changed
counts only beside the old parameter or default; and a document of the past (changelog, decision record), or a line that
says "renamed" or "deprecated", is right to name it.
Does not promise to understand prose.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Final, Protocol

from pipeline.review.documents import is_history, kind_of
from pipeline.review.findings import CLAIM_CHARACTERS_MAX, TITLE_CHARACTERS_MAX, Severity
from pipeline.review.names import Change, ChangedName
from pipeline.review.reports import DocsFinding
from pipeline.review.spellings import as_there, is_distinctive, is_foreign, is_telling, mention_pattern
from pipeline.review.visible import visible

LINES_TOLD_MAX: Final = 5
"""Further lines of one document are counted, not listed."""

SENTENCE_CHARACTERS_MAX: Final = 300
"""Of the line that is stale; enough to find and to judge it."""

SUGGESTION_CHARACTERS_MAX: Final = 300
"""A longer line is not offered rewritten."""

SHORT_CHARACTERS_MAX: Final = 2
"""An old default as short as this is looked for beside its parameter only."""

WINDOW_LINES: Final = (3, 6)
"""Lines before and after a mention in which the old parameter or default has to stand."""

_TELLS_THE_PAST: Final = re.compile(
    r"\b(removed?|renamed?|deprecated?|formerly|previously|used to|no longer|(was|were) called|replaced|instead of"
    r"|obsolete|legacy)\b",
    re.IGNORECASE,
)


_ITEM: Final = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s")
_ENDS_ITEM: Final = re.compile(r"^\s*(?:(?:[-*+]|\d+[.)])\s|$)")


class Read(Protocol):
    """A section of a document of the head tree."""

    @property
    def path(self) -> str:
        """Path of the document."""

    @property
    def line(self) -> int:
        """Number of its first line."""

    @property
    def heading(self) -> str:
        """What stands above it; for docstrings the name of what they describe."""

    @property
    def text(self) -> str:
        """Its lines."""


def stale_mentions(
    sections: Iterable[Read], names: Sequence[ChangedName], added: Mapping[str, frozenset[int]]
) -> tuple[DocsFinding, ...]:
    """Make one finding for each document and changed name that it still tells as before.

    Args:
        sections: Sections that may mention a name; any others do no harm.
        names: What changed; those that are not telling are passed over.
        added: Lines that the diff added, by path: they were written knowing the change.
    """
    wanted = [(changed, mention_pattern(changed)) for changed in names if is_telling(changed)]
    places: dict[tuple[str, ChangedName], dict[int, str]] = {}
    for section in sections:
        if is_history(section.path):
            continue
        for changed, pattern in wanted:
            for line, text in _stale_lines(section, changed, pattern, added.get(section.path, frozenset())):
                places.setdefault((section.path, changed), {})[line] = text
    return tuple(
        _finding(path, changed, dict(sorted(lines.items())), is_touched=path in added)
        for (path, changed), lines in places.items()
    )


def _stale_lines(
    section: Read, changed: ChangedName, pattern: re.Pattern[str], added: frozenset[int]
) -> Iterable[tuple[int, str]]:
    lines = section.text.split("\n")
    for index, text in enumerate(lines):
        is_own = index == 0 and _describes(section, changed)
        match = pattern.search(text)
        if not is_own and (match is None or is_foreign(text, match.start())):
            continue
        if section.line + index in added or _TELLS_THE_PAST.search(text):
            continue
        if changed.change is not Change.CHANGED:
            yield section.line + index, text
        elif hinted := _hinted(lines, index, changed, is_own=is_own):
            yield section.line + hinted - 1, lines[hinted - 1]


def _describes(section: Read, changed: ChangedName) -> bool:
    """Whether this is the docstring of the very thing that changed."""
    return section.path == changed.path and section.heading.rpartition(".")[2] == changed.name


def _hinted(lines: Sequence[str], index: int, changed: ChangedName, *, is_own: bool) -> int:
    """Return the number (from 1) of the line near a mention that tells the old meaning; 0 if none does."""
    first, last = (0, len(lines)) if is_own else _around(lines, index)
    near = sorted(range(first, last), key=lambda other: abs(other - index))
    for hint, subject in zip_longest(changed.hints, changed.subjects, fillvalue=""):
        if not hint:
            return index + 1
        if hint[-1] == "(" and not is_distinctive(changed.name):
            continue  # Every object has something like `invoke(`.
        pattern = re.compile(rf"(?<![\w.-]){re.escape(hint)}(?![\w-])" if hint[-1] != "(" else re.escape(hint))
        for other in near:
            is_said = pattern.search(lines[other]) and not _TELLS_THE_PAST.search(lines[other])
            is_meant = _has_word(lines[other], subject or changed.name) or (
                (is_own or other == index) and _has_word(lines[other], "default")
            )
            if is_said and (is_meant or not _is_everywhere(hint)):
                return other + 1
    return 0


def _is_everywhere(hint: str) -> bool:
    """Whether a word proves nothing by itself: a small number, `True`."""
    return len(hint) <= SHORT_CHARACTERS_MAX or hint.lower() in {
        "true",
        "false",
        "none",
        "null",
        "yes",
        "auto",
        "optional",
    }


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def _around(lines: Sequence[str], index: int) -> tuple[int, int]:
    """Say which lines speak of the same thing as one: of a table its row, of a list its item, of a text some more."""
    if lines[index].lstrip().startswith("|"):
        return index, index + 1
    before, after = WINDOW_LINES
    last = min(index + after + 1, len(lines))
    if _ITEM.match(lines[index]):
        return index, next((other for other in range(index + 1, last) if _ENDS_ITEM.match(lines[other])), last)
    return max(0, index - before), last


def _finding(path: str, changed: ChangedName, lines: Mapping[int, str], *, is_touched: bool) -> DocsFinding:
    line = next(iter(lines))
    kind = kind_of(path)
    is_certain = changed.change is not Change.CHANGED and not is_touched and not (kind and kind.is_code)
    return DocsFinding(
        path=visible(path, lines=False),
        line=line,
        line_end=line,
        severity=Severity.MEDIUM if is_certain else Severity.LOW,
        category="docs",
        title=f"Documentation still describes `{changed.name}` as it was"[:TITLE_CHARACTERS_MAX],
        claim=_claim(changed, list(lines), is_touched=is_touched)[:CLAIM_CHARACTERS_MAX],
        source="docs",
        confidence=_confidence(changed),
        suggestion=_suggestion(changed, lines[line]),
        sentence=_sentence(lines[line]),
        changed=visible(changed.name, lines=False),
        kind=changed.kind,
        change=changed.change,
    )


def _sentence(text: str) -> str:
    shown = visible(text, lines=False).strip()
    return shown if len(shown) <= SENTENCE_CHARACTERS_MAX else shown[: SENTENCE_CHARACTERS_MAX - 1] + "…"


def _claim(changed: ChangedName, lines: Sequence[int], *, is_touched: bool) -> str:
    told = ", ".join(str(line) for line in lines[:LINES_TOLD_MAX])
    more = f" and {len(lines) - LINES_TOLD_MAX} more" if len(lines) > LINES_TOLD_MAX else ""
    where = f"line{'s' if len(lines) > 1 else ''} {told}{more}"
    rest = "was not changed there" if is_touched else "was not changed with it"
    return f"{_what_happened(changed)} This document still tells the old way on {where} and {rest}."


def _what_happened(changed: ChangedName) -> str:
    place = f"`{visible(changed.path, lines=False)}:{changed.line}`"
    match changed.change:
        case Change.REMOVED:
            return f"The {changed.kind} `{changed.name}` was removed (it stood at {place})."
        case Change.RENAMED:
            return f"The {changed.kind} `{changed.name}` is named `{changed.new_name}` now ({place})."
        case Change.CHANGED:
            return f"The {changed.kind} `{changed.name}` changed at {place}: {visible(changed.detail, lines=False)}."


def _confidence(changed: ChangedName) -> float:
    if changed.change is Change.CHANGED:
        return 0.6
    return 0.9 if changed.kind == "flag" or is_distinctive(changed.name) else 0.7


def _suggestion(changed: ChangedName, text: str) -> str | None:
    """Offer the line with the new name, where nothing but the name has to change."""
    if changed.change is not Change.RENAMED or len(text) > SUGGESTION_CHARACTERS_MAX or visible(text) != text:
        return None
    return mention_pattern(changed).sub(lambda mention: as_there(changed, mention[0]), text)
