"""Mirrors: the commits of a pull request on this host, in one bare repository for each repository of a code host.

Promises that `holding` returns a repository that has the commits whole, or an error that says whether waiting, a person
or nothing helps. What is there already costs no network and no token. One fetch at a time for a repository on this
host; one that was killed in the middle leaves nothing that hinders or deceives the next: a commit counts as held only
when there is a ref on it, and that git writes last. How git meets the network is in `pipeline.services.git_fetch`.

Does not promise history: every commit is fetched alone, so merge bases come from the API. Commits are asked for by
their SHA, which every server of protocol version 2 gives out, and older ones if a ref that they show, such as
`refs/pull/N/head`, points at it; so that ref is not asked for besides.

Why whole trees of depth 1, and no partial clone (`--filter=blob:none`): there any reader may meet a missing blob, and
git would fetch it by itself, from within `cat-file` or `diff`, with network and token in a process that reads a
stranger's files; git before 2.44 cannot even be told not to (GIT_NO_LAZY_FETCH). To work out which blobs are needed and
fetch them by name costs a second round trip, and fails for what is thought of later: the documentation index and the
agent's search read any file. The trees of two commits in one request are self-contained. Refs on what is held let the
server leave out of the next pack all that we have, so a push costs what it changed. The price is the first fetch of a
very large repository; `FetchLimits.bytes_max` says where it ends.

Races: two processes fetch the same repository (prevented: a lock on a file, which goes with its holder); the git of a
killed Onceover still runs (it carries a mark, and is ended before its leavings are removed); a mirror is pruned while
somebody reads (accepted: nobody has asked for it in `PruneLimits.idle_seconds_min`, and who asks again gets it anew).
"""

import asyncio
import contextlib
import errno
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from pydantic import SecretStr

from pipeline.engine.errors import AskPerson, Bug, RetryLater
from pipeline.services import mirror_files, process
from pipeline.services.git import Git, GitSettings, open_git
from pipeline.services.git_command import ENVIRONMENT, GitFailed, quoted
from pipeline.services.git_fetch import (
    WAY_VARIABLES,
    Fetch,
    FetchLimits,
    GitTokenRefused,
    Source,
    disk_full,
)
from pipeline.services.github.place import Place, Purpose
from pipeline.services.mirror_files import MirrorFiles, PruneLimits
from pipeline.services.process import CannotStart

HELD: Final = "refs/onceover/held"
"""Under it a ref for each commit that is held, named by its SHA."""

ANSWER_BYTES_MAX: Final = 10_000
"""Of what `git init` says."""

_SHA: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA1_LETTERS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSettings:
    """Limits on mirrors; times in seconds."""

    fetch: FetchLimits = field(default_factory=FetchLimits)
    prune: PruneLimits = field(default_factory=PruneLimits)
    git: GitSettings = field(default_factory=GitSettings)
    """For those who read."""
    lock_seconds_max: float = 330.0
    """Wait for another fetch of the same repository; longer than one may take."""
    lock_pause_seconds: float = 0.05
    """Between two looks whether it is over."""


class Tokens(Protocol):
    """Where the token for a repository comes from."""

    async def token(self, place: Place, purpose: Purpose) -> SecretStr:
        """Return a token that is good for a fetch."""

    async def refuse(self, token: SecretStr) -> None:
        """Drop a token that the host rejected."""


class MirrorBusy(RetryLater):
    """Another process fetches the same repository, for long."""

    code = "mirror_busy"


