"""Attacks: run inside a sandbox by the system's own Python, and tell what got through.

Called with the name of an attack and what it needs to know of the host as JSON. `walls` tries all that can be told at
once and prints, for each attack, a list of what it could do that it should not; the others do one thing until they are
stopped. The standard library alone, and nothing newer than Python 3.8.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Host = Any  # JSON, as `proof.py` writes it; a record would need its code in here.

MEBIBYTE = 1024 * 1024
EXPECTED_NAMES = {"PATH", "HOME", "LANG", "CI", "TMPDIR", "PWD", "LC_CTYPE", "_", "SHLVL", "OLDPWD"}
# As root of the machine's own numbers; those that differ between architectures are looked up by the machine's name.
CALLS = {
    "x86_64": {"bpf": 321, "io_uring_setup": 425, "keyctl": 250, "perf_event_open": 298, "userfaultfd": 323,
               "ptrace": 101, "mount": 165, "unshare": 272, "chroot": 161, "setns": 308, "clone3": 435,
               "process_vm_readv": 310, "add_key": 248},
    "aarch64": {"bpf": 280, "io_uring_setup": 425, "keyctl": 219, "perf_event_open": 241, "userfaultfd": 282,
                "ptrace": 117, "mount": 40, "unshare": 97, "chroot": 51, "setns": 268, "clone3": 435,
                "process_vm_readv": 270, "add_key": 217},
}  # fmt: skip
REFUSALS = {errno.EPERM, errno.ENOSYS}
LIBC = ctypes.CDLL(None, use_errno=True)


def environment(_host: Host) -> Iterator[str]:
    """Look for variables that are not the sandbox's, in every process, and for open files that nobody gave."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                for entry in (folder / "environ").read_bytes().split(b"\0"):
                    name = entry.partition(b"=")[0].decode(errors="replace")
                    if name and name not in EXPECTED_NAMES:
                        yield f"variable {name} of process {folder.name}"
    for fd in os.listdir("/proc/self/fd"):
        if int(fd) > 2 and os.path.exists(f"/proc/self/fd/{fd}"):
            target = os.readlink(f"/proc/self/fd/{fd}")
            if not target.startswith("/proc/"):
                yield f"open file {fd}: {target}"
    if os.read(0, 1):
        yield "something on stdin"


def files(host: Host) -> Iterator[str]:
    """Read what is none of a test's business."""
    for path in ["/root", "/home", "/etc/shadow", "/var", "/run", "/sys", "/boot", *host["paths"]]:
        with contextlib.suppress(OSError):
            if os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1):
                yield f"read {path}"


def writing(_host: Host) -> Iterator[str]:
    """Write where nothing may be written."""
    for folder in ("/", "/usr", "/usr/bin", "/etc", "/dev", "/proc/sys/kernel", "/lib"):
        path = os.path.join(folder, "onceover-was-here")
        with contextlib.suppress(OSError):
            open(path, "w").close()
            yield f"wrote {path}"
    for path in ("/etc/passwd", "/etc/hosts", "/usr/bin/env", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"):
        with contextlib.suppress(OSError):
            open(path, "r+b").close()
            yield f"opened {path} for writing"


def network(host: Host) -> Iterator[str]:
    """Reach the host or anybody else, and then oneself, which has to work."""
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", host["port"])),
        (socket.AF_INET6, ("::1", host["port"])),
        (socket.AF_INET, ("169.254.169.254", 80)),
        (socket.AF_INET, ("192.0.2.1", 80)),
        (socket.AF_UNIX, host["abstract"].encode()),
    ):
        with contextlib.suppress(OSError), socket.socket(family) as one:
            one.settimeout(1)
            one.connect(address)
            yield f"connected to {address}"
    for number, kind in ((40, socket.SOCK_STREAM), (17, socket.SOCK_RAW), (38, 5)):  # vsock, packet, alg
        with contextlib.suppress(OSError), socket.socket(number, kind):
            yield f"a socket of family {number}"
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    if others:
        yield f"interfaces {others}"
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())


