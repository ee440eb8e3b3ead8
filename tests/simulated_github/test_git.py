"""Git: the real program fetches from the simulated GitHub, as the App's workers will."""

import asyncio
import os
from pathlib import Path

from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.server import SimulatedGitHub
from tests.simulated_github.conftest import Shop, numbered_lines

PLAIN = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


async def git(*arguments: str) -> tuple[int, str]:
    """Run git and give its exit code and all it says."""
    process = await asyncio.create_subprocess_exec(
        "git", *arguments, env=PLAIN, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def remote(shop: Shop) -> str:
    """Give the repository's address with a token in it."""
    token = shop.github.token(shop.installation, {"contents": "read"})
    return shop.github.url.replace("://", f"://x-access-token:{token.value}@") + "/acme/shop.git"


async def test_a_private_repository_is_cloned_with_a_token(shop: Shop, tmp_path: Path) -> None:
    code, said = await git("clone", "--quiet", remote(shop), str(tmp_path / "clone"))

    assert (code, said) == (0, "")
    assert (tmp_path / "clone" / "shop.py").read_text() == numbered_lines(20)


async def test_a_private_repository_is_not_there_without_one(shop: Shop, tmp_path: Path) -> None:
    nobody, _ = await git("clone", f"{shop.github.url}/acme/shop.git", str(tmp_path / "a"))
    wrong = shop.github.url.replace("://", "://x-access-token:wrong@") + "/acme/shop.git"
    stranger, _ = await git("clone", wrong, str(tmp_path / "b"))

    assert (nobody, stranger) == (128, 128)


async def test_a_pull_requests_head_is_fetched_by_ref_and_by_sha(shop: Shop, tmp_path: Path) -> None:
    old = shop.pull.head_sha
    new = await shop.github.push_to_pull(shop.pull, {"notes.md": "Forced\n"}, parent=shop.repository.git.sha("main"))
    places = [str(tmp_path / name) for name in ("new", "old")]
    for place in places:
        await git("init", "--quiet", "--bare", place)
    by_sha = ("fetch", "--quiet", "--filter=blob:none", remote(shop), old)

    answers = [
        await git("-C", places[0], "fetch", "--quiet", remote(shop), "refs/pull/1/head:refs/heads/pull"),
        await git("-C", places[0], *by_sha),
        await git("-C", places[1], "-c", "protocol.version=0", *by_sha),
    ]
    _, found = await git("-C", places[0], "rev-parse", "refs/heads/pull")

    assert answers == [(0, "")] * 3
    assert found.strip() == new


async def test_a_commit_that_has_not_arrived_is_not_our_ref(shop: Shop, tmp_path: Path) -> None:
    await git("init", "--quiet", "--bare", str(tmp_path))
    sha = shop.pull.head_sha
    shop.github.faults.add(Fault(kind="unknown_commit", sha=sha))

    first, said = await git("-C", str(tmp_path), "fetch", remote(shop), sha)
    second, _ = await git("-C", str(tmp_path), "fetch", "--quiet", remote(shop), sha)

    assert (first, second) == (128, 0)
    assert f"not our ref {sha}" in said


async def test_the_same_pushes_have_the_same_shas() -> None:
    shas = []
    for _ in range(2):
        async with SimulatedGitHub() as github:
            shop = github.add_repository("acme/shop")
            shas.append(await github.push(shop, "feature", {"déjà vu.txt": b"\xff\x00", "README.md": None}))

    assert shas[0] == shas[1]
