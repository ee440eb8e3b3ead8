"""Case 63: whoever is killed, from the command of the operator to the keeper, nothing of the run is left."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from pipeline.services.sandbox import keeper
from tests.project import ROOT
from tests.services.sandbox.chamber import Chamber, groups_of, left_over, the_program

PATIENCE_SECONDS_MAX: Final = 20.0

LAUNCHER: Final = """
import asyncio, os, secrets, sys
from pathlib import Path
from pipeline.services.sandbox.limits import Limits
from pipeline.services.sandbox.proven import open_bubblewrap

async def main():
    sandbox = open_bubblewrap(os.environ["PATH"]).sandbox
    command = ("sh", "-c", "trap '' TERM; while :; do sleep 600; done", sys.argv[1])
    await sandbox.run(command, Path(sys.argv[2]), Limits())

asyncio.run(main())
"""


@asynccontextmanager
async def launched(token: str, checkout: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a program that runs something in the sandbox, and wait until that runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LAUNCHER, token, str(checkout), env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        # Three have the token in their command line: the launcher, bubblewrap (twice, and both alike) and the shell.
        await until(lambda: any(command_of(pid).startswith(b"sh\0") for pid in left_over(token)))
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(holds: Callable[[], bool]) -> None:
    """Look until it holds."""
    async with asyncio.timeout(PATIENCE_SECONDS_MAX):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  What a process does elsewhere sets no event here.
            await asyncio.sleep(0)


def command_of(pid: str) -> bytes:
    """Read the command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def keeper_of(launcher: int) -> int:
    """Find the keeper among the children of the process that asked for a run."""
    return next(
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal()
        and keeper.__name__.encode() in command_of(folder.name)
        and f"PPid:\t{launcher}\n" in (folder / "status").read_text()
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_case_63_the_end_of_whoever_asked_is_the_end_of_everything(
    chamber: Chamber, number: signal.Signals
) -> None:
    token = f"token-{secrets.token_hex(8)}"
    async with launched(token, chamber.checkout) as launcher:
        keeper_pid = keeper_of(launcher.pid)

        launcher.send_signal(number)
        await launcher.wait()

        await until(lambda: not left_over(token) and not command_of(str(keeper_pid)))
    assert groups_of(keeper_pid) == []


async def test_case_63_a_killed_keeper_takes_everything_along(chamber: Chamber) -> None:
    """Its cgroup, which is empty then, is removed when the next run starts."""
    token = f"token-{secrets.token_hex(8)}"
    async with launched(token, chamber.checkout) as launcher:
        keeper_pid = keeper_of(launcher.pid)

        os.kill(keeper_pid, signal.SIGKILL)

        await launcher.wait()
        await until(lambda: not left_over(token))
    await chamber.run("true")
    assert groups_of(keeper_pid) == []


async def test_case_63_a_killed_bubblewrap_takes_everything_along_and_is_told(chamber: Chamber) -> None:
    token = f"token-{secrets.token_hex(8)}"
    program = str(the_program()).encode()
    running = asyncio.create_task(chamber.run("sh", "-c", "while :; do sleep 600; done", token))
    await until(lambda: any(command_of(pid).startswith(b"sh\0") for pid in left_over(token)))

    for pid in left_over(token):
        if command_of(pid).startswith(program):
            os.kill(int(pid), signal.SIGKILL)

    outcome = await running
    assert "exit_code=137" in repr(outcome)
    assert left_over(token) == []


async def test_a_run_that_is_given_up_leaves_nothing(chamber: Chamber) -> None:
    token = f"token-{secrets.token_hex(8)}"
    running = asyncio.create_task(chamber.run("sh", "-c", "while :; do sleep 600; done", token))
    await until(lambda: any(command_of(pid).startswith(b"sh\0") for pid in left_over(token)))

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert left_over(token) == []
