"""Mirrors of a small git server, with what a test looks at: files, and processes in /proc."""

import asyncio
import contextlib
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from pipeline.services.git import Git
from pipeline.services.github.place import Place, Purpose
from pipeline.services.mirror_files import MirrorFiles
from pipeline.services.mirrors import Mirrors, MirrorSettings
from pipeline.services.stragglers import MARK
from tests.services.git_server import TOKEN, GitServer

SECRETS: Final = {
    "ONCEOVER_SECRET_KEY": "canary-of-the-installation",
    "ONCEOVER_GITHUB_PRIVATE_KEY": "canary-of-the-app",
    "OPENAI_API_KEY": "canary-of-the-model",
    "GIT_TRACE_CURL": "1",
}
"""What a worker's environment may hold, and git must not."""

QUICK: Final = MirrorSettings(lock_pause_seconds=0.001)


ON_LINUX: Final = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc elsewhere")


class OneToken:
    """A source of tokens that gives the same one until it is refused."""

    def __init__(self, *tokens: str) -> None:
        self.left = [*tokens] or [TOKEN]
        self.given: list[tuple[int, Purpose]] = []
        self.refused: list[str] = []

    async def token(self, place: Place, purpose: Purpose) -> SecretStr:
        """Give the token."""
        self.given.append((place.repository_id, purpose))
        return SecretStr(self.left[0])

    async def refuse(self, token: SecretStr) -> None:
        """Go on to the next token."""
        self.refused.append(token.get_secret_value())
        self.left.pop(0)


def make_mirrors(
    root: Path, server: GitServer, *, settings: MirrorSettings = QUICK, tokens: OneToken | None = None, path: str = ""
) -> Mirrors:
    return Mirrors(
        root,
        clone_url=lambda place: f"{server.url}/{place.repository}.git",
        tokens=tokens or OneToken(),
        settings=settings,
        environ={"PATH": f"{path}:{os.environ['PATH']}", **SECRETS},
    )


def git_dir(root: Path) -> Path:
    return next(root.glob("127.0.0.1_*/101.git"))


async def content(git: Git, commit: str, path: str = "a") -> object:
    return await git.read_blob(commit, path, bytes_max=1_000_000)


def files_with(root: Path, content: bytes) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and content in path.read_bytes()]


def mirrors_in(root: Path) -> list[str]:
    return sorted(path.stem for path in root.glob("*/*.git"))


def processes_with_mark(mark: str) -> dict[int, tuple[bytes, bytes]]:
    """Find processes that carry a mark, by number, each as its arguments and its environment."""
    found = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            environment = (folder / "environ").read_bytes() if folder.name.isdecimal() else b""
            if f"{MARK}=mirror {mark}".encode() in environment:
                found[int(folder.name)] = ((folder / "cmdline").read_bytes(), environment)
    return found


def outliving(mark: str) -> list[int]:
    """Find which processes do not end; one that was killed may be seen for a moment more."""
    return [pid for pid in processes_with_mark(mark) if not _ends(pid)]


def _ends(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        pinned = os.pidfd_open(pid)
        try:
            return bool(select.select([pinned], [], [], 5)[0])
        finally:
            os.close(pinned)
    return True


@contextlib.asynccontextmanager
async def lock_held(root: Path, server: GitServer) -> AsyncIterator[None]:
    """Hold the lock of the shop's mirror from another process, which is then killed."""
    host = server.url.removeprefix("http://").replace(":", "_")
    lock = MirrorFiles(path=root / host / "101.git").lock
    lock.parent.mkdir(parents=True, exist_ok=True)
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import fcntl, sys, time; f = open(sys.argv[1], 'ab'); fcntl.flock(f, fcntl.LOCK_EX);"
        " print('held', flush=True); time.sleep(60)",
        str(lock),
        stdout=subprocess.PIPE,
    )
    assert holder.stdout
    await holder.stdout.readline()
    try:
        yield
    finally:
        holder.kill()
        await holder.wait()
