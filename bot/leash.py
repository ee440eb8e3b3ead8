"""Leash: a program that ends when the process that started it ends.

Run as a script, never imported: `python leash.py PARENT_PID PROGRAM ARGUMENT...`. It asks the kernel for SIGTERM
at the parent's death and then becomes the program.

Promises on Linux that the program is told to end when its parent ends in whatever way, kill -9 included.
Does not promise it elsewhere: macOS has no such call, and a killed parent leaves the program running.

A race we know: the parent may die before the kernel is asked; therefore its pid is looked at afterwards.
A trap we know: the kernel means the parent's *thread* that started us; start it from one that lives as long as
the process (an event loop's in the main thread), not from a pool's. See prctl(2), PR_SET_PDEATHSIG.

Why a script of its own and not `preexec_fn`: that runs Python code in a copy of a process with threads,
which may stand still for ever on a lock that no thread of the copy will release.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main(parent_pid: int, command: list[str]) -> None:
    """Become the command, leashed to the parent.

    Args:
        parent_pid: The process to end with.
        command: The program's absolute path and its arguments.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        sys.exit(f"The parent {parent_pid} ended before {command[0]} was started.")
    os.execv(command[0], command)  # noqa: S606 - No shell is the point.


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
