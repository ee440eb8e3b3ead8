"""Git: commits and their names in one repository, and the way to its diffs, files and work trees.

Promises that a SHA given out is full and that of a commit. Answers come from refs and objects alone: what a person
has not committed, a symbolic link, a hook or a filter changes none of them.
Does not promise the same patch from different versions of git: the choice between equal hunks is git's.

Names of files are text with lone surrogates for bytes that are no UTF-8 (`surrogateescape`): make them visible
before they are shown or stored.
"""

import asyncio
import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.engine.errors import AskPerson, Bug
from pipeline.services import git_diff, git_objects, git_worktree
from pipeline.services.git_command import ENVIRONMENT, GitCommand, quoted, text
from pipeline.services.git_diff import DiffLimits, DiffParts
from pipeline.services.git_objects import Content, Tree
from pipeline.services.process import CannotStart

VERSION_MIN: Final = (2, 39)
"""The first with `cat-file -z` and the present ownership rules that distributions still ship."""

BASE_CANDIDATES: Final = (
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
    "refs/heads/trunk",
    "refs/heads/develop",
)
"""Where a branch usually goes, after `origin/HEAD`; the remote's first, since the local one is often behind."""

SUBJECT_CHARACTERS_MAX: Final = 4_000
"""More than is shown: whoever cuts a subject looks for secrets in it first; half a token is not known as one."""

NAMES_TOLD_MAX: Final = 3
"""Nearest names told when a ref is unknown."""

NAMES_LOOKED_AT_MAX: Final = 5_000
"""Names compared with an unknown one; each takes some microseconds."""

