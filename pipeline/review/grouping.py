"""Grouping: what of a change a model reads at once.

Promises that every line given is in exactly one group, that a group stays within its tokens, that a test stands in the
same group as what it tests, and a file in that of what it imports, where both fit; that what matters most comes first,
and that what no group has room for is named. Groups depend on nothing but the files, so the same change is always cut
the same way. Does not promise that all that belongs together stands together: a group has an end.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pipeline.review.diff import Line
from pipeline.review.excerpts import GROUP_TOKENS_MAX, GROUPS_MAX, FileExcerpt, HunkExcerpt, tokens_of
from pipeline.review.importance import rank_of

_TEST_PARTS: Final = frozenset({"test", "tests", "__tests__", "spec", "specs", "testing"})
_TEST_NAME: Final = re.compile(r"^(?:test_|tests_)|(?:_test|_tests|_spec|\.test|\.spec|Test|Tests|Spec)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """The change, cut for the model."""

    groups: tuple[tuple[FileExcerpt, ...], ...]
    left_out: tuple[str, ...] = ()
    """Paths of which at least a part is in no group."""


def group_files(
    files: Iterable[FileExcerpt],
    *,
    links: Mapping[str, Sequence[str]] | None = None,
    tokens_max: int = GROUP_TOKENS_MAX,
    groups_max: int = GROUPS_MAX,
) -> Grouping:
    """Cut a change into groups that belong together; call it in a thread.

    Args:
        files: Each path once; files without hunks are left aside, since there is nothing to read in them.
        links: Paths that each file imports.
        tokens_max: Room in one group.
        groups_max: Number of groups; what comes after is named as left out.
    """
    there = {file.path: file for file in files if file.hunks}
    packing = _Packing(tokens_max=tokens_max, groups_max=groups_max)
    for cluster in _clusters(there, links or {}, tokens_max):
        packing.add(cluster)
    return Grouping(
        groups=tuple(tuple(sorted(group, key=_reading_order(group))) for group in packing.groups),
        left_out=tuple(packing.left_out),
    )


@dataclass(slots=True, kw_only=True)
class _Packing:
    """Groups that fill up."""

    tokens_max: int
    groups_max: int
    groups: list[list[FileExcerpt]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    _room: list[float] = field(default_factory=list)

    def add(self, cluster: Sequence[FileExcerpt]) -> None:
        """Put files that belong together into one group; a single one that is too long for that, into several."""
        tokens = sum(file.tokens for file in cluster)
        if tokens <= self.tokens_max:
            self._put(cluster, tokens)
            return
        for part in _split(cluster[0], self.tokens_max):
            if not self._put([part], part.tokens):
                break

    def _put(self, files: Sequence[FileExcerpt], tokens: float) -> bool:
        """Choose the newest group with room, whose files are the nearest; make one if there is none."""
        place = next((place for place in reversed(range(len(self.groups))) if self._room[place] >= tokens), None)
        if place is None:
            if len(self.groups) == self.groups_max:
                self.left_out.extend(file.path for file in files)
                return False
            place = len(self.groups)
            self.groups.append([])
            self._room.append(float(self.tokens_max))
        self.groups[place].extend(files)
        self._room[place] -= tokens
        return True


def _clusters(
    files: Mapping[str, FileExcerpt], links: Mapping[str, Sequence[str]], tokens_max: int
) -> list[list[FileExcerpt]]:
    """Join files with what they test and import, as far as one group holds them; the most important first."""
    sources = _sources(files)
    of_tests = [(path, sources.get(_stem(path), path)) for path in sorted(files) if _is_test(path)]
    of_imports = [
        (path, target) for path in sorted(links) for target in links[path] if path in files and target in files
    ]
    of_imports.sort(key=lambda link: (_directory(link[0]) != _directory(link[1]), link))
    cluster_of = {path: [path] for path in files}
    tokens = {path: file.tokens for path, file in files.items()}
    for one, other in (*of_tests, *of_imports):
        mine, theirs = cluster_of[one], cluster_of[other]
        if mine is theirs or tokens[mine[0]] + tokens[theirs[0]] > tokens_max:
            continue
        tokens[mine[0]] += tokens[theirs[0]]
        mine.extend(theirs)
        cluster_of |= dict.fromkeys(theirs, mine)
    once = {id(cluster): cluster for cluster in cluster_of.values()}
    return [
        [files[path] for path in cluster]
        for cluster in sorted(
            once.values(), key=lambda cluster: min((rank_of(path), path.split("/")) for path in cluster)
        )
    ]


def _reading_order(group: Sequence[FileExcerpt]) -> Callable[[FileExcerpt], tuple[list[str], bool, str]]:
    """Sort by directory, each test right after what it tests, if that is in the group."""
    sources = _sources({file.path: file for file in group})

    def place(file: FileExcerpt) -> tuple[list[str], bool, str]:
        beside = sources.get(_stem(file.path), file.path) if _is_test(file.path) else file.path
        return beside.split("/"), _is_test(file.path), file.path

    return place


def _sources(files: Iterable[str]) -> dict[str, str]:
    """Name the file that tests of a stem are about; of namesakes, the first in the alphabet."""
    return {_stem(path): path for path in sorted(files, reverse=True) if not _is_test(path)}


def _directory(path: str) -> str:
    return path.rpartition("/")[0]


def _is_test(path: str) -> bool:
    *parts, name = path.split("/")
    return (
        not _TEST_PARTS.isdisjoint(parts) or _TEST_NAME.search(name.partition(".")[0]) is not None or ".test." in name
    )


def _stem(path: str) -> str:
    """Name what a file is about: `test_shop.py`, `shop_test.go`, `shop.test.ts` and `shop.py` are about `shop`."""
    name = path.rpartition("/")[2]
    return _TEST_NAME.sub("", name.partition(".")[0]).lower() or name


def _split(file: FileExcerpt, tokens_max: int) -> Iterator[FileExcerpt]:
    """Cut a file that is too long for one group, between hunks where that is enough."""
    room = tokens_max - replace(file, hunks=()).tokens
    hunks: list[HunkExcerpt] = []
    left = room
    for hunk in (piece for whole in file.hunks for piece in _split_hunk(whole, room)):
        tokens = hunk.tokens
        if hunks and tokens > left:
            yield replace(file, hunks=tuple(hunks))
            hunks, left = [], room
        hunks.append(hunk)
        left -= tokens
    yield replace(file, hunks=tuple(hunks))


def _split_hunk(hunk: HunkExcerpt, room: float) -> Iterator[HunkExcerpt]:
    lines: list[Line] = []
    tokens = 0.0
    for line in hunk.lines:
        if lines and tokens + tokens_of(line.text) > room:
            yield replace(hunk, lines=tuple(lines))
            lines, tokens = [], 0.0
        lines.append(line)
        tokens += tokens_of(line.text)
    yield replace(hunk, lines=tuple(lines))
