"""Anchors: where on a pull request a finding can stand.

Promises that GitHub takes every anchor: its lines are in one hunk of the file's own patch, on the head's side, and the
first is above the last. A finding that reaches further is put on the part of it that the diff shows; one that the diff
does not show at all is a stray, and stays in the summary (security case 78).
Does not promise that the head has not moved since the patch was read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pipeline.review.findings import Finding
from pipeline.review.pull.patch_lines import PatchLines, read_patch
from pipeline.review.visible import visible

NOT_CHANGED: Final = "the pull request does not change this file"
NO_LINES: Final = "GitHub shows no lines of this file"
NOT_SHOWN: Final = "the changed places do not show this line"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullFile:
    """A changed file as GitHub lists it."""

    path: str
    """In the head's tree; the old one if it was deleted."""
    patch: str | None
    """Absent for binary and large files."""
    previous_path: str | None = None
    """Where it was before, when renamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchedFile:
    """A changed file whose patch was read."""

    path: str
    """As GitHub writes it."""
    lines: PatchLines


PatchedFiles: TypeAlias = Mapping[str, PatchedFile]
"""By the path as findings write it: with hidden characters shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """Where a comment goes; the fields are those of GitHub's request."""

    path: str
    line: int
    start_line: int | None = None
    """Above `line`, in the same hunk; None for a comment on one line."""
    side: Literal["RIGHT"] = "RIGHT"
    is_exact: bool = True
    """These are all lines that the finding is about: its suggestion fits."""

    @property
    def first(self) -> int:
        """The first line."""
        return self.line if self.start_line is None else self.start_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A finding that can stand nowhere on the diff."""

    why: str
    """A clause."""


def read_files(files: Iterable[PullFile]) -> PatchedFiles:
    """Read the patches once, for all findings; of two files that are shown alike, the first."""
    read: dict[str, PatchedFile] = {}
    for file in files:
        read.setdefault(visible(file.path, lines=False), PatchedFile(path=file.path, lines=read_patch(file.patch)))
    return read


def anchor(finding: Finding, files: PatchedFiles) -> Anchored | Stray:
    """Find the place of a finding.

    Args:
        finding: Its path is one of the head's tree, so the new one of a renamed file.
        files: The files of the pull request at the same head.
    """
    file = files.get(finding.path) or files.get(visible(finding.path, lines=False))
    if file is None:
        return Stray(why=NOT_CHANGED)
    if not file.lines.right:
        return Stray(why=NO_LINES)
    last_wanted = max(finding.line, finding.line_end)
    place = next((file.lines.right[line] for line in _shown(file, finding.line, last_wanted)), None)
    if place is None:
        return Stray(why=NOT_SHOWN)
    shown = [line for line in _shown(file, finding.line, last_wanted) if file.lines.right[line] == place]
    first, last = shown[0], shown[-1]
    return Anchored(
        path=file.path,
        line=last,
        start_line=first if first < last else None,
        is_exact=(first, last) == (finding.line, last_wanted),
    )


def _shown(file: PatchedFile, first: int, last: int) -> list[int]:
    """List the lines that the diff shows, of those from one to another; a finding may reach over a million."""
    return [line for line in file.lines.right if first <= line <= last]
