"""Git worktree: a commit as files, in a repository of its own that borrows the objects of another.

Promises that files hold their blobs byte for byte: no filter (LFS), line-end, ident or encoding attribute is obeyed,
no hook runs, submodules stay empty directories. Nothing is written to the repository that lends, no record, no
lock and no branch, so that one killed in the middle leaves nothing there; its own directory is cleared by the next.
Tests that ask git find history, HEAD (on no branch) and tags.

Not a `git worktree`: that would leave records behind and would let the tests' git change the user's configuration.
Does not promise to confine what runs in it.
"""

import asyncio
import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

from pipeline.engine.errors import Bug
from pipeline.services.git_command import GitCommand

ATTRIBUTES: Final = "* -text -ident !eol !filter !working-tree-encoding\n"
"""`info/attributes`, which win over any `.gitattributes`; gitattributes(5)."""

CHECKOUT_SECONDS_MAX: Final = 300.0
"""Writing the files of a large repository to a slow disk."""

TAGS_BYTES_MAX: Final = 8_000_000
"""About 100,000 tags; a longer list is cut at a whole tag."""


async def add_worktree(git: GitCommand, common_dir: Path, object_format: str, path: Path, commit: str) -> None:
    """Write the commit's files to `path`, which is cleared before.

    Args:
        git: The repository that lends its objects.
        common_dir: Its git directory, that of the main work tree.
        object_format: `sha1` or `sha256`.
        path: Directory to make.
        commit: Full SHA.
    """
    await remove_worktree(common_dir, path)
    await asyncio.to_thread(path.mkdir, parents=True)
    own = git.at(path, GIT_DIR=str(path / ".git"), GIT_WORK_TREE=str(path), GIT_INDEX_FILE=str(path / ".git/index"))
    await own.run("init", "--quiet", "--template=", f"--object-format={object_format}", "--initial-branch=none")
    tags = await git.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags", bytes_max=TAGS_BYTES_MAX)
    await asyncio.to_thread(_borrow, common_dir, path / ".git", tags.stdout)
    await own.run("update-ref", "--no-deref", "HEAD", commit)
    await own.run("reset", "--quiet", "--hard", seconds_max=CHECKOUT_SECONDS_MAX)


async def remove_worktree(common_dir: Path, path: Path) -> None:
    """Remove what `add_worktree` made at `path`, also half of it; nothing there is fine too."""
    if common_dir.is_relative_to(path):
        raise Bug(f"{path!s} holds the repository itself and is not removed.")
    await asyncio.to_thread(_clear, path)


def _borrow(common_dir: Path, git_dir: Path, tags: bytes) -> None:
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text(ATTRIBUTES)
    (git_dir / "objects" / "info" / "alternates").write_bytes(os.fsencode(common_dir / "objects") + b"\n")
    (git_dir / "packed-refs").write_bytes(tags[: tags.rfind(b"\n") + 1])
    if (common_dir / "shallow").exists():
        shutil.copyfile(common_dir / "shallow", git_dir / "shallow")


def _clear(path: Path) -> None:
    """Remove a tree in which a directory may have lost its write bit; links are removed, not followed."""
    with contextlib.suppress(FileNotFoundError):  # Not there; or a newer execution is removing it as well.
        for folder, _, _ in os.walk(path):
            Path(folder).chmod(0o700)
        shutil.rmtree(path)
