"""Limits: what one run in a sandbox may have at most."""

from dataclasses import dataclass
from typing import Final

MEBIBYTE: Final = 1024 * 1024
KIBIBYTE: Final = 1024

CORES: Final = 2
"""Processor cores that one run may keep busy: two test processes at once, and the host stays usable."""

SHARED_MEMORY_MB: Final = 16
"""Size of /dev/shm; semaphores of test runners need kilobytes of it."""

OPEN_FILES_MAX: Final = 1024
"""Per process: the usual default of a login shell."""

OVERHEAD_PIDS: Final = 4
"""Processes of the sandbox itself: bubblewrap outside and as `init` inside, the shell, and tar for a moment."""

WANTED_MB: Final = 32
"""Bytes of wanted files that are handed back, in all; what a collector of reports reads at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one run; the defaults fit the tests of a middling repository."""

    seconds: float = 900.0
    """From the moment the command starts; the copy before it has a limit of its own."""
    memory_mb: int = 2048
    """Of all processes together, besides what is in the copy and in /tmp."""
    pids: int = 256
    """Processes and threads at once."""
    tmp_mb: int = 512
    """Size of /tmp, which is memory."""
    work_mb: int = 1024
    """Size of the copy of the checkout with all that the command writes into it, which is memory."""
    output_kb: int = 4096
    """Of stdout and of stderr, each; a command that writes more is stopped."""
    files: int = 200_000
    """Files and folders in the copy, and as many in /tmp: each takes a kilobyte of the kernel's memory."""
    cpu_seconds: float | None = None
    """Processor time of all processes together; `CORES` times the seconds without it."""

    @property
    def cpu_seconds_max(self) -> float:
        """Processor time that holds."""
        return CORES * self.seconds if self.cpu_seconds is None else self.cpu_seconds

    @property
    def total_mb(self) -> int:
        """Memory that the run can take from the host, its file systems included."""
        return self.memory_mb + self.tmp_mb + self.work_mb + SHARED_MEMORY_MB
