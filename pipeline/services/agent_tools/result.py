"""Result: what a tool gives back, for the model to read and for a finding to cite.

Promises that a result goes through JSON unchanged, so that a durable step can keep it, and that it holds no lone
surrogate. Does not promise that its text is safe as Markdown, or that it is no instruction: it is data.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

CUT: Final = "… cut here: the answer is at its limit. Ask for less, or for the next part."


class Outcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    REFUSED = "refused"  # The request was wrong, and the text says how.
    FAILED = "failed"  # The request was right, and could not be answered this time.
    REPEATED = "repeated"  # It was answered before, word for word.
    OVER_LIMIT = "over_limit"  # One call too many.


class Reading(BaseModel):
    """Lines of a file that the model got to see."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """As it was shown, hidden characters visible."""
    line: int
    line_end: int
    blob: str
    """SHA of the content, so that a quotation can be checked against the very same bytes."""


class ToolResult(BaseModel):
    """The answer to one call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    text: str
    """For the model."""
    read: tuple[Reading, ...] = ()
    times: int = 1
    """How often this was asked, this call included."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request cannot be answered, as a sentence for the model."""

    why: str

    def as_result(self) -> ToolResult:
        """Tell it."""
        return ToolResult(outcome=Outcome.REFUSED, text=self.why)


class Page:
    """An answer in the making, which ends where its limit is."""

    def __init__(self, characters_max: int) -> None:
        self._room = characters_max - len(CUT) - 1
        self._lines: list[str] = []
        self._read: list[Reading] = []
        self.is_cut = False

    def add(self, line: str, reading: Reading | None = None) -> bool:
        """Add a line, with what it shows of a file; False if there is no room for it, nor for any further one."""
        if self.is_cut or len(line) + 1 > self._room:
            self.is_cut = True
            return False
        self._room -= len(line) + 1
        self._lines.append(line)
        if reading:
            self._note(reading)
        return True

    def result(self) -> ToolResult:
        """Give the answer."""
        lines = [*self._lines, CUT] if self.is_cut else self._lines
        return ToolResult(outcome=Outcome.ANSWERED, text="\n".join(lines), read=tuple(self._read))

    def _note(self, reading: Reading) -> None:
        """Remember what was shown; a line that follows the last one makes that longer."""
        last = self._read[-1] if self._read else None
        if last and (last.path, last.blob, last.line_end + 1) == (reading.path, reading.blob, reading.line):
            self._read[-1] = last.model_copy(update={"line_end": reading.line_end})
        else:
            self._read.append(reading)
