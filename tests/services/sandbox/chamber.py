"""Chamber: a sandbox with small limits, a checkout of its own, and a look at what is left on the host.

The tests need bubblewrap and user namespaces. The test set-up brings a bubblewrap, so its absence is a failure; where
the kernel or a container denies user namespaces, there is nothing to test, and the tests say so.
"""

import contextlib
import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline.services.sandbox.bubblewrap import BubblewrapSandbox, find_bubblewrap
from pipeline.services.sandbox.contract import Outcome, Ran, Stopped
from pipeline.services.sandbox.limits import Limits
from pipeline.services.sandbox.proven import ProvenSandbox, open_bubblewrap

TIGHT: Final = Limits(seconds=20.0, memory_mb=96, pids=24, tmp_mb=8, work_mb=8, output_kb=64, files=3_000)
"""Limits that an attack reaches at once, and time enough for a busy machine."""

_CLONE_NEWUSER: Final = 0x1000_0000


def why_no_namespaces() -> str:
    """Say why there can be no sandbox here; empty if there can be one."""
    if sys.platform != "linux":
        return "Bubblewrap is for Linux."
    child = os.fork()
    if child == 0:  # A process of its own: who has been in a user namespace does not come back.
        try:
            if os.geteuid() == 0:
                os.setresuid(65_534, 65_534, 65_534)
            is_given = ctypes.CDLL(None).unshare(_CLONE_NEWUSER) == 0
        except OSError:  # A root without its powers; a copy of the test run must not go on from here.
            is_given = False
        os._exit(0 if is_given else 1)
    _, status = os.waitpid(child, 0)
    return "" if status == 0 else "THE SANDBOX IS NOT TESTED HERE: the kernel denies user namespaces to plain users."


@contextlib.contextmanager
def open_place() -> Iterator[Path]:
    """Make a directory that all users can read, for a program of the sandbox's: pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="open-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def the_sandbox() -> BubblewrapSandbox:
    """Open the sandbox without its proof, which has tests of its own."""
    opened = open_bubblewrap(os.environ["PATH"])
    assert isinstance(opened, ProvenSandbox), "There is no bubblewrap; the test set-up should have brought one."
    assert isinstance(opened.sandbox, BubblewrapSandbox)
    return opened.sandbox


def the_program() -> Path:
    """Find bubblewrap."""
    found = find_bubblewrap(os.environ["PATH"])
    assert found
    return found


class Chamber:
    """A sandbox and a checkout.

    Args:
        checkout: An empty directory.
    """

    def __init__(self, checkout: Path) -> None:
        self.checkout: Final = checkout
        self.sandbox = the_sandbox()

    async def run(self, *argv: str, wanted: Sequence[str] = (), **limits: float) -> Outcome:
        """Run a command with tight limits, or some of one's own."""
        chosen = replace(TIGHT, **limits)  # type: ignore[arg-type]  # The fields are checked at run time.
        return await self.sandbox.run(argv, self.checkout, chosen, wanted=wanted)

    async def python(self, program: str, *arguments: str, **limits: float) -> Outcome:
        """Run a Python program inside, with the system's own Python."""
        return await self.run("python3", "-I", "-S", "-c", program, *arguments, wanted=(), **limits)


def said(outcome: Outcome) -> str:
    """Read what a command wrote that ended well."""
    assert isinstance(outcome, Ran), outcome
    assert outcome.exit_code == 0, outcome
    return outcome.stdout.decode()


def stopped(outcome: Outcome) -> Stopped:
    """Expect that a limit was reached."""
    assert isinstance(outcome, Stopped), outcome
    return outcome


def left_over(token: str) -> list[str]:
    """Find what lives of a run whose command line has a token, and what it left among the cgroups."""
    processes = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and token.encode() in (folder / "cmdline").read_bytes():
                processes.append(folder.name)
        except OSError:
            continue  # It ended meanwhile.
    return processes


def groups_of(keeper: int) -> list[Path]:
    """Find the cgroups of a keeper."""
    return [place for root in ("/sys/fs/cgroup",) for place in Path(root).glob(f"**/onceover-sandbox-{keeper}")]
