"""Git fetch: what must not leak, what is refused, and what becomes of a host's words."""

import asyncio
import os
import re
import threading
from pathlib import Path

import pytest

from pipeline.engine.errors import AskPerson, Bug, GiveUp, OnceoverError, RetryLater
from pipeline.services.git_command import DiskFull, GitSlow
from pipeline.services.git_fetch import (
    BadCloneUrl,
    CommitNotThere,
    FetchLimits,
    GitAway,
    GitTokenRefused,
    MalformedObjects,
    RepositoryNotThere,
    RepositoryTooLarge,
)
from pipeline.services.mirror_files import PruneLimits
from pipeline.services.mirrors import MirrorBusy, Mirrors, MirrorSettings
from tests.builders.repository import RepositoryBuilder, submodule, symlink
from tests.services.git_server import TOKEN, GitServer, basic, served_at
from tests.services.mirror_world import (
    ON_LINUX,
    OneToken,
    content,
    files_with,
    git_dir,
    make_mirrors,
    mirrors_in,
    outliving,
    processes_with_mark,
)
from tests.services.token_world import SHOP

# What must not happen


@ON_LINUX
async def test_the_token_and_our_secrets_are_in_no_argument_file_or_message(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    """Security case 55, and DESIGN section 7: looked at in /proc while git and its children are at work."""
    sha = shop.commit({"a": "1"})
    server.is_held = threading.Event()
    fetching = asyncio.create_task(make_mirrors(root, server).holding(SHOP, [sha]))
    await asyncio.to_thread(server.is_asked.wait, 20)

    seen = processes_with_mark(str(git_dir(root))).values()
    server.is_held.set()
    await fetching

    commands = b"\n".join(command for command, _ in seen)
    environments = b"\n".join(environment for _, environment in seen)
    assert b"remote-http" in commands  # git's own child was among them.
    assert basic(TOKEN) == server.authorizations[-1]
    assert not re.search(rb"canary|GIT_TRACE", commands + environments)
    for told in (TOKEN, basic(TOKEN).removeprefix("Basic ")):
        assert told.encode() not in commands
        assert files_with(root, told.encode()) == []


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% {trace}",
        "file:///etc",
        "/etc",
        "ssh://-oProxyCommand=touch {trace}/x",
        "git@example.invalid:acme/shop.git",
        "https://user:password@example.invalid/acme/shop.git",
        "https:///acme/shop.git",
        "https://example.invalid/acme/shop.git?token=x",
        "--upload-pack=touch {trace}",
    ],
)
async def test_no_other_address_is_fetched_from(root: Path, tmp_path: Path, url: str) -> None:
    """Security case 55."""
    trace = tmp_path / "trace"
    mirrors = Mirrors(root, clone_url=lambda _: url.format(trace=trace), tokens=OneToken())

    with pytest.raises(BadCloneUrl) as refused:
        await mirrors.holding(SHOP, ["0" * 40])

    assert "password" not in str(refused.value)
    assert not trace.exists()


@pytest.mark.parametrize("sha", ["--upload-pack=touch x", "HEAD", "", "main", "0" * 39, "0" * 40 + "\n", "G" * 40])
async def test_only_full_shas_reach_git(root: Path, server: GitServer, sha: str) -> None:
    """Security case 54."""
    with pytest.raises(Bug, match="is no full SHA"):
        await make_mirrors(root, server).holding(SHOP, [sha])

    assert mirrors_in(root) == []


async def test_a_redirect_is_not_followed_and_sees_no_token(
    root: Path, server: GitServer, shop: RepositoryBuilder, tmp_path: Path
) -> None:
    sha = shop.commit({"a": "1"})
    for elsewhere in served_at(tmp_path / "elsewhere"):
        server.answers = {"refs": 301}
        server.location = f"{elsewhere.url}/acme/shop.git/info/refs?service=git-upload-pack"

        with pytest.raises(RepositoryNotThere, match="It has moved"):
            await make_mirrors(root, server).holding(SHOP, [sha])

        assert elsewhere.asked == []


