"""Retrieval: the sections of the head's documents that a change makes worth reading."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.review.documents import Section, kind_of, split
from pipeline.review.interest import ReadChange
from pipeline.review.mentions import stale_mentions
from pipeline.review.names import ChangedName
from pipeline.review.passages import Interest
from pipeline.review.patterns import Patterns
from pipeline.review.reading_list import ReadingLimits, choose_documents
from pipeline.review.reports import DocsFinding, Skipped
from pipeline.review.spellings import is_telling, search_phrase
from pipeline.services.docs_file import file_of
from pipeline.services.docs_index import DocsIndex, Hit
from pipeline.services.docs_library import Library
from pipeline.stages.docs.parameters import Head, Objects

LIMITS: Final = ReadingLimits()
"""How much documentation is read."""

HITS_MAX: Final = 300
"""Sections that are considered for one question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the documentation says."""

    hits: tuple[Hit, ...]
    stale: tuple[tuple[ChangedName, DocsFinding], ...]
    """Mentions of changed names, each with the name; not yet checked whether it lives on elsewhere."""


def open_library(head: Head, paths: Patterns | None, directory: Path | None) -> tuple[Library, tuple[Skipped, ...]]:
    """Choose the documents of a commit, and say what is left out."""
    reading = choose_documents(head.tree.entries, LIMITS, paths)
    library = Library(
        objects=head.objects,
        commit=head.commit,
        entries=reading.entries,
        kind=lambda path: str(kind_of(path)),
        cut=_cut,
        document_bytes_max=LIMITS.document_bytes_max,
        file=file_of(directory, str(head.objects.common_dir)) if directory else None,
    )
    return library, reading.skipped


class HeadDocumentation:
    """The documents of one commit, for whoever asks now and then; nothing is read before the first question.

    Args:
        objects: The repository.
        commit: Full SHA.
        indexes: Directory of the indexes; None keeps them in memory.
    """

    def __init__(self, objects: Objects, commit: str, *, indexes: Path | None) -> None:
        self._objects: Final = objects
        self._commit: Final = commit
        self._indexes: Final = indexes
        self._opening: Final = asyncio.Lock()
        self._library: Library | None = None

    async def search(self, phrases: Sequence[str], hits_max: int) -> Sequence[Hit]:
        """Return the sections that contain any of the phrases, best first."""
        return await (await self._open()).search(phrases, hits_max)

    async def _open(self) -> Library:
        async with self._opening:
            library = self._library or await self._choose()
            self._library = library
            return library

    async def _choose(self) -> Library:
        tree = await self._objects.list_tree(self._commit)
        head = Head(objects=self._objects, commit=self._commit, tree=tree)
        library, _ = await asyncio.to_thread(open_library, head, None, self._indexes)
        return library


def look_up(index: DocsIndex, change: ReadChange) -> Answer:
    """Ask the index what bears on a change, and what still tells its names as they were."""
    return Answer(hits=tuple(_bearing(index, change.interest)), stale=tuple(_stale(index, change)))


def _cut(path: str, content: bytes) -> tuple[Section, ...]:
    kind = kind_of(path)
    return split(kind, content) if kind else ()


def _bearing(index: DocsIndex, interest: Interest) -> list[Hit]:
    return index.search([*interest.names, *interest.paths, *interest.words], HITS_MAX)


def _stale(index: DocsIndex, change: ReadChange) -> Iterable[tuple[ChangedName, DocsFinding]]:
    """Look up each changed name on its own, so that a common one does not crowd out the others."""
    for changed in change.names:
        if is_telling(changed):
            hits = index.search([search_phrase(changed)], HITS_MAX)
            yield from ((changed, finding) for finding in stale_mentions(hits, [changed], change.added))
