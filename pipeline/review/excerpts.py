"""Excerpts: the lines of a change that a model reads.

Promises the lines of the diff and nothing else, each with what it costs, and that secrets of known form can be taken
out before a place is cut in two.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from pipeline.review.diff import FileDiff, Hunk, Line, LineKind
from pipeline.review.redact import redact
from pipeline.review.visible import visible

BYTES_PER_TOKEN: Final = 3.0
"""UTF-8 bytes per token of code, on the safe side: tokenizers of today need 3 to 4."""

LINE_CHARACTERS_MAX: Final = 1_000
"""Longer lines are cut: nobody wrote them by hand."""

HEADING_CHARACTERS_MAX: Final = 80
"""The name of a function stands in the first of them."""

RAW_LINE_CHARACTERS_MAX: Final = 20_000
"""A line is cut here before secrets are looked for, and at `LINE_CHARACTERS_MAX` after: none survives on the seam."""

LINE_OVERHEAD_BYTES: Final = 6
"""Line number, sign and line end in the prompt."""

GROUP_TOKENS_MAX: Final = 12_000
"""Tokens of excerpts in one prompt: models attend worse to longer ones, and a call that fails costs less."""

GROUPS_MAX: Final = 20
"""Calls for one change; a larger one is reviewed in part and says so."""

Side: TypeAlias = Literal["old_number", "new_number"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HunkExcerpt:
    """Neighbouring lines of the diff."""

    lines: tuple[Line, ...]
    heading: str = ""
    """What git found around it, usually the name of the function."""
    secrets: tuple[str, ...] = ()
    """Kinds of secrets that were taken out of it, one entry each."""

    @property
    def tokens(self) -> float:
        """About what it costs."""
        return sum(tokens_of(line.text) for line in self.lines)

    def follows(self, before: "HunkExcerpt") -> bool:
        """Whether no line stands between, so that both are one place."""
        sides: tuple[Side, Side] = ("old_number", "new_number")
        seams = [(_number(reversed(before.lines), side), _number(self.lines, side)) for side in sides]
        return any(None not in seam for seam in seams) and all(
            last is None or first is None or last + 1 == first for last, first in seams
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileExcerpt:
    """A changed file, or a part of one."""

    path: str
    status: str
    """added, modified, deleted, renamed, copied, mode or type."""
    hunks: tuple[HunkExcerpt, ...]
    old_path: str | None = None
    lines_known: int = 0
    """Changed lines of it that are not here, since they were read on an earlier push."""

    @property
    def tokens(self) -> float:
        """About what it costs."""
        return tokens_of(self.path) + tokens_of(self.old_path or "") + sum(hunk.tokens for hunk in self.hunks)


def excerpt_of(file: FileDiff) -> FileExcerpt:
    """Take from a changed file what a model reads of it; paths as they are shown and stored.

    Raises:
        DiffUnreadable: Its hunks are not understood.
    """
    return FileExcerpt(
        path=file.shown_path,
        old_path=None if file.old_path is None else visible(file.old_path, lines=False),
        status=file.status.value,
        hunks=tuple(_excerpt(hunk) for hunk in file.hunks),
    )


def without_secrets(file: FileExcerpt) -> FileExcerpt:
    """Take secrets of known form out of a file's lines, place by place and before any of them is cut in two."""
    return replace(file, hunks=tuple(map(_redacted, file.hunks)))


def bare_line(text: str) -> str:
    """Take the line end off, and make sure that one line is one line."""
    return text[:RAW_LINE_CHARACTERS_MAX].removesuffix("\r").replace("\n", "\u2028")


def anchors_of(files: Iterable[FileExcerpt]) -> Mapping[str, Collection[int]]:
    """Collect the lines that a remark may stand on: those of the head's side that the diff shows."""
    anchors: dict[str, set[int]] = {}
    for file in files:
        numbers = (line.new_number for hunk in file.hunks for line in hunk.lines)
        anchors.setdefault(file.path, set()).update(number for number in numbers if number is not None)
    return anchors


def tokens_of(line: str) -> float:
    """Guess what a line of the prompt costs."""
    return (len(line[:LINE_CHARACTERS_MAX].encode(errors="replace")) + LINE_OVERHEAD_BYTES) / BYTES_PER_TOKEN


def _excerpt(hunk: Hunk) -> HunkExcerpt:
    """Leave out empty lines around a place, and a heading that its first lines repeat."""
    filled = [place for place, line in enumerate(hunk.lines) if line.kind is not LineKind.CONTEXT or line.text.strip()]
    lines = hunk.lines[filled[0] : filled[-1] + 1] if filled else hunk.lines
    heading = hunk.heading.strip()[:HEADING_CHARACTERS_MAX]
    return HunkExcerpt(lines=lines, heading="" if lines[0].text.strip().startswith(heading) else heading)


def _redacted(hunk: HunkExcerpt) -> HunkExcerpt:
    bare = redact("\n".join(bare_line(line.text) for line in hunk.lines))
    if not bare.kinds:
        return hunk
    texts = bare.text.split("\n")
    lines = tuple(replace(line, text=text) for line, text in zip(hunk.lines, texts, strict=True))
    return replace(hunk, lines=lines, secrets=(*hunk.secrets, *bare.kinds))


def _number(lines: Iterable[Line], side: Side) -> int | None:
    """Find the first number of a side."""
    return next((number for line in lines if (number := getattr(line, side)) is not None), None)
