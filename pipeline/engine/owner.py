"""Owner: which process holds a lease, told apart from every other process that ever ran.

Promises that `is_known_dead` is true only for a process that cannot be running any more: same host, same boot and
same pid namespace, and either no such pid or another start time. Everything else is "not known": its leases are
left to run out. A wrong "dead" would waste work and nothing more, since the fencing token decides (L1).

Source of the fields: proc(5), `/proc/sys/kernel/random/boot_id`, field 22 (starttime) of `/proc/PID/stat`.
"""

import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

PS_SECONDS_MAX: Final = 5.0
"""Limit on `ps`, asked for a start time where there is no /proc."""

_SEPARATOR: Final = "|"

_UNKNOWN: Final = "?"
"""Start time of a process that could not look up its own."""

_ENDED: Final = ""
"""Start time of a process that has ended and that its parent has not yet asked about (a zombie)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process, as it signs its leases."""

    host: str
    boot: str
    """Boot id and pid namespace: pids mean something only within both."""
    pid: int
    start: str
    """When the process started, in the system's own unit; tells two uses of one pid apart."""
    role: str = ""
    """Tells several workers inside one process apart; empty for the usual one."""

    @classmethod
    def of_this_process(cls, role: str = "") -> Self:
        """Describe the process that is running."""
        pid = os.getpid()
        return cls(host=socket.gethostname(), boot=_boot(), pid=pid, start=_start_of(pid) or _UNKNOWN, role=role)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `str` wrote; None for anything else, which then counts as not known."""
        parts = text.split(_SEPARATOR)
        if len(parts) != 5 or not parts[2].isdecimal():  # noqa: PLR2004 - the five fields of `__str__`.
            return None
        return cls(host=parts[0], boot=parts[1], pid=int(parts[2]), start=parts[3], role=parts[4])

    def __str__(self) -> str:
        parts = (self.host, self.boot, str(self.pid), self.start, self.role)
        return _SEPARATOR.join(part.replace(_SEPARATOR, "_") for part in parts)

    @property
    def label(self) -> str:
        """Name it shortly for journals and people: `host:pid`."""
        return f"{self.host}:{self.pid}{self.role and '/' + self.role}"

    def is_known_dead(self, seen_from: "Owner") -> bool:
        """Whether this process has certainly ended, as far as `seen_from` can tell on its own host."""
        if self.host != seen_from.host or self.boot != seen_from.boot:
            return False
        if not _is_taken(self.pid):
            return True
        start = _start_of(self.pid)
        return start is not None and self.start not in {_UNKNOWN, start}


def _boot() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return "no-proc"


def _is_taken(pid: int) -> bool:
    """Whether some process has this pid. Signal 0 sees those of other users too, which /proc may hide (hidepid)."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _start_of(pid: int) -> str | None:
    """Look up when the process with this pid started; None if that cannot be known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _start_by_ps(pid)
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return _ENDED if state in {"Z", "X"} else fields[18]


def _start_by_ps(pid: int) -> str | None:
    try:
        done = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=PS_SECONDS_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
