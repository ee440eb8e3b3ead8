"""Commit files: the files of one commit, found and read for a model that may ask for anything.

Promises the blobs of that commit and nothing else: a path is looked up in its trees, so there is no way to a file of
this host, of another commit or of another repository (security cases 44, 48 and 53); a symbolic link, a submodule, a
directory, a binary or a large file is answered with a sentence. Names are taken as they are, or as they were shown.
"""

import asyncio
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.services.agent_tools.limits import ToolLimits
from pipeline.services.agent_tools.result import Reading, Refused
from pipeline.services.agent_tools.screen import Screen, is_binary
from pipeline.services.git import Git
from pipeline.services.git_objects import Tree, TreeEntry, can_exist, read_blobs

LINK: Final = "120000"
SUBMODULE: Final = "160000"

LINK_BYTES_MAX: Final = 4_096
"""A longer target is no path on any system (PATH_MAX)."""

HIDDEN_MARK: Final = "<U+"
"""What a path contains that was shown and is not itself."""

SUGGESTIONS_MAX: Final = 3
NEIGHBOURS_MAX: Final = 1_000
"""Names compared with one that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A text file of the commit."""

    path: str
    """As git has it; for git and for suffixes only."""
    shown: str
    blob: str
    content: bytes
    lines: Sequence[str]
    """Without secrets; to be shown by the screen."""

    def reading(self, line: int, line_end: int | None = None) -> Reading:
        """Say that lines were shown."""
        return Reading(path=self.shown, line=line, line_end=line_end or line, blob=self.blob)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFiles:
    """The files of one commit.

    Args:
        git: The repository.
        commit: Full SHA; anything else is a bug.
        screen: Cleans what is shown.
        limits: How much is read.
    """

    git: Git
    commit: str
    screen: Screen
    limits: ToolLimits

    async def find(self, asked: str) -> TreeEntry | Refused:
        """Find what stands at a path."""
        path = asked.removesuffix("/")
        if not can_exist(path):  # Nor can an absolute one: it begins with an empty name.
            return Refused(
                f"`{self._name(asked)}` is no path of this repository. "
                "Give one from its root, such as `src/app.py`, without a leading `/`, `.` or `..`."
            )
        if entry := (await self.entries([path])).get(path):
            return entry
        if HIDDEN_MARK in path and (entry := await self._find_shown(path)):
            return entry
        return await self._missing(path)

    async def load(self, asked: str) -> File | Refused:
        """Read a text file."""
        entry = await self.find(asked)
        return entry if isinstance(entry, Refused) else (await self._load([entry]))[entry.path]

    async def load_all(self, paths: Iterable[str]) -> dict[str, File | Refused]:
        """Read text files by path as git has it, in that order, until the bytes are used up."""
        wanted = list(dict.fromkeys(paths))
        found = await self.entries(wanted)
        return await self._load([found[path] for path in wanted if path in found])

    async def entries(self, paths: Sequence[str]) -> dict[str, TreeEntry]:
        """Look up what stands at paths, whatever it is."""
        if not paths:
            return {}
        return {entry.path: entry for entry in (await self.listing(paths, is_deep=False)).entries}

    async def listing(self, at: Sequence[str], *, is_deep: bool) -> Tree:
        """List what stands at paths, or under directories that end with `/`."""
        return await self.git.list_tree(self.commit, at=at, is_deep=is_deep, bytes_max=self.limits.listing_bytes_max)

    async def _load(self, entries: Sequence[TreeEntry]) -> dict[str, File | Refused]:
        refusals: dict[str, File | Refused] = {}
        wanted: dict[str, int] = {}
        room = self.limits.files_bytes_max
        for entry in entries:
            if why := await self._unreadable(entry, room):
                refusals[entry.path] = why
            else:
                wanted[entry.sha] = entry.size or 0
                room -= wanted[entry.sha]
        blobs = await read_blobs(self.git.command, wanted)
        read = [entry for entry in entries if entry.path not in refusals]
        return refusals | await asyncio.to_thread(
            lambda: {entry.path: self._file(entry, blobs[entry.sha]) for entry in read}
        )

    def _file(self, entry: TreeEntry, content: bytes) -> File | Refused:
        shown = self._name(entry.path)
        if is_binary(content):
            return Refused(f"`{shown}` is a binary file of {len(content):,} bytes; it is not shown.")
        lines = self.screen.clear_lines(content)
        return File(path=entry.path, shown=shown, blob=entry.sha, content=content, lines=lines)

    async def _unreadable(self, entry: TreeEntry, room: int) -> Refused | None:
        shown = self._name(entry.path)
        if entry.kind == "tree":
            return Refused(f"`{shown}` is a directory; use `list_files`.")
        if entry.mode == SUBMODULE or entry.size is None:
            return Refused(f"`{shown}` is a submodule at commit {entry.sha}; its files are not in this repository.")
        if entry.mode == LINK:
            target = (await read_blobs(self.git.command, {entry.sha: min(entry.size, LINK_BYTES_MAX)})).get(entry.sha)
            told = self._name((target or b"")[:LINK_BYTES_MAX].decode("utf-8", "surrogateescape"))
            return Refused(f"`{shown}` is a symbolic link to `{told}`; links are not followed.")
        if entry.size > self.limits.file_bytes_max:
            return Refused(
                f"`{shown}` is too large to read: {entry.size:,} bytes, the limit is {self.limits.file_bytes_max:,}."
            )
        if entry.size > room:
            return Refused(f"`{shown}` was not read: the limit for all files of one call is reached.")
        return None

    async def _find_shown(self, path: str) -> TreeEntry | None:
        """Find a file by the name under which it was shown; only names that hide something need this."""
        tree = await self.listing((), is_deep=True)
        return next((entry for entry in tree.entries if self._name(entry.path) == path), None)

    async def _missing(self, path: str) -> Refused:
        directory = path.rpartition("/")[0]
        around = await self.listing([f"{directory}/"] if directory else [], is_deep=False)
        names = [self._name(entry.path) for entry in around.entries[:NEIGHBOURS_MAX]]
        near = difflib.get_close_matches(self._name(path), names, n=SUGGESTIONS_MAX)
        hint = f"Did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else "`list_files` shows what is."
        return Refused(f"`{self._name(path)}` is not in this commit. {hint}")

    def _name(self, path: str) -> str:
        return self.screen.name(path)
