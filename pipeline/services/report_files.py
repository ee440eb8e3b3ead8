"""Report files: the JUnit XML that a trial wrote into its tree.

Promises to return only regular files of the tree that were not there before, within fixed bounds: no link is
followed, no FIFO or device opened. Does not look into them, and does not promise that they are true.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

FILES_MAX: Final = 300
"""Files that are read; surefire and gradle write one for each test class."""

BYTES_MAX: Final = 32_000_000
"""Bytes that are read in all."""

ENTRIES_MAX: Final = 20_000
"""Directory entries that are looked at; reports may lie among as many screenshots."""

DEPTH_MAX: Final = 4

FILE_PLACES: Final = (
    "junit.xml",
    "junit-report.xml",
    "report.xml",
    "test-report.xml",
    "test-results.xml",
    "TEST-results.xml",
)
"""Files that runners are usually told to write, in the root of the tree."""

FOLDER_PLACES: Final = ("test-results", "test-reports", "reports", "build/test-results", "target/surefire-reports")
"""Folders below which every new `*.xml` is taken: playwright, gradle, surefire and common habit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A file that may be a report."""

    path: str
    """Path in the tree."""
    content: bytes = b""
    left_out: str = ""
    """Why it was not read, as a clause; empty if it was."""


Sight: TypeAlias = Mapping[str, tuple[int, int, int]]
"""What lay where before the trial: path to inode, size and time of change."""


def look(tree: Path, asked_for: str | None) -> Sight:
    """Note the files that lie at the report places already, since they tell nothing about this trial."""
    return {path: _identity(entry) for path, entry in _candidates(tree, asked_for)}


def collect(tree: Path, asked_for: str | None, before: Sight) -> tuple[ReportFile, ...]:
    """Read what is new or different since `before`.

    Args:
        tree: Root of the work tree.
        asked_for: The one file or folder to read, relative to the tree; the usual places without it.
        before: What `look` saw before the trial.
    """
    if asked_for is not None and not _is_inside(asked_for):
        return (ReportFile(path=asked_for, left_out="it is not a path inside the tree"),)
    new = [(path, entry) for path, entry in _candidates(tree, asked_for) if before.get(path) != _identity(entry)]
    files: list[ReportFile] = []
    bytes_left = BYTES_MAX
    for path, entry in new[:FILES_MAX]:
        bytes_left -= entry.st_size
        files.append(_read(tree, path) if bytes_left >= 0 else _too_much(path))
    if len(new) > FILES_MAX:
        files.append(ReportFile(path=f"{len(new) - FILES_MAX} further files", left_out=f"more than {FILES_MAX}"))
    return tuple(files)


def _candidates(tree: Path, asked_for: str | None) -> Iterator[tuple[str, os.stat_result]]:
    """List the files at the report places in a stable order; never through a link."""
    places = (asked_for,) if asked_for is not None else FILE_PLACES + FOLDER_PLACES
    entries_left = [ENTRIES_MAX]
    for place in places:
        if _is_inside(place) and not _passes_a_link(tree, place):
            yield from _files_below(tree, place, DEPTH_MAX, entries_left)


def _files_below(tree: Path, path: str, depth: int, entries_left: list[int]) -> Iterator[tuple[str, os.stat_result]]:
    try:
        entry = (tree / path).lstat()
        names = sorted(child.name for child in (tree / path).iterdir()) if stat.S_ISDIR(entry.st_mode) and depth else []
    except OSError:
        return  # Not there, or not for us to read.
    if stat.S_ISREG(entry.st_mode):
        yield path, entry
    for name in names:
        entries_left[0] -= 1
        if entries_left[0] >= 0 and (name.endswith(".xml") or "." not in name):
            yield from _files_below(tree, f"{path}/{name}", depth - 1, entries_left)


def _read(tree: Path, path: str) -> ReportFile:
    try:
        # Without O_NONBLOCK the open of a FIFO would wait for a writer for ever.
        fd = os.open(tree / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return ReportFile(path=path, left_out="it is no regular file")
            return ReportFile(path=path, content=file.read(BYTES_MAX))
    except OSError as error:
        return ReportFile(path=path, left_out=f"it cannot be read ({error.strerror})")


def _too_much(path: str) -> ReportFile:
    return ReportFile(path=path, left_out=f"the reports are more than {BYTES_MAX:,} bytes together")


def _identity(entry: os.stat_result) -> tuple[int, int, int]:
    return entry.st_ino, entry.st_size, entry.st_mtime_ns


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return bool(path) and "\0" not in path and not path.startswith("/") and ".." not in parts


def _passes_a_link(tree: Path, path: str) -> bool:
    """Whether a folder on the way is a link; the last part is judged when it is opened."""
    parts = path.split("/")
    return any((tree / "/".join(parts[:count])).is_symlink() for count in range(1, len(parts)))
