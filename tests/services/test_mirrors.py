"""Mirrors: what comes over real git and HTTP, what it costs, and what a crash leaves."""

import asyncio
import os
import signal
import threading
from pathlib import Path

import pytest

from pipeline.services.git_fetch import (
    CommitNotThere,
    GitAway,
)
from pipeline.services.github.place import Place, Purpose
from pipeline.services.mirror_files import MirrorFiles
from pipeline.services.mirrors import MirrorBusy, MirrorSettings
from pipeline.services.stragglers import MARK
from tests.builders.repository import RepositoryBuilder
from tests.services.agent_tools.desk import Desk
from tests.services.git_server import GitServer
from tests.services.mirror_world import (
    ON_LINUX,
    OneToken,
    content,
    git_dir,
    lock_held,
    make_mirrors,
    outliving,
)
from tests.services.token_world import BARN, SHOP

# What comes


async def test_commits_are_there_with_all_their_files(root: Path, server: GitServer, shop: RepositoryBuilder) -> None:
    base = shop.commit({"a": "1\n", "docs/b": "2\n"})
    head = shop.commit({"a": "3\n"})

    git = await make_mirrors(root, server).holding(SHOP, [base, head])

    assert [await content(git, base), await content(git, head), await content(git, head, "docs/b")] == [
        b"1\n",
        b"3\n",
        b"2\n",
    ]
    assert (await git.diff(base, head)).patch.endswith(b"-1\n+3\n")
    assert git.is_shallow


