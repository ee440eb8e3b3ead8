"""One program at a time: its time, its output and its children always end."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.services.process import CannotStart, Completed, Keep, run

ENVIRONMENT = {"PATH": os.environ["PATH"]}
MINUTE = 60.0


async def python(
    code: str, *, seconds_max: float = MINUTE, output_bytes_max: int = 1_000_000, keep: Keep = Keep.HEAD
) -> Completed:
    return await run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=Path("/"),
        env=ENVIRONMENT,
        seconds_max=seconds_max,
        output_bytes_max=output_bytes_max,
        keep=keep,
    )


async def sh(script: str, *, cwd: Path, seconds_max: float = MINUTE, stdin: bytes | None = None) -> Completed:
    return await run(
        ["sh", "-c", script],
        cwd=cwd,
        env=ENVIRONMENT,
        seconds_max=seconds_max,
        output_bytes_max=1_000_000,
        stdin=stdin,
    )


def is_gone(pid: int) -> bool:
    """Whether nothing runs under this number any more; a zombie does not run."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] in {"", "Z"}


def ends(pid: int) -> bool:
    """Give the kernel the moment that it needs to end a process."""
    for _ in range(500):
        if is_gone(pid):
            return True
        time.sleep(0.01)
    return False


def pid_in(file: Path) -> int:
    """Wait until a program has written a pid into the file."""
    while not (file.exists() and file.read_text().endswith("\n")):
        time.sleep(0.01)
    return int(file.read_text())


async def test_output_and_exit_code_of_a_program_come_back() -> None:
    done = await python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")

    assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert not done.timed_out
    assert not done.truncated


async def test_a_program_reads_what_it_is_given_and_otherwise_nothing(tmp_path: Path) -> None:
    big = b"x" * 3_000_000

    fed = await sh("wc -c", cwd=tmp_path, stdin=big)
    unfed = await sh("wc -c", cwd=tmp_path)
    early = await sh("exec <&-; echo bye", cwd=tmp_path, stdin=big)

    assert (int(fed.stdout), int(unfed.stdout), early.stdout) == (3_000_000, 0, b"bye\n")


async def test_nothing_of_our_environment_is_inherited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary")

    done = await sh("env", cwd=tmp_path)

    assert b"canary" not in done.stdout


async def test_a_document_beyond_the_limit_stops_the_program() -> None:
    done = await python("while True: print('x' * 1000)", output_bytes_max=5_000)

    assert done.truncated
    assert len(done.stdout) == 5_000


async def test_whoever_listens_hears_a_piece_before_the_program_ends_and_nothing_beyond_the_limit(
    tmp_path: Path,
) -> None:
    """The program goes on only when its first words were heard."""
    heard: list[tuple[int, bytes]] = []

    def hear(stream: int, piece: bytes) -> None:
        heard.append((stream, piece))
        (tmp_path / "go").touch()

    completed = await run(
        ["sh", "-c", "echo begun >&2; while ! [ -e go ]; do sleep 0.01; done; head -c 5000 /dev/zero"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        seconds_max=MINUTE,
        output_bytes_max=1_000,
        hear=hear,
    )

    assert heard[0] == (2, b"begun\n")
    assert b"".join(piece for stream, piece in heard if stream == 1) == completed.stdout == bytes(1_000)


async def test_of_a_log_beyond_the_limit_the_end_is_kept_and_the_program_runs_on() -> None:
    done = await python("for n in range(100_000): print(n)", output_bytes_max=1_000, keep=Keep.TAIL)

    assert done.exit_code == 0
    assert done.truncated
    assert len(done.stdout) == 1_000
    assert done.stdout.endswith(b"99998\n99999\n")


async def test_time_over_stops_a_program_that_ignores_being_asked() -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)"
    )

    done = await python(code, seconds_max=0.3)

    assert done.timed_out
    assert done.exit_code == -signal.SIGKILL


async def test_time_over_stops_the_children_too(tmp_path: Path) -> None:
    done = await sh("sleep 600 & echo $! >child; wait", cwd=tmp_path, seconds_max=0.3)

    assert done.timed_out
    assert ends(pid_in(tmp_path / "child"))


async def test_a_background_child_that_holds_the_output_does_not_hold_us_up(tmp_path: Path) -> None:
    done = await sh("sleep 600 & echo $! >child; echo done", cwd=tmp_path)

    assert done.stdout == b"done\n"
    assert ends(pid_in(tmp_path / "child"))


@pytest.mark.skipif(sys.platform != "linux", reason="setsid is a Linux program")
async def test_a_daemon_outside_the_group_does_not_hold_us_up(tmp_path: Path) -> None:
    done = await sh(
        "setsid sh -c 'echo $$ >child; exec sleep 600' & until [ -s child ]; do :; done; echo done", cwd=tmp_path
    )
    os.kill(pid_in(tmp_path / "child"), signal.SIGKILL)

    assert done.stdout == b"done\n"


async def test_cancelling_ends_the_program_and_its_children(tmp_path: Path) -> None:
    task = asyncio.create_task(sh("sleep 600 & echo $! >child; wait", cwd=tmp_path))
    child = await asyncio.to_thread(pid_in, tmp_path / "child")

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ends(child)


@pytest.mark.parametrize("argv", [["no-such-program-anywhere"], ["sh", "-c", "a\0b"]])
async def test_a_program_that_cannot_start_is_said_so(argv: list[str], tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="Cannot start"):
        await run(argv, cwd=tmp_path, env=ENVIRONMENT, seconds_max=MINUTE, output_bytes_max=10)


async def test_a_directory_that_is_gone_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="gone"):
        await sh("true", cwd=tmp_path / "gone")
