"""Mirror files: which mirrors go, and which stay."""

import os
from pathlib import Path

import pytest

from pipeline.services.mirror_files import PruneLimits
from pipeline.services.mirrors import MirrorSettings
from tests.builders.repository import RepositoryBuilder
from tests.services.git_server import GitServer
from tests.services.mirror_world import (
    OneToken,
    content,
    lock_held,
    make_mirrors,
    mirrors_in,
)
from tests.services.token_world import BARN, SHOP


def age(root: Path, repository_id: int, *, seconds: float) -> None:
    """Let it be so long ago that somebody asked for the mirror."""
    lock = next(root.glob(f"*/{repository_id}.lock"))
    asked_at = lock.stat().st_mtime - seconds
    os.utime(lock, (asked_at, asked_at))


@pytest.fixture
async def both(root: Path, server: GitServer, shop: RepositoryBuilder) -> dict[int, str]:
    """Mirrors of two repositories; the shop's is the larger one."""
    shas = {
        SHOP.repository_id: shop.commit({"noise": os.urandom(100_000)}),
        BARN.repository_id: server.make_repository(BARN.repository).commit({"a": "1"}),
    }
    mirrors = make_mirrors(root, server)
    await mirrors.holding(SHOP, [shas[SHOP.repository_id]])
    await mirrors.holding(BARN, [shas[BARN.repository_id]])
    return shas


async def test_mirrors_that_nobody_asks_for_go(root: Path, server: GitServer, both: dict[int, str]) -> None:
    mirrors = make_mirrors(root, server)
    age(root, SHOP.repository_id, seconds=15 * 86_400)

    gone = await mirrors.prune()

    assert [name.partition("/")[2] for name in gone] == ["101"]
    assert mirrors_in(root) == ["102"]
    assert await content(await mirrors.holding(SHOP, [both[101]]), both[101], "noise")


async def test_being_asked_for_keeps_a_mirror_also_without_a_fetch(
    root: Path, server: GitServer, both: dict[int, str]
) -> None:
    mirrors = make_mirrors(root, server)
    age(root, SHOP.repository_id, seconds=15 * 86_400)

    await mirrors.holding(SHOP, [both[101]])

    assert await mirrors.prune() == ()


async def test_beyond_the_sum_the_least_recent_go_and_what_was_just_asked_for_stays(
    root: Path, server: GitServer, both: dict[int, str]
) -> None:
    tight = make_mirrors(root, server, settings=MirrorSettings(prune=PruneLimits(total_bytes_max=50_000)))

    assert await tight.prune() == ()  # Both may be in use.
    age(root, BARN.repository_id, seconds=8_000)
    age(root, SHOP.repository_id, seconds=9_000)

    assert [name.partition("/")[2] for name in await tight.prune()] == ["101"]
    assert both.keys() == {101, 102}


async def test_a_mirror_that_is_being_fetched_is_not_pruned(
    root: Path, server: GitServer, both: dict[int, str]
) -> None:
    age(root, SHOP.repository_id, seconds=15 * 86_400)

    async with lock_held(root, server):
        gone = await make_mirrors(root, server).prune()

    assert gone == ()
    assert both


async def test_an_opened_mirror_that_was_pruned_comes_back(root: Path, server: GitServer, both: dict[int, str]) -> None:
    mirrors = make_mirrors(root, server)
    await mirrors.holding(SHOP, [both[101]])
    age(root, SHOP.repository_id, seconds=15 * 86_400)
    await mirrors.prune()

    git = await mirrors.with_tokens(OneToken()).holding(SHOP, [both[101]])

    assert await content(git, both[101], "noise")
