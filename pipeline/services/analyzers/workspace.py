"""Workspace: copies of files under names that we chose, in a private directory that holds nothing else.

No name from a pull request reaches the disk or a command line: `src/a.py` becomes `00007.py`. So nothing climbs
out, nothing is taken for an option, and no `.ruff.toml`, `.bandit`, `.shellcheckrc`, `zizmor.yml` or `.typos.toml`
lies where a tool would find it. A few base names that change how a tool reads a file are kept.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from pipeline.services.analyzers.tool import suffix_of

KEPT_NAMES: Final = frozenset({"__init__.py", "action.yml", "action.yaml"})
"""Ruff lets `__init__.py` import for others; zizmor knows an action by its name. No tool reads settings from them."""

PLAIN_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,10}")

COPY: Final = re.compile(r"\d{5,}(?:/[A-Za-z_.]+|\.[a-z0-9]+)?$")
"""The end of a workspace path, however the tool wrote what stands before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The copies, and which is whose."""

    files: Path
    """Directory of the copies; the working directory of the tools."""
    home: Path
    """An empty directory beside it, for caches and temporary files of the tools."""
    copies: Mapping[str, str]
    """Path in the repository to path below `files`."""
    originals: Mapping[str, str]
    """The other way round."""

    def original(self, written: str) -> str | None:
        """Return the path in the repository of a path that a tool wrote; None if it is none of ours."""
        found = COPY.search(written)
        return self.originals.get(found[0]) if found else None


@asynccontextmanager
async def make_workspace(contents: Mapping[str, bytes]) -> AsyncIterator[Workspace]:
    """Write the copies; all is gone when the block is left, also by cancellation."""
    directory = TemporaryDirectory(prefix="onceover-analyzers-", ignore_cleanup_errors=True)  # Mode 0700.
    writing = asyncio.ensure_future(asyncio.to_thread(_write, Path(directory.name), contents))
    try:
        yield await asyncio.shield(writing)
    finally:
        await asyncio.wait({writing})  # A thread cannot be cancelled, and must not write behind the cleaner's back.
        await asyncio.to_thread(directory.cleanup)


def _write(root: Path, contents: Mapping[str, bytes]) -> Workspace:
    files, home = root / "files", root / "home"
    files.mkdir()
    home.mkdir()
    copies = {path: _safe(index, path) for index, path in enumerate(contents)}
    for path, copy in copies.items():
        target = files / copy
        if target.parent != files:
            target.parent.mkdir()
        target.write_bytes(contents[path])
    originals = {copy: path for path, copy in copies.items()}
    return Workspace(files=files, home=home, copies=copies, originals=originals)


def _safe(index: int, path: str) -> str:
    name = PurePosixPath(path).name
    if name in KEPT_NAMES:
        return f"{index:05}/{name}"
    suffix = suffix_of(path)
    return f"{index:05}{suffix if PLAIN_SUFFIX.fullmatch(suffix) else ''}"
