"""Docs file: where the index of a repository's documentation stands on this host.

Promises one file for each repository, so that one's text never answers a question about another; writers that take
turns (write-ahead log, a limit on the wait), and a killed one that leaves the file as it was before. The file is a
cache: one that is damaged or of another layout is made anew, one that is locked or on a full disk is done without.
Does not promise that a file survives: the least used ones go when there are too many.

SQLite in WAL mode (sqlite.org/wal.html): readers and one writer do not wait for each other.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.services.docs_index import DocsIndex, IndexLimits

LAYOUT: Final = 2
"""Raised when tables or the cutting of documents change; other files are started anew."""

BUSY_SECONDS_MAX: Final = 5.0
"""Wait for another process that writes to the same file."""

FILES_MAX: Final = 200
"""Repositories of which an index is kept; the longest unused goes."""

SUFFIX: Final = ".sqlite3"

DEFAULT_LIMITS: Final = IndexLimits()
"""Of what a file keeps."""

_COMPANIONS: Final = ("", "-wal", "-shm", "-journal")
"""What SQLite puts beside a file, by suffix."""

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS documents (key TEXT PRIMARY KEY, used INTEGER NOT NULL, characters INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS places (id INTEGER PRIMARY KEY, key TEXT NOT NULL, line INTEGER, line_end INTEGER)",
    "CREATE INDEX IF NOT EXISTS places_by_key ON places (key)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS sections USING fts5 (heading, text, parts, tokenize = 'porter unicode61')",
    "CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, model TEXT, name TEXT, vector BLOB NOT NULL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS vectors_by_name ON vectors (model, name)",
    f"PRAGMA user_version = {LAYOUT}",
)
_SELECTED: Final = (
    "CREATE TEMP TABLE selected (path BLOB PRIMARY KEY, key TEXT NOT NULL)",
    "CREATE INDEX temp.selected_by_key ON selected (key)",
)


def file_of(directory: Path, repository: str) -> Path:
    """Say where the index of a repository is.

    Args:
        directory: Where all of them are.
        repository: What tells it from every other on this host, such as the path of its objects.
    """
    name = hashlib.sha256(repository.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return directory / f"{name}{SUFFIX}"


@contextlib.contextmanager
def open_index(path: Path | None, limits: IndexLimits = DEFAULT_LIMITS) -> Iterator[DocsIndex]:
    """Open the index in a file, or in memory without a path.

    Raises:
        sqlite3.Error: The file cannot be used; `discard` tells what to do about it.
    """
    _make_room(path)
    with contextlib.closing(
        sqlite3.connect(path or ":memory:", timeout=BUSY_SECONDS_MAX, check_same_thread=False, isolation_level=None)
    ) as database:
        (layout,) = database.execute("PRAGMA user_version").fetchone()
        if layout not in {0, LAYOUT}:
            raise sqlite3.DatabaseError(f"layout {layout} is not {LAYOUT}")
        if layout == 0:
            database.execute("PRAGMA journal_mode = WAL")
            _make_tables(database)
        database.execute("PRAGMA synchronous = NORMAL")
        for statement in _SELECTED:
            database.execute(statement)
        yield DocsIndex(database, limits)


def discard(path: Path, error: sqlite3.Error) -> bool:
    """Remove a file that will not get better by itself, and say so; one that is only locked or full stays."""
    if type(error) is not sqlite3.DatabaseError:
        return False
    _remove(path)
    return True


def tidy(directory: Path, files_max: int = FILES_MAX) -> None:
    """Remove the index files that were used longest ago, beyond so many.

    A process that has one open goes on with it: its name is gone, its content is not.
    """
    with contextlib.suppress(OSError):
        files = sorted(directory.glob(f"*{SUFFIX}"), key=_last_used, reverse=True)
        for path in files[files_max:]:
            _remove(path)


def _make_room(path: Path | None) -> None:
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise sqlite3.OperationalError(str(error)) from error


def _make_tables(database: sqlite3.Connection) -> None:
    """Make what is not there, all or none: another process may be at it too."""
    database.execute("BEGIN IMMEDIATE")
    for statement in _TABLES:
        database.execute(statement)
    database.execute("COMMIT")


def _last_used(path: Path) -> float:
    """Tell when it was written last: what is selected is marked, so each use writes."""
    return max((beside.stat().st_mtime for beside in _beside(path) if beside.exists()), default=0.0)


def _remove(path: Path) -> None:
    for beside in _beside(path):
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in _COMPANIONS]
