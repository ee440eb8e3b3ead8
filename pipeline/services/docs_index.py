"""Docs index: full text of one repository's documentation, kept by content: a push pays only for what it changed.

Promises answers about exactly the documents that were selected last, whatever else the file holds; a stored document
is never stale, since its key is the SHA of its content. Writes are all or none. What nobody selected for long is
dropped, so that the file stays bounded.
Does not promise a total order: equal scores come in the order of path and line.

Races: two processes add the same document (harmless: the second finds it there); another process drops a document
that is selected here (prevented: what is selected is marked as used first, and the longest unused goes first).

SQLite FTS5 with the porter stemmer (sqlite.org/fts5.html). `unicode61` parts `apply_discount` in two words but leaves
`applyDiscount` whole, so the parts of such names are stored beside the text; a name is looked for as a phrase, and
what is found has to be checked letter by letter.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

QUERY_WORDS_MAX: Final = 120
"""Words and phrases of one question."""

PHRASE_CHARACTERS_MAX: Final = 120

HEADING_WEIGHT: Final = 3.0
"""A word in a heading counts as much as so many in the text."""

PARTS_WEIGHT: Final = 0.5
"""A part of a compound name counts less than the word itself."""

PARTS_CHARACTERS_MAX: Final = 4_000
"""Parts of names that are stored for one section."""

_SEARCH: Final = """
SELECT selected.path, places.line, places.line_end, sections.heading, sections.text,
       -bm25(sections, ?, 1.0, ?) AS score
