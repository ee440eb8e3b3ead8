"""Seccomp: the system calls that a sandbox refuses, as a program for the kernel.

Promises that the calls of `REFUSED`, sockets of other families than `FAMILIES`, new namespaces and typing into a
terminal answer an error, and that a call by another architecture's convention ends the process. It is a list of what is
refused and not of what is allowed: test suites use calls that no list foresees, and the namespaces, not this, keep the
walls. It closes what namespaces leave open: AF_VSOCK, io_uring, keyrings, bpf, perf, userfaultfd, TIOCSTI.

Written by hand, since libseccomp would be a C library and a package more for what is sixty lines: classic BPF, whose
instructions are `u16 code, u8 if_true, u8 if_false, u32 operand`; seccomp(2), linux/seccomp.h, linux/filter.h. The
numbers are those of the kernel's tables for x86_64 and of asm-generic/unistd.h for aarch64; a test compares them with
the headers of the machine it runs on.
"""

import errno
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.engine.errors import AskPerson

LOAD: Final = 0x20
"""BPF_LD | BPF_W | BPF_ABS: read a word of `struct seccomp_data`."""
IF_EQUAL: Final = 0x15
IF_AT_LEAST: Final = 0x35
IF_ANY_BIT: Final = 0x45
ANSWER: Final = 0x06

NUMBER_AT: Final = 0
ARCHITECTURE_AT: Final = 4

ALLOW: Final = 0x7FFF_0000
KILL: Final = 0x8000_0000
FAIL: Final = 0x0005_0000

FAMILIES: Final = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: what loopback, libc's look-ups and test servers need."""

NEW_NAMESPACES: Final = 0x7E02_0080
"""Flags CLONE_NEW* of clone(2): NS, CGROUP, UTS, IPC, USER, PID, NET and TIME."""

TERMINAL_REQUESTS: Final = (0x5412, 0x541C)
"""TIOCSTI types into the terminal that the sandbox was started from; TIOCLINUX pastes on a console."""

X32_BIT: Final = 0x4000_0000
"""Numbers of the x32 convention: another way to all calls, past a list of numbers."""

# Name: number on x86_64, number on aarch64; None where the architecture has no such call.
REFUSED: Final[Mapping[str, tuple[int | None, int | None]]] = {
    # Other processes: their memory, registers, files and relations.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # The kernel's large and young surfaces.
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "modify_ldt": (154, None),
    "lookup_dcookie": (212, 18),
    # Keyrings are no part of any namespace.
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # Namespaces, mounts and roots.
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # The host: its clock, names, modules, devices and log.
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "uselib": (134, None),
    "personality": (135, 92),
    # Where memory lies, which says where others' lies.
    "mbind": (237, 235),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "set_mempolicy": (238, 237),
}

UNCOUNTED: Final[Mapping[str, tuple[int | None, int | None]]] = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
}
"""Memory that no process shows as its own, so that only a cgroup can count it."""

CLONE: Final = (56, 220)
CLONE3: Final = (435, 435)
SOCKET: Final = (41, 198)
SOCKETPAIR: Final = (53, 199)
IOCTL: Final = (16, 29)


class NoFilter(AskPerson):
    """This machine's architecture has no list of numbers."""

    code = "sandbox.no_filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """How one architecture numbers its calls."""

    audit: int
    """The kernel's name for it: AUDIT_ARCH_* of linux/audit.h."""
    column: int
    """Its place in the tables above."""
    has_x32: bool


ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "x86_64": Architecture(audit=0xC000_003E, column=0, has_x32=True),
    "aarch64": Architecture(audit=0xC000_00B7, column=1, has_x32=False),
}
"""By what uname(2) calls the machine."""


