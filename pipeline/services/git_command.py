"""Git command: one git process, hardened, bounded, and its failures in our words.

Promises that git
- reads no configuration but the repository's own, and of that nothing that starts a program: no hook, pager, editor,
  file system monitor, external diff, text conversion, signature check or credential helper;
- never speaks to the network, also not for an object that a partial clone left behind, and never asks a question;
- sees no work tree and no index, so that no `.gitattributes` (which a pull request writes) decides what is shown;
- is over in time, with its children, and its output is bounded.

Does not promise to overrule `info/attributes` in the git directory: that file is the operator's own.
Sources: git-config(1), git(1) "Environment Variables", gitattributes(5).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.engine.errors import AskPerson, GiveUp, OnceoverError, RetryLater
from pipeline.services.process import Completed, run

STDERR_CHARACTERS_MAX: Final = 500
"""Of a complaint of git this much is quoted."""

ANSWER_BYTES_MAX: Final = 1_000_000
"""Limit on answers that are a line or two."""

EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Known to every git; a git that does not (SHA-256) takes an empty tree for it all the same."""

HARDENING: Final = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.quotePath", "false"),
    ("core.pager", "cat"),
    ("core.askPass", ""),
    ("core.sshCommand", "false"),
    ("core.gitProxy", ""),
    ("credential.helper", ""),
    ("protocol.allow", "never"),
    ("submodule.recurse", "false"),
    ("log.showSignature", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("diff.suppressBlankEmpty", "false"),  # Plumbing obeys it too, and an empty context line would lose its space.
    ("attr.tree", EMPTY_TREE),  # From git 2.43 on; older ones read no tree at all here.
)
"""Settings that win over the repository's own, by `-c`."""

ENVIRONMENT: Final = {
    "LC_ALL": "C",  # Its complaints are told apart by their words.
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # A SHA means what it says.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_ASKPASS": "false",
    "GIT_SSH_COMMAND": "false",
}
"""What every git process of ours gets, PATH besides."""

_MISSING: Final = re.compile("promisor remote|lazy fetching disabled|unable to read (sha1 file|tree)|missing blob")


class GitFailed(GiveUp):
    """Git refused something that we expected to work."""

    code = "git_failed"


class GitSlow(RetryLater):
    """A git command took longer than its limit."""

    code = "git_slow"


class ObjectsMissing(AskPerson):
    """A partial clone does not hold what is asked for, and we do not fetch; or the repository is damaged."""

    code = "objects_missing"


class DiskFull(AskPerson):
    """Git could not write."""

    code = "disk_full"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitCommand:
    """Git on one directory.

    Args:
        cwd: Where it starts.
        environment: Its whole environment.
        seconds_max: Limit on one command.
    """

    cwd: Path
    environment: Mapping[str, str]
    seconds_max: float

    async def run(
        self,
        *arguments: str,
        accepts: tuple[int, ...] = (0,),
        stdin: bytes | None = None,
        bytes_max: int = ANSWER_BYTES_MAX,
        seconds_max: float | None = None,
    ) -> Completed:
        """Run one command; its output may be cut (`truncated`), which the caller has to look at.

        Args:
            arguments: Sub-command and arguments; what came from outside was checked, or stands after the options' end.
            accepts: Exit codes that are answers.
            stdin: What git reads.
            bytes_max: Limit on its output.
            seconds_max: Another limit than the usual one.

        Raises:
            GitSlow: It took too long.
            ObjectsMissing: It needed objects that are not here.
            DiskFull: It could not write.
            GitFailed: Any other exit code.
            CannotStart: There is no git.
        """
        done = await self.try_run(*arguments, stdin=stdin, bytes_max=bytes_max, seconds_max=seconds_max)
        if done.timed_out:
            raise GitSlow(
                f"`git {arguments[0]}` was not done after {seconds_max or self.seconds_max:g} s in {self.cwd!s}."
            )
        if not done.truncated and done.exit_code not in accepts:
            raise failure(arguments[0], done)
        return done

    async def try_run(
        self, *arguments: str, stdin: bytes | None = None, bytes_max: int, seconds_max: float | None = None
    ) -> Completed:
        """Run one command and return whatever came of it, half an answer and exit code included."""
        return await run(
            ["git", *(part for name, value in HARDENING for part in ("-c", f"{name}={value}")), *arguments],
            cwd=self.cwd,
            env=self.environment,
            seconds_max=self.seconds_max if seconds_max is None else seconds_max,
            output_bytes_max=bytes_max,
            stdin=stdin,
        )

    async def line(self, *arguments: str, accepts: tuple[int, ...] = (0,)) -> str:
        """Run one command that answers with one line, and return it; empty if it said nothing."""
        return text((await self.run(*arguments, accepts=accepts)).stdout).strip("\n")

    def at(self, cwd: Path, **environment: str) -> "GitCommand":
        """Make the same command for another directory, with further environment."""
        return replace(self, cwd=cwd, environment={**self.environment, **environment})


def text(raw: bytes) -> str:
    """Decode what git says; bytes that are no UTF-8 become lone surrogates and can be encoded back."""
    return raw.decode("utf-8", "surrogateescape")


def failure(command: str, done: Completed) -> OnceoverError:
    """Make an error of what git complained."""
    said = quoted(done.stderr)
    if _MISSING.search(said):
        return ObjectsMissing(
            f"`git {command}` needs objects that are not here: {said}",
            next_step="In a partial clone fetch them: `git fetch --refetch --no-filter`. Else look with `git fsck`.",
        )
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return DiskFull(f"`git {command}` could not write: {said}", next_step="Make room and try again.")
    return GitFailed(f"`git {command}` ended with {done.exit_code}: {said}", next_step="`git fsck` may tell more.")


def quoted(stderr: bytes) -> str:
    """Quote a complaint on one line, without anything that a terminal would obey."""
    one_line = " ".join(text(stderr).split())[:STDERR_CHARACTERS_MAX]
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in one_line) or "no reason given"
