"""Kept readings: what a model said of a piece of a change, kept so that the same piece is never paid for again.

Promises that a reading is found again for the same words alone: path, status, heading, lines, and whoever reads them by
which rules. Numbers of lines and commits are no part of its key, so a rebase, code that moves, another push and another
run find it. What was found stands on today's lines. Whatever is kept and cannot be read counts as not kept.
Does not promise that a model would say the same today, nor that it saw the same neighbours.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from pipeline.review.diff import Line, LineKind
from pipeline.review.excerpts import FileExcerpt, HunkExcerpt, without_secrets
from pipeline.review.findings import Finding
from pipeline.review.pieces import pieces_of
from pipeline.review.reports import AnalysisReport, Report

KEY_DIGITS: Final = 32
"""128 bits, as in the fingerprints of the engine."""

FINDINGS_MAX: Final = 30
"""Kept of one piece; a model is asked for half as many of a whole group."""

ACCOUNTS_MAX: Final = 8
"""Accounts that are taken over; each push adds one, and nobody reads the story of thirty."""

_PLACE: Final = frozenset({"path", "line", "line_end"})


class KeptFinding(Report):
    """A finding by its place in the piece."""

    first: Annotated[int, Field(ge=0, description="Index of the line it begins on, in the piece.")]
    last: Annotated[int, Field(ge=0)]
    finding: Annotated[dict[str, Any], Field(description="The rest of it.")]  # Any: validated when it is put back.


class KeptReading(Report):
    """What came of one piece."""

    model: Annotated[str, Field(description="Who read it.")] = ""
    account: Annotated[str, Field(description="Key of the account of the group it was read with; may be empty.")] = ""
    findings: Annotated[tuple[KeptFinding, ...], Field(max_length=FINDINGS_MAX)] = ()


class KeptAccount(Report):
    """What the model told of a group as a whole."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a changed file, with its name in the store."""

    path: str
    hunk: HunkExcerpt
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What is known of a change before anybody is asked."""

    unread: tuple[FileExcerpt, ...]
    """What is left to be read; a file of which some is known has only the rest."""
    findings: tuple[Finding, ...] = ()
    models: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    """Keys of the accounts of what is taken over, those first that tell most of it."""
    files: int = 0
    """Files of which nothing is left to be read."""


def cut_into_pieces(file: FileExcerpt) -> FileExcerpt:
    """Cut a file's places into pieces, without secrets: one of several lines would not be known in two halves."""
    file = without_secrets(file)
    return replace(file, hunks=tuple(piece for hunk in file.hunks for piece in pieces_of(hunk)))


def pieces_with_keys(file: FileExcerpt, reader: str) -> tuple[Piece, ...]:
    """Name the pieces of a file.

    Args:
        file: Cut into pieces.
        reader: Names who reads it and by which rules; another reader finds nothing of this one's.
    """
    seen: Counter[str] = Counter()
    named: list[Piece] = []
    for hunk in file.hunks:
        key = _key(reader, _words(file, hunk))
        seen[key] += 1  # Twins in one file are two places.
        named.append(Piece(path=file.path, hunk=hunk, key=_key(key, (str(seen[key]),))))
    return tuple(named)


def account_key(pieces: Iterable[Piece]) -> str:
    """Name the account of the group that these pieces were read in."""
    return _key("account", (piece.key for piece in pieces))


def to_keep(pieces: Sequence[Piece], findings: Iterable[Finding], *, model: str, walkthrough: str) -> dict[str, str]:
    """Write what came of the pieces of one group, as the store keeps it.

    Args:
        pieces: What was asked about.
        findings: What was found, on lines of the pieces.
        model: Who was asked.
        walkthrough: What was told of the group as a whole.
    """
    account = account_key(pieces) if walkthrough else ""
    by_piece = _by_piece(pieces, findings)
    kept: dict[str, str] = {
        piece.key: KeptReading(
            model=model, account=account, findings=tuple(by_piece.get(piece.key, ())[:FINDINGS_MAX])
        ).model_dump_json(exclude_defaults=True)
        for piece in pieces
    }
    return kept | ({account: KeptAccount(text=walkthrough).model_dump_json()} if account else {})


