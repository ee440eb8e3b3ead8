"""Building: starts bubblewrap by the line, hands it what it needs, and takes all of it away again.

Promises that at the end of `build` no process of the sandbox lives, however the block is left, nor a dead one that
nobody has buried. Does not promise that the command has started: `fill` copies the checkout, and the script in the
sandbox says so when it has it.
"""

import contextlib
import fcntl
import json
import os
import platform
import select
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.services.sandbox.archive import CannotCopy, write_checkout
from pipeline.services.sandbox.bubblewrap_line import DATA, STARTED_FD, WANTED_FD, bubblewrap_line
from pipeline.services.sandbox.census import below
from pipeline.services.sandbox.cgroup import Cgroup
from pipeline.services.sandbox.order import Order
from pipeline.services.sandbox.reach import put_in_reach
from pipeline.services.sandbox.restrictions import hold_processes, restriction
from pipeline.services.sandbox.seccomp import NoFilter, make_filter

LOWEST_OWN_FD: Final = 20
"""Descriptors of ours lie from here on, since the shell in the sandbox can name only one digit."""

BURIAL_SECONDS_MAX: Final = 5.0
"""Wait for the kernel to end what was killed; to free gigabytes takes it a moment."""

STATUS_BYTES_MAX: Final = 4096


class CannotBuild(Exception):
    """There is no sandbox; the message says why, as a sentence.

    Args:
        detail: Why.
        next_step: What a person can do.
    """

    def __init__(self, detail: str, next_step: str = "See what `onceover sandbox check` says.") -> None:
        super().__init__(detail)
        self.next_step: Final = next_step


@dataclass(kw_only=True)
class Built:
    """A sandbox that waits for its checkout, or runs."""

    order: Order
    cgroup: Cgroup | None
    bubblewrap: "subprocess.Popen[bytes]"
    checkout: int
    sink: int
    """Write end of what the sandbox unpacks."""
    started: int
    """Read end of what the script tells when the command is about to start."""
    wanted: int
    """Read end of the archive of wanted files."""
    status: int
    init: int | None = None
    """The sandbox's first process, pinned."""
    init_pid: int = 0

    def fill(self) -> None:
        """Copy the checkout into the sandbox.

        Raises:
            CannotBuild: It cannot be read, or is larger than the copy may be.
        """
        self._find_init()
        try:
            with os.fdopen(self.sink, "wb", buffering=0) as sink:
                write_checkout(self.checkout, sink, self.order.limits)
                if self.order.user is None:
                    # The script waits for the end of the stream: these are all there are, and none is a stranger.
                    hold_processes(below(self.init_pid).members, self.order.limits)
        except CannotCopy as error:
            raise CannotBuild(str(error), "Raise `--work-mb` if it is too large, or name another directory.") from error
        except BrokenPipeError:
            pass  # Nobody unpacks any more; how bubblewrap ended will tell.

    def _find_init(self) -> None:
        """Read the number of the first process, which bubblewrap tells once it is there, and pin it."""
        text = b""
        while b"}" not in text and len(text) < STATUS_BYTES_MAX:
            piece = os.read(self.status, STATUS_BYTES_MAX)
            if not piece:
                return  # Bubblewrap has ended, and says on stderr why.
            text += piece
        self.init_pid = int(json.loads(text.splitlines()[0])["child-pid"])
        with contextlib.suppress(OSError):  # It is gone already.
            self.init = os.pidfd_open(self.init_pid)


@contextlib.contextmanager
def build(order: Order, cgroup: Cgroup | None) -> Iterator[Built]:
    """Start a sandbox and lend it out; at the end nothing of it is left.

    Raises:
        CannotBuild: It cannot be started.
    """
    checkout = _open(order.checkout)
    try:
        program = order.bubblewrap if order.user is None else put_in_reach(order.bubblewrap)
        seccomp = make_filter(platform.machine(), memory_is_counted=cgroup is not None)
        built = _start(order, cgroup, checkout, program, seccomp)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotBuild(f"Bubblewrap ({order.bubblewrap}) cannot be started: {error}.") from error
    except NoFilter as error:
        raise CannotBuild(error.message, error.next_step) from error
    try:
        yield built
    finally:
        _end(built)


def _open(path: str) -> int:
    try:
        return _lift(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError as error:
        raise CannotBuild(f"{path!a} cannot be opened: {error.strerror}.", "Name a directory.") from error


def _start(order: Order, cgroup: Cgroup | None, checkout: int, program: str, seccomp: bytes) -> Built:
    (source, sink), (started, started_end), (wanted, wanted_end), (status, status_end) = (_pipe() for _ in range(4))
    data = {path: _file_of(content) for path, content in DATA.items()}
    filter_fd = _file_of(seccomp)
    if order.user is not None:
        for fd in (1, 2):  # So that `> /dev/stderr` works, which opens the pipe anew.
            os.fchown(fd, order.user, order.user)
    os.dup2(started_end, STARTED_FD, inheritable=True)
    os.dup2(wanted_end, WANTED_FD, inheritable=True)
    doors = cgroup.open_doors() if cgroup else []
    line = bubblewrap_line(
        order.argv,
        order.limits,
        data_fds=data,
        seccomp_fd=filter_fd,
        status_fd=status_end,
        wanted=order.wanted,
        readable=order.readable,
    )
    process = subprocess.Popen(
        [os.fsencode(word) for word in (program, *line)],
        env={},
        cwd="/",
        stdin=source,
        pass_fds=(STARTED_FD, WANTED_FD, status_end, filter_fd, *data.values()),
        preexec_fn=restriction(order.limits, user=order.user, doors=doors),  # noqa: PLW1509  We have one thread.
    )
    for fd in (source, started_end, wanted_end, status_end, STARTED_FD, WANTED_FD, filter_fd, *data.values(), *doors):
        os.close(fd)
    return Built(
        order=order,
        cgroup=cgroup,
        bubblewrap=process,
        checkout=checkout,
        sink=sink,
        started=started,
        wanted=wanted,
        status=status,
    )


def _pipe() -> tuple[int, int]:
    read_end, write_end = os.pipe()
    return _lift(read_end), _lift(write_end)


def _file_of(content: bytes) -> int:
    """Make a file in memory and stand at its beginning."""
    fd = _lift(os.memfd_create("onceover", os.MFD_CLOEXEC))
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _lift(fd: int) -> int:
    lifted = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, LOWEST_OWN_FD)
    os.close(fd)
    return lifted


def _end(built: Built) -> None:
    """Kill bubblewrap, the first process and with it all others, and wait until the kernel has buried them."""
    built.bubblewrap.kill()
    if built.init is not None:
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(built.init, signal.SIGKILL)
    if built.cgroup is not None:
        built.cgroup.kill()
    built.bubblewrap.wait()
    if built.init is not None:  # The `init` of a pid namespace ends last of all in it; pid_namespaces(7).
        select.select([built.init], [], [], BURIAL_SECONDS_MAX)
        with contextlib.suppress(ChildProcessError):  # It came to us when bubblewrap ended; see `adopt_orphans`.
            os.waitpid(built.init_pid, os.WNOHANG)
