"""Diffs: the changed files between two commits, with the patches that GitHub shows and the lines one may comment on.

Rules (S, D repository-limits): `patch` is absent for binary files and for diffs over 500 KB or 20,000 lines; a comment
may stand on any line inside a hunk, RIGHT for additions and context, LEFT for deletions and context.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, TypeAlias

from bot.demo.simulated_github.git_store import GitStore

Side: TypeAlias = Literal["LEFT", "RIGHT"]

PATCH_BYTES_MAX: Final = 500_000
"""A longer patch is left out of the file listing."""

PATCH_LINES_MAX: Final = 20_000
"""Likewise."""

STATUS: Final[Mapping[str, str]] = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "T": "changed"}
"""What GitHub calls git's letters."""

HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, kw_only=True)
class ChangedFile:
    """One file of a diff."""

    path: str
    previous_path: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None = field(repr=False)

    @cached_property
    def commentable(self) -> Mapping[tuple[Side, int], int]:
        """The lines inside hunks, by side and number, with the number of their hunk from 0."""
        return dict(_lines(self.patch or ""))

    def hunk_at(self, side: Side, line: int) -> str:
        """Give the text of the hunk around a line, as `diff_hunk` of a comment."""
        wanted = self.commentable.get((side, line), 0)
        hunks = re.split(r"^(?=@@ )", self.patch or "", flags=re.MULTILINE)
        return ["", *hunks[1:]][wanted + 1].rstrip("\n") if len(hunks) > wanted + 1 else ""


def changed_files(store: GitStore, old: str, new: str) -> list[ChangedFile]:
    """List what differs between two commits, in git's order."""
    words = (
        store.ask("diff", "-M", "--abbrev=40", "--raw", "--numstat", "-z", old, new)
        .decode(errors="replace")
        .split("\0")
    )
    entries, counts = _raw_entries(words)
    patches = _patches(store, old, new)
    return [
        ChangedFile(
            path=path,
            previous_path=previous,
            status=STATUS.get(letter, "changed"),
            sha=sha,
            additions=counts[path][0],
            deletions=counts[path][1],
            patch=patch if patch and _is_shown(patch) else None,
        )
        for (letter, sha, previous, path), patch in zip(entries, patches, strict=True)
    ]


def whole_diff(store: GitStore, old: str, new: str) -> str:
    """Give the diff as git prints it."""
    text = store.ask("diff", "-M", "--no-color", "--no-ext-diff", "--no-textconv", "-p", old, new)
    return text.decode(errors="replace")


def _raw_entries(
    words: list[str],
) -> tuple[list[tuple[str, str, str | None, str]], dict[str, tuple[int, int]]]:
    """Part `--raw --numstat -z`: `:modes shas LETTER`, path(s); then counts and path, or two words for a rename."""
    entries: list[tuple[str, str, str | None, str]] = []
    counts: dict[str, tuple[int, int]] = {}
    rest = iter(words)
    for word in rest:
        if word.startswith(":"):
            _, _, old_sha, new_sha, letter = word.split(" ")
            path = next(rest)
            previous = None
            if letter[0] == "R":
                previous, path = path, next(rest)
            entries.append((letter[0], old_sha if letter[0] == "D" else new_sha, previous, path))
        elif word:
            added, removed, path = word.split("\t")
            if not path:
                _, path = next(rest), next(rest)
            counts[path] = (0, 0) if added == "-" else (int(added), int(removed))
    return entries, counts


def _patches(store: GitStore, old: str, new: str) -> list[str]:
    """Give the part of each file from its first hunk on; empty for binary files and pure renames."""
    texts = re.split(r"^diff --git .*\n", whole_diff(store, old, new), flags=re.MULTILINE)[1:]
    starts = [re.search(r"^@@ ", text, flags=re.MULTILINE) for text in texts]
    return [
        text[start.start() :].removesuffix("\n") if start is not None else ""
        for text, start in zip(texts, starts, strict=True)
    ]


def _is_shown(patch: str) -> bool:
    return len(patch) <= PATCH_BYTES_MAX and patch.count("\n") < PATCH_LINES_MAX


def _lines(patch: str) -> Iterator[tuple[tuple[Side, int], int]]:
    hunk, left, right = -1, 0, 0
    for line in patch.split("\n"):
        if head := HUNK.match(line):
            hunk, left, right = hunk + 1, int(head[1]), int(head[2])
        elif line.startswith("+"):
            yield ("RIGHT", right), hunk
            right += 1
        elif line.startswith("-"):
            yield ("LEFT", left), hunk
            left += 1
        elif line.startswith(" "):
            yield ("LEFT", left), hunk
            yield ("RIGHT", right), hunk
            left, right = left + 1, right + 1
