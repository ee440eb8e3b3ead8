"""Progress: how a run comes along, on stderr while it works.

Promises a live table on a terminal, one plain line per change anywhere else, and silence when asked for it; never a
raw control character of a stranger's text. Says nothing on stdout, which belongs to the result.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeAlias

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from bot.run_view import RunView, StageView
from pipeline.engine.lifecycle import StageState
from pipeline.review.markdown import clip
from pipeline.review.visible import visible
from pipeline.review.wording import duration

REFRESHES_PER_SECOND: Final = 8
"""Enough for a clock that shows tenths; more only warms the terminal."""

NOTE_CHARACTERS_MAX: Final = 120
"""Of what a stage says of itself; the table cuts further where the window is narrow."""

Clock: TypeAlias = Callable[[], float]
"""Unix seconds."""

SYMBOLS: Final = {
    StageState.PENDING: ("·", "dim"),
    StageState.READY: ("·", "cyan"),
    StageState.RUNNING: ("●", "cyan"),
    StageState.PARKED: ("◷", "yellow"),
    StageState.DONE: ("✔", "green"),
    StageState.FAILED: ("✘", "red"),
    StageState.SKIPPED: ("-", "dim"),
    StageState.CANCELLED: ("-", "yellow"),
}
WORDS: Final = {
    StageState.PENDING: "waiting",
    StageState.READY: "waiting",
    StageState.RUNNING: "running",
    StageState.PARKED: "waiting",
    StageState.DONE: "done",
    StageState.FAILED: "failed",
    StageState.SKIPPED: "skipped",
    StageState.CANCELLED: "cancelled",
}


class Progress(Protocol):
    """Whoever watches a run."""

    def show(self, view: RunView) -> None:
        """Take the newest view; each one replaces the one before."""


@contextlib.contextmanager
def watch(console: Console, clock: Clock, *, quiet: bool = False) -> Iterator[Progress]:
    """Show a run in the way that fits.

    Args:
        console: Where; made for stderr.
        clock: Tells how long a stage has been at it.
        quiet: Show nothing.
    """
    if quiet:
        yield Silent()
    elif console.is_terminal and not console.is_dumb_terminal:
        yield from _watch_live(console, clock)
    else:
        yield PlainLines(console, clock)


def _watch_live(console: Console, clock: Clock) -> Iterator[Progress]:
    table = LiveTable(clock)
    with Live(console=console, get_renderable=table.render, refresh_per_second=REFRESHES_PER_SECOND, transient=True):
        yield table


class Silent:
    """Shows nothing."""

    def show(self, view: RunView) -> None:
        """Do nothing."""


class PlainLines:
    """One line per change of a stage, for a log or a pipe."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console: Final = console
        self._clock: Final = clock
        self._seen: dict[str, tuple[StageState, int]] = {}

    def show(self, view: RunView) -> None:
        """Print what is new: not what merely waits for other stages, nor what had ended before we looked."""
        if not self._seen:
            self._seen = {one.name: (one.state, one.attempt) for one in view.stages if one.state.is_terminal}
        for stage in view.stages:
            now = (stage.state, stage.attempt)
            is_news = self._seen.get(stage.name, (StageState.PENDING, 0)) != now and stage.state not in _NO_NEWS
            self._seen[stage.name] = now
            if is_news:
                line = f"onceover: {plain_line(stage, self._clock())}"
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)


_NO_NEWS: Final = frozenset({StageState.PENDING, StageState.READY})


class LiveTable:
    """A table that moves: symbol, stage, state, try, time, and what it does or waits for."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._view: RunView | None = None
        self._spinner: Final = Spinner("dots", style="cyan")

    def show(self, view: RunView) -> None:
        """Take the newest view; the screen follows with its next refresh."""
        self._view = view

    def render(self) -> Group:
        """Draw the table as it stands this moment."""
        if self._view is None:
            return Group(Text("looking for the run", style="dim"))
        return Group(stage_table(self._view, self._clock(), self._spinner))


def stage_table(view: RunView, now: float, spinner: Spinner | None = None) -> Table:
    """Draw all stages of a run.

    Args:
        view: How it stands.
        now: Unix seconds.
        spinner: Turns before what is running; without one a still symbol stands there.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for column in ("symbol", "stage", "state"):
        table.add_column(column, no_wrap=True)
    table.add_column("time", no_wrap=True, justify="right")
    table.add_column("note")  # The only one that may be cut; its cells do not wrap.
    for stage in view.stages:
        symbol, style = SYMBOLS[stage.state]
        is_turning = spinner is not None and stage.state is StageState.RUNNING
        table.add_row(
            spinner if is_turning else Text(symbol, style=style),
            Text(visible(stage.name, lines=False), style="bold" if stage.state is StageState.RUNNING else ""),
            Text(_state(stage), style=style),
            Text(_time(stage, now)),
            Text(_note(stage, now), style="dim", no_wrap=True, overflow="ellipsis"),
        )
    return table


def plain_line(stage: StageView, now: float) -> str:
    """Say how a stage stands in one line: `analyze done in 1.2 s`."""
    word = "done before" if stage.reused else WORDS[stage.state]
    took = ""
    if stage.state.is_terminal and stage.seconds is not None and not stage.reused:
        took = f" {'in' if stage.state is StageState.DONE else 'after'} {duration(stage.seconds)}"
    tries = f", try {stage.attempt}" if stage.attempt > 1 else ""
    note = _note(stage, now)
    return f"{visible(stage.name, lines=False)} {word}{took}{tries}{f': {note}' if note else ''}"


def _state(stage: StageView) -> str:
    if stage.reused:
        return "done before"
    word = WORDS[stage.state]
    return f"{word}, try {stage.attempt}" if stage.attempt > 1 else word


def _time(stage: StageView, now: float) -> str:
    """Say how long it took or has taken; a clock that lags behind Redis's shows no time before zero."""
    if stage.reused or stage.started_at is None:
        return ""
    return duration(stage.seconds if stage.seconds is not None else max(0.0, now - stage.started_at))


def _note(stage: StageView, now: float) -> str:
    parts = []
    if stage.waits_for:
        wait = f" in {duration(max(0.0, stage.wake_at - now))}" if stage.wake_at is not None else ""
        parts.append(f"for {visible(stage.waits_for, lines=False)}{wait}")
    if stage.note:
        parts.append(clip(visible(stage.note, lines=False), NOTE_CHARACTERS_MAX))
    return "; ".join(parts)
