"""Stage docs: the documentation that bears on the change, and what of it the change made wrong.

Promises passages of the head's own documents, cited by path and lines, and remarks on documents that still tell a
changed name the old way. What was too large or too much to read is said. Costs no model call.
Does not promise to notice a description that names nothing.

Nothing here is a step: the same head gives the same report, and what is dear, cutting documents into sections, is
kept by content in the index, so that a second try or the next push finds it there.
"""

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.diff import FileDiff, FileStatus, parse_diff
from pipeline.review.documents import is_test, kind_of, split
from pipeline.review.findings import Finding, rank
from pipeline.review.interest import ReadChange, read_change, readable_files, whole_files
from pipeline.review.mentions import is_telling, stale_mentions
from pipeline.review.names import Change, ChangedName, defines, is_code
from pipeline.review.passages import Interest, choose_passages
from pipeline.review.python_source import PYTHON_BYTES_MAX
from pipeline.review.reading_list import ReadingLimits, choose_documents
from pipeline.review.reports import DocsReport, Skipped
from pipeline.services.docs_index import DocsIndex, Hit, discard, open_index
from pipeline.services.git_diff import DiffParts
from pipeline.services.git_objects import Content, Tree, TreeEntry
from pipeline.services.repository import Repository, Sha

VERSION: Final = 1
"""Raised when the report for the same input changes."""

READS: Final = ("head", "merge_base", "docs")
"""Parameters that the result depends on."""

CONTEXT: Final = ("repository",)
"""Parameters that it needs besides: where things are on this host."""

LIMITS: Final = ReadingLimits()
"""How much documentation is read."""

BATCH_BYTES_MAX: Final = 4_000_000
"""Documents and code that are held in memory at once."""

CODE_BYTES_MAX: Final = 40_000_000
"""Code that is searched for another definition of a name that is gone."""

HITS_MAX: Final = 300
"""Sections that are considered for one question."""

STALE_MAX: Final = 20
"""Remarks on stale documentation; more would drown the review."""


class Wanted(BaseModel):
    """How much documentation is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passages_max: Annotated[int, Field(ge=0, le=50)] = 12


class Params(BaseModel):
    """What this stage reads of the run's parameters."""

    model_config = ConfigDict(frozen=True)

    repository: Repository
    head: Sha
    merge_base: Sha
    docs: Wanted = Wanted()


class Objects(Protocol):
    """What is in a repository."""

    async def diff(self, base: str, head: str) -> DiffParts:
        """Compare two commits."""

    async def list_tree(self, commit: str) -> Tree:
        """List the files of a commit."""

    async def cat_files(self, commit: str, paths: Iterable[str], *, bytes_max: int) -> dict[str, Content]:
        """Read files of a commit."""


