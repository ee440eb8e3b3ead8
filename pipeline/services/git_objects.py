"""Git objects: the files of a commit, listed and read from the object store, never from a work tree.

Promises the blob, byte for byte: no filter, line end or link is followed. Every path asked for gets an answer, its
bytes or the reason why not. Nothing larger than the limits is held in memory.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pipeline.services.git_command import GitCommand, GitFailed, text

ANSWER_LINE_BYTES_MAX: Final = 8_192
"""One answer of `cat-file --batch-check`: a SHA, a type and a size, or the name of what is missing."""

_HEAD: Final = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (\w+) (\d+)\n")
_TREE_LINE: Final = re.compile(rb"(\d{6}) (\w+) ([0-9a-f]+) +(-|\d+)\t([^\0]+)\0")


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """One file of a commit."""

    mode: str
    """100644, 100755, 120000 (symbolic link), 160000 (submodule) or 040000 (directory)."""
    kind: str
    """`blob`, `commit` for a submodule, or `tree` for a directory, which only a shallow listing has."""
    sha: str
    size: int | None
    """Bytes; None for a submodule and a directory."""
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files of a commit."""

    entries: tuple[TreeEntry, ...]
    is_whole: bool
    """False if the listing was cut at its limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRead:
    """A file whose content was not given out."""

    why: str
    """A clause that can follow the file's name."""


Content: TypeAlias = bytes | NotRead


@dataclass(frozen=True, slots=True)
class _Blob:
    sha: str
    size: int


async def list_tree(
    git: GitCommand, commit: str, *, bytes_max: int, at: Sequence[str] = (), is_deep: bool = True
) -> Tree:
    """List files of a commit, as far as `bytes_max` of listing reach.

    Args:
        git: The repository.
        commit: Full SHA.
        bytes_max: Limit on the listing.
        at: Only what stands at these paths, as they are and no patterns; a directory ends with `/` to be looked into.
        is_deep: All files below, and no directories; else what stands right there, directories too.
    """
    flags = ("-r",) if is_deep else ()
    listed = await git.run("ls-tree", *flags, "-z", "--long", "--full-tree", commit, "--", *at, bytes_max=bytes_max)
    entries = tuple(
        TreeEntry(
            mode=mode.decode(),
            kind=kind.decode(),
            sha=sha.decode(),
            size=None if size == b"-" else int(size),
            path=text(path),
        )
        for mode, kind, sha, size, path in _TREE_LINE.findall(listed.stdout)
    )
    return Tree(entries=entries, is_whole=not listed.truncated)


async def read_files(
    git: GitCommand, commit: str, paths: Iterable[str], *, bytes_max: int, total_bytes_max: int
) -> dict[str, Content]:
    """Read files of a commit with two git processes, however many there are.

    Args:
        git: The repository.
        commit: Full SHA.
        paths: As `list_tree` gives them; a symbolic link reads as its target's name.
        bytes_max: Larger files are not read.
        total_bytes_max: No further file is read beyond this sum, in the order of `paths`.
    """
    wanted = list(dict.fromkeys(paths))
    names = [f"{commit}:{path}".encode("utf-8", "surrogateescape") for path in wanted if can_exist(path)]
    found = dict(zip((path for path in wanted if can_exist(path)), await _look_up(git, names), strict=True))
    chosen: dict[str, _Blob | NotRead] = {}
    room = total_bytes_max
    for path in wanted:
        chosen[path] = _choose(found.get(path), bytes_max=bytes_max, room=room)
        room -= choice.size if isinstance(choice := chosen[path], _Blob) else 0
    blobs = await read_blobs(git, {blob.sha: blob.size for blob in chosen.values() if isinstance(blob, _Blob)})
    return {path: blobs[choice.sha] if isinstance(choice, _Blob) else choice for path, choice in chosen.items()}


async def read_blobs(git: GitCommand, wanted: Mapping[str, int]) -> dict[str, bytes]:
    """Read blobs by SHA, whose sizes are known; the caller has looked that they are not too large."""
    if not wanted:
        return {}
    bytes_max = sum(wanted.values()) + ANSWER_LINE_BYTES_MAX * len(wanted)
    names = _each_ended([sha.encode() for sha in wanted])
    done = await git.run("cat-file", "--batch", "-z", stdin=names, bytes_max=bytes_max)
    return dict(_split(done.stdout))


async def sizes(git: GitCommand, shas: Iterable[str]) -> dict[str, int]:
    """Look up how large blobs are, in bytes; what is not here is left out."""
    asked = list(dict.fromkeys(shas))
    found = await _look_up(git, [sha.encode() for sha in asked])
    return {sha: blob.size for sha, blob in zip(asked, found, strict=True) if blob}


def can_exist(path: str) -> bool:
    """Tell whether a tree can hold the path; `..` would make git give up on all the others as well."""
    return "\0" not in path and not {"", ".", ".."} & set(path.split("/"))


def _choose(blob: _Blob | None, *, bytes_max: int, room: int) -> _Blob | NotRead:
    if blob is None:
        return NotRead(why="no such file in this commit")
    if blob.size > bytes_max:
        return NotRead(why=f"too large: {blob.size:,} bytes, the limit is {bytes_max:,}")
    if blob.size > room:
        return NotRead(why="the limit for all files together is reached")
    return blob


async def _look_up(git: GitCommand, names: list[bytes]) -> list[_Blob | None]:
    if not names:
        return []
    done = await git.run(
        "cat-file", "--batch-check", "-z", stdin=_each_ended(names), bytes_max=ANSWER_LINE_BYTES_MAX * len(names)
    )
    answers = done.stdout
    blobs: list[_Blob | None] = []
    at = 0
    for name in names:  # Not line by line: a missing name may hold line ends.
        if head := _HEAD.match(answers, at):
            at = head.end()
            blobs.append(_Blob(head[1].decode(), int(head[3])) if head[2] == b"blob" else None)
        elif answers.startswith(missing := name + b" missing\n", at):
            at += len(missing)
            blobs.append(None)
        else:
            raise GitFailed(f"`git cat-file` gave an answer that is not understood: {answers[at : at + 80]!a}")
    return blobs


def _split(answers: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while head := _HEAD.match(answers, at):
        start, size = head.end(), int(head[3])
        yield head[1].decode(), answers[start : start + size]
        at = start + size + 1  # A line end follows the content.


def _each_ended(names: list[bytes]) -> bytes:
    return b"".join(name + b"\0" for name in names)
