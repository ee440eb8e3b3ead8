"""A real git repository in a few words, the same SHAs on every machine.

Commits go in through `git fast-import`: any name and any bytes that git can hold, also such that the file system
of the test machine cannot, and thousands of files in a moment. No configuration of the machine is read.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

FIRST_COMMIT_AT: Final = 1_700_000_000
"""Seconds since 1970 of the first commit; each further one is a minute later."""

GIT_SECONDS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """A file with a mode of its own."""

    mode: str
    content: str | bytes


def executable(text: str | bytes) -> Entry:
    """Make a file that may be run."""
    return Entry("100755", text)


def symlink(target: str | bytes) -> Entry:
    """Make a symbolic link."""
    return Entry("120000", target)


def submodule(sha: str) -> Entry:
    """Make a submodule that points at a commit elsewhere."""
    return Entry("160000", sha)


Content: TypeAlias = str | bytes | Entry | None
"""Text, bytes, a file with a mode, or None to delete it."""


@dataclass(kw_only=True)
class RepositoryBuilder:
    """Build a repository commit by commit.

    Args:
        path: Where; made if it is not there.
        is_checked_out: Keep a work tree that shows the newest commit; False makes a bare repository.
        object_format: `sha1` or `sha256`.
    """

    path: Path
    is_checked_out: bool = True
    object_format: str = "sha1"
    _commits: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        bare = [] if self.is_checked_out else ["--bare"]
        self.git("init", "-q", "-b", "main", f"--object-format={self.object_format}", *bare, ".")

    def commit(self, files: Mapping[str, Content], message: str = "Change", *, branch: str = "") -> str:
        """Commit the files on top of the branch and switch to it; a new branch starts where HEAD is.

        Args:
            files: What changes, by path; a byte that is no UTF-8 is a lone surrogate, U+DCE9 for 0xE9.
            message: The whole commit message.
            branch: The present branch by default.

        Returns:
            The commit's full SHA.
        """
        branch = branch or self.git("symbolic-ref", "--short", "HEAD")
        parent = self._sha(f"refs/heads/{branch}") or self._sha("HEAD")
        when = f"Onceover Tests <tests@example.invalid> {FIRST_COMMIT_AT + 60 * self._commits} +0000"
        stream = [f"commit refs/heads/{branch}\nauthor {when}\ncommitter {when}\n".encode(), _data(message)]
        if parent:
            stream.append(f"from {parent}\n".encode())
        stream.extend(_change(os.fsencode(path), content) for path, content in files.items())
        self._commits += 1
        self.git("fast-import", "--quiet", "--force", stdin=b"".join(stream))
        self.switch(branch)
        return self._sha("HEAD")

    def switch(self, branch: str) -> None:
        """Go to a branch, as a person would before the next commit."""
        self.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        if self.is_checked_out:
            self.git("reset", "-q", "--hard")

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run any git command here and return what it prints, without the last newline."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env={"PATH": os.environ["PATH"], **ISOLATED},
            input=stdin,
            capture_output=True,
            timeout=GIT_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, os.fsdecode(done.stderr)
        return os.fsdecode(done.stdout).removesuffix("\n")

    def _sha(self, ref: str) -> str:
        return self.git("for-each-ref", "--format=%(objectname)", ref) if ref != "HEAD" else self._head()

    def _head(self) -> str:
        return self.git("log", "-1", "--format=%H", "--ignore-missing", "HEAD") if self._commits else ""


ISOLATED: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Onceover Tests",
    "GIT_AUTHOR_EMAIL": "tests@example.invalid",
    "GIT_COMMITTER_NAME": "Onceover Tests",
    "GIT_COMMITTER_EMAIL": "tests@example.invalid",
    "LC_ALL": "C",
}
"""Environment in which git knows nothing of this machine."""


def _change(path: bytes, content: Content) -> bytes:
    if content is None:
        return b"D " + _quoted(path) + b"\n"
    entry = content if isinstance(content, Entry) else Entry("100644", content)
    if entry.mode == "160000":
        return f"M 160000 {entry.content!s} ".encode() + _quoted(path) + b"\n"
    return f"M {entry.mode} inline ".encode() + _quoted(path) + b"\n" + _data(entry.content)


def _quoted(path: bytes) -> bytes:
    """Quote a path the way C does, every odd byte as octal."""
    return b'"' + b"".join(bytes([c]) if chr(c).isalnum() and c < 128 else b"\\%03o" % c for c in path) + b'"'


def _data(content: str | bytes) -> bytes:
    raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    return b"data %d\n" % len(raw) + raw + b"\n"
