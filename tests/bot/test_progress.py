"""While it works, the run is shown in the way that fits where it is shown."""

import io

import pytest
from inline_snapshot import snapshot
from rich.console import Console

from bot.progress import LiveTable, plain_line, stage_table, watch
from bot.run_view import RunView, StageView
from pipeline.engine.lifecycle import RunState, StageState

NOW = 1_000.0

AT_WORK = (
    StageView(name="analyze", state=StageState.RUNNING, attempt=1, started_at=987.6, note="running ruff, bandit"),
    StageView(
        name="test",
        state=StageState.PARKED,
        attempt=2,
        started_at=990.0,
        waits_for="another try",
        wake_at=1_007.5,
        note="The connection was cut.",
    ),
    StageView(name="docs", state=StageState.DONE, attempt=1, started_at=987.6, seconds=0.34),
    StageView(name="summarize", state=StageState.PENDING, waits_for="analyze and test"),
    StageView(name="comment", state=StageState.PENDING, waits_for="summarize"),
)
ENDED = (
    StageView(name="analyze", state=StageState.DONE, attempt=3, started_at=0.0, seconds=85.2),
    StageView(name="test", state=StageState.FAILED, attempt=3, started_at=0.0, seconds=12.4, note="The disk is full."),
    StageView(name="docs", state=StageState.DONE, attempt=1, reused=True),
    StageView(name="summarize", state=StageState.SKIPPED),
    StageView(name="comment", state=StageState.CANCELLED),
)


def a_view(*stages: StageView) -> RunView:
    return RunView(run_id="r_1", state=RunState.RUNNING, stages=stages)


def drawn(*stages: StageView, width: int = 80) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(stage_table(a_view(*stages), NOW))
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


def printed(*views: RunView, quiet: bool = False) -> list[str]:
    file = io.StringIO()
    with watch(Console(file=file, width=40), lambda: NOW, quiet=quiet) as progress:
        for view in views:
            progress.show(view)
    return file.getvalue().splitlines()


def test_the_table_shows_who_works_who_waits_for_what_and_how_long() -> None:
    assert drawn(*AT_WORK) == snapshot("""\
●  analyze    running          12 s  running ruff, bandit
◷  test       waiting, try 2   10 s  for another try in 7.5 s; The connection…
✔  docs       done            0.3 s
·  summarize  waiting                for analyze and test
·  comment    waiting                for summarize\
""")


def test_the_table_shows_how_each_stage_ended() -> None:
    assert drawn(*ENDED) == snapshot("""\
✔  analyze    done, try 3    1 min 25 s
✘  test       failed, try 3        12 s  The disk is full.
✔  docs       done before
-  summarize  skipped
-  comment    cancelled\
""")


def test_a_narrow_window_cuts_the_notes_and_keeps_one_line_per_stage() -> None:
    assert len(drawn(*AT_WORK, width=50).splitlines()) == len(AT_WORK)


def test_without_a_terminal_each_change_is_one_plain_line() -> None:
    """On a pipe: no colours, no cursor movements, no line broken at the width of a window."""
    begun = a_view(StageView(name="analyze", state=StageState.RUNNING, attempt=1), *AT_WORK[3:])

    lines = printed(begun, begun, a_view(*AT_WORK), a_view(*ENDED))

    assert lines == snapshot(
        [
            "onceover: analyze running",
            "onceover: test waiting, try 2: for another try in 7.5 s; The connection was cut.",
            "onceover: docs done in 0.3 s",
            "onceover: analyze done in 1 min 25 s, try 3",
            "onceover: test failed after 12 s, try 3: The disk is full.",
            "onceover: summarize skipped",
            "onceover: comment cancelled",
        ]
    )


def test_what_had_ended_before_the_command_began_is_no_news() -> None:
    assert printed(a_view(*ENDED[:1], *AT_WORK[3:]), a_view(*ENDED[:2])) == [
        "onceover: test failed after 12 s, try 3: The disk is full."
    ]


def test_a_note_alone_is_no_news_for_a_pipe() -> None:
    stage = StageView(name="analyze", state=StageState.RUNNING, attempt=1, note="file 1")
    moved = StageView(name="analyze", state=StageState.RUNNING, attempt=1, note="file 2")

    assert len(printed(a_view(stage), a_view(moved))) == 1


def test_a_stage_that_may_go_on_is_no_news_until_it_does() -> None:
    assert printed(a_view(StageView(name="analyze", state=StageState.READY, attempt=1, waits_for="a worker"))) == []


def test_quiet_says_nothing() -> None:
    assert printed(a_view(*AT_WORK), a_view(*ENDED), quiet=True) == []


def test_a_terminal_gets_a_table_that_leaves_nothing_behind() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, legacy_windows=False)

    with watch(console, lambda: NOW) as progress:
        progress.show(a_view(*AT_WORK))

    assert isinstance(progress, LiveTable)


def test_the_time_of_a_running_stage_comes_from_the_clock_and_is_never_negative() -> None:
    ahead = StageView(name="analyze", state=StageState.RUNNING, attempt=1, started_at=NOW + 5)

    assert "0.0 s" in drawn(ahead)


@pytest.mark.parametrize("width", [30, 80])
def test_control_characters_of_a_stranger_are_shown_not_obeyed(width: int) -> None:
    stage = StageView(name="test", state=StageState.FAILED, attempt=1, note="\x1b[2Jgone\u202e\n[red]x[/red]")

    before = StageView(name="test", state=StageState.RUNNING, attempt=1)

    [_, line] = printed(a_view(before), a_view(stage))

    for text in (drawn(stage, width=width), plain_line(stage, NOW), line):
        assert not {"\x1b", "\u202e"} & set(text)
    assert "[red]x[/red]" in plain_line(stage, NOW)