def rights(_host: Host) -> Iterator[str]:
    """Gain rights, mounts, roots, namespaces and devices."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    for name, wanted in (("CapPrm", 0), ("CapEff", 0), ("CapBnd", 0), ("CapAmb", 0)):
        if int(fields[name], 16) != wanted:
            yield f"{name} is {fields[name].strip()}"
    if fields["NoNewPrivs"].strip() != "1":
        yield "new rights by setuid programs"
    if fields["Seccomp"].strip() != "2":
        yield "no filter of system calls"
    for name, attempt in (
        ("setuid", lambda: os.setuid(0)),
        ("chroot", lambda: os.chroot("/tmp")),
        ("a device", lambda: os.mknod("/tmp/device", 0o20666, os.makedev(1, 1))),
        ("setgroups", lambda: os.setgroups([0])),
        ("a lower nice value", lambda: os.nice(-20)),
    ):
        with contextlib.suppress(OSError):
            attempt()
            yield name
    for name in ("mount", "unshare", "chroot", "setns"):
        yield from _answered(name, 0x10000000)


def others(host: Host) -> Iterator[str]:
    """See, signal and trace processes outside, and use the kernel's large surfaces and the terminal."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    if len(pids) > 8:
        yield f"{len(pids)} processes in sight"
    with contextlib.suppress(OSError):
        if host["pid"] not in pids:
            os.kill(host["pid"], 0)
            yield f"a signal to {host['pid']}"
    for name in ("bpf", "io_uring_setup", "keyctl", "perf_event_open", "userfaultfd", "ptrace", "add_key", "clone3",
                 "process_vm_readv"):  # fmt: skip
        yield from _answered(name)
    with contextlib.suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDWR))
        yield "the terminal"
    typed = ctypes.create_string_buffer(b"x")
    if LIBC.ioctl(0, ctypes.c_ulong(0x5412), typed) == 0 or ctypes.get_errno() != errno.EPERM:
        yield "typing into the terminal"


def disk(host: Host) -> Iterator[str]:
    """Fill every place that can be written, to its size and not beyond."""
    for place, size in host["sizes"].items():
        written, path, chunk = 0, os.path.join(place, "filler"), b"\0" * MEBIBYTE
        try:
            with open(path, "wb", buffering=0) as file:
                while written <= size + MEBIBYTE:
                    written += file.write(chunk)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EFBIG):
                yield f"{place}: {error}"
        if written > size:
            yield f"{written} bytes in {place}, which has {size}"
        with contextlib.suppress(OSError):
            os.unlink(path)


def _answered(name: str, argument: int = 0) -> Iterator[str]:
    """Call the kernel with nonsense: what is refused for another reason than 'not allowed' got through the filter."""
    number = CALLS[os.uname().machine][name]
    result = LIBC.syscall(ctypes.c_long(number), ctypes.c_long(argument), 0, 0, 0, 0)
    if result >= 0 or ctypes.get_errno() not in REFUSALS:
        yield f"system call {name}"


def walls(host: Host) -> None:
    """Try everything that tells at once."""
    attempts = (environment, files, writing, network, rights, others, disk)
    print(json.dumps({attempt.__name__: list(attempt(host)) for attempt in attempts}))


def processes(host: Host) -> None:
    """Fork until there is no more, and tell how many there were."""
    count = 0
    with contextlib.suppress(OSError):
        while count < host["tries"]:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            count += 1
    print(json.dumps({"processes": count}))


def memory(_host: Host) -> None:
    """Take memory without end."""
    held = []
    while True:
        held.append(b"x" * (4 * MEBIBYTE))


def output(_host: Host) -> None:
    """Write without end."""
    while True:
        os.write(1, b"x" * 65_536)


def stay(host: Host) -> None:
    """Ignore what asks to end, twice: here, and in a daemon of a session of its own that keeps our output open."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv("/bin/sh", ["sh", "-c", "sleep 600; exit", host["token"]])
        os._exit(0)
    print("stays", flush=True)
    if host["waits"]:
        time.sleep(600)


if __name__ == "__main__":
    globals()[sys.argv[1]](json.loads(sys.argv[2]))
