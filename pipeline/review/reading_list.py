"""Reading list: which documents of a tree are read, the most important first, within limits.

Promises that what is left out is told, the first by name and the rest by number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from pipeline.review.documents import kind_of, reading_order
from pipeline.review.patterns import Patterns
from pipeline.review.python_source import PYTHON_BYTES_MAX
from pipeline.review.reports import Skipped
from pipeline.review.visible import visible

SYMLINK: Final = "120000"
"""Mode of a symbolic link in git; its content is a path, not a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingLimits:
    """How much documentation is read."""

    documents_max: int = 10_000
    document_bytes_max: int = 1_000_000
    """A larger document is a table, or a book in one line."""
    bytes_max: int = 40_000_000
    """Documents together: about ten seconds of reading, once for each content."""
    code_bytes_max: int = 8_000_000
    """Code together, for its docstrings and comments: parsing Python takes ten times as long as reading."""
    told_max: int = 10
    """Documents left out that are told by name."""


class Entry(Protocol):
    """A file of a tree."""

    @property
    def mode(self) -> str:
        """Git's mode."""

    @property
    def kind(self) -> str:
        """`blob` for files and links."""

    @property
    def size(self) -> int | None:
        """Bytes."""

    @property
    def path(self) -> str:
        """Path in the tree."""


AnyEntry = TypeVar("AnyEntry", bound=Entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingList(Generic[AnyEntry]):
    """What is read, in order, and what is not."""

    entries: tuple[AnyEntry, ...]
    skipped: tuple[Skipped, ...]


def choose_documents(
    entries: Iterable[AnyEntry], limits: ReadingLimits, paths: Patterns | None = None
) -> ReadingList[AnyEntry]:
    """Choose from all files of a tree the documents that are read.

    Args:
        entries: The files.
        limits: How much is read.
        paths: Documents to read, if not all; what they do not mean was left out on purpose, and nobody is told.
    """
    chosen: list[AnyEntry] = []
    left_out: list[Skipped] = []
    bytes_left = {True: limits.code_bytes_max, False: limits.bytes_max}
    documents = (entry for entry in entries if _is_document(entry) and (paths is None or paths.meaning(entry.path)))
    for entry in sorted(documents, key=lambda entry: reading_order(entry.path)):
        size, kind = entry.size or 0, kind_of(entry.path)
        is_code = kind is not None and kind.is_code
        size_max = PYTHON_BYTES_MAX if is_code else limits.document_bytes_max
        if size > size_max:
            left_out.append(_unread(entry, f"{size:,} bytes, more than the {size_max:,} that are read"))
        elif len(chosen) == limits.documents_max:
            left_out.append(_unread(entry, f"there are more than {limits.documents_max:,} documents"))
        elif size > bytes_left[is_code]:
            left_out.append(_unread(entry, "the documents before it reach the limit on bytes"))
        else:
            bytes_left[is_code] -= size
            chosen.append(entry)
    return ReadingList(entries=tuple(chosen), skipped=_summed(left_out, limits.told_max))


def _is_document(entry: Entry) -> bool:
    return entry.kind == "blob" and entry.mode != SYMLINK and kind_of(entry.path) is not None


def _unread(entry: Entry, why: str) -> Skipped:
    return Skipped(what=visible(entry.path, lines=False), why=f"not read for documentation: {why}")


def _summed(left_out: Sequence[Skipped], told_max: int) -> tuple[Skipped, ...]:
    told, rest = tuple(left_out[:told_max]), left_out[told_max:]
    if not rest:
        return told
    return (*told, Skipped(what=f"{len(rest):,} more documents", why="not read: too large, or too many of them"))
