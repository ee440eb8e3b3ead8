"""Stragglers: processes that a trial left behind, found by the mark in their environment.

Promises, on Linux, that every process of ours that still carries the mark is gone when `end_stragglers` returns: also
one that made its own session, closed its files and was adopted by init; also one of an earlier attempt whose
Onceover was killed.
Does not promise to find a process that took the mark off on purpose, nor any outside Linux (there is no /proc):
code that means harm needs a sandbox, not a list of processes.

Race: a process number may be used again between looking and killing. Prevented: the number is pinned by a pidfd
before the environment is read (pidfd_open(2), Linux 5.3).
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MARK: Final = "ONCEOVER_TRIAL"
"""Environment variable that names the trial; children inherit it."""

ROUNDS_MAX: Final = 50
"""Looks at the process table; each catches what was forked since the one before."""

ROUND_PAUSE_SECONDS: Final = 0.02

ENVIRONMENT_BYTES_MAX: Final = 4_000_000
"""How much of one process's environment is searched; Linux allows a quarter of the stack limit, 2 MB by default."""


def end_stragglers(mark: str) -> int:
    """Kill all processes that carry the mark and return how many were found; blocks for up to a second."""
    if sys.platform != "linux":
        return 0
    killed: set[int] = set()
    for _ in range(ROUNDS_MAX):
        found = set(_kill_marked(f"{MARK}={mark}".encode()))
        if not found:
            break
        killed |= found
        time.sleep(ROUND_PAUSE_SECONDS)
    return len(killed)


def _kill_marked(entry: bytes) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid() and _kill_if_marked(int(folder.name), entry):
            yield int(folder.name)


def _kill_if_marked(pid: int, entry: bytes) -> bool:
    """Kill one process if the entry is in its environment; one that is gone or not ours is left alone."""
    with contextlib.suppress(OSError):
        pinned = os.pidfd_open(pid)
        try:
            with Path(f"/proc/{pid}/environ").open("rb") as environment:
                if entry in environment.read(ENVIRONMENT_BYTES_MAX).split(b"\0"):
                    signal.pidfd_send_signal(pinned, signal.SIGKILL)
                    return True
        finally:
            os.close(pinned)
    return False
