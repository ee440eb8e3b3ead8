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
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from redis.asyncio import Redis

from tests.project import ROOT
from tests.services.git_server import GitServer, basic
from tests.services.token_world import SECRET, Office, open_desk

MINTED: Final = "minted-1-for-101"
"""The token that the broker makes in this test."""

APP_KEY_MODULES: Final = (
    "pipeline.services.github.app",
    "pipeline.services.github.app_key",
    "pipeline.services.token_desk",
)
"""What only a process with the App's key has use for."""


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc elsewhere")
async def test_a_reviewer_reviews_without_the_apps_key_and_shows_its_token_in_no_argument(
    server: GitServer, redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    sha = server.make_repository().commit({"a": "the code\n"})
    server.tokens = {MINTED}
    server.is_held = threading.Event()
    settings = {"PATH": os.environ["PATH"], "ONCEOVER_REDIS_URL": redis_url, "ONCEOVER_SECRET_KEY": SECRET}

    async with open_desk(Office(redis=redis).desk()):
        reviewer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.services.reviewer_program"),
            *(str(tmp_path / "mirrors"), f"{server.url}/acme/shop.git", sha),
            cwd=ROOT,
            env=settings,
            stdout=subprocess.PIPE,
        )
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


def family_of(pid: int) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    """Find a process and all that descend from it, each with its arguments and its environment."""
    with contextlib.suppress(OSError):
        folder = Path(f"/proc/{pid}")
        yield pid, ((folder / "cmdline").read_bytes(), (folder / "environ").read_bytes())
        for children in folder.glob("task/*/children"):
            for child in children.read_text().split():
                yield from family_of(int(child))
