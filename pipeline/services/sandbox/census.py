"""Census: what the processes of a sandbox use together, counted from outside in /proc.

Promises to find every process of the sandbox: whatever forks, daemonises or starts a session stays in its pid namespace
and below its first process. Memory is first summed as the kernel has it at hand, which counts
shared pages many times, and only when that is above the limit by proportional shares, which is exact and slower.
Does not promise to see between two looks, nor memory that no process maps; a cgroup does both.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
HOST_PROC: Final = "/proc"
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One process as /proc/PID/stat has it; proc(5)."""

    parent: int
    ticks: int
    """Of the processor, those of children that it has waited for included."""
    threads: int
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """All processes of a sandbox at one look."""

    proc: str
    """The file system that lists them."""
    members: Mapping[int, Head]
    """By their numbers there."""

    @property
    def threads(self) -> int:
        """Processes and threads."""
        return sum(one.threads for one in self.members.values())

    @property
    def cpu_seconds(self) -> float:
        """Processor time of those that live, and of those that they have waited for."""
        return sum(one.ticks for one in self.members.values()) / TICKS_PER_SECOND

    def is_over(self, memory_bytes_max: int) -> bool:
        """Whether they hold more memory than that."""
        if sum(one.resident_bytes for one in self.members.values()) <= memory_bytes_max:
            return False
        return sum(_own_bytes(f"{self.proc}/{pid}") for pid in self.members) > memory_bytes_max


def take_census(first: int) -> Census:
    """Count a sandbox whose command has started, by the number of its first process.

    The sandbox's own /proc lists its processes alone, however many the host has; it lies behind the first process's
    root, and nothing inside can mount another over it. Where we may not look there, the host's does.
    """
    proc = f"/proc/{first}/root/proc"
    try:
        return Census(proc=proc, members=dict(_heads(proc)))
    except OSError:
        return below(first)


def below(first: int) -> Census:
    """Count a process and all below it, by the numbers of the host."""
    heads = dict(_heads(HOST_PROC))
    children: dict[int, list[int]] = {}
    for pid, head in heads.items():
        children.setdefault(head.parent, []).append(pid)
    found: dict[int, Head] = {}
    waiting = [first]
    while waiting:
        pid = waiting.pop()
        if pid in heads and pid not in found:
            found[pid] = heads[pid]
            waiting += children.get(pid, [])
    return Census(proc=HOST_PROC, members=found)


def _heads(proc: str) -> Iterator[tuple[int, Head]]:
    for name in os.listdir(proc):  # noqa: PTH208  Fifty times a second.
        if name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):  # It ended meanwhile.
                yield int(name), _read_head(f"{proc}/{name}/stat")


def _read_head(path: str) -> Head:
    """Read one; its name, which it may choose, stands in brackets and may hold any."""
    with open(path, "rb") as file:  # noqa: PTH123  Same.
        fields = file.read().rpartition(b")")[2].split()
    return Head(
        parent=int(fields[1]),
        ticks=sum(map(int, fields[11:15])),
        threads=int(fields[17]),
        resident_bytes=int(fields[21]) * PAGE_BYTES,
    )


def _own_bytes(folder: str) -> int:
    """Sum a process's share of anonymous and shared memory; the pages of programs and libraries are the system's."""
    with contextlib.suppress(OSError, ValueError):
        return 1024 * sum(_values(Path(folder, "smaps_rollup").read_bytes(), (b"Pss_Anon:", b"Pss_Shmem:")))
    with contextlib.suppress(OSError, ValueError):  # Not ours to look into: what is shared counts for each.
        return 1024 * sum(_values(Path(folder, "status").read_bytes(), (b"RssAnon:", b"RssShmem:")))
    return 0


def _values(text: bytes, names: tuple[bytes, ...]) -> Iterator[int]:
    return (int(line.split()[1]) for line in text.splitlines() if line.startswith(names))
