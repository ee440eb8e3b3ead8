"""Stage table: where a run stands, stage by stage.

Promises that the same state is the same text: no clock is shown, only durations of what has ended and moments that
were decided (a moment of today without its date, so such a text changes once, at midnight UTC).
What a stage says of itself (an error, what it waits for) may hold a stranger's words and is set so that it stays text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pipeline.engine.lifecycle import StageState
from pipeline.review.finding_text import SENTENCE_CHARACTERS_MAX
from pipeline.review.markdown import cell, clip
from pipeline.review.redact import redact
from pipeline.review.wording import duration

MARKS: Final = {
    StageState.PENDING: "○",
    StageState.READY: "○",
    StageState.RUNNING: "●",
    StageState.PARKED: "◔",
    StageState.DONE: "✓",
    StageState.FAILED: "✗",
    StageState.SKIPPED: "–",  # noqa: RUF001 - a dash is what is meant.
    StageState.CANCELLED: "–",  # noqa: RUF001 - the same.
}

WORDS: Final = {
    StageState.PENDING: "to come",
    StageState.READY: "next",
    StageState.RUNNING: "running",
    StageState.DONE: "done",
    StageState.CANCELLED: "cancelled",
}
"""States that need no reason."""

_HEAD: Final = ("| | Stage | State | Try | Time |", "| :-: | --- | --- | ---: | ---: |")
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """One stage of a run."""

    name: str
    state: StageState
    attempt: int = 0
    """Tries in its present generation; 0 if it never ran."""
    generation: int = 1
    """1, and one more for each re-run."""
    seconds: float | None = None
    """From its first start to its end, waits included; None while it has not ended."""
    waits_for: str | None = None
    """What a parked stage waits for, in words; None if it waits to try again."""
    wake_at_ms: int | None = None
    """When a parked stage goes on at the latest, Unix milliseconds."""
    error: str | None = None
    """Why it failed, was left out, or tries again."""


def stage_table(stages: Sequence[StageRow], *, now_ms: int) -> tuple[str, ...]:
    """Set the stages as the lines of a table; none if there are no stages.

    Args:
        stages: In the order in which they run.
        now_ms: Unix milliseconds; decides only whether a moment needs its date.
    """
    return (*_HEAD, *(_row(stage, now_ms) for stage in stages)) if stages else ()


def state_text(stage: StageRow, *, now_ms: int) -> str:
    """Say how a stage stands, as Markdown for a table or a sentence."""
    match stage.state:
        case StageState.PARKED:
            return _wait_text(stage, now_ms)
        case StageState.FAILED:
            return _because("failed", stage)
        case StageState.SKIPPED:
            return _because("left out", stage)
        case _:
            return WORDS[stage.state]


def moment(at_ms: int, *, now_ms: int) -> str:
    """Name a moment by the end of its minute: `14:05 UTC`, `00:10 UTC on 24 Nov`."""
    at = datetime.fromtimestamp(-(-at_ms // _MINUTE_MS) * 60, UTC)
    is_today = at.date() == datetime.fromtimestamp(now_ms / 1000, UTC).date()
    return f"{at:%H:%M} UTC" if is_today else f"{at:%H:%M} UTC on {at.day} {at:%b}"


def _row(stage: StageRow, now_ms: int) -> str:
    again = f" (re-run {stage.generation - 1})" if stage.generation > 1 else ""
    tries = f"{stage.attempt}{again}" if stage.attempt else again.strip()
    time = duration(stage.seconds) if stage.seconds is not None and stage.attempt else ""
    return f"| {MARKS[stage.state]} | {cell(stage.name)} | {state_text(stage, now_ms=now_ms)} | {tries} | {time} |"


def _wait_text(stage: StageRow, now_ms: int) -> str:
    """Say what a parked stage waits for, or when it tries again."""
    when = "" if stage.wake_at_ms is None else moment(stage.wake_at_ms, now_ms=now_ms)
    if stage.waits_for:
        return f"waits for {_short(stage.waits_for)}{f', until {when} at the latest' if when else ''}"
    return _because(f"tries again {f'at {when}' if when else 'soon'}", stage)


def _because(words: str, stage: StageRow) -> str:
    why = _short(stage.error or "")
    return f"{words}: {why}" if why else words


def _short(text: str) -> str:
    return cell(clip(redact(text).text, SENTENCE_CHARACTERS_MAX))