_SHA: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_VERSION: Final = re.compile(r"git version (\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSettings:
    """Limits on what git may take and give."""

    seconds_max: float = 60.0
    """On one command."""
    tree_bytes_max: int = 32_000_000
    """Listing of a tree; about 300,000 files."""
    files_bytes_max: int = 64_000_000
    """All files together that one `cat_files` reads."""
    diff: DiffLimits = field(default_factory=DiffLimits)


class NoRepository(AskPerson):
    """There is no repository at the path, or git will not open it."""

    code = "no_repository"


class UnknownRef(AskPerson):
    """A branch, tag or SHA that this repository does not have."""

    code = "unknown_ref"


class NoMergeBase(AskPerson):
    """Two commits without a common ancestor that we can see."""

    code = "no_merge_base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """One repository; made by `open_git`."""

    git_dir: Path
    common_dir: Path
    """Git directory of the main work tree, where objects and refs are."""
    object_format: str
    is_shallow: bool
    settings: GitSettings
    command: GitCommand

    @property
    def name(self) -> str:
        """Name of the repository: that of its directory."""
        directory = self.common_dir.parent if self.common_dir.name == ".git" else self.common_dir
        return directory.name.removesuffix(".git") or "repository"

    async def resolve(self, ref: str) -> str:
        """Return the full SHA of the commit that a branch, tag, SHA or expression such as `HEAD~2` names.

        Raises:
            UnknownRef: There is none; the message tells the nearest names.
        """
        if not ref or ref.startswith("-") or not ref.isprintable():
            raise UnknownRef(f"{ref!a} is no name of a commit.", next_step="Name a branch, a tag or a SHA.")
        ask = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        sha = await self.command.line(*ask, accepts=(0, 1, 128))
        if not _SHA.fullmatch(sha):
            raise await self._unknown(ref)
        return sha

    async def merge_base(self, base: str, head: str) -> str:
        """Return the best common ancestor of two commits.

        Raises:
            NoMergeBase: There is none, or the clone is too shallow to tell.
        """
        sha = await self.command.line("merge-base", _checked(base), _checked(head), accepts=(0, 1))
        if sha:
            return sha
        commits = f"{base[:12]} and {head[:12]}"
        if self.is_shallow:
            raise NoMergeBase(
                f"This clone is too shallow to show where {commits} parted.",
                next_step="Fetch the rest of the history: `git fetch --unshallow`.",
                code="shallow_clone",
            )
        raise NoMergeBase(
            f"{commits} have no common ancestor: their histories are unrelated.",
            next_step="Name another base with `--base`.",
        )

    async def default_base(self) -> str:
        """Return what a branch is compared with when nobody says: `origin/HEAD`, else the first of `BASE_CANDIDATES`.

        Raises:
            UnknownRef: None of them exists.
        """
        origin = await self.command.line("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD", accepts=(0, 1))
        candidates = ((origin,) if origin else ()) + BASE_CANDIDATES
        there = (await self.command.line("for-each-ref", "--format=%(refname)", *candidates)).splitlines()
        for ref in candidates:
            if ref in there:
                return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")
        raise UnknownRef(
            "No base to compare with: there is neither `origin/HEAD` nor main, master, trunk or develop.",
            next_step="Name it with `--base`.",
            code="no_default_base",
        )

    async def current_branch(self) -> str | None:
        """Return the branch that HEAD is on; None if it is on none."""
        return await self.command.line("symbolic-ref", "--quiet", "--short", "HEAD", accepts=(0, 1)) or None

    async def commit_subject(self, commit: str) -> str:
        """Return the first paragraph of the commit's message on one line, cut to `SUBJECT_CHARACTERS_MAX`.

        Bytes that are no UTF-8 become U+FFFD, since this is for reading only.
        """
        subject = await self.command.line("log", "-1", "--encoding=UTF-8", "--format=%s", _checked(commit), "--")
        return subject.encode("utf-8", "surrogateescape").decode("utf-8", "replace")[:SUBJECT_CHARACTERS_MAX]

    async def diff(self, base: str, head: str, *, context_lines: int = git_diff.CONTEXT_LINES) -> DiffParts:
        """Compare two commits; see `pipeline.services.git_diff`."""
        return await git_diff.diff_parts(
            self.command, _checked(base), _checked(head), self.settings.diff, context_lines=context_lines
        )

    async def list_tree(
        self, commit: str, *, at: Sequence[str] = (), is_deep: bool = True, bytes_max: int | None = None
    ) -> Tree:
        """List the files of a commit, or what stands at some paths; see `pipeline.services.git_objects`."""
        bytes_max = self.settings.tree_bytes_max if bytes_max is None else bytes_max
        return await git_objects.list_tree(self.command, _checked(commit), bytes_max=bytes_max, at=at, is_deep=is_deep)

    async def cat_files(self, commit: str, paths: Iterable[str], *, bytes_max: int) -> dict[str, Content]:
        """Read files of a commit: for each path its bytes, or why they were not read (too large, not there)."""
        return await git_objects.read_files(
            self.command,
            _checked(commit),
            paths,
            bytes_max=bytes_max,
            total_bytes_max=self.settings.files_bytes_max,
        )

    async def read_blob(self, commit: str, path: str, *, bytes_max: int) -> Content:
        """Read one file of a commit."""
        return (await self.cat_files(commit, [path], bytes_max=bytes_max))[path]

    async def add_worktree(self, path: Path, commit: str) -> None:
        """Write the commit's files to `path`, which is cleared before; see `pipeline.services.git_worktree`."""
        await git_worktree.add_worktree(self.command, self.common_dir, self.object_format, path, _checked(commit))

    async def remove_worktree(self, path: Path) -> None:
        """Remove what `add_worktree` made, also half of it; nothing there is fine too."""
        await git_worktree.remove_worktree(self.common_dir, path)

    async def _unknown(self, ref: str) -> UnknownRef:
        names = await self.command.run("for-each-ref", f"--count={NAMES_LOOKED_AT_MAX}", "--format=%(refname:short)")
        near = difflib.get_close_matches(ref, text(names.stdout).splitlines(), n=NAMES_TOLD_MAX)
        told = " or ".join(f"`{name}`" for name in near)
        hint = f"Did you mean {told}?" if near else "`git branch --all` lists what there is."
        if self.is_shallow:
            hint += " This clone is shallow; `git fetch --unshallow` brings the rest."
        return UnknownRef(f"`{ref}` is no commit, branch or tag of this repository.", next_step=hint)


async def open_git(path: Path, settings: GitSettings | None = None, *, environ: Mapping[str, str] | None = None) -> Git:
    """Open the repository that a directory is in; the directory may be anywhere in the work tree, or a git directory.

    Args:
        path: Where to look.
        settings: Limits.
        environ: Where git finds the user's home and program path; ours by default. The user's own configuration is
            asked once, whether a repository of another owner may be opened (`safe.directory`), then never again.

    Raises:
        NoRepository: There is none, or it belongs to another user.
        CannotStart: There is no git, or it is older than `VERSION_MIN`.
    """
    settings = settings or GitSettings()
    environ = os.environ if environ is None else environ
    where = await asyncio.to_thread(_directory, path)
    theirs = GitCommand(cwd=where, environment=_users(environ), seconds_max=settings.seconds_max)
    await _check_version(theirs)
    git_dir, common_dir, object_format, is_shallow = await _probe(theirs)
    ours = GitCommand(cwd=git_dir, environment=_ours(environ, git_dir), seconds_max=settings.seconds_max)
    return Git(
        git_dir=git_dir,
        common_dir=common_dir,
        object_format=object_format,
        is_shallow=is_shallow,
        settings=settings,
        command=ours,
    )


def _users(environ: Mapping[str, str]) -> dict[str, str]:
    """Keep of the user's environment what tells git whose repositories may be opened."""
    names = {"PATH", "HOME", "XDG_CONFIG_HOME", "SUDO_UID"}
    kept = {name: value for name, value in environ.items() if name in names or name.startswith("GIT_CONFIG")}
    return {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"} | kept


def _ours(environ: Mapping[str, str], git_dir: Path) -> dict[str, str]:
    """Keep of the user's environment only the way to git."""
    return {
        "PATH": environ.get("PATH", os.defpath),
        **ENVIRONMENT,
        "GIT_DIR": str(git_dir),  # Named outright, it is not judged by its owner again.
        "GIT_WORK_TREE": "/dev/null",
        "GIT_INDEX_FILE": "/nonexistent/index",
    }


def _directory(path: Path) -> Path:
    if not path.is_dir():
        raise NoRepository(f"{str(path)!a} is no directory.", next_step="Name a git repository with `--repo`.")
    return path.absolute()  # Links stay: git resolves them itself.


async def _check_version(git: GitCommand) -> None:
    needs = f"Onceover needs git {'.'.join(map(str, VERSION_MIN))} or newer"
    try:
        said = await git.line("version")
    except CannotStart as error:
        raise CannotStart(f"{error.message}", next_step=f"{needs} on PATH.", code="git_missing") from error
    found = _VERSION.match(said)
    if found and (int(found[1]), int(found[2])) < VERSION_MIN:
        raise CannotStart(f"This is {said}.", next_step=f"{needs}.", code="git_too_old")


async def _probe(git: GitCommand) -> tuple[Path, Path, str, bool]:
    questions = ("--absolute-git-dir", "--git-common-dir", "--show-object-format", "--is-shallow-repository")
    ask = ("rev-parse", "--path-format=absolute", *questions)
    done = await git.try_run(*ask, bytes_max=100_000)
    answers = text(done.stdout).rstrip("\n").split("\n")
    if done.exit_code == 0 and len(answers) == len(questions):
        git_dir, common_dir, object_format, is_shallow = answers
        return Path(git_dir), Path(common_dir), object_format, is_shallow == "true"
    said = quoted(done.stderr)
    if "dubious ownership" in said:
        raise NoRepository(
            f"{git.cwd!s} belongs to another user, and git opens it only for those who trust it.",
            next_step=f"If you do: `git config --global --add safe.directory {git.cwd!s}`, or run as its owner.",
            code="dubious_ownership",
        )
    if "not a git repository" in said:
        raise NoRepository(f"{git.cwd!s} is not in a git repository.", next_step="Name one with `--repo`.")
    raise NoRepository(f"Git cannot open {git.cwd!s}: {said}", next_step="`git status` there may tell more.")


def _checked(sha: str) -> str:
    """Let only a full SHA through: whatever else reaches git's command line could be an option (security case 54)."""
    if not _SHA.fullmatch(sha):
        raise Bug(f"{sha[:80]!a} is no full SHA.")
    return sha
