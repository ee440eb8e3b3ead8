"""Watching: looks at a sandbox until its command ends or has reached a limit.

Promises to tell which, and never to wait for a process inside: what the command leaves behind, or holds open, does not
hold us up. Two looks are `TICK_SECONDS` apart; what a program can take meanwhile is some tens of MiB of memory, and a
cgroup, where there is one, holds it to `total_mb` without a look.
"""

import os
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pipeline.services.sandbox.bubblewrap_line import WORK
from pipeline.services.sandbox.building import Built, CannotBuild
from pipeline.services.sandbox.census import take_census
from pipeline.services.sandbox.contract import Limit
from pipeline.services.sandbox.limits import MEBIBYTE, OVERHEAD_PIDS, WANTED_MB
from pipeline.services.sandbox.order import Report

TICK_SECONDS: Final = 0.02

PIPE_BYTES: Final = 65_536


@dataclass(kw_only=True)
class _Watch:
    sandbox: Built
    bubblewrap: int
    """The process outside, pinned."""
    started_at: float | None = None
    wanted_left: int = WANTED_MB * MEBIBYTE
    listening: set[int] = field(default_factory=set)


def watch(sandbox: Built) -> Report:
    """Wait for the end of the command.

    Raises:
        CannotBuild: The command was never started.
    """
    seen = _Watch(sandbox=sandbox, bubblewrap=os.pidfd_open(sandbox.bubblewrap.pid))
    seen.listening = {sandbox.started, sandbox.wanted, seen.bubblewrap}
    while True:
        ready, _, _ = select.select(list(seen.listening), [], [], TICK_SECONDS)
        if sandbox.started in ready:
            _hear_of_the_start(seen)
        if sandbox.wanted in ready:
            _take_wanted(seen)
        elif seen.bubblewrap in ready:  # Only when nothing is left to be taken.
            return _ended(seen)
        if seen.started_at is not None and (reached := next(_reached(seen, seen.started_at), None)) is not None:
            limit, detail = reached
            seconds = time.monotonic() - seen.started_at
            return Report(how="stopped", limit=limit.value, detail=detail, seconds=seconds)


def _hear_of_the_start(seen: _Watch) -> None:
    if os.read(seen.sandbox.started, PIPE_BYTES):
        seen.started_at = time.monotonic()
    seen.listening.discard(seen.sandbox.started)


def _take_wanted(seen: _Watch) -> None:
    piece = os.read(seen.sandbox.wanted, PIPE_BYTES)
    seen.wanted_left -= len(piece)
    if not piece or seen.wanted_left < 0:
        seen.listening.discard(seen.sandbox.wanted)
        os.close(seen.sandbox.wanted)  # Whoever writes more is told by SIGPIPE.
    else:
        os.write(seen.sandbox.order.files_fd, piece)


def _ended(seen: _Watch) -> Report:
    code = seen.sandbox.bubblewrap.wait()
    if seen.started_at is None:
        raise CannotBuild(f"The sandbox ended with {code} before the command was started.")
    seconds = time.monotonic() - seen.started_at
    limits = seen.sandbox.order.limits
    if seen.sandbox.cgroup is not None and seen.sandbox.cgroup.memory_kills():
        detail = f"It used up the {limits.total_mb} MiB of memory that it has with its files."
        return Report(how="stopped", limit=Limit.MEMORY.value, detail=detail, seconds=seconds)
    return Report(how="ran", exit_code=code if code >= 0 else 128 - code, seconds=seconds)


def _reached(seen: _Watch, started_at: float) -> Iterator[tuple[Limit, str]]:
    """Say which limits are passed."""
    limits = seen.sandbox.order.limits
    if time.monotonic() - started_at >= limits.seconds:
        yield Limit.TIME, f"It took more than {limits.seconds:g} s."
    census = take_census(seen.sandbox.init_pid)
    if census.is_over(limits.memory_mb * MEBIBYTE):
        yield Limit.MEMORY, f"It held more than {limits.memory_mb} MiB of memory."
    if census.threads > limits.pids + OVERHEAD_PIDS:
        yield Limit.PROCESSES, f"It had more than {limits.pids} processes and threads."
    if census.cpu_seconds > limits.cpu_seconds_max:
        yield Limit.CPU, f"It used more than {limits.cpu_seconds_max:g} s of processor time."
    if _files(seen.sandbox.init_pid) > limits.files:
        yield Limit.FILES, f"It had more than {limits.files:,} files in one place."


def _files(init_pid: int) -> int:
    """Count the inodes of the file systems it can write, the largest; they are mount points that it cannot change."""
    most = 0
    for place in (WORK, "/tmp", "/dev/shm"):  # noqa: S108  The sandbox's own.
        try:
            held = os.statvfs(f"/proc/{init_pid}/root{place}")
        except OSError:
            continue  # Gone, or not ours to look into.
        most = max(most, held.f_files - held.f_ffree)
    return most
