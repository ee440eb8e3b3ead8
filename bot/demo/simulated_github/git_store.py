"""Git store: the bare repository behind each simulated one, written by `git fast-import`, read by git itself.

Promises that the same pushes give the same SHAs: author, committer and dates are fixed. Knows nothing of the
machine's own git configuration. Answers about immutable objects are kept in memory, as tests ask for them often.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

Content: TypeAlias = str | bytes | None
"""What a file holds from now on; None deletes it."""

GIT_SECONDS_MAX: Final = 30
"""For one git command over a repository of a test; it takes milliseconds."""

FIRST_COMMIT_UNIX: Final = 1_767_603_600
"""2026-01-05 09:00 UTC. Each commit of a repository is a minute later than the one before."""

SHA_DIGITS: Final = 40
"""Hex digits of a SHA-1 object name."""

ENVIRONMENT: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
"""What git sees of the world, besides PATH."""

SETTINGS: Final = {
    "core.quotePath": "false",
    "core.hooksPath": os.devnull,
    "gc.auto": "0",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
}


class UnknownObject(Exception):
    """Git does not have what was asked for."""


@dataclass(slots=True, eq=False)
class GitStore:
    """One bare repository; make it with `GitStore.create`."""

    path: Path
    refs: dict[str, str] = field(default_factory=dict)
    """Full names of all refs to their commits. Only this object writes them, so git need not be asked."""
    commits: int = 0
    _answers: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    @classmethod
    def create(cls, path: Path) -> "GitStore":
        """Make an empty repository whose HEAD is `main`: what `git init` would write, without a process."""
        for part in ("objects", "refs/heads"):
            (path / part).mkdir(parents=True)
        (path / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
        (path / "config").write_text(_config(SETTINGS), encoding="utf-8")
        return cls(path)

    def commit(self, branch: str, changes: Mapping[str, Content], message: str, parent: str | None) -> str:
        """Add a commit over `parent` (None: a root) and let the branch point at it, wherever it pointed before."""
        when = FIRST_COMMIT_UNIX + 60 * self.commits
        self.commits += 1
        ref = f"refs/heads/{branch}"
        lines = [
            b"commit %s\nmark :1\n" % ref.encode(),
            b"author Simulated Author <author@example.invalid> %d +0000\n" % when,
            b"committer Simulated Author <author@example.invalid> %d +0000\n" % when,
            _counted(message.encode()),
            b"" if parent is None else b"from %s\n" % parent.encode(),
            *(_change(path, content) for path, content in changes.items()),
            b"\nget-mark :1\ndone\n",
        ]
        start = b"" if parent is not None else b"reset %s\n" % ref.encode()
        told = self.run("fast-import", "--quiet", "--force", "--done", stdin=start + b"".join(lines))
        self.refs[ref] = told.decode().strip()
        return self.refs[ref]

    def sha(self, revision: str) -> str:
        """Give the commit that a branch, a ref or a SHA names.

        Raises:
            UnknownObject: If there is none.
        """
        for prefix in ("refs/heads/", "refs/tags/", "refs/", ""):
            if (found := self.refs.get(prefix + revision)) is not None:
                return found
        if len(revision) != SHA_DIGITS or revision.strip("0123456789abcdef"):
            raise UnknownObject(revision)
        if revision not in self.refs.values():
            self.ask("cat-file", "-e", f"{revision}^{{commit}}")
        return revision

    def branch(self, name: str) -> str | None:
        """Give the tip of a branch, if there is such a branch."""
        return self.refs.get(f"refs/heads/{name}")

    def point(self, ref: str, sha: str) -> None:
        """Let a ref such as `refs/pull/1/head` name a commit that is here."""
        (self.path / ref).parent.mkdir(parents=True, exist_ok=True)
        (self.path / ref).write_text(f"{sha}\n", encoding="ascii")
        self.refs[ref] = sha

    def fetch(self, other: "GitStore", sha: str, ref: str) -> None:
        """Take a commit out of another repository and let a ref name it."""
        if other is not self:
            self.run("fetch", "--quiet", "--no-tags", str(other.path), sha)
        self.point(ref, sha)

    def copy(self, path: Path) -> "GitStore":
        """Make a fork: a repository of its own with the same branches."""
        fork = GitStore.create(path)
        fork.run("fetch", "--quiet", str(self.path), "+refs/heads/*:refs/heads/*")
        fork.refs = {ref: sha for ref, sha in self.refs.items() if ref.startswith("refs/heads/")}
        fork.commits = self.commits + 1000  # A fork's commits must not get the SHAs of its parent's.
        return fork

    def merge_base(self, one: str, other: str) -> str:
        """Give the commit where two commits parted."""
        return self.ask("merge-base", one, other).decode().strip()

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Say whether one commit is in the history of another (or is it)."""
        try:
            self.ask("merge-base", "--is-ancestor", older, newer)
        except UnknownObject:
            return False
        return True

    def ask(self, *arguments: str) -> bytes:
        """Run git for an answer that never changes; asked again, it comes from memory."""
        if any("\0" in argument for argument in arguments):
            raise UnknownObject("A name with a NUL byte.")
        if arguments not in self._answers:
            self._answers[arguments] = self.run(*arguments)
        return self._answers[arguments]

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run git here and give what it prints.

        Raises:
            UnknownObject: If git says no.
        """
        return run_git(self.path, *arguments, stdin=stdin)


def environment() -> dict[str, str]:
    """Give the whole environment of a git process."""
    return {"PATH": os.environ["PATH"], **ENVIRONMENT}


def run_git(place: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run git in a directory and give what it prints.

    Raises:
        UnknownObject: If git ends with an error; the text is git's own.
    """
    done = subprocess.run(
        ["git", *arguments],
        cwd=place,
        env=environment(),
        input=stdin,
        capture_output=True,
        timeout=GIT_SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        raise UnknownObject(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _config(settings: Mapping[str, str]) -> str:
    lines = ["[core]", "\trepositoryformatversion = 0", "\tbare = true"]
    for name, value in settings.items():
        section, key = name.split(".")
        lines += [f"[{section}]", f"\t{key} = {value}"]
    return "\n".join(lines) + "\n"


def _change(path: str, content: Content) -> bytes:
    quoted = b'"%s"' % path.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    if content is None:
        return b"D %s\n" % quoted
    return b"M 100644 inline %s\n" % quoted + _counted(content.encode() if isinstance(content, str) else content)


def _counted(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
