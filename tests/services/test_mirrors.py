"""Mirrors: real git over real HTTP; what comes, what it costs, what must not leak, and what a crash leaves."""

import asyncio
import contextlib
import os
import re
import select
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.engine.errors import AskPerson, Bug, GiveUp, OnceoverError, RetryLater
from pipeline.services.git import Git
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
from pipeline.services.github.place import Place, Purpose
from pipeline.services.mirror_files import MirrorFiles, PruneLimits
from pipeline.services.mirrors import MirrorBusy, Mirrors, MirrorSettings
from pipeline.services.stragglers import MARK
from tests.builders.repository import RepositoryBuilder, submodule, symlink
from tests.services.git_server import TOKEN, GitServer, basic, served_at
from tests.services.token_world import BARN, SHOP

SECRETS = {
    "ONCEOVER_SECRET_KEY": "canary-of-the-installation",
    "ONCEOVER_GITHUB_PRIVATE_KEY": "canary-of-the-app",
    "OPENAI_API_KEY": "canary-of-the-model",
    "GIT_TRACE_CURL": "1",
}
"""What a worker's environment may hold, and git must not."""

QUICK = MirrorSettings(lock_pause_seconds=0.001)


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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    yield from served_at(tmp_path / "server")


@pytest.fixture
def shop(server: GitServer) -> RepositoryBuilder:
    return server.make_repository()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "mirrors"


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


# What must not happen


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


@contextlib.asynccontextmanager
async def lock_held(root: Path, server: GitServer) -> AsyncIterator[None]:
    """Hold the lock of the shop's mirror from another process, which is then killed."""
    host = server.url.removeprefix("http://").replace(":", "_")
    lock = MirrorFiles(path=root / host / "101.git").lock
    lock.parent.mkdir(parents=True, exist_ok=True)
    holder = await asyncio.create_subprocess_exec(
        "python3",
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


# Pruning


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


def test_errors_are_on_the_tree_by_what_can_be_done() -> None:
    for later in (CommitNotThere, RepositoryNotThere, GitTokenRefused, GitAway, MirrorBusy):
        assert issubclass(later, RetryLater)
    for never in (RepositoryTooLarge, MalformedObjects):
        assert issubclass(never, GiveUp)
    assert issubclass(BadCloneUrl, AskPerson)
