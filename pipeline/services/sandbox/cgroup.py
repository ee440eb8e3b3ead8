"""Cgroup: hard limits of a sandbox's memory, processes and processor, where the system lends us a cgroup.

Promises that who joins cannot take more memory than `total_mb`, file systems and the kernel's own included, nor more
processes; that what is left of earlier runs whose keeper is gone is removed when the next one starts.
Does not promise that there is one: in most containers the hierarchy is read-only, and a plain user owns none. Then the
keeper counts by itself, which is slower than a program that takes memory.

Version 2 (cgroups(7), Documentation/admin-guide/cgroup-v2.rst): the operator names a delegated cgroup, or ours or the
one above is delegated and enabled. We never move ourselves. Version 1: a group beside ours in `memory` and `pids`.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.services.sandbox.limits import CORES, MEBIBYTE, OVERHEAD_PIDS, Limits

NAME: Final = "onceover-sandbox-"
"""What our groups are called, before the number of the process that keeps them."""

PERIOD_MICROSECONDS: Final = 100_000
"""The kernel's own default for cpu.max."""

REMOVE_TRIES_MAX: Final = 100
"""A group is busy until the kernel has buried its last process."""

REMOVE_PAUSE_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroup:
    """One group, in as many hierarchies as it takes."""

    folders: tuple[Path, ...]
    events: Path
    """The file that counts those whom the kernel killed for memory."""

    def open_doors(self) -> list[int]:
        """Open the files into which a process writes `0` to join; for as long as it is not root any more."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in self.folders]

    def memory_kills(self) -> int:
        """Count the processes that the kernel killed because the memory was used up."""
        with contextlib.suppress(OSError, ValueError):
            lines = (line.split() for line in self.events.read_text().splitlines())
            return sum(int(count) for name, count in lines if name == "oom_kill")
        return 0

    def kill(self) -> None:
        """Kill all that is in it."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                (folder / "cgroup.kill").write_text("1")
                continue
            with contextlib.suppress(OSError):
                for pid in (folder / "cgroup.procs").read_text().split():
                    os.kill(int(pid), signal.SIGKILL)

    def remove(self) -> None:
        """Remove it; what the kernel does not let go of is left for the next start."""
        for folder in self.folders:
            for _ in range(REMOVE_TRIES_MAX):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(REMOVE_PAUSE_SECONDS)
                else:
                    break


def make_cgroup(named: str | None, limits: Limits, keeper_pid: int) -> Cgroup | None:
    """Make a group with these limits, or say by None that the system lends none.

    Args:
        named: A cgroup of version 2 that is delegated to us; without, one is looked for.
        limits: Of the run.
        keeper_pid: Who will remove it; by that the next one knows what is left over.
    """
    for parent in (Path(named),) if named else _parents():
        if (made := _make_second(parent, limits, keeper_pid)) is not None:
            return made
    return _make_first(limits, keeper_pid)


def _parents() -> Iterator[Path]:
    """Look where version 2 has us: our own group, if it may have members and children, and the one above.

    A slice above is systemd's own to write into; only a service that is delegated is not.
    """
    root, own = _mounted("cgroup2"), _own_groups().get("")
    if root is not None and own is not None:
        place = root / own.lstrip("/")
        yield place
        if root not in {place, place.parent} and place.parent.suffix != ".slice":
            yield place.parent


def _make_second(parent: Path, limits: Limits, keeper_pid: int) -> Cgroup | None:
    folder = parent / f"{NAME}{keeper_pid}"
    try:
        if not {"memory", "pids"} <= _enabled(parent):
            return None
        _clear_left_over(parent)
        folder.mkdir()
    except OSError:
        return None
    made = Cgroup(folders=(folder,), events=folder / "memory.events")
    wishes = {
        "memory.max": str(limits.total_mb * MEBIBYTE),
        "pids.max": str(limits.pids + OVERHEAD_PIDS),
    }
    comforts = {
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "cpu.max": f"{CORES * PERIOD_MICROSECONDS} {PERIOD_MICROSECONDS}",
    }
    return _limited(made, {folder: wishes}, {folder: comforts})


def _enabled(parent: Path) -> set[str]:
    """Enable what children lack, each by itself, since one that is not lent fails all; answer which they have.

    A group that has processes of its own refuses (the rule against internal processes, cgroups(7)).
    """
    control = parent / "cgroup.subtree_control"
    for controller in sorted({"memory", "pids", "cpu"} - set(control.read_text().split())):
        with contextlib.suppress(OSError):
            control.write_text(f"+{controller}")
    return set(control.read_text().split())


def _make_first(limits: Limits, keeper_pid: int) -> Cgroup | None:
    own, parents = _own_groups(), {}
    for controller in ("memory", "pids"):
        root = _mounted("cgroup", controller)
        if root is None or controller not in own:
            return None
        parents[controller] = root / own[controller].lstrip("/")
    folders = {name: parent / f"{NAME}{keeper_pid}" for name, parent in parents.items()}
    made = Cgroup(folders=tuple(folders.values()), events=folders["memory"] / "memory.oom_control")
    try:
        for folder in folders.values():
            _clear_left_over(folder.parent)
            folder.mkdir()
    except OSError:
        made.remove()
        return None
    memory = str(limits.total_mb * MEBIBYTE)
    wishes = {
        folders["memory"]: {"memory.limit_in_bytes": memory},
        folders["pids"]: {"pids.max": str(limits.pids + OVERHEAD_PIDS)},
    }
    return _limited(made, wishes, {folders["memory"]: {"memory.memsw.limit_in_bytes": memory}})


def _limited(
    made: Cgroup, wishes: Mapping[Path, Mapping[str, str]], comforts: Mapping[Path, Mapping[str, str]]
) -> Cgroup | None:
    """Write the limits; a group without one of the wishes is none."""
    try:
        _write(wishes)
    except OSError:
        made.remove()
        return None
    for folder, values in comforts.items():
        for name, value in values.items():
            with contextlib.suppress(OSError):  # Swap may not be counted, and a controller not lent.
                (folder / name).write_text(value)
    return made


def _write(wishes: Mapping[Path, Mapping[str, str]]) -> None:
    for folder, values in wishes.items():
        for name, value in values.items():
            (folder / name).write_text(value)


def _clear_left_over(parent: Path) -> None:
    """Remove the empty groups of keepers that are gone; one that is in use refuses."""
    for folder in parent.glob(f"{NAME}*"):
        keeper = folder.name.removeprefix(NAME)
        if keeper.isdecimal() and not Path(f"/proc/{keeper}").exists():
            with contextlib.suppress(OSError):
                folder.rmdir()


def _own_groups() -> dict[str, str]:
    """Read where we are: controller to path; the empty name is version 2."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return {}
    groups = (line.split(":", 2) for line in lines)
    return {controller: path for _, controllers, path in groups for controller in controllers.split(",")}


def _mounted(kind: str, controller: str | None = None) -> Path | None:
    """Find where a hierarchy is mounted."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return None
    for _, place, found, options, *_ in map(str.split, lines):
        if found == kind and (controller is None or controller in options.split(",")):
            return Path(place)
    return None
