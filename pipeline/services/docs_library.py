"""Docs library: the documents of one commit, ready to be asked.

Promises that a document is read and cut once for each content, however many runs and processes ask about it, and that
a question is answered whatever is wrong with the file: one that is damaged is made anew, one that is locked, full or
not writable is done without, and what was wrong is told. Each question opens the file for itself: nothing is held open
while a run waits.
Does not promise to know how documents are chosen and cut: that is for who opens it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeVar

from pipeline.services.docs_file import discard, open_index, tidy
from pipeline.services.docs_index import DocsIndex, Hit, Section
from pipeline.services.git_objects import Content, TreeEntry

BATCH_BYTES_MAX: Final = 4_000_000
"""Documents that are held in memory at once, and stored by one transaction."""

Answer = TypeVar("Answer")


class Objects(Protocol):
    """What is in a repository."""

    async def cat_files(self, commit: str, paths: Iterable[str], *, bytes_max: int) -> dict[str, Content]:
        """Read files of a commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """The documents of one commit."""

    objects: Objects
    commit: str
    entries: Sequence[TreeEntry]
    """Those that are documents."""
    kind: Callable[[str], str]
    """How the document at a path is written; one content may be cut in several ways."""
    cut: Callable[[str, bytes], Iterable[Section]]
    """Cut the document at a path into its sections."""
    document_bytes_max: int
    file: Path | None
    """Where its index is kept; in memory without."""
    troubles: list[str] = field(default_factory=list)
    """What was wrong with the file, as sentences."""
    unusable: list[Path] = field(default_factory=list)
    """The file, once it was done without; it is not tried again."""

    async def ask(self, question: Callable[[DocsIndex], Answer]) -> Answer:
        """Put a question to the index, which knows these documents and no others then."""
        if self.file is not None and self.is_kept:
            for _ in range(2):  # A damaged file is made anew, once.
                try:
                    return await self._ask(question, self.file)
                except sqlite3.Error as error:
                    is_gone = await asyncio.to_thread(discard, self.file, error)
                    self._tell(error, "made anew" if is_gone else "done without")
                    if not is_gone:
                        break
            self.unusable.append(self.file)
        return await self._ask(question, None)

    @property
    def is_kept(self) -> bool:
        """Whether what is stored will be there for the next question."""
        return self.file is not None and not self.unusable

    async def search(self, phrases: Sequence[str], hits_max: int) -> Sequence[Hit]:
        """Return the sections that contain any of the phrases, best first."""
        return await self.ask(lambda index: index.search(phrases, hits_max))

    async def _ask(self, question: Callable[[DocsIndex], Answer], file: Path | None) -> Answer:
        keys = {entry.path: f"{entry.sha}.{self.kind(entry.path)}" for entry in self.entries}
        opening = open_index(file)
        index = await asyncio.to_thread(opening.__enter__)
        try:
            await asyncio.to_thread(index.select, keys)  # First: marked as used, nothing of it is dropped meanwhile.
            missing = await asyncio.to_thread(index.missing, keys.values())
            wanted = {keys[entry.path]: entry for entry in self.entries if keys[entry.path] in missing}
            for batch in batches(wanted.values(), BATCH_BYTES_MAX):
                paths = [entry.path for entry in batch]
                contents = await self.objects.cat_files(self.commit, paths, bytes_max=self.document_bytes_max)
                await asyncio.to_thread(self._add, index, keys, contents)
            if wanted and file is not None:
                await asyncio.to_thread(tidy, file.parent)
            return await asyncio.to_thread(question, index)
        finally:
            await asyncio.to_thread(opening.__exit__, None, None, None)

    def _add(self, index: DocsIndex, keys: Mapping[str, str], contents: Mapping[str, Content]) -> None:
        """Cut documents and store them; one that could not be read is looked for again the next time."""
        index.add(
            {keys[path]: self.cut(path, content) for path, content in contents.items() if isinstance(content, bytes)}
        )

    def _tell(self, error: sqlite3.Error, what: str) -> None:
        self.troubles.append(f"The index of the documentation was {what}: {error}.")


def batches(entries: Iterable[TreeEntry], bytes_max: int) -> Iterator[list[TreeEntry]]:
    """Part files into groups that are read at once, each of about `bytes_max`."""
    batch: list[TreeEntry] = []
    batch_bytes = 0
    for entry in entries:
        batch.append(entry)
        batch_bytes += entry.size or 0
        if batch_bytes >= bytes_max:
            yield batch
            batch, batch_bytes = [], 0
    if batch:
        yield batch