def make_filter(machine: str, *, memory_is_counted: bool) -> bytes:
    """Write the program.

    Args:
        machine: As uname(2) names it.
        memory_is_counted: A cgroup counts all memory; else kinds that no process shows are refused too.

    Raises:
        NoFilter: The architecture is not known here.
    """
    if machine not in ARCHITECTURES:
        raise NoFilter(
            f"There is no list of system calls for `{machine}`; there is for {' and '.join(ARCHITECTURES)}.",
            next_step="Run the sandbox on another machine, or use `ONCEOVER_SANDBOX=off`.",
        )
    return b"".join(_program(ARCHITECTURES[machine], memory_is_counted=memory_is_counted))


def _program(machine: Architecture, *, memory_is_counted: bool) -> Iterator[bytes]:
    """Blocks, each of which answers or falls through to the next; the number is loaded again after each look aside."""
    yield _load(ARCHITECTURE_AT)
    yield from _unless_equal(machine.audit, KILL)
    yield _load(NUMBER_AT)
    if machine.has_x32:
        yield _jump(IF_AT_LEAST, X32_BIT, if_true=0, if_false=1)
        yield _answer(FAIL | errno.ENOSYS)
    refused = {**REFUSED, **({} if memory_is_counted else UNCOUNTED)}
    for name, numbers in refused.items():
        if (number := numbers[machine.column]) is not None:
            # "Not there" makes a library fall back on another way; "not allowed" is what a person understands.
            yield from _if_equal(number, FAIL | (errno.ENOSYS if name in _FALLS_BACK else errno.EPERM))
    yield from _if_equal(CLONE3[machine.column], FAIL | errno.ENOSYS)  # Its flags lie in memory, where none can look.
    yield from _clone(machine)
    yield from _socket(SOCKET[machine.column])
    yield from _socket(SOCKETPAIR[machine.column])
    yield from _ioctl(machine)
    yield _answer(ALLOW)


_FALLS_BACK: Final = frozenset({*UNCOUNTED, "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd"})


def _clone(machine: Architecture) -> Iterator[bytes]:
    yield _jump(IF_EQUAL, CLONE[machine.column], if_true=0, if_false=4)
    yield _load(_argument(0))
    yield _jump(IF_ANY_BIT, NEW_NAMESPACES, if_true=0, if_false=1)
    yield _answer(FAIL | errno.EPERM)
    yield _load(NUMBER_AT)


def _socket(number: int) -> Iterator[bytes]:
    count = len(FAMILIES)
    yield _jump(IF_EQUAL, number, if_true=0, if_false=count + 3)
    yield _load(_argument(0))
    for place, family in enumerate(FAMILIES):
        yield _jump(IF_EQUAL, family, if_true=count - place, if_false=0)
    yield _answer(FAIL | errno.EAFNOSUPPORT)
    yield _load(NUMBER_AT)


def _ioctl(machine: Architecture) -> Iterator[bytes]:
    """Compare the low half alone: the kernel too reads the request as 32 bits (CVE-2017-5226 and its followers)."""
    count = len(TERMINAL_REQUESTS)
    yield _jump(IF_EQUAL, IOCTL[machine.column], if_true=0, if_false=count + 3)
    yield _load(_argument(1))
    for place, request in enumerate(TERMINAL_REQUESTS):
        is_last = place == count - 1
        yield _jump(IF_EQUAL, request, if_true=count - place - 1, if_false=1 if is_last else 0)
    yield _answer(FAIL | errno.EPERM)
    yield _load(NUMBER_AT)


def _argument(place: int) -> int:
    """Find the low half of an argument; both architectures are little-endian."""
    return 16 + 8 * place


def _if_equal(operand: int, answer: int) -> tuple[bytes, bytes]:
    return _jump(IF_EQUAL, operand, if_true=0, if_false=1), _answer(answer)


def _unless_equal(operand: int, answer: int) -> tuple[bytes, bytes]:
    return _jump(IF_EQUAL, operand, if_true=1, if_false=0), _answer(answer)


def _load(offset: int) -> bytes:
    return struct.pack("=HBBI", LOAD, 0, 0, offset)


def _jump(code: int, operand: int, *, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def _answer(value: int) -> bytes:
    return struct.pack("=HBBI", ANSWER, 0, 0, value)
