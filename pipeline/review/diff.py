"""Diff: which files changed, and which lines of them.

Promises a record for every changed file, whatever its name and content; line numbers as git counts them (a line ends
with LF and with nothing else: not CR, not U+2028); that the lines of a hunk, applied to the old text, give the new
text to the byte. Files whose patch git did not write, or whose patch was cut off, are there and say so.
Does not promise line numbers for tools that end lines elsewhere.

Names come from git's NUL-separated list, never from the patch, whose names are quoted and can be forged; the two are
joined by order and by the SHAs of the blobs. Hunks are read by unidiff, file by file and only when asked for, since
most files of a huge diff are never looked at.

Text and names hold lone surrogates for bytes that are no UTF-8 (`surrogateescape`).
"""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from unidiff.constants import LINE_TYPE_NO_NEWLINE
from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk as UnidiffHunk
from unidiff.patch import PatchSet

from pipeline.engine.errors import GiveUp
from pipeline.review.reports import ChangedFile
from pipeline.review.visible import visible

SYMLINK: Final = "120000"
SUBMODULE: Final = "160000"
"""Modes of git's tree entries; see git-fast-import(1), "filemodify"."""

_RAW_HEAD: Final = re.compile(rb":(\d{6}) (\d{6}) ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) ([AMDRCT])\d*")
_INDEX: Final = re.compile(rb"^index ([0-9a-f]+)\.\.([0-9a-f]+)", re.MULTILINE)
_SECTION: Final = b"diff --git "
_NO_HEADER: Final = "--- a\n+++ b\n"
"""Given to unidiff in place of the true header, whose names it would have to understand."""


