"""Docs index: full text of documentation, kept by content so that a push pays only for what it changed.

Promises answers about exactly the documents that were selected last, whatever else the file holds; a stored document
is never stale, since its key is the SHA of its content. The file is a cache: one that is damaged, of another layout,
locked or on a full disk is replaced by an index in memory, and nothing is lost but time.
Does not promise a total order: equal scores come in the order of path and line.

SQLite FTS5 with the porter stemmer (sqlite.org/fts5.html); `unicode61` parts `apply_discount` in two words, so a
name is looked for as a phrase, and what is found has to be checked letter by letter.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

LAYOUT: Final = 1
"""Raised when tables or the cutting of documents change; other files are started anew."""

DOCUMENTS_MAX: Final = 20_000
"""Documents that the file keeps; the longest unused go first."""

BUSY_SECONDS_MAX: Final = 5.0
"""Wait for another process that writes to the same file."""

QUERY_WORDS_MAX: Final = 120
"""Words and phrases of one question."""

PHRASE_CHARACTERS_MAX: Final = 120

HEADING_WEIGHT: Final = 3.0
"""A word in a heading counts as much as so many in the text."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS documents (key TEXT PRIMARY KEY, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS places (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, line INTEGER NOT NULL, line_end INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS places_by_key ON places (key);
CREATE VIRTUAL TABLE IF NOT EXISTS sections USING fts5 (heading, text, tokenize = 'porter unicode61');
CREATE TEMP TABLE selected (path BLOB PRIMARY KEY, key TEXT NOT NULL);
CREATE INDEX temp.selected_by_key ON selected (key);
"""

_SEARCH: Final = """
SELECT selected.path, places.line, places.line_end, sections.heading, sections.text, -bm25(sections, ?, 1.0) AS score
FROM sections JOIN places ON places.id = sections.rowid JOIN selected ON selected.key = places.key
WHERE sections MATCH ? ORDER BY score DESC, selected.path, places.line LIMIT ?
"""


class Section(Protocol):
    """Some lines of a document."""

    @property
    def line(self) -> int:
        """Its first line."""

    @property
    def line_end(self) -> int:
        """Its last line."""

    @property
    def heading(self) -> str:
        """What stands above it."""

    @property
    def text(self) -> str:
        """Its lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A section that answers a question."""

    path: str
    line: int
    line_end: int
    heading: str
    text: str
    score: float
    """BM25 with its sign turned: 0 and up, more is better."""


class DocsIndex:
    """An open index; to be used by one thread at a time."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def missing(self, keys: Iterable[str]) -> set[str]:
        """Return those of the keys whose documents have to be added."""
        known = {str(key) for (key,) in self._database.execute("SELECT key FROM documents")}
        return set(keys) - known

    def add(self, documents: Mapping[str, Iterable[Section]]) -> None:
        """Store documents by key, all or none; one without sections is remembered too."""
        with self._database:
            for key, sections in documents.items():
                self._add(key, sections)

    def select(self, documents: Mapping[str, str]) -> None:
        """Answer from these documents from now on: path to key. Marks them as used and drops what is too much."""
        with self._database:
            self._database.execute("DELETE FROM selected")
            self._database.executemany(
                "INSERT INTO selected VALUES (?, ?)", ((_encoded(path), key) for path, key in documents.items())
            )
            self._database.execute(
                "UPDATE documents SET used = (SELECT 1 + max(used) FROM documents) "
                "WHERE key IN (SELECT key FROM selected)"
            )
            self._forget_unused()

    def search(self, phrases: Sequence[str], hits_max: int) -> list[Hit]:
        """Return the sections that contain any of the phrases, best first."""
        quoted = [f'"{phrase}"' for phrase in map(_searchable, phrases[:QUERY_WORDS_MAX]) if phrase]
        if not quoted:
            return []
        rows = self._database.execute(_SEARCH, (HEADING_WEIGHT, " OR ".join(quoted), hits_max))
        return [
            Hit(path=_decoded(path), line=line, line_end=line_end, heading=heading, text=text, score=max(0.0, score))
            for path, line, line_end, heading, text, score in rows
        ]

    def _add(self, key: str, sections: Iterable[Section]) -> None:
        # Another process may have added the same document since `missing` was asked.
        if not self._database.execute("INSERT OR IGNORE INTO documents VALUES (?, 0)", (key,)).rowcount:
            return
        for section in sections:
            place = self._database.execute(
                "INSERT INTO places (key, line, line_end) VALUES (?, ?, ?)", (key, section.line, section.line_end)
            )
            self._database.execute(
                "INSERT INTO sections (rowid, heading, text) VALUES (?, ?, ?)",
                (place.lastrowid, section.heading, section.text),
            )

    def _forget_unused(self) -> None:
        rows = self._database.execute(
            "SELECT key FROM documents WHERE key NOT IN (SELECT key FROM selected) "
            "ORDER BY used DESC LIMIT -1 OFFSET max(0, ? - (SELECT count(DISTINCT key) FROM selected))",
            (DOCUMENTS_MAX,),
        ).fetchall()
        for key in rows:
            self._database.execute("DELETE FROM sections WHERE rowid IN (SELECT id FROM places WHERE key = ?)", key)
            self._database.execute("DELETE FROM places WHERE key = ?", key)
            self._database.execute("DELETE FROM documents WHERE key = ?", key)


@contextlib.contextmanager
def open_index(path: Path | None) -> Iterator[DocsIndex]:
    """Open the index in a file, or in memory without a path.

    Raises:
        sqlite3.Error: The file cannot be used; `discard` tells what to do about it.
    """
    _make_room(path)
    with contextlib.closing(
        sqlite3.connect(path or ":memory:", timeout=BUSY_SECONDS_MAX, check_same_thread=False)
    ) as database:
        (layout,) = database.execute("PRAGMA user_version").fetchone()
        if layout not in {0, LAYOUT}:
            raise sqlite3.DatabaseError(f"layout {layout} is not {LAYOUT}")
        database.execute("PRAGMA synchronous = OFF")  # A cache that a power cut damages is made anew.
        database.execute(f"PRAGMA user_version = {LAYOUT}")
        database.executescript(_TABLES)
        yield DocsIndex(database)


def _make_room(path: Path | None) -> None:
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise sqlite3.OperationalError(str(error)) from error


def discard(path: Path, error: sqlite3.Error) -> None:
    """Remove a file that will not get better by itself; one that is only locked or not writable stays."""
    if type(error) is sqlite3.DatabaseError:
        with contextlib.suppress(OSError):
            path.unlink()


def _searchable(phrase: str) -> str:
    """Strip a phrase of what has a meaning in a query; empty if nothing to look for is left."""
    clean = phrase.replace('"', " ").replace("\0", " ").encode("utf-8", "replace").decode()[:PHRASE_CHARACTERS_MAX]
    return clean if any(character.isalnum() for character in clean) else ""


def _encoded(path: str) -> bytes:
    """Names of files need not be UTF-8, SQLite's text does."""
    return path.encode("utf-8", "surrogateescape")


def _decoded(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
