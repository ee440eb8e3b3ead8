"""The line: how bubblewrap is called.

Promises by itself nothing; the proof (`proof.py`) and the tests show what it holds. Each part is there because an
attack got through without it; docs/sandbox.md says which. Not promised: that a kernel has no hole. Bubblewrap's own
CVE-2026-87766 (a mount point below attacker content) is avoided, since no content is mounted at all.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.services.sandbox.limits import MEBIBYTE, SHARED_MEMORY_MB, Limits

WORK: Final = "/build"
"""Where the copy of the checkout lies, and where the command starts."""

PATH: Final = "/usr/local/bin:/usr/bin:/bin"

USER: Final = 1000
"""User and group inside, whoever they are outside."""

TOP_FOLDERS: Final = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
"""On most systems links into /usr, on some folders of their own."""

DATA: Final[Mapping[str, bytes]] = {
    "/etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nsandbox:x:1000:1000:sandbox:/tmp/home:/bin/sh\n"
    b"nobody:x:65534:65534:nobody:/:/bin/false\n",
    "/etc/group": b"root:x:0:\nsandbox:x:1000:\nnogroup:x:65534:\n",
    "/etc/hosts": b"127.0.0.1 localhost sandbox\n::1 localhost\n",
    "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\n",
}
"""Files of /etc that programs need; the host's own tell who works here."""

BECOME: Final = 'case $1 in -*) echo "$1: not found" >&2; exit 127; esac; exec "$@"'
"""Some shells have options for `exec`, and none of them all know `--`."""

STARTED_FD: Final = 3
"""Where the script says that the command is about to start."""

WANTED_FD: Final = 4
"""Where the script writes the wanted files."""


def bubblewrap_line(  # noqa: PLR0913  Descriptors and lists, each told by name at the call.
    argv: Sequence[str],
    limits: Limits,
    *,
    data_fds: Mapping[str, int],
    seccomp_fd: int,
    status_fd: int,
    wanted: Sequence[str] = (),
    readable: Sequence[str] = (),
) -> tuple[str, ...]:
    """Write the arguments of bubblewrap.

    Args:
        argv: The command.
        limits: Of the run.
        data_fds: For each file of `DATA`, one descriptor of its own: bubblewrap closes it.
        seccomp_fd: Holds the filter.
        status_fd: Where bubblewrap tells the number of the sandbox's first process.
        wanted: Files that the command is to leave.
        readable: Directories of tools besides /usr.
    """
    return (
        *_namespaces(),
        *_environment(readable),
        *_system(data_fds),
        *_memory_files(limits),
        *(word for path in readable for word in ("--ro-bind", path, path)),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK),
        *("--json-status-fd", str(status_fd), "--seccomp", str(seccomp_fd), "--"),
        *("/bin/sh", "-c", script(wanted), "sh", *argv),
    )


def script(wanted: Sequence[str]) -> str:
    """Write what the shell in the sandbox does: unpack what comes on stdin, tell, become the command or run it."""
    # `cat` waits until the keeper has nothing left to do and closes the stream; tar may leave it before that.
    begin = (
        f"tar -xf - -C {WORK} || exit 125; cat >/dev/null; exec </dev/null; echo >&{STARTED_FD}; exec {STARTED_FD}>&-; "
    )
    become = f"exec {WANTED_FD}>&-; {BECOME}"
    if not wanted:
        return begin + become
    names = " ".join(shlex.quote(f"./{name}") for name in wanted)
    return f"{begin}({become}); code=$?; tar -cf - -C {WORK} -- {names} 2>/dev/null >&{WANTED_FD}; exit $code"


def _namespaces() -> tuple[str, ...]:
    """Unshare each by name: `--unshare-all` only tries. Nothing in it gains a right, sees a terminal or stays."""
    return (
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup"),
        *("--disable-userns", "--uid", str(USER), "--gid", str(USER), "--hostname", "sandbox", "--cap-drop", "ALL"),
        *("--new-session", "--die-with-parent"),
    )


def _environment(readable: Sequence[str]) -> Iterator[str]:
    variables = {
        "PATH": ":".join((*(f"{path}/bin" for path in readable), PATH)),
        "HOME": "/tmp/home",  # noqa: S108  The sandbox's own.
        "LANG": "C.UTF-8",
        "CI": "true",
        "TMPDIR": "/tmp",  # noqa: S108  Same.
    }
    yield "--clearenv"
    for name, value in variables.items():
        yield from ("--setenv", name, value)


def _system(data_fds: Mapping[str, int]) -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for name in TOP_FOLDERS:
        folder = Path("/", name)
        if folder.is_symlink():
            yield from ("--symlink", str(folder.readlink()), str(folder))
        elif folder.is_dir():
            yield from ("--ro-bind", str(folder), str(folder))
    yield from ("--perms", "0755", "--dir", "/etc")
    for path in ("/etc/ld.so.cache", "/etc/alternatives"):
        yield from ("--ro-bind-try", path, path)
    for path, fd in data_fds.items():
        yield from ("--ro-bind-data", str(fd), path)
    yield from ("--proc", "/proc", "--dev", "/dev")


def _memory_files(limits: Limits) -> Iterator[str]:
    """Give each place that can be written a size: without one it is half of the host's memory."""
    for mode, size, place in (
        ("1777", SHARED_MEMORY_MB, "/dev/shm"),  # noqa: S108  The sandbox's own.
        ("1777", limits.tmp_mb, "/tmp"),  # noqa: S108  Same.
        ("0755", limits.work_mb, WORK),
    ):
        yield from ("--perms", mode, "--size", str(size * MEBIBYTE), "--tmpfs", place)
    yield from ("--perms", "0700", "--dir", "/tmp/home")  # noqa: S108  Same.
