"""Passages: the documentation a reviewer should have at hand, best first.

Promises an order that does not depend on the index's taste alone: a passage that names what changed, or its file,
stands before one that only shares words with it; no document takes more than its share; the diff's own lines are
not repeated. Does not promise that a passage is right.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.review.reports import Passage
from pipeline.review.visible import visible

EXCERPT_CHARACTERS_MAX: Final = 900
"""A passage is a pointer with enough text to judge it; the document is one click away."""

PER_DOCUMENT_MAX: Final = 3
"""Passages from one document, so that a long README does not push out the rest."""

REASONS_MAX: Final = 4
"""Names and words that are told as the reason for a passage."""

WORDS_MIN: Final = 2
"""A passage that names nothing has to share at least so many words with the change."""

NAME_WEIGHT: Final = 6.0
PATH_WEIGHT: Final = 4.0
INSTRUCTION_WEIGHT: Final = 1.0
"""Added to the index's score (BM25, mostly between 0 and 15) for a changed name, a changed path, an instruction."""

_INSTRUCTIONS: Final = re.compile(r"(^|/)(agents|claude|contributing|copilot-instructions)\b[^/]*$", re.IGNORECASE)


class Hit(Protocol):
    """A section that the index found."""

    @property
    def path(self) -> str:
        """Path of the document."""

    @property
    def line(self) -> int:
        """Number of its first line."""

    @property
    def line_end(self) -> int:
        """Number of its last line."""

    @property
    def heading(self) -> str:
        """The headings above it."""

    @property
    def text(self) -> str:
        """Its lines."""

    @property
    def score(self) -> float:
        """How well it matches, 0 and up."""

    @property
    def is_near(self) -> bool:
        """Whether it means the same as the change, by an embedding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What a change makes worth reading about."""

    names: Sequence[str]
    """Changed names, old and new."""
    paths: Sequence[str]
    """Changed files."""
    words: Sequence[str]
    """Further identifiers of the changed lines."""


def choose_passages(
    hits: Iterable[Hit], interest: Interest, added: Mapping[str, frozenset[int]], passages_max: int
) -> tuple[Passage, ...]:
    """Take the best hits, each with the reason why it is shown.

    Args:
        hits: What the index found.
        interest: What the change is about.
        added: Lines that the diff added, by path; a passage that contains one is in the diff already.
        passages_max: How many to take.
    """
    judged = [(_score(hit, interest), hit) for hit in hits if _bears(hit, interest) and not _is_in_diff(hit, added)]
    judged.sort(key=lambda one: (-one[0], one[1].path, one[1].line))
    taken: dict[str, int] = {}
    passages: list[Passage] = []
    for _, hit in judged:
        if len(passages) == passages_max:
            break
        if taken.setdefault(hit.path, 0) < PER_DOCUMENT_MAX:
            taken[hit.path] += 1
            passages.append(_passage(hit, interest))
    return tuple(passages)


def _bears(hit: Hit, interest: Interest) -> bool:
    """Whether it says enough of the change to be worth a reader's time."""
    is_named = bool(_named(hit.text, (*interest.names, *interest.paths)))
    return hit.is_near or is_named or len(_spoken(hit, interest)) >= WORDS_MIN


def _spoken(hit: Hit, interest: Interest) -> list[str]:
    text = hit.text.lower()
    return [word for word in interest.words if word.lower() in text]


def _score(hit: Hit, interest: Interest) -> float:
    names, paths = _named(hit.text, interest.names), _named(hit.text, interest.paths)
    instruction = INSTRUCTION_WEIGHT if _INSTRUCTIONS.search(hit.path) else 0.0
    return hit.score + NAME_WEIGHT * len(names) + PATH_WEIGHT * len(paths) + instruction


def _named(text: str, names: Iterable[str]) -> list[str]:
    """List the names that stand in the text as words of their own."""
    return [name for name in names if name in text and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)]


def _is_in_diff(hit: Hit, added: Mapping[str, frozenset[int]]) -> bool:
    return any(hit.line <= line <= hit.line_end for line in added.get(hit.path, ()))


def _passage(hit: Hit, interest: Interest) -> Passage:
    return Passage(
        path=visible(hit.path, lines=False),
        line=hit.line,
        line_end=hit.line_end,
        heading=visible(hit.heading, lines=False),
        excerpt=_excerpt(hit.text),
        why=_why(hit, interest),
    )


def _excerpt(text: str) -> str:
    shown = visible(text).strip()
    return shown if len(shown) <= EXCERPT_CHARACTERS_MAX else shown[: EXCERPT_CHARACTERS_MAX - 1] + "…"


def _why(hit: Hit, interest: Interest) -> str:
    named = [*_named(hit.text, interest.names), *_named(hit.text, interest.paths)]
    if named:
        return _list(named)
    if spoken := _spoken(hit, interest):
        return _list(spoken)
    return "the same in other words"


def _list(words: Sequence[str]) -> str:
    return ", ".join(visible(word, lines=False) for word in dict.fromkeys(words[:REASONS_MAX]))