FROM sections JOIN places ON places.id = sections.rowid JOIN selected ON selected.key = places.key
WHERE sections MATCH ? ORDER BY score DESC, selected.path, places.line LIMIT ?
"""

_TOO_MUCH: Final = """
SELECT key FROM (
    SELECT key, row_number() OVER latest AS place, sum(characters) OVER latest AS total FROM documents
    WINDOW latest AS (ORDER BY used DESC, key ROWS UNBOUNDED PRECEDING)
) WHERE (place > ? OR total > ?) AND key NOT IN (SELECT key FROM selected)
"""

_COMPOUND: Final = re.compile(r"\b[A-Za-z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+\b|\b[A-Z]+[a-z][A-Za-z0-9]*[A-Z]\w*\b")
_SEAM: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexLimits:
    """How much a file keeps; the longest unused documents go first."""

    documents_max: int = 40_000
    """Several versions of each document of a large repository."""
    characters_max: int = 200_000_000
    """Text; with its index the file is about twice as large."""
    vectors_max: int = 50_000
    """Some 6 KB each."""


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
    is_near: bool = False
    """It means the same as the question, by its vector."""


class DocsIndex:
    """An open index; to be used by one thread at a time. Opened by `pipeline.services.docs_file`."""

    def __init__(self, database: sqlite3.Connection, limits: IndexLimits) -> None:
        self._database: Final = database
        self._limits: Final = limits

    def select(self, documents: Mapping[str, str]) -> None:
        """Answer from these documents from now on: path to key. Marks those that are stored as used."""
        self._database.execute("DELETE FROM selected")
        with self._at_once():
            self._database.executemany(
                "INSERT INTO selected VALUES (?, ?)", ((_encoded(path), key) for path, key in documents.items())
            )
            self._database.execute(
                "UPDATE documents SET used = (SELECT 1 + max(used) FROM documents)"
                " WHERE key IN (SELECT key FROM selected)"
            )

    def missing(self, keys: Iterable[str]) -> set[str]:
        """Return those of the keys whose documents have to be added."""
        known = {str(key) for (key,) in self._database.execute("SELECT key FROM documents")}
        return set(keys) - known

    def add(self, documents: Mapping[str, Iterable[Section]]) -> None:
        """Store documents by key, all or none, and drop what is too much; one without sections is remembered too."""
        cut = {key: tuple(sections) for key, sections in documents.items()}  # Before the file is locked.
        with self._at_once():
            (now,) = self._database.execute("SELECT 1 + coalesce(max(used), 0) FROM documents").fetchone()
            for key, sections in cut.items():
                self._add(key, sections, now)
            most = (self._limits.documents_max, self._limits.characters_max)
            for (key,) in self._database.execute(_TOO_MUCH, most).fetchall():
                self._drop(key)

    def search(self, phrases: Sequence[str], hits_max: int) -> list[Hit]:
        """Return the sections that contain any of the phrases, best first."""
        asked = dict.fromkeys(form for phrase in phrases for form in _forms(phrase))
        quoted = [f'"{phrase}"' for phrase in list(asked)[:QUERY_WORDS_MAX]]
        if not quoted:
            return []
        rows = self._database.execute(_SEARCH, (HEADING_WEIGHT, PARTS_WEIGHT, " OR ".join(quoted), hits_max))
        return [
            Hit(path=_decoded(path), line=line, line_end=line_end, heading=heading, text=text, score=max(0.0, score))
            for path, line, line_end, heading, text, score in rows
        ]

    def sections(self, hits_max: int) -> list[Hit]:
        """Return sections of the selected documents, whatever they say, in the order of path and line."""
        rows = self._database.execute(
            "SELECT selected.path, places.line, places.line_end, sections.heading, sections.text FROM selected"
            " JOIN places ON places.key = selected.key JOIN sections ON sections.rowid = places.id"
            " ORDER BY selected.path, places.line LIMIT ?",
            (hits_max,),
        )
        return [
            Hit(path=_decoded(path), line=line, line_end=line_end, heading=heading, text=text, score=0.0)
            for path, line, line_end, heading, text in rows
        ]

    def vectors(self, model: str, names: Iterable[str]) -> dict[str, bytes]:
        """Return the stored vectors of a model, by the name that they were stored under."""
        found: dict[str, bytes] = {}
        for name in names:
            for (vector,) in self._database.execute(
                "SELECT vector FROM vectors WHERE model = ? AND name = ?", (model, name)
            ):
                found[name] = bytes(vector)
        return found

    def add_vectors(self, model: str, vectors: Mapping[str, bytes]) -> None:
        """Store vectors; beyond the limit the oldest go."""
        with self._at_once():
            self._database.executemany(
                "INSERT OR REPLACE INTO vectors (model, name, vector) VALUES (?, ?, ?)",
                ((model, name, vector) for name, vector in vectors.items()),
            )
            self._database.execute(
                "DELETE FROM vectors WHERE id <= (SELECT id FROM vectors ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (self._limits.vectors_max,),
            )

    @contextlib.contextmanager
    def _at_once(self) -> Iterator[None]:
        """Write all or none. Locked from the start: a transaction that turns into a writing one may not wait."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # A full disk may have ended it already.
                self._database.execute("ROLLBACK")
            raise

    def _add(self, key: str, sections: Sequence[Section], now: int) -> None:
        # Another process may have added the same document since `missing` was asked.
        added = self._database.execute(
            "INSERT OR IGNORE INTO documents VALUES (?, ?, ?)",
            (key, now, sum(len(section.text) for section in sections)),
        )
        if not added.rowcount:
            return
        for section in sections:
            place = self._database.execute(
                "INSERT INTO places (key, line, line_end) VALUES (?, ?, ?)", (key, section.line, section.line_end)
            )
            self._database.execute(
                "INSERT INTO sections (rowid, heading, text, parts) VALUES (?, ?, ?, ?)",
                (place.lastrowid, section.heading, section.text, _parts(section.text)),
            )

    def _drop(self, key: str) -> None:
        self._database.execute("DELETE FROM sections WHERE rowid IN (SELECT id FROM places WHERE key = ?)", (key,))
        self._database.execute("DELETE FROM places WHERE key = ?", (key,))
        self._database.execute("DELETE FROM documents WHERE key = ?", (key,))


def _parts(text: str) -> str:
    """List the parts of compound names: `applyDiscount` is found as `apply discount` too."""
    names = dict.fromkeys(_COMPOUND.findall(text))
    return " ".join(_SEAM.sub(" ", name) for name in names)[:PARTS_CHARACTERS_MAX]


def _forms(phrase: str) -> Iterator[str]:
    """Give the ways in which a phrase is looked for, stripped of what has a meaning in a query; none if empty."""
    clean = phrase.replace('"', " ").replace("\0", " ").encode("utf-8", "replace").decode()[:PHRASE_CHARACTERS_MAX]
    if any(character.isalnum() for character in clean):
        yield clean
        if (parted := _SEAM.sub(" ", clean)) != clean:
            yield parted


def _encoded(path: str) -> bytes:
    """Names of files need not be UTF-8, SQLite's text does."""
    return path.encode("utf-8", "surrogateescape")


def _decoded(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
