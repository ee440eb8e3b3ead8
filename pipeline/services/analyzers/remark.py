"""Remark: what an analyser said about some lines, as a value.

The text of a remark quotes the code under review. It is made visible here: what would move a cursor, hide or
turn text becomes its escape, so that no one further up has to remember.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Level: TypeAlias = Literal["critical", "high", "medium", "low", "info"]

MESSAGE_CHARACTERS_MAX: Final = 1_000
"""Length to which one message is cut: the longest honest one seen has 300."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing that one tool said about one place."""

    path: str
    line: int
    """First line, from 1."""
    line_end: int
    level: Level
    category: str
    """`bug`, `security` or `spelling`."""
    tool: str
    rule: str
    """The tool's own name for it: `F821`, `B602`, `SC2086`, `template-injection`."""
    title: str
    """The remark in one line; without line numbers, so that it stays the same when code moves."""
    message: str
    """What is wrong and why, with the address of the rule's page."""
    confidence: float
    """How sure the tool is, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Something that an analyser did not look at, and why."""

    what: str
    """A tool, or a tool and a path as `bandit: src/a.py`."""
    why: str
    gap: bool
    """It was wanted and could not be done; false: it was left out on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a tool's output says."""

    remarks: tuple[Remark, ...] = ()
    unread: tuple[Unread, ...] = ()


def visible(text: str, characters_max: int = MESSAGE_CHARACTERS_MAX) -> str:
    """Put text on one line, show what would act on a terminal as its escape, and cut it."""
    cut = text if len(text) <= characters_max else text[: characters_max - 1] + "…"
    return "".join(_shown(character) for character in " ".join(cut.split()))


def _shown(character: str) -> str:
    # Not printable: controls, bidi and other format characters, lone surrogates, odd spaces.
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
