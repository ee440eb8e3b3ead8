"""Restrictions: what the process that becomes bubblewrap takes upon itself first, and so hands down to all inside.

Promises that limits hold before the first instruction of a stranger, and that they cannot be raised again: soft and
hard limit are the same. The order matters: joining a cgroup and lowering the score take root's rights, and becoming
another user takes the wish to end with the parent away.
"""

import contextlib
import ctypes
import math
import os
import platform
import resource
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from pipeline.services.sandbox.limits import MEBIBYTE, OPEN_FILES_MAX, SHARED_MEMORY_MB, Limits

NICE: Final = 10
"""So that workers keep their leases while tests keep all cores busy."""

LOCKED_BYTES_MAX: Final = 65_536
"""Memory that cannot be swapped; libraries of cryptography lock a page or two."""

PIDS_MIN: Final = 2
"""The shell that unpacks the checkout, and tar."""

COUNTED_BY_NAMESPACE: Final = (5, 14)
"""The first Linux whose RLIMIT_NPROC counts each user namespace by itself."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


def end_with_parent(number: signal.Signals) -> None:
    """Have the kernel send us a signal when the thread that started us ends; prctl(2)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def adopt_orphans() -> None:
    """Have processes below us become our children when their parent ends, so that there is somebody to bury them.

    Else they go to the `init` of the machine, which in a container is often a program that buries nobody.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def restriction(limits: Limits, *, user: int | None, doors: Sequence[int]) -> Callable[[], None]:
    """Make what a child does between fork and exec.

    Args:
        limits: Of the run.
        user: User and group to become; None to stay.
        doors: Open files of cgroups to join.
    """
    parent, bounds = os.getpid(), _bounds(limits)
    if user is not None:  # Nobody else's, so that it counts this run alone, with bubblewrap outside and inside.
        bounds[resource.RLIMIT_NPROC] = _no_more_than_ours(resource.RLIMIT_NPROC, max(limits.pids, PIDS_MIN) + 2)

    def restrict() -> None:
        for door in doors:
            os.write(door, b"0")
        with contextlib.suppress(OSError):  # If memory runs out on the host, let it be the sandbox that pays.
            Path("/proc/self/oom_score_adj").write_text("1000")
        os.nice(NICE)
        for which, bound in bounds.items():
            resource.setrlimit(which, (bound, bound))
        if user is not None:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        os.umask(0o022)
        end_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return restrict


def hold_processes(pids: Iterable[int], limits: Limits) -> None:
    """Limit the processes of a sandbox that has a user namespace of its own but no command yet.

    From inside a user namespace RLIMIT_NPROC counts that namespace alone (since Linux 5.14), so that runs of one user
    do not starve each other or the user. On older kernels it counts all of the user's; there the keeper's look is left.
    For a user of the run's own, `restriction` has done it.
    """
    if tuple(map(int, platform.release().split("-")[0].split(".")[:2])) < COUNTED_BY_NAMESPACE:
        return
    bound = max(limits.pids, PIDS_MIN) + 1  # The first process, which is not the command.
    for pid in pids:
        with contextlib.suppress(OSError):  # It ended, or it was not allowed: the keeper's look is left.
            resource.prlimit(pid, resource.RLIMIT_NPROC, (bound, bound))


def _bounds(limits: Limits) -> dict[int, int]:
    """Choose the resource limits; setrlimit(2)."""
    wished = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES_MAX,
        resource.RLIMIT_FSIZE: max(limits.work_mb, limits.tmp_mb, SHARED_MEMORY_MB) * MEBIBYTE,
        resource.RLIMIT_CPU: math.ceil(limits.cpu_seconds_max) + 1,
        resource.RLIMIT_MEMLOCK: LOCKED_BYTES_MAX,
    }
    return {which: _no_more_than_ours(which, bound) for which, bound in wished.items()}


def _no_more_than_ours(which: int, bound: int) -> int:
    hard = resource.getrlimit(which)[1]
    return bound if hard == resource.RLIM_INFINITY else min(bound, hard)
