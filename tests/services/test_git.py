"""Git, on real repositories: what it says of them, and what it refuses to be talked into."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from pipeline.engine.errors import AskPerson, Bug
from pipeline.services.git import Git, GitSettings, NoMergeBase, NoRepository, UnknownRef, open_git
from pipeline.services.git_command import DiskFull, GitSlow, ObjectsMissing, failure
from pipeline.services.git_diff import DiffLimits, DiffTooLarge
from pipeline.services.git_objects import NotRead
from pipeline.services.process import CannotStart, Completed
from tests.builders.repository import Content, RepositoryBuilder, executable, submodule, symlink

PLAIN = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    return RepositoryBuilder(path=tmp_path / "shop")


async def opened(repository: RepositoryBuilder, settings: GitSettings | None = None) -> Git:
    return await open_git(repository.path, settings, environ=PLAIN)


def trap(repository: RepositoryBuilder, name: str) -> tuple[str, Path]:
    """Make a program that leaves a trace when somebody runs it."""
    trace = repository.path.parent / f"{name}.ran"
    program = repository.path.parent / name
    program.write_text(f"#!/bin/sh\ntouch {trace}\ncat\n")
    program.chmod(0o755)
    return str(program), trace


# Opening


async def test_a_repository_is_found_from_anywhere_in_its_work_tree(repository: RepositoryBuilder) -> None:
    repository.commit({"src/deep/a.py": "x = 1\n"})

    git = await open_git(repository.path / "src/deep", environ=PLAIN)

    assert git.git_dir == repository.path / ".git"
    assert git.name == "shop"


async def test_a_bare_repository_opens_too(tmp_path: Path) -> None:
    bare = RepositoryBuilder(path=tmp_path / "shop.git", is_checked_out=False)
    sha = bare.commit({"a": "1"})

    git = await opened(bare)

    assert (git.name, await git.resolve("main")) == ("shop", sha)


async def test_a_linked_work_tree_has_its_own_head_and_the_name_of_the_main_one(repository: RepositoryBuilder) -> None:
    repository.commit({"a": "1"})
    repository.git("worktree", "add", "-q", "-b", "side", "../elsewhere")

    git = await open_git(repository.path.parent / "elsewhere", environ=PLAIN)

    assert (git.name, await git.current_branch()) == ("shop", "side")


async def test_sha256_repositories_work(tmp_path: Path) -> None:
    repository = RepositoryBuilder(path=tmp_path / "shop", object_format="sha256")
    base = repository.commit({"a": "1\n"})
    head = repository.commit({"a": "2\n"})
    git = await opened(repository)

    await git.add_worktree(tmp_path / "tree", head)

    assert await git.merge_base(base, head) == base
    assert (await git.diff(base, head)).patch.endswith(b"-1\n+2\n")
    assert (tmp_path / "tree/a").read_text() == "2\n"


async def test_a_directory_without_a_repository_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NoRepository, match=r"is not in a git repository\. Name one with `--repo`"):
        await open_git(tmp_path, environ=PLAIN)
    with pytest.raises(NoRepository, match="is no directory"):
        await open_git(tmp_path / "nowhere", environ=PLAIN)


async def test_a_missing_or_old_git_is_said_so(repository: RepositoryBuilder, tmp_path: Path) -> None:
    old = tmp_path / "bin/git"
    old.parent.mkdir()

    with pytest.raises(CannotStart, match=r"needs git 2\.39 or newer on PATH") as missing:
        await open_git(repository.path, environ={"PATH": str(old.parent)})
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    with pytest.raises(CannotStart, match=r"This is git version 2\.30\.2\.") as too_old:
        await open_git(repository.path, environ={"PATH": str(old.parent)})

    assert (missing.value.error_code, too_old.value.error_code) == ("git_missing", "git_too_old")


async def test_a_git_that_hangs_is_given_up_in_time(repository: RepositoryBuilder, tmp_path: Path) -> None:
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nsleep 600\n")
    slow.chmod(0o755)

    with pytest.raises(GitSlow, match=r"`git version` was not done after 0\.2 s"):
        await open_git(
            repository.path, GitSettings(seconds_max=0.2), environ={"PATH": f"{slow.parent}:{PLAIN['PATH']}"}
        )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
async def test_a_repository_of_another_user_opens_only_for_those_who_trust_it(
    repository: RepositoryBuilder, tmp_path: Path
) -> None:
    sha = repository.commit({"a": "1"})
    for path in (repository.path, *repository.path.rglob("*")):
        os.chown(path, 12345, 12345)
    (tmp_path / ".gitconfig").write_text(f"[safe]\n\tdirectory = {repository.path}\n")

    with pytest.raises(NoRepository, match=r"belongs to another user.* --add safe\.directory ") as refused:
        await opened(repository)
    trusted = await open_git(repository.path, environ={"PATH": PLAIN["PATH"], "HOME": str(tmp_path)})

    assert refused.value.error_code == "dubious_ownership"
    assert await trusted.resolve("HEAD") == sha


# Names of commits


async def test_branches_tags_shas_and_expressions_name_commits(repository: RepositoryBuilder) -> None:
    first = repository.commit({"a": "1"}, "Start\n\nBody")
    second = repository.commit({"a": "2"}, "Go on", branch="feature/x")
    repository.git("tag", "-a", "-m", "One", "v1", first)
    git = await opened(repository)

    assert [await git.resolve(ref) for ref in ("main", "v1", first[:12], "HEAD~1")] == [first] * 4
    assert await git.resolve("feature/x") == second
    assert await git.current_branch() == "feature/x"
    assert await git.commit_subject(first) == "Start"


async def test_an_unknown_ref_is_answered_with_the_nearest_names(repository: RepositoryBuilder) -> None:
    repository.commit({"a": "1"})
    repository.commit({"a": "2"}, branch="feature/checkout")
    git = await opened(repository)

    with pytest.raises(UnknownRef, match=r"Did you mean `feature/checkout`\?"):
        await git.resolve("feature/chekout")


@pytest.mark.parametrize("ref", ["", "-rf", "--upload-pack=touch x", "a\nb", "\x1b[2J", "HEAD:a", "0" * 40])
async def test_what_is_no_name_of_a_commit_is_refused(repository: RepositoryBuilder, ref: str) -> None:
    """Security case 54."""
    repository.commit({"a": "1"})
    git = await opened(repository)

    with pytest.raises(UnknownRef) as refused:
        await git.resolve(ref)

    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("sha", ["", "HEAD", "--output=x", "a" * 39, "A" * 40, "a" * 40 + "\n"])
async def test_only_full_shas_are_passed_down(repository: RepositoryBuilder, sha: str) -> None:
    git = await opened(repository)

    for call in (git.diff(sha, "a" * 40), git.list_tree(sha), git.read_blob(sha, "a", bytes_max=1)):
        with pytest.raises(Bug, match="is no full SHA"):
            await call


async def test_an_empty_repository_has_a_branch_but_no_commit(repository: RepositoryBuilder) -> None:
    git = await opened(repository)

    with pytest.raises(UnknownRef):
        await git.resolve("HEAD")

    assert await git.current_branch() == "main"


async def test_a_head_on_no_branch_has_no_branch(repository: RepositoryBuilder) -> None:
    sha = repository.commit({"a": "1"})
    repository.git("checkout", "-q", "--detach", sha)

    assert await (await opened(repository)).current_branch() is None


async def test_the_default_base_is_where_the_remote_points_then_the_usual_names(repository: RepositoryBuilder) -> None:
    sha = repository.commit({"a": "1"}, branch="topic")
    git = await opened(repository)
    with pytest.raises(UnknownRef, match="Name it with `--base`"):
        await git.default_base()

    found = []
    for ref in ("refs/heads/master", "refs/heads/main", "refs/remotes/origin/main", "refs/remotes/origin/next"):
        repository.git("update-ref", ref, sha)
        found.append(await git.default_base())
    repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/next")
    found.append(await git.default_base())

    assert found == ["master", "main", "origin/main", "origin/main", "origin/next"]


# Merge base


async def test_the_merge_base_is_where_two_branches_parted(repository: RepositoryBuilder) -> None:
    parting = repository.commit({"a": "1"})
    head = repository.commit({"b": "1"}, branch="topic")
    repository.switch("main")
    base = repository.commit({"c": "1"})

    assert await (await opened(repository)).merge_base(base, head) == parting


async def test_unrelated_histories_are_told_from_a_shallow_clone(repository: RepositoryBuilder, tmp_path: Path) -> None:
    repository.commit({"a": "1"})
    base = repository.commit({"a": "2"})
    head = repository.commit({"b": "1"}, branch="topic")
    repository.git("branch", "-f", "main", base)
    stranger = repository.git("commit-tree", "-m", "Alone", "HEAD^{tree}")
    repository.switch("main")
    base = repository.commit({"c": "1"})
    clone = ["clone", "-q", "--no-single-branch", "--depth=1", f"file://{repository.path}", str(tmp_path / "clone")]
    repository.git(*clone)
    whole, shallow = await opened(repository), await open_git(tmp_path / "clone", environ=PLAIN)

    with pytest.raises(NoMergeBase, match="histories are unrelated"):
        await whole.merge_base(base, stranger)
    with pytest.raises(NoMergeBase, match="git fetch --unshallow"):
        await shallow.merge_base(base, head)


# Diff


async def test_a_diff_is_the_list_the_counts_the_patch_and_the_sizes(repository: RepositoryBuilder) -> None:
    base = repository.commit({"a.py": "x = 1\n", "gone": "1\n"})
    head = repository.commit({"a.py": "x = 22\n", "gone": None, "sub": submodule("1" * 40)})

    parts = await (await opened(repository)).diff(base, head)

    assert parts.numstat == b"1\t1\ta.py\x000\t1\tgone\x001\t0\tsub\x00"
    assert parts.raw.count(b"\0:") == 2
    assert b"-x = 1\n+x = 22\n" in parts.patch
    assert sorted(parts.sizes.values()) == [2, 6, 7]
    assert parts.patch_is_whole


@pytest.mark.parametrize("attribute", ["-diff", "binary", "diff=evil", "linguist-generated", "-text", "filter=evil"])
async def test_no_attribute_hides_a_file(repository: RepositoryBuilder, attribute: str) -> None:
    """Security case 39: attributes of the pull request, of the work tree and of the base are all the same to us."""
    program, trace = trap(repository, "evil")
    for key in ("diff.evil.textconv", "diff.evil.command", "filter.evil.smudge", "filter.evil.clean", "diff.external"):
        repository.git("config", key, program)
    repository.git("config", "core.worktree", str(repository.path))  # As a submodule's repository has it.
    base = repository.commit({".gitattributes": f"* {attribute}\n", "a.py": "x = 1\n"})
    head = repository.commit({"src/.gitattributes": f"* {attribute}\n", "a.py": "x = 2\n", "src/b.py": "y = 1\n"})
    trace.unlink(missing_ok=True)  # The builder's own work tree obeys filters.

    parts = await (await opened(repository)).diff(base, head)

    assert b"-x = 1\n+x = 2\n" in parts.patch
    assert b"+y = 1\n" in parts.patch
    assert b"-\t-" not in parts.numstat
    assert not trace.exists()


async def test_the_users_taste_in_diffs_changes_nothing(repository: RepositoryBuilder) -> None:
    base = repository.commit({"a.py": "x = 1\n\n\n\n", "old": "same\n" * 9, "sub": submodule("1" * 40)})
    head = repository.commit({"a.py": "x = 2\n\n\n\n", "old": None, "new": "same\n" * 9, "sub": submodule("2" * 40)})
    git = await opened(repository)
    before = await git.diff(base, head)

    for name, value in {
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.context": "0",
        "diff.renames": "false",
        "diff.submodule": "log",
        "diff.suppressBlankEmpty": "true",
        "diff.ignoreSubmodules": "all",
        "diff.relative": "true",
        "diff.algorithm": "patience",
        "color.ui": "always",
        "core.quotePath": "true",
        "core.pager": "false",
        "core.fsmonitor": "/bin/false",
    }.items():
        repository.git("config", name, value)

    assert await git.diff(base, head) == before


async def test_a_large_file_has_no_patch_and_leaves_room_for_the_others(repository: RepositoryBuilder) -> None:
    """Security case 38."""
    base = repository.commit({"a.txt": "1\n"})
    head = repository.commit({"a.txt": "line\n" * 1_000, "b.txt": "2\n"})
    git = await opened(repository, GitSettings(diff=DiffLimits(patch_file_bytes_max=4_000)))

    parts = await git.diff(base, head)

    assert parts.numstat == b"-\t-\ta.txt\x001\t0\tb.txt\x00"
    assert b"Binary files a/a.txt and b/a.txt differ\n" in parts.patch
    assert sorted(parts.sizes.values()) == [2, 2, 5_000]


async def test_a_patch_beyond_its_limit_is_cut_and_says_so(repository: RepositoryBuilder) -> None:
    base = repository.commit({"a": "1\n"})
    head = repository.commit({f"file{n}": "x\n" * 50 for n in range(50)})
    git = await opened(repository, GitSettings(diff=DiffLimits(patch_bytes_max=5_000)))

    parts = await git.diff(base, head)

    assert (len(parts.patch), parts.patch_is_whole) == (5_000, False)
    assert parts.raw.count(b"\0:") == 49


async def test_more_files_than_the_limit_are_refused_as_a_whole(repository: RepositoryBuilder) -> None:
    base = repository.commit({"a": "1\n"})
    head = repository.commit({f"file{n}": "" for n in range(11)})
    git = await opened(repository, GitSettings(diff=DiffLimits(files_max=10)))

    with pytest.raises(DiffTooLarge, match="11 files changed; the limit is 10"):
        await git.diff(base, head)


async def test_an_empty_diff_is_empty(repository: RepositoryBuilder) -> None:
    sha = repository.commit({"a": "1\n"})

    parts = await (await opened(repository)).diff(sha, sha)

    assert (parts.raw, parts.numstat, parts.patch, parts.sizes, parts.patch_is_whole) == (b"", b"", b"", {}, True)


async def test_objects_that_a_partial_clone_lacks_are_not_fetched(
    repository: RepositoryBuilder, tmp_path: Path
) -> None:
    base = repository.commit({"a": "1\n"})
    head = repository.commit({"a": "2\n"})
    repository.git("config", "uploadpack.allowFilter", "true")
    clone = ["clone", "-q", "--bare", "--filter=blob:none", f"file://{repository.path}", str(tmp_path / "clone.git")]
    repository.git(*clone)
    git = await open_git(tmp_path / "clone.git", environ=PLAIN)

    with pytest.raises(ObjectsMissing, match="git fetch --refetch --no-filter"):
        await git.diff(base, head)
    with pytest.raises(ObjectsMissing, match="git fetch --refetch --no-filter"):
        await git.add_worktree(tmp_path / "tree", head)


# Files


async def test_a_tree_lists_every_kind_of_file(repository: RepositoryBuilder) -> None:
    files: dict[str, Content] = {
        "a b": "1\n",
        "link": symlink("/etc/passwd"),
        "run": executable(""),
        "sub": submodule("1" * 40),
    }
    sha = repository.commit({**files, 'caf\udce9\n"': "x"})

    tree = await (await opened(repository)).list_tree(sha)

    listed = {entry.path: (entry.mode, entry.kind, entry.size) for entry in tree.entries}
    assert tree.is_whole
    assert listed == {
        "a b": ("100644", "blob", 2),
        "link": ("120000", "blob", 11),
        "run": ("100755", "blob", 0),
        "sub": ("160000", "commit", None),
        'caf\udce9\n"': ("100644", "blob", 1),
    }


async def test_a_listing_beyond_its_limit_is_cut_and_says_so(repository: RepositoryBuilder) -> None:
    """Security case 52: a bomb of few objects and many paths."""
    tree = repository.git(
        "mktree", stdin=b"100644 blob %s\tf\n" % repository.git("hash-object", "-wt", "blob", "/dev/null").encode()
    )
    for _ in range(6):
        lines = "".join(f"040000 tree {tree}\td{n}\n" for n in range(10))
        tree = repository.git("mktree", stdin=lines.encode())
    sha = repository.git("commit-tree", "-m", "Bomb", tree)

    listed = await (await opened(repository, GitSettings(tree_bytes_max=100_000))).list_tree(sha)

    assert not listed.is_whole
    assert 500 < len(listed.entries) < 2_000


async def test_files_are_read_byte_for_byte(repository: RepositoryBuilder) -> None:
    """Security case 51."""
    files: dict[str, bytes] = {
        ".gitattributes": b"* text eol=crlf ident export-ignore working-tree-encoding=UTF-16 filter=lfs\n",
        "a.txt": b"$Id$\r\none\ntwo\r",
        "nul": b"\0\xff\n",
        "empty": b"",
        'caf\udce9\n"': b"odd",
    }
    sha = RepositoryBuilder(path=repository.path / "bare", is_checked_out=False).commit(files)

    read = await (await open_git(repository.path / "bare", environ=PLAIN)).cat_files(sha, files, bytes_max=1_000)

    assert read == files


async def test_what_cannot_be_read_says_why(repository: RepositoryBuilder) -> None:
    """Security case 44."""
    sha = repository.commit({"a": "12345", "d/b": "1", "sub": submodule("1" * 40), "link": symlink("/etc/passwd")})
    odd = ["no\nsuch 10 missing\n", "../a", "/etc/passwd", ".git/config", "d/../a", "", "a\0b", "d", "sub"]
    git = await opened(repository, GitSettings(files_bytes_max=12))

    read = await git.cat_files(sha, [*odd, "a", "link", "d/b"], bytes_max=4)
    some = await git.cat_files(sha, ["a", "link", "d/b"], bytes_max=100)

    assert {path: read[path] for path in odd} == dict.fromkeys(odd, NotRead(why="no such file in this commit"))
    assert read["a"] == NotRead(why="too large: 5 bytes, the limit is 4")
    assert read["d/b"] == b"1"
    assert some == {"a": b"12345", "link": NotRead(why="the limit for all files together is reached"), "d/b": b"1"}


# Work trees


async def test_a_work_tree_holds_the_commit_and_nothing_runs_on_the_way(
    repository: RepositoryBuilder, tmp_path: Path
) -> None:
    """Security cases 50 and 51: no filter, no hook, no submodule, bytes as they are."""
    program, trace = trap(repository, "evil")
    odd = "* filter=evil text eol=crlf ident working-tree-encoding=UTF-16\n"
    base = repository.commit({"a.txt": "$Id$\r\none\n"}, "One")
    files: dict[str, Content] = {".gitattributes": odd, "run": executable("#!/bin/sh\n"), "link": symlink("a.txt")}
    repository.is_checked_out = False
    head = repository.commit({**files, "sub": submodule("1" * 40)}, "Two")
    repository.git("tag", "v1", base)
    for key in ("filter.evil.smudge", "filter.evil.process", "core.fsmonitor"):
        repository.git("config", key, program)
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        shutil.copy(program, repository.path / ".git/hooks" / hook)
    before = sorted(repository.path.rglob("*"))

    await (await opened(repository)).add_worktree(tmp_path / "tree", head)

    tree = RepositoryBuilder.__new__(RepositoryBuilder)
    tree.path = tmp_path / "tree"
    assert (tmp_path / "tree/a.txt").read_bytes() == b"$Id$\r\none\n"
    assert (tmp_path / "tree/run").stat().st_mode & stat.S_IXUSR
    assert (tmp_path / "tree/link").readlink() == Path("a.txt")
    assert tree.git("status", "--porcelain") == ""
    assert tree.git("log", "--format=%s", "HEAD").split() == ["Two", "One"]
    assert tree.git("describe", "--tags").startswith("v1-1-")
    assert not trace.exists()
    assert sorted(repository.path.rglob("*")) == before


async def test_a_work_tree_clears_what_a_killed_one_left_and_goes_whole(
    repository: RepositoryBuilder, tmp_path: Path
) -> None:
    sha = repository.commit({"a": "1"})
    left, outside = tmp_path / "tree/left/deep", tmp_path / "outside"
    left.mkdir(parents=True)
    outside.mkdir()
    (outside / "precious").touch()
    (tmp_path / "tree/link").symlink_to(outside)
    (left / "file").touch()
    left.chmod(0o500)
    git = await opened(repository)

    await git.add_worktree(tmp_path / "tree", sha)
    files = {path.name for path in (tmp_path / "tree").iterdir()}
    await git.remove_worktree(tmp_path / "tree")
    await git.remove_worktree(tmp_path / "tree")

    assert files == {".git", "a"}
    assert not (tmp_path / "tree").exists()
    assert (outside / "precious").exists()


async def test_the_repository_itself_is_never_removed_as_a_work_tree(repository: RepositoryBuilder) -> None:
    git = await opened(repository)

    with pytest.raises(Bug, match="holds the repository itself"):
        await git.remove_worktree(repository.path)


async def test_errors_of_git_are_for_a_person_and_hold_no_control_characters(repository: RepositoryBuilder) -> None:
    (repository.path / ".git/config").write_text("[core\x1b[2J\n")

    with pytest.raises(AskPerson, match="Git cannot open") as refused:
        await opened(repository)

    assert "\x1b" not in str(refused.value)


def test_a_full_disk_is_for_a_person() -> None:
    done = Completed(
        exit_code=128,
        stdout=b"",
        stderr=b"error: unable to write file a: No space left on device\n",
        timed_out=False,
        truncated=False,
        seconds=1.0,
    )

    error = failure("reset", done)

    assert isinstance(error, DiskFull)
    assert str(error).endswith("No space left on device Make room and try again.")


async def test_a_subject_is_one_bounded_readable_line(repository: RepositoryBuilder) -> None:
    sha = repository.commit({"a": "1"}, "caf\udce9 " + "long\n" * 1_000)

    subject = await (await opened(repository)).commit_subject(sha)

    assert subject.startswith("caf\ufffd long long")
    assert len(subject) == 4_000