def take_over(files: Sequence[FileExcerpt], pieces: Sequence[Sequence[Piece]], kept: Mapping[str, str]) -> TakenOver:
    """Put back what is kept, and leave the rest to be read.

    Args:
        files: The change, cut into pieces.
        pieces: Those of each file.
        kept: What the store has of them.
    """
    unread: list[FileExcerpt] = []
    findings: list[Finding] = []
    accounts: Counter[str] = Counter()
    models: dict[str, None] = {}
    for file, named in zip(files, pieces, strict=True):
        rest: list[HunkExcerpt] = []
        for piece in named:
            reading = _reading(piece, kept.get(piece.key))
            if reading is None:
                rest.append(piece.hunk)
                continue
            findings.extend(reading.findings)
            models[reading.model] = None
            accounts[reading.account] += sum(line.kind is not LineKind.CONTEXT for line in piece.hunk.lines)
        if rest:
            known = _changed(file.hunks) - _changed(rest)
            unread.append(replace(file, hunks=tuple(rest), lines_known=known))
    return TakenOver(
        unread=tuple(unread),
        findings=tuple(findings),
        models=tuple(name for name in models if name),
        accounts=tuple(key for key, _ in accounts.most_common() if key)[:ACCOUNTS_MAX],
        files=len(files) - len(unread),
    )


def accounts_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Name the accounts that kept readings refer to."""
    return tuple(dict.fromkeys(key for text in texts if (key := _account_of(text))))


def read_account(text: str | None) -> str:
    """Read an account; empty if it cannot be read."""
    try:
        return KeptAccount.model_validate_json(text or "").text
    except ValidationError:
        return ""


def with_known(report: AnalysisReport, known: TakenOver, walkthroughs: Sequence[str]) -> AnalysisReport:
    """Add to the report on what was read now what was read before; it costs nothing again."""
    models = dict.fromkeys(
        name for names in (*known.models, report.model) for name in (names or "").split(", ") if name
    )
    accounts = dict.fromkeys(text for text in (report.walkthrough, *walkthroughs) if text)
    return report.model_copy(
        update={
            "findings": (*report.findings, *known.findings),
            "model": ", ".join(models) or None,
            "walkthrough": "\n\n".join(accounts),
            "files_known": known.files,
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    findings: tuple[Finding, ...]
    model: str
    account: str


def _reading(piece: Piece, text: str | None) -> _Reading | None:
    if text is None:
        return None
    try:
        kept = KeptReading.model_validate_json(text)
        findings = tuple(_put_back(piece, one) for one in kept.findings)
    except (ValidationError, IndexError):
        return None
    return _Reading(findings=findings, model=kept.model, account=kept.account)


def _account_of(text: str) -> str:
    try:
        return KeptReading.model_validate_json(text).account
    except ValidationError:
        return ""


def _put_back(piece: Piece, kept: KeptFinding) -> Finding:
    """Stand a finding on today's lines.

    Raises:
        IndexError: The piece has no such lines; it is not what was kept.
    """
    first, last = (piece.hunk.lines[index].new_number for index in (kept.first, kept.last))
    if first is None or last is None:
        raise IndexError(kept.first)
    return Finding.model_validate({**kept.finding, "path": piece.path, "line": first, "line_end": last})


def _by_piece(pieces: Sequence[Piece], findings: Iterable[Finding]) -> dict[str, list[KeptFinding]]:
    """Give each finding to the piece that its first line is in; one that goes on beyond it ends there."""
    places = {
        (piece.path, line.new_number): (piece, index)
        for piece in pieces
        for index, line in enumerate(piece.hunk.lines)
        if line.new_number is not None
    }
    kept: dict[str, list[KeptFinding]] = {}
    for finding in findings:
        if (place := places.get((finding.path, finding.line))) is None:
            continue
        piece, first = place
        last = _index_of(piece.hunk.lines, finding.line_end)
        rest = finding.model_dump(mode="json", exclude=set(_PLACE), exclude_defaults=True)
        if piece.hunk.lines[last].new_number != finding.line_end:
            rest.pop("suggestion", None)  # It was written for lines that are not all here.
        kept.setdefault(piece.key, []).append(KeptFinding(first=first, last=last, finding=rest))
    return kept


def _index_of(lines: Sequence[Line], number: int) -> int:
    """Find the last line that is not after this number."""
    return max(index for index, line in enumerate(lines) if line.new_number is not None and line.new_number <= number)


def _changed(hunks: Iterable[HunkExcerpt]) -> int:
    return sum(line.kind is not LineKind.CONTEXT for hunk in hunks for line in hunk.lines)


def _words(file: FileExcerpt, hunk: HunkExcerpt) -> Iterator[str]:
    """List what a model sees of a piece, but for the numbers of its lines."""
    yield from (file.path, file.old_path or "", file.status, hunk.heading)
    for line in hunk.lines:
        yield f"{line.kind.value}{'' if line.has_line_end else '!'} {line.text}"


def _key(first: str, words: Iterable[str]) -> str:
    digest = hashlib.sha256(first.encode())
    for word in words:
        text = word.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%s" % (len(text), text))  # With its length: no word can pass for two.
    return digest.hexdigest()[:KEY_DIGITS]
