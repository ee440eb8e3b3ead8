"""Mirror files: locks, leavings and the age of mirrors on disk. All of this blocks, and is called in threads.

Promises that a mirror appears and disappears in one move; that only who holds its lock changes it; that the lock goes
with its holder, however that ends. Does not promise to keep a reader's mirror: only what nobody asked for in a while is
pruned. Files `NUMBER.lock` are never removed, since who waits for one would lock a file that is gone.
"""

import contextlib
import fcntl
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pipeline.services.stragglers import end_stragglers

log = logging.getLogger(__name__)

PRUNED: Final = "pruned"
"""File whose time of change is when the mirrors were last looked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneLimits:
    """What may stay; times in seconds, sizes in bytes."""

    total_bytes_max: int = 20 * 2**30
    """All mirrors together; beyond it those that were asked for least recently go."""
    age_seconds_max: float = 14 * 86_400.0
    """A mirror that nobody asked for in so long goes."""
    idle_seconds_min: float = 3_600.0
    """A mirror that somebody asked for more recently stays: a stage may be reading it."""
    free_bytes_min: int = 512 * 2**20
    """A fetch does not begin with less room on the disk."""
    interval_seconds: float = 600.0
    """Between two looks for what can go; with too little room it is looked at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorFiles:
    """The files of one mirror."""

    path: Path
    """The bare repository, `HOST/NUMBER.git`."""

    @property
    def lock(self) -> Path:
        """Locked by who changes the mirror; its time of change is when the mirror was last asked for."""
        return self.path.with_suffix(".lock")

    @property
    def new(self) -> Path:
        """Where a mirror is made before it is one."""
        return self.path.with_suffix(".new")

    @property
    def mark(self) -> str:
        """Mark of the processes that fetch into it."""
        return f"mirror {self.path!s}"

    def is_there(self) -> bool:
        """Whether it was made."""
        return (self.path / "HEAD").is_file()

    def open_lock(self) -> IO[bytes]:
        """Open the file to lock; closing it unlocks."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.lock.open("ab")

    def touch(self) -> None:
        """Note that somebody asked for it."""
        with contextlib.suppress(OSError):  # Only its age is lost.
            self.lock.touch()

    def begin(self) -> None:
        """Make an empty directory to make the mirror in."""
        shutil.rmtree(self.new, ignore_errors=True)
        self.new.mkdir(mode=0o700)

    def finish(self) -> None:
        """Put what was made into its place."""
        if self.path.exists():  # Without a HEAD, so it is no mirror.
            shutil.rmtree(self.path)
        self.new.rename(self.path)

    def end_orphans(self) -> None:
        """End the git of a killed Onceover, which would go on writing; only for who holds the lock, as below."""
        end_stragglers(self.mark)

    def clear_leavings(self) -> None:
        """Remove what a killed fetch left; only for who holds the lock, so that no living fetch is hurt."""
        packs = self.path / "objects" / "pack"
        for leaving in (*self.path.rglob("*.lock"), *packs.glob("tmp_*"), *packs.glob("*.keep")):
            leaving.unlink(missing_ok=True)

    def remove(self) -> bool:
        """Remove the mirror, unless somebody is changing it."""
        with self.open_lock() as lock:
            if not try_lock(lock):
                return False
            dead = self.path.with_suffix(".dead")
            self.path.rename(dead)
        shutil.rmtree(dead, ignore_errors=True)
        return True


def try_lock(file: IO[bytes]) -> bool:
    """Lock a file for this open handle alone, if nobody has it."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_prune_due(root: Path, limits: PruneLimits, *, now: float) -> bool:
    """Whether nobody on this host has pruned lately, or there is little room; tells the others if so."""
    mark = root / PRUNED
    if shutil.disk_usage(root).free >= limits.free_bytes_min and now - _changed_at(mark) < limits.interval_seconds:
        return False
    mark.touch()
    return True


def prune(root: Path, limits: PruneLimits, *, now: float) -> tuple[str, ...]:
    """Remove what may not stay.

    Args:
        root: Directory of all mirrors.
        limits: What may stay.
        now: Unix seconds.

    Returns:
        Names of the mirrors that went, `HOST/NUMBER`.
    """
    for dead in root.glob("*/*.dead"):  # Of a prune that was killed.
        shutil.rmtree(dead, ignore_errors=True)
    return tuple(_prune(root, limits, now))


def _prune(root: Path, limits: PruneLimits, now: float) -> Iterator[str]:
    mirrors = sorted((MirrorFiles(path=path) for path in root.glob("*/*.git")), key=lambda one: _changed_at(one.lock))
    sizes = [_size(mirror.path) for mirror in mirrors]
    total_bytes = sum(sizes)
    for mirror, size in zip(mirrors, sizes, strict=True):
        idle_seconds = now - _changed_at(mirror.lock)
        is_too_much = idle_seconds > limits.age_seconds_max or total_bytes > limits.total_bytes_max
        if idle_seconds > limits.idle_seconds_min and is_too_much and mirror.remove():
            total_bytes -= size
            name = f"{mirror.path.parent.name}/{mirror.path.stem}"
            log.info("mirror.pruned name=%s bytes=%d idle_seconds=%d", name, size, idle_seconds)
            yield name


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(path: Path) -> int:
    """Sum up the bytes; a file that goes meanwhile has none."""
    total_bytes = 0
    for entry in path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total_bytes += entry.lstat().st_size
    return total_bytes
