"""Interest: what a diff makes worth reading about, in the words that documentation would use.

Promises changed names where two whole versions or the changed lines tell them, the changed paths, and the words that
the changed lines repeat most. Does not promise to read all of a diff: documents first, then code up to a limit, and
what was not searched is told.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.review.diff import Diff, FileDiff, FileStatus, LineKind
from pipeline.review.documents import Kind, is_test, kind_of
from pipeline.review.names import ChangedCode, ChangedName, changed_names, has_names
from pipeline.review.passages import Interest
from pipeline.review.reports import Skipped
from pipeline.review.spellings import is_telling

LINES_MAX: Final = 50_000
"""Changed lines that are looked at: about two seconds."""

WHOLE_FILES_MAX: Final = 400
"""Python files that are compared as a whole; two versions of each are read."""

WORDS_MAX: Final = 40
"""Words of the changed lines that are searched for besides the changed names."""

LINE_CHARACTERS_MAX: Final = 1_000

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{4,40}")
_SYNTAX: Final = frozenset(
    ["return", "import", "class", "async", "await", "false", "static", "public", "private", "const", "function"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadChange:
    """What a diff means to a reader of the documentation."""

    names: tuple[ChangedName, ...]
    interest: Interest
    added: Mapping[str, frozenset[int]]
    """Added lines of readable files, by path."""


def readable_files(diff: Diff) -> tuple[tuple[FileDiff, ...], tuple[Skipped, ...]]:
    """Choose the files whose lines are looked at, documents before code, and tell how many are not."""
    readable = [file for file in diff.files if _is_readable(file)]
    chosen: list[FileDiff] = []
    lines_left = LINES_MAX
    for file in sorted(readable, key=lambda file: (_is_prose(file.path) is False, file.path)):
        lines_left -= file.added + file.removed
        if lines_left >= 0:
            chosen.append(file)
    if len(chosen) == len(readable):
        return tuple(chosen), ()
    why = f"not searched for changed names: the diff has more than {LINES_MAX:,} lines of code and text"
    return tuple(chosen), (Skipped(what=f"{len(readable) - len(chosen):,} changed files", why=why),)


def whole_files(files: Iterable[FileDiff]) -> tuple[FileDiff, ...]:
    """Choose those whose two versions are compared as a whole."""
    python = [file for file in files if kind_of(file.path) is Kind.PYTHON and not is_test(file.path)]
    return tuple(python[:WHOLE_FILES_MAX])


def read_change(files: Iterable[FileDiff], before: Mapping[str, bytes], after: Mapping[str, bytes]) -> ReadChange:
    """Find out what a diff is about.

    Args:
        files: Those of `readable_files`.
        before: Old versions of `whole_files`, by old path, as far as they could be read.
        after: New versions, by new path.
    """
    files = tuple(files)
    code = [_changed_code(file, before, after) for file in files if has_names(file.path) and not is_test(file.path)]
    names = changed_names(code)
    told = [name for changed in names if is_telling(changed) for name in (changed.name, changed.new_name) if name]
    interest = Interest(
        names=tuple(dict.fromkeys(told)), paths=tuple(file.path for file in code), words=_frequent_words(code)
    )
    return ReadChange(
        names=names, interest=interest, added={file.path: file.changed_lines for file in files if file.changed_lines}
    )


def _is_readable(file: FileDiff) -> bool:
    is_text = has_names(file.path) or kind_of(file.path) is not None
    return is_text and not (file.is_submodule or file.is_symlink)


def _is_prose(path: str) -> bool:
    kind = kind_of(path)
    return kind is not None and not kind.is_code


def _changed_code(file: FileDiff, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> ChangedCode:
    old_path = file.old_path or file.path
    old = b"" if file.status is FileStatus.ADDED else before.get(old_path)
    new = b"" if file.status is FileStatus.DELETED else after.get(file.path)
    is_whole = old is not None and new is not None
    lines = [line for hunk in file.hunks for line in hunk.lines]
    return ChangedCode(
        path=file.path,
        old_path=old_path,
        removed=[(line.old_number or 1, line.text) for line in lines if line.kind is LineKind.REMOVED],
        added=[(line.new_number or 1, line.text) for line in lines if line.kind is LineKind.ADDED],
        before=old if is_whole else None,
        after=new if is_whole else None,
    )


def _frequent_words(code: Sequence[ChangedCode]) -> tuple[str, ...]:
    words = Counter(
        word
        for file in code
        for _, text in (*file.removed, *file.added)
        for word in _WORD.findall(text[:LINE_CHARACTERS_MAX])
        if word.lower() not in _SYNTAX
    )
    return tuple(word for word, _ in words.most_common(WORDS_MAX))