class Mirrors:
    """The bare repositories of this host.

    Args:
        root: Directory of ours; made if it is not there.
        clone_url: Address of a repository, `https://HOST/OWNER/NAME.git`, without credentials.
        tokens: Where read tokens come from.
        settings: Limits.
        environ: Where the way to git and to the network is looked up.
    """

    def __init__(
        self,
        root: Path,
        *,
        clone_url: Callable[[Place], str],
        tokens: Tokens,
        settings: MirrorSettings | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        given = os.environ if environ is None else environ
        self._root: Final = root.absolute()
        self._clone_url: Final = clone_url
        self._tokens: Final = tokens
        self._settings: Final = settings or MirrorSettings()
        self._environ: Final = {name: value for name, value in given.items() if name in WAY_VARIABLES}
        self._opened: dict[Path, Git] = {}

    def with_tokens(self, tokens: Tokens) -> "Mirrors":
        """Make the same mirrors with another source of tokens, such as that of one run."""
        other = Mirrors(
            self._root, clone_url=self._clone_url, tokens=tokens, settings=self._settings, environ=self._environ
        )
        other._opened = self._opened
        return other

    async def holding(self, place: Place, commits: Sequence[str]) -> Git:
        """Open the mirror of a repository after making sure that it has the commits.

        Args:
            place: The repository.
            commits: Full SHAs.

        Raises:
            CommitNotThere: The host does not have one of them.
            OnceoverError: Anything else that a fetch can meet, by what the caller can do.
        """
        wanted = [_checked(sha) for sha in dict.fromkeys(commits)]
        source = Source(url=self._clone_url(place), name=place.repository)
        host = re.sub(r"[^A-Za-z0-9.-]", "_", source.host)
        files = MirrorFiles(path=self._root / host / f"{place.repository_id}.git")
        git = await self._find(files)
        if git is None or await _missing(git, wanted):
            with _disk_told(self._root):
                async with self._alone(files, place):
                    git = await self._find(files) or await self._make(files, wanted)
                    await self._fetch_missing(git, files, place, wanted)
        await asyncio.to_thread(files.touch)
        return git

    async def prune(self) -> tuple[str, ...]:
        """Remove mirrors that nobody asked for in a long time, and the least recent ones of too many bytes.

        Returns:
            Names of those that went, `HOST/NUMBER`.
        """
        return await asyncio.to_thread(mirror_files.prune, self._root, self._settings.prune, now=time.time())

    async def _find(self, files: MirrorFiles) -> Git | None:
        """Open the mirror if it is there; once for all, since it is always opened the same way."""
        if not await asyncio.to_thread(files.is_there):
            return None
        if files.path not in self._opened:
            git = await open_git(files.path, self._settings.git, environ=self._environ)
            self._opened[files.path] = replace(git, is_shallow=True)  # It will be.
        return self._opened[files.path]

    async def _make(self, files: MirrorFiles, wanted: Sequence[str]) -> Git:
        """Make an empty mirror, in one move: there is none, or a whole one."""
        await asyncio.to_thread(files.begin)
        is_sha1 = all(len(sha) == _SHA1_LETTERS for sha in wanted)
        object_format = f"--object-format={'sha1' if is_sha1 else 'sha256'}"
        made = await process.run(
            ["git", "init", "--quiet", "--bare", "--template=", object_format, "."],
            cwd=files.new,
            env={**self._environ, **ENVIRONMENT},
            seconds_max=self._settings.git.seconds_max,
            output_bytes_max=ANSWER_BYTES_MAX,
        )
        if made.exit_code != 0:
            raise GitFailed(f"`git init` in {files.new!s} failed: {quoted(made.stderr)}")
        await asyncio.to_thread(files.finish)
        self._opened.pop(files.path, None)
        if git := await self._find(files):
            return git
        raise Bug(f"{files.path!s} was made and is not there.")

    @contextlib.asynccontextmanager
    async def _alone(self, files: MirrorFiles, place: Place) -> AsyncIterator[None]:
        """Keep all others on this host from changing the mirror."""
        settings = self._settings
        with await asyncio.to_thread(files.open_lock) as lock:
            give_up_at = time.monotonic() + settings.lock_seconds_max
            while not mirror_files.try_lock(lock):
                if time.monotonic() >= give_up_at:
                    raise MirrorBusy(
                        f"Another process has been fetching {place.repository} for {settings.lock_seconds_max:g} s."
                    )
                await asyncio.sleep(settings.lock_pause_seconds)
            yield

    async def _fetch_missing(self, git: Git, files: MirrorFiles, place: Place, wanted: Sequence[str]) -> None:
        missing = await _missing(git, wanted)
        if not missing:  # Another process brought them while we waited.
            return
        await self._make_room()
        await asyncio.to_thread(files.end_orphans)
        await asyncio.to_thread(files.clear_leavings)
        try:
            await self._fetch(files, place, missing)
        finally:
            await asyncio.to_thread(files.clear_leavings)
        if still := await _missing(git, missing):
            raise Bug(f"Git fetched {', '.join(still)} of {place.repository} without an error, and they are not here.")

    async def _fetch(self, files: MirrorFiles, place: Place, missing: Sequence[str]) -> None:
        fetch = Fetch(
            git_dir=files.path,
            source=Source(url=self._clone_url(place), name=place.repository),
            limits=self._settings.fetch,
            environ=self._environ,
            mark=files.mark,
        )
        token = await self._tokens.token(place, Purpose.READ)
        try:
            await fetch.run(token, [f"{sha}:{HELD}/{sha}" for sha in missing])
        except GitTokenRefused:
            await self._tokens.refuse(token)
            raise

    async def _make_room(self) -> None:
        """Prune now and then, and always when there is little room; refuse to begin with too little."""
        limits = self._settings.prune
        if await asyncio.to_thread(mirror_files.is_prune_due, self._root, limits, now=time.time()):
            await self.prune()
        free_bytes = shutil.disk_usage(self._root).free
        if free_bytes < limits.free_bytes_min:
            raise disk_full(self._root, f"{free_bytes:,} bytes are free, a fetch needs {limits.free_bytes_min:,}")


async def _missing(git: Git, wanted: Sequence[str]) -> list[str]:
    """Find which commits are not held. Their refs are asked, which git writes when all that they need is there."""
    names = b"".join(f"{HELD}/{sha}^{{commit}}\0".encode() for sha in wanted)
    try:
        done = await git.command.run("cat-file", "--batch-check=%(objectname)", "-z", stdin=names)
    except CannotStart:  # Pruned a moment ago.
        return list(wanted)
    held = set(done.stdout.decode("ascii", "replace").split("\n"))
    return [sha for sha in wanted if sha not in held]


def _checked(sha: str) -> str:
    if not _SHA.fullmatch(sha):  # Security case 54: it could be an option.
        raise Bug(f"{sha[:80]!a} is no full SHA.")
    return sha


@contextlib.contextmanager
def _disk_told(root: Path) -> Iterator[None]:
    """Say of the operating system's errors what a person can do about them."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise disk_full(root, error.strerror or "no space") from error
        raise AskPerson(
            f"The mirrors in {root!s} cannot be written: {error}.",
            next_step="Give this user the right to write there.",
            code="mirrors_not_writable",
        ) from error