async def test_any_commit_comes_by_its_sha_also_one_that_no_branch_has(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    """A head that was pushed over, and a merge base in the middle of the history."""
    shop.commit({"a": "1"})
    middle = shop.commit({"a": "2"})
    lost = shop.commit({"a": "3"})
    shop.git("update-ref", "refs/heads/main", middle)
    shop.commit({"a": "4"})

    git = await make_mirrors(root, server).holding(SHOP, [middle, lost])

    assert [await content(git, middle), await content(git, lost)] == [b"2", b"3"]


async def test_what_is_there_costs_no_network_and_no_token(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    sha = shop.commit({"a": "1"})
    await make_mirrors(root, server).holding(SHOP, [sha])
    server.asked.clear()
    tokens = OneToken()

    git = await make_mirrors(root, server, tokens=tokens).holding(SHOP, [sha, sha])

    assert await content(git, sha) == b"1"
    assert (server.asked, tokens.given) == ([], [])


async def test_a_push_costs_what_it_changed(root: Path, server: GitServer, shop: RepositoryBuilder) -> None:
    base = shop.commit({f"{number}.bin": os.urandom(5_000) for number in range(100)})
    mirrors = make_mirrors(root, server)
    await mirrors.holding(SHOP, [base])
    head = shop.commit({"1.bin": b"changed"})

    await mirrors.holding(SHOP, [base, head])

    first_bytes, second_bytes = server.pack_bytes
    assert first_bytes > 500_000
    assert second_bytes < 10_000


async def test_only_what_is_missing_is_fetched_and_in_one_go(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    shas = [shop.commit({"a": str(number)}) for number in range(4)]
    tokens = OneToken()
    mirrors = make_mirrors(root, server, tokens=tokens)

    await mirrors.holding(SHOP, shas[:2])
    await mirrors.holding(SHOP, shas)

    assert len(server.pack_bytes) == 2
    assert tokens.given == [(101, Purpose.READ)] * 2


async def test_sha256_repositories_come_too(root: Path, server: GitServer) -> None:
    shop = RepositoryBuilder(path=server.root / "acme/shop.git", is_checked_out=False, object_format="sha256")
    sha = shop.commit({"a": "1"})

    git = await make_mirrors(root, server).holding(SHOP, [sha])

    assert await content(git, sha) == b"1"


async def test_a_renamed_repository_keeps_its_mirror(root: Path, server: GitServer, shop: RepositoryBuilder) -> None:
    sha = shop.commit({"a": "1"})
    mirrors = make_mirrors(root, server)
    await mirrors.holding(SHOP, [sha])
    renamed = Place(installation=7, repository="acme/store", repository_id=SHOP.repository_id)

    assert await content(await mirrors.holding(renamed, [sha]), sha) == b"1"


async def test_an_old_host_gives_the_heads_that_it_shows_and_nothing_else(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    old = shop.commit({"a": "1"})
    head = shop.commit({"a": "2"})
    shop.git("update-ref", "refs/pull/5/head", head)
    shop.commit({"a": "3"})
    server.knows_version_2 = False
    mirrors = make_mirrors(root, server)

    git = await mirrors.holding(SHOP, [head])

    assert await content(git, head) == b"2"
    with pytest.raises(CommitNotThere, match="unadvertised object"):
        await mirrors.holding(SHOP, [old])


# Together and after a crash


async def test_many_who_need_the_same_commit_cost_one_fetch(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    sha = shop.commit({"a": "1"})

    gits = await asyncio.gather(*(make_mirrors(root, server).holding(SHOP, [sha]) for _ in range(8)))

    assert len(server.pack_bytes) == 1
    assert [await content(git, sha) for git in gits] == [b"1"] * 8


async def test_two_repositories_do_not_wait_for_each_other(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    barn_sha = server.make_repository(BARN.repository).commit({"a": "1"})
    mirrors = make_mirrors(root, server)
    async with lock_held(root, server):
        git = await mirrors.holding(BARN, [barn_sha])

    assert await content(git, barn_sha) == b"1"
    assert shop.path.exists()


async def test_a_fetch_by_another_process_is_waited_for_but_not_for_ever(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    sha = shop.commit({"a": "1"})
    settings = MirrorSettings(lock_seconds_max=0.05, lock_pause_seconds=0.001)
    async with lock_held(root, server):
        with pytest.raises(MirrorBusy, match=r"Another process has been fetching acme/shop for 0\.05 s"):
            await make_mirrors(root, server, settings=settings).holding(SHOP, [sha])

    assert await content(await make_mirrors(root, server).holding(SHOP, [sha]), sha) == b"1"


async def test_a_fetch_that_is_broken_off_is_done_again(root: Path, server: GitServer, shop: RepositoryBuilder) -> None:
    sha = shop.commit({"noise": os.urandom(200_000)})
    mirrors = make_mirrors(root, server)
    server.cuts_after_bytes = 100_000

    with pytest.raises(GitAway):
        await mirrors.holding(SHOP, [sha])
    left = list((git_dir(root) / "objects/pack").iterdir())
    server.cuts_after_bytes = None

    assert left == []
    assert await content(await mirrors.holding(SHOP, [sha]), sha, "noise")


@ON_LINUX
async def test_a_cancelled_fetch_ends_its_git_and_can_be_done_again(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    sha = shop.commit({"a": "1"})
    server.is_held = threading.Event()
    mirrors = make_mirrors(root, server)
    fetching = asyncio.create_task(mirrors.holding(SHOP, [sha]))
    await asyncio.to_thread(server.is_asked.wait, 20)

    fetching.cancel()
    await asyncio.wait({fetching})
    outlived = outliving(str(git_dir(root)))
    server.is_held.set()

    assert outlived == []
    assert await content(await mirrors.holding(SHOP, [sha]), sha) == b"1"


@ON_LINUX
async def test_what_a_killed_fetch_left_is_removed_and_its_git_ended(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    """An Onceover that was killed could not end its git, nor remove the locks that git had taken."""
    first = shop.commit({"a": "1"})
    mirrors = make_mirrors(root, server)
    await mirrors.holding(SHOP, [first])
    path = git_dir(root)
    orphan = await asyncio.create_subprocess_exec(
        "sleep", "60", env={"PATH": os.environ["PATH"], MARK: MirrorFiles(path=path).mark}, start_new_session=True
    )
    leavings = [path / "shallow.lock", path / "objects/pack/tmp_pack_x", path / "refs/onceover/held/x.lock"]
    for leaving in leavings:
        leaving.touch()
    second = shop.commit({"a": "2"})

    git = await mirrors.holding(SHOP, [second])

    assert await content(git, second) == b"2"
    assert await orphan.wait() == -signal.SIGKILL
    assert not [leaving for leaving in leavings if leaving.exists()]


async def test_half_a_mirror_is_made_anew(root: Path, server: GitServer, shop: RepositoryBuilder) -> None:
    sha = shop.commit({"a": "1"})
    mirrors = make_mirrors(root, server)
    await mirrors.holding(SHOP, [sha])
    path = git_dir(root)
    (path / "HEAD").unlink()
    path.with_suffix(".new").mkdir()
    (path.with_suffix(".new") / "HEAD").touch()

    git = await mirrors.holding(SHOP, [sha])

    assert await content(git, sha) == b"1"


async def test_a_pack_that_came_without_its_ref_does_not_count_as_held(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    """Git writes refs last, after it has looked whether all that they need has come."""
    sha = shop.commit({"a": "1"})
    mirrors = make_mirrors(root, server)
    git = await mirrors.holding(SHOP, [sha])
    await git.command.run("update-ref", "-d", f"refs/onceover/held/{sha}")

    await mirrors.holding(SHOP, [sha])

    assert len(server.asked) == 4


async def test_a_model_can_look_at_all_of_a_mirror_but_its_history(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    base = shop.commit({"shop/cart.py": "def total(cart):\n    return sum(cart)\n", "README.md": "A shop.\n"})
    head = shop.commit({"shop/pay.py": "from shop.cart import total\n"})
    git = await make_mirrors(root, server).holding(SHOP, [base, head])
    desk = Desk(git=git, commit=head)

    assert "2|     return sum(cart)" in await desk.read("read_file", path="shop/cart.py")
    assert "shop/pay.py" in await desk.read("list_files", pattern="*.py")
    assert "1| A shop." in await desk.read("search", pattern="shop.")
    assert "shop/cart.py, lines 1 to 2 (function)" in await desk.read("find_definition", name="total")
    assert "shop/pay.py:1 (import)" in await desk.read("find_references", name="total")
    assert "there is no history here" in await desk.refusal("line_history", path="shop/cart.py", line=1)