def make_docs(*, git: Callable[[Path], Awaitable[Objects]], index: Path | None) -> StageFunction:
    """Make the stage.

    Args:
        git: Opens the repository at a path.
        index: File for the full-text index, which is a cache; None keeps it in memory.
    """

    async def docs(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        repository = await git(params.repository.path)
        ctx.progress("reading what changed")
        change, unread = await _read_change(repository, params)
        tree = await repository.list_tree(params.head)
        ctx.progress("reading the documentation")
        answer = await _ask_with_fallback(repository, params, tree, change, index)
        stale, more = await _confirm(repository, params.head, tree, answer.stale)
        passages = await asyncio.to_thread(
            choose_passages, answer.hits, change.interest, change.added, params.docs.passages_max
        )
        report = DocsReport(
            passages=passages,
            stale=stale,
            documents_read=answer.documents_read,
            skipped=(*unread, *_uncut(tree), *answer.skipped, *more),
        )
        return report.model_dump(mode="json")

    return docs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What the documentation says."""

    hits: Sequence[Hit]
    stale: Sequence[tuple[ChangedName, Finding]]
    documents_read: int
    skipped: tuple[Skipped, ...]


async def _read_change(repository: Objects, params: Params) -> tuple[ReadChange, tuple[Skipped, ...]]:
    parts = await repository.diff(params.merge_base, params.head)
    files, skipped = await asyncio.to_thread(_readable, parts)
    whole = whole_files(files)
    old = [file.old_path or file.path for file in whole if file.status is not FileStatus.ADDED]
    new = [file.path for file in whole if file.status is not FileStatus.DELETED]
    before = await repository.cat_files(params.merge_base, old, bytes_max=PYTHON_BYTES_MAX)
    after = await repository.cat_files(params.head, new, bytes_max=PYTHON_BYTES_MAX)
    return await asyncio.to_thread(read_change, files, _read(before), _read(after)), skipped


def _readable(parts: DiffParts) -> tuple[tuple[FileDiff, ...], tuple[Skipped, ...]]:
    diff = parse_diff(
        raw=parts.raw,
        numstat=parts.numstat,
        patch=parts.patch,
        patch_is_whole=parts.patch_is_whole,
        sizes=parts.sizes,
    )
    return readable_files(diff)


def _read(contents: Mapping[str, Content]) -> dict[str, bytes]:
    """Keep the files that could be read."""
    return {path: content for path, content in contents.items() if isinstance(content, bytes)}


async def _ask_with_fallback(
    repository: Objects, params: Params, tree: Tree, change: ReadChange, index: Path | None
) -> _Answer:
    """Ask the index in its file; if the file fails, one in memory, which is only slower."""
    if index is not None:
        try:
            return await _ask(repository, params, tree, change, index)
        except sqlite3.Error as error:
            discard(index, error)
    return await _ask(repository, params, tree, change, None)


async def _ask(repository: Objects, params: Params, tree: Tree, change: ReadChange, path: Path | None) -> _Answer:
    reading = await asyncio.to_thread(choose_documents, tree.entries, LIMITS)
    keys = {entry.path: f"{entry.sha}.{kind_of(entry.path)}" for entry in reading.entries}
    with ExitStack() as stack:
        index = await asyncio.to_thread(stack.enter_context, open_index(path))
        missing = await asyncio.to_thread(index.missing, keys.values())
        for batch in _batches([entry for entry in reading.entries if keys[entry.path] in missing]):
            contents = await repository.cat_files(
                params.head, [entry.path for entry in batch], bytes_max=LIMITS.document_bytes_max
            )
            await asyncio.to_thread(_add, index, keys, contents)
        await asyncio.to_thread(index.select, keys)
        hits = await asyncio.to_thread(_search, index, change.interest)
        stale = await asyncio.to_thread(_stale, index, change)
    return _Answer(hits=hits, stale=stale, documents_read=len(keys), skipped=reading.skipped)


def _uncut(tree: Tree) -> tuple[Skipped, ...]:
    if tree.is_whole:
        return ()
    return (Skipped(what="list of files", why="cut at its limit: documents after it are not known", gap=True),)


def _batches(entries: Iterable[TreeEntry]) -> Iterator[list[TreeEntry]]:
    batch: list[TreeEntry] = []
    batch_bytes = 0
    for entry in entries:
        batch.append(entry)
        batch_bytes += entry.size or 0
        if batch_bytes >= BATCH_BYTES_MAX:
            yield batch
            batch, batch_bytes = [], 0
    if batch:
        yield batch


def _add(index: DocsIndex, keys: Mapping[str, str], contents: Mapping[str, Content]) -> None:
    """Cut documents and store them; one that could not be read has no sections."""
    index.add(
        {
            keys[path]: split(kind, content) if (kind := kind_of(path)) else ()
            for path, content in _read(contents).items()
        }
    )


def _search(index: DocsIndex, interest: Interest) -> list[Hit]:
    return index.search([*interest.names, *interest.paths, *interest.words], HITS_MAX)


def _stale(index: DocsIndex, change: ReadChange) -> list[tuple[ChangedName, Finding]]:
    """Look up each changed name on its own, so that a common one does not crowd out the others."""
    found: list[tuple[ChangedName, Finding]] = []
    for changed in change.names:
        if is_telling(changed):
            hits = index.search([changed.name], HITS_MAX)
            found.extend((changed, finding) for finding in stale_mentions(hits, [changed], change.added))
    return found


async def _confirm(
    repository: Objects, head: str, tree: Tree, stale: Sequence[tuple[ChangedName, Finding]]
) -> tuple[tuple[Finding, ...], tuple[Skipped, ...]]:
    """Drop remarks on names that are gone from one place and still defined in another; cap the rest."""
    gone = {changed.name for changed, _ in stale if changed.change is not Change.CHANGED}
    defined, skipped = await _defined(repository, head, tree, gone)
    findings = rank([finding for changed, finding in stale if changed.name not in defined])
    if len(findings) > STALE_MAX:
        more = Skipped(what=f"{len(findings) - STALE_MAX:,} more stale mentions", why="not listed: the worst are")
        skipped = (*skipped, more)
    return findings[:STALE_MAX], skipped


async def _defined(repository: Objects, head: str, tree: Tree, names: set[str]) -> tuple[set[str], tuple[Skipped, ...]]:
    """Find which of the names the head's code still defines somewhere."""
    pattern = defines(sorted(names))
    found: set[str] = set()
    if pattern is None:
        return found, ()
    bytes_left = CODE_BYTES_MAX
    code = await asyncio.to_thread(_code, tree)
    for batch in _batches(code):
        bytes_left -= sum(entry.size or 0 for entry in batch)
        if bytes_left < 0:
            why = f"not searched for names that may only have moved: the code is over {CODE_BYTES_MAX:,} bytes"
            return found, (Skipped(what="part of the code", why=why),)
        paths = [entry.path for entry in batch]
        contents = await repository.cat_files(head, paths, bytes_max=BATCH_BYTES_MAX)
        found |= await asyncio.to_thread(_seen, pattern, contents.values())
    return found, ()


def _code(tree: Tree) -> list[TreeEntry]:
    return [entry for entry in tree.entries if entry.size and is_code(entry.path) and not is_test(entry.path)]


def _seen(pattern: re.Pattern[bytes], contents: Iterable[Content]) -> set[str]:
    return {
        match[1].decode("utf-8", "surrogateescape")
        for content in contents
        if isinstance(content, bytes)
        for match in pattern.finditer(content)
    }