async def test_submodules_links_and_lfs_pointers_are_only_data(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    """Security cases 49 and 50."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    sha = shop.commit(
        {
            ".gitmodules": f'[submodule "x"]\n path = x\n url = {server.url}/acme/stolen.git\n',
            "x": submodule("1" * 40),
            ".gitattributes": "* filter=lfs\n",
            ".lfsconfig": f"[lfs]\nurl = {server.url}/lfs\n",
            "big": pointer,
            "link": symlink("/etc/passwd"),
        }
    )

    git = await make_mirrors(root, server).holding(SHOP, [sha])

    assert await content(git, sha, "big") == pointer.encode()
    assert await content(git, sha, "link") == b"/etc/passwd"
    assert not [path for path in server.asked if "stolen" in path or "lfs" in path]


async def test_a_tree_made_to_attack_is_refused(root: Path, server: GitServer, shop: RepositoryBuilder) -> None:
    """Security case 48: a directory named `.git` in a tree; git itself makes none."""
    blob = shop.git("hash-object", "-w", "--stdin", stdin=b"[core]")
    inner = shop.git("mktree", stdin=f"100644 blob {blob}\tconfig\n".encode())
    outer = shop.git("mktree", stdin=f"040000 tree {inner}\t.git\n".encode())
    sha = shop.git("commit-tree", outer, "-m", "x")

    with pytest.raises(MalformedObjects, match=r"acme/shop has objects that git refuses: .*hasDotgit"):
        await make_mirrors(root, server).holding(SHOP, [sha])

    assert not list((git_dir(root) / "objects/pack").iterdir())


async def test_faults_of_old_programs_in_an_honest_history_are_taken(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    tree = shop.git("mktree", stdin=b"")
    commit = f"tree {tree}\nauthor A <a@example.invalid> 1 +051800\ncommitter A <a> 1 +051800\n\nold\n"
    sha = shop.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=commit.encode())

    git = await make_mirrors(root, server).holding(SHOP, [sha])

    assert await git.commit_subject(sha) == "old"


# Limits


async def test_a_repository_beyond_the_limit_is_refused_and_leaves_nothing(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    """Security case 52."""
    sha = shop.commit({"noise": os.urandom(300_000)})
    settings = MirrorSettings(fetch=FetchLimits(bytes_max=100_352))

    with pytest.raises(RepositoryTooLarge, match=r"acme/shop is larger than 100,352 bytes, packed"):
        await make_mirrors(root, server, settings=settings).holding(SHOP, [sha])

    assert not list((git_dir(root) / "objects/pack").iterdir())


@ON_LINUX
async def test_a_fetch_that_hangs_is_given_up_and_leaves_nothing(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    sha = shop.commit({"a": "1"})
    server.is_held = threading.Event()
    settings = MirrorSettings(fetch=FetchLimits(seconds_max=0.3))

    with pytest.raises(GitSlow, match=r"A fetch of acme/shop was not done after 0\.3 s"):
        await make_mirrors(root, server, settings=settings).holding(SHOP, [sha])

    assert outliving(str(git_dir(root))) == []


async def test_a_full_disk_is_told_before_the_fetch_begins(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    settings = MirrorSettings(prune=PruneLimits(free_bytes_min=2**60))

    with pytest.raises(DiskFull, match=r"Make room on that disk, or set ONCEOVER_STATE_DIR") as told:
        await make_mirrors(root, server, settings=settings).holding(SHOP, [shop.commit({"a": "1"})])

    assert isinstance(told.value, AskPerson)
    assert server.asked == []


async def test_a_directory_that_cannot_be_written_is_told(server: GitServer) -> None:
    mirrors = make_mirrors(Path("/dev/null/mirrors"), server)

    with pytest.raises(AskPerson, match="Give this user the right to write there"):
        await mirrors.holding(SHOP, ["0" * 40])


# What the host says


REFUSALS: dict[int, tuple[type[RetryLater], float | None]] = {
    401: (GitTokenRefused, 5),
    403: (GitTokenRefused, 5),
    404: (RepositoryNotThere, None),
    429: (GitAway, 60),
    500: (GitAway, None),
    503: (GitAway, None),
}
"""What becomes of a status, and how long it asks to wait."""


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("service", ["refs", "upload-pack"])
async def test_each_refusal_tells_what_can_be_done_and_the_next_try_is_a_new_one(
    root: Path, server: GitServer, shop: RepositoryBuilder, service: str, status: int
) -> None:
    sha = shop.commit({"a": "1"})
    mirrors = make_mirrors(root, server, tokens=OneToken(TOKEN, TOKEN))
    error, wait_seconds = REFUSALS[status]
    server.answers = {service: status}

    with pytest.raises(error) as told:
        await mirrors.holding(SHOP, [sha])
    server.answers = {}

    assert told.value.retry_after_seconds == wait_seconds
    assert TOKEN not in str(told.value)
    assert await content(await mirrors.holding(SHOP, [sha]), sha) == b"1"


async def test_a_refused_token_is_dropped_and_the_next_try_has_another(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    sha = shop.commit({"a": "1"})
    tokens = OneToken("ghs_old", TOKEN)
    mirrors = make_mirrors(root, server, tokens=tokens)

    with pytest.raises(GitTokenRefused, match="tried again with a new token"):
        await mirrors.holding(SHOP, [sha])

    assert await content(await mirrors.holding(SHOP, [sha]), sha) == b"1"
    assert tokens.refused == ["ghs_old"]


async def test_a_commit_that_is_not_there_yet_is_there_at_the_next_try(
    root: Path, server: GitServer, shop: RepositoryBuilder, tmp_path: Path
) -> None:
    """A webhook outran the host."""
    first = shop.commit({"a": "1"})
    elsewhere = RepositoryBuilder(path=tmp_path / "elsewhere")
    sha = elsewhere.commit({"a": "2"})
    mirrors = make_mirrors(root, server)

    with pytest.raises(CommitNotThere, match=f"does not have all of {first}, {sha}: .*not our ref"):
        await mirrors.holding(SHOP, [first, sha])
    shop.git("fetch", "-q", str(elsewhere.path), "main:refs/heads/side")

    assert await content(await mirrors.holding(SHOP, [first, sha]), sha) == b"2"


async def test_a_host_that_is_away_is_waited_for(root: Path, tmp_path: Path) -> None:
    with GitServer(root=tmp_path) as gone:
        pass

    with pytest.raises(GitAway, match="see whether the host can be reached"):
        await make_mirrors(root, gone).holding(SHOP, ["0" * 40])


async def test_what_the_host_says_cannot_hide_in_a_message(
    root: Path, server: GitServer, shop: RepositoryBuilder
) -> None:
    """Security case 109: no control characters, no token that a server echoes."""
    server.answers = {"refs": 404}
    server.words = f"\x1b[2J\u202e {TOKEN} {basic(TOKEN)}\r\n" * 100

    with pytest.raises(OnceoverError) as told:
        await make_mirrors(root, server).holding(SHOP, [shop.commit({"a": "1"})])

    assert told.value.message.isprintable()
    assert "***" in told.value.message
    assert not [secret for secret in (TOKEN, basic(TOKEN).split()[1]) if secret in str(told.value)]


def test_errors_are_on_the_tree_by_what_can_be_done() -> None:
    for later in (CommitNotThere, RepositoryNotThere, GitTokenRefused, GitAway, MirrorBusy):
        assert issubclass(later, RetryLater)
    for never in (RepositoryTooLarge, MalformedObjects):
        assert issubclass(never, GiveUp)
    assert issubclass(BadCloneUrl, AskPerson)