class FileStatus(StrEnum):
    """What happened to a file."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"  # Perhaps with changes.
    COPIED = "copied"
    MODE = "mode"  # The executable bit, nothing else.
    TYPE = "type"  # A file became a link, or the like.


class LineKind(StrEnum):
    """What happened to a line."""

    ADDED = "added"
    REMOVED = "removed"
    CONTEXT = "context"


class DiffUnreadable(GiveUp):
    """Git's list and its patch do not fit together, or are not what we know of git."""

    code = "diff_unreadable"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a hunk; positional and small, since there are hundreds of thousands."""

    kind: LineKind
    old_number: int | None
    """From 1; None for an added line."""
    new_number: int | None
    """From 1; None for a removed line."""
    text: str
    """Without its LF; a CR is part of it."""
    has_line_end: bool = True
    """False for a last line without LF."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """Neighbouring lines of a file, with up to three unchanged ones around."""

    old_start: int
    """First line on the old side; the line before, if `old_count` is 0."""
    old_count: int
    new_start: int
    """First line on the new side; the line before, if `new_count` is 0."""
    new_count: int
    heading: str
    """The function or class that git thinks it is in."""
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class FileDiff:
    """One changed file. Without slots, so that its hunks can be read once and kept."""

    path: str
    """In the head's tree; the old one if it was deleted."""
    old_path: str | None
    """Where it was before, when renamed or copied."""
    status: FileStatus
    old_mode: str
    """`000000` if it was not there."""
    new_mode: str
    old_sha: str
    """SHA of the blob; zeros if it was not there."""
    new_sha: str
    old_bytes: int | None
    """Size; None if it was not there, or for a submodule."""
    new_bytes: int | None
    added: int
    """Lines; 0 for a binary file."""
    removed: int
    patch: tuple[bytes, ...] | None
    """Git's words on it (two patches for a change of type); None if they were beyond the limit."""

    @property
    def shown_path(self) -> str:
        """The path, fit to be shown and stored."""
        return visible(self.path, lines=False)

    @property
    def is_binary(self) -> bool:
        """Whether git shows no lines of it: its content is no text, or too large to compare."""
        return any(b"\n@@ -" not in part and b"\nBinary files " in part for part in self.patch or ())

    @property
    def is_submodule(self) -> bool:
        """Whether it is, or was, a pointer to a commit of another repository."""
        return SUBMODULE in {self.old_mode, self.new_mode}

    @property
    def is_symlink(self) -> bool:
        """Whether it is, or was, a symbolic link; its lines are the name of its target."""
        return SYMLINK in {self.old_mode, self.new_mode}

    @cached_property
    def hunks(self) -> tuple[Hunk, ...]:
        """The changed places, top down; empty if there is no patch.

        Raises:
            DiffUnreadable: Git wrote what unidiff does not understand.
        """
        return tuple(hunk for part in self.patch or () for hunk in _read_hunks(part))

    @cached_property
    def new_lines(self) -> Mapping[int, Line]:
        """The lines of the head's version that the hunks show, changed or not, by number."""
        return {line.new_number: line for hunk in self.hunks for line in hunk.lines if line.new_number is not None}

    @cached_property
    def changed_lines(self) -> frozenset[int]:
        """Numbers of the added lines in the head's version."""
        return frozenset(number for number, line in self.new_lines.items() if line.kind is LineKind.ADDED)

    def can_anchor(self, line: int) -> bool:
        """Whether a remark can stand on this line of the head's version: GitHub wants it inside a hunk."""
        return line in self.new_lines

    def report(self) -> ChangedFile:
        """Tell about it in the words of a report."""
        return ChangedFile(
            path=self.shown_path,
            old_path=None if self.old_path is None else visible(self.old_path, lines=False),
            status=self.status.value,
            added=self.added,
            removed=self.removed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """All changed files, in git's order: by path."""

    files: tuple[FileDiff, ...]

    @property
    def added(self) -> int:
        """Lines added in all files."""
        return sum(file.added for file in self.files)

    @property
    def removed(self) -> int:
        """Lines removed in all files."""
        return sum(file.removed for file in self.files)


def parse_diff(*, raw: bytes, numstat: bytes, patch: bytes, patch_is_whole: bool, sizes: Mapping[str, int]) -> Diff:
    """Put together what git told in three ways.

    Args:
        raw: Output of `git diff-tree -r --raw -z` with full SHAs; has to be whole.
        numstat: Output of `--numstat -z`; may end early.
        patch: Output of `--patch --full-index`; may end early.
        patch_is_whole: Whether the patch did not end early; else its last file is not trusted.
        sizes: Bytes of the blobs, by SHA.

    Raises:
        DiffUnreadable: They do not fit together.
    """
    counts = _read_numstat(numstat)
    sections = iter(_split_patch(patch, is_whole=patch_is_whole))
    files = tuple(_file(entry, next(counts, None), sections, sizes) for entry in _read_raw(raw))
    if next(sections, None) is not None:
        raise DiffUnreadable("Git's patch has more files than its list.")
    if patch_is_whole and any(file.patch is None for file in files):
        raise DiffUnreadable("Git's patch has fewer files than its list.")
    return Diff(files=files)


@dataclass(frozen=True, slots=True)
class _Entry:
    old_mode: str
    new_mode: str
    old_sha: str
    new_sha: str
    status: str
    paths: tuple[str, ...]


def _read_raw(raw: bytes) -> Iterator[_Entry]:
    parts = iter(raw.split(b"\0")[:-1])
    for part in parts:
        head = _RAW_HEAD.fullmatch(part)
        if head is None:
            raise DiffUnreadable(f"Git's list of changed files holds {part[:80]!a}.")
        old_mode, new_mode, old_sha, new_sha, status = (group.decode() for group in head.groups())
        paths = tuple(_text(next(parts, b"")) for _ in range(2 if status in "RC" else 1))
        yield _Entry(old_mode, new_mode, old_sha, new_sha, status, paths)


def _read_numstat(numstat: bytes) -> Iterator[tuple[int, int]]:
    """Yield lines added and removed for each whole record; a rename's is `1<tab>1<tab><NUL>old<NUL>new<NUL>`."""
    parts = iter(numstat.split(b"\0")[:-1])
    for part in parts:
        added, removed, path = part.split(b"\t", 2)
        if not path:
            next(parts, None)
            next(parts, None)
        yield (0, 0) if added == b"-" else (int(added), int(removed))


def _split_patch(patch: bytes, *, is_whole: bool) -> list[bytes]:
    """Cut the patch into files; no line of content can begin like a file does, since it has its sign before it."""
    sections = (b"\n" + patch).split(b"\n" + _SECTION)[1:]
    return sections if is_whole else sections[:-1]


def _file(
    entry: _Entry, counts: tuple[int, int] | None, sections: Iterator[bytes], sizes: Mapping[str, int]
) -> FileDiff:
    blobs = (entry.old_sha, entry.new_sha)
    nothing = "0" * len(entry.old_sha)
    expected = [(blobs[0], nothing), (nothing, blobs[1])] if entry.status == "T" else [blobs]
    parts = [section for pair in expected if (section := _matching(sections, pair, entry.paths[-1])) is not None]
    patch = tuple(parts) if len(parts) == len(expected) else None
    added, removed = counts or _count(patch)
    return FileDiff(
        path=entry.paths[-1],
        old_path=entry.paths[0] if len(entry.paths) > 1 else None,
        status=_status(entry),
        old_mode=entry.old_mode,
        new_mode=entry.new_mode,
        old_sha=entry.old_sha,
        new_sha=entry.new_sha,
        old_bytes=sizes.get(entry.old_sha),
        new_bytes=sizes.get(entry.new_sha),
        added=added,
        removed=removed,
        patch=patch,
    )


def _matching(sections: Iterator[bytes], blobs: tuple[str, str], path: str) -> bytes | None:
    """Take the next file of the patch and make sure that it is about these blobs; unchanged ones are not named."""
    section = next(sections, None)
    if section is None:
        return None
    header = section[:start] if (start := section.find(b"\n@@ -")) >= 0 else section
    index = _INDEX.search(header)
    told = (index[1].decode(), index[2].decode()) if index else (blobs[0], blobs[0])
    if told != blobs:
        raise DiffUnreadable(f"Git's patch and its list tell different blobs for {visible(path, lines=False)!a}.")
    return section


def _status(entry: _Entry) -> FileStatus:
    if entry.status == "M" and entry.old_sha == entry.new_sha:
        return FileStatus.MODE
    return _STATUS[entry.status]


_STATUS: Final = {
    "A": FileStatus.ADDED,
    "M": FileStatus.MODIFIED,
    "D": FileStatus.DELETED,
    "R": FileStatus.RENAMED,
    "C": FileStatus.COPIED,
    "T": FileStatus.TYPE,
}


def _count(patch: tuple[bytes, ...] | None) -> tuple[int, int]:
    lines = [line for part in patch or () for hunk in _read_hunks(part) for line in hunk.lines]
    return sum(line.kind is LineKind.ADDED for line in lines), sum(line.kind is LineKind.REMOVED for line in lines)


def _read_hunks(section: bytes) -> Iterator[Hunk]:
    start = section.find(b"\n@@ -")
    if start < 0:
        return
    body = _text(section[start + 1 :]).removesuffix("\n") + "\n"  # Splitting took the last LF of all but one.
    try:
        (file,) = PatchSet(io.StringIO(_NO_HEADER + body, newline="\n"))
    except (UnidiffParseError, ValueError, AssertionError) as error:
        raise DiffUnreadable(f"A hunk of git's patch is not understood: {str(error)[:200]!a}") from error
    if sum(1 + len(hunk) for hunk in file) != body.count("\n"):
        raise DiffUnreadable("A hunk of git's patch is not understood: some of its lines belong nowhere.")
    for hunk in file:
        yield Hunk(
            old_start=hunk.source_start,
            old_count=hunk.source_length,
            new_start=hunk.target_start,
            new_count=hunk.target_length,
            heading=hunk.section_header,
            lines=tuple(_lines(hunk)),
        )


def _lines(hunk: UnidiffHunk) -> Iterator[Line]:
    """Walk a hunk; the marker of a missing LF belongs to the line before it."""
    following = iter([*hunk[1:], None])
    for line, after in zip(hunk, following, strict=True):
        if line.line_type != LINE_TYPE_NO_NEWLINE:
            yield Line(
                _KIND[line.line_type],
                line.source_line_no,
                line.target_line_no,
                line.value.removesuffix("\n"),
                after is None or after.line_type != LINE_TYPE_NO_NEWLINE,
            )


_KIND: Final = {"+": LineKind.ADDED, "-": LineKind.REMOVED, " ": LineKind.CONTEXT}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
