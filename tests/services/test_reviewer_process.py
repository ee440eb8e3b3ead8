"""What the process that reads strangers' text holds of secrets: looked at from outside, while it works.

DESIGN section 7; security decisions 1 and 2, case 55.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from asyncio.subprocess import Process
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from tests.project import ROOT
from tests.services.git_server import GitServer, basic
from tests.services.mirror_world import (
    ON_LINUX,
    OneToken,
    content,
    git_dir,
    make_mirrors,
    outliving,
    processes_with_mark,
)
from tests.services.token_world import SECRET, SHOP, Office, open_desk

MINTED: Final = "minted-1-for-101"
"""The token that the broker makes in this test."""

APP_KEY_MODULES: Final = (
    "pipeline.services.github.app",
    "pipeline.services.github.app_key",
    "pipeline.services.token_desk",
)
"""What only a process with the App's key has use for."""


@ON_LINUX
async def test_a_reviewer_reviews_without_the_apps_key_and_shows_its_token_in_no_argument(
    server: GitServer, redis: Redis, redis_url: str, root: Path
) -> None:
    sha = server.make_repository().commit({"a": "the code\n"})
    server.tokens = {MINTED}
    server.is_held = threading.Event()
    settings = {"PATH": os.environ["PATH"], "ONCEOVER_REDIS_URL": redis_url, "ONCEOVER_SECRET_KEY": SECRET}

    async with open_desk(Office(redis=redis).desk()):
        reviewer = await start_reviewer(server, root, sha, settings)
        await asyncio.to_thread(server.is_asked.wait, 30)
        family = dict(family_of(reviewer.pid))
        own = family.pop(reviewer.pid)
        server.is_held.set()
        said, _ = await reviewer.communicate()

    told = json.loads(said)
    assert told["content"] == "the code\n"
    assert not [module for module in told["modules"] if module in APP_KEY_MODULES]
    assert own[1].count(b"=") == len(settings)
    assert any(b"remote-http" in arguments for arguments, _ in family.values())
    for arguments, environment in family.values():
        assert SECRET.encode() not in arguments + environment
        assert not {MINTED.encode(), basic(MINTED).split()[1].encode()} & set(arguments.split(b"\0"))
        assert basic(MINTED).encode() not in arguments


@ON_LINUX
async def test_the_git_of_a_killed_reviewer_does_not_go_on_beside_the_next_one(
    server: GitServer, redis: Redis, redis_url: str, root: Path
) -> None:
    sha = server.make_repository().commit({"a": "the code\n"})
    server.tokens = {MINTED}
    server.is_held = held = threading.Event()
    settings = {"PATH": os.environ["PATH"], "ONCEOVER_REDIS_URL": redis_url, "ONCEOVER_SECRET_KEY": SECRET}
    async with open_desk(Office(redis=redis).desk()):
        reviewer = await start_reviewer(server, root, sha, settings)
        await asyncio.to_thread(server.is_asked.wait, 30)
    reviewer.kill()
    await reviewer.wait()
    orphans = processes_with_mark(str(git_dir(root)))

    server.is_held = None  # The orphan's request waits on.
    git = await make_mirrors(root, server, tokens=OneToken(MINTED)).holding(SHOP, [sha])
    outlived = outliving(str(git_dir(root)))
    held.set()

    assert await content(git, sha) == b"the code\n"
    assert orphans
    assert outlived == []


async def start_reviewer(server: GitServer, root: Path, sha: str, settings: Mapping[str, str]) -> Process:
    """Start a process with these settings as its whole environment."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.services.reviewer_program"),
        *(str(root), f"{server.url}/acme/shop.git", sha),
        cwd=ROOT,
        env=settings,
        stdout=subprocess.PIPE,
    )


def family_of(pid: int) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    """Find a process and all that descend from it, each with its arguments and its environment."""
    with contextlib.suppress(OSError):
        folder = Path(f"/proc/{pid}")
        yield pid, ((folder / "cmdline").read_bytes(), (folder / "environ").read_bytes())
        for children in folder.glob("task/*/children"):
            for child in children.read_text().split():
                yield from family_of(int(child))
