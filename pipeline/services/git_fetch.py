"""Git fetch: the one git that meets the network, and what it met in our words.

Promises that a fetch
- speaks with one address over its own protocol: no redirect, no other transport, no submodule, hook or credential
  helper, no `.netrc`;
- carries the token in the environment of that one git, never in an argument, an address, a file or a message, and
  nothing else of our environment but the way to git and to the network;
- checks every object on its way in (`fetch.fsckObjects`);
- is over in time, with its children, and brings no more bytes than allowed;
- fails with an error that says whether waiting, a person or nothing helps.

Does not promise that a killed fetch leaves no files: `pipeline.services.mirror_files` removes them.
Sources: git-fetch(1), git-config(1), gitprotocol-v2(5); the words are those of git 2.39 to 2.50 with LC_ALL=C.
"""

import logging
import re
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from pipeline.engine.errors import AskPerson, GiveUp, OnceoverError, RetryLater
from pipeline.services import process
from pipeline.services.git_command import ENVIRONMENT, HARDENING, DiskFull, GitSlow, quoted
from pipeline.services.process import Completed, Keep
from pipeline.services.stragglers import MARK

log = logging.getLogger(__name__)

OUTPUT_BYTES_MAX: Final = 65_536
"""End of what a fetch says that is looked at."""

TOKEN_LAG_SECONDS: Final = 5.0
"""Wait after a refused token: a new one may take seconds to be known everywhere."""

LIMIT_SECONDS: Final = 60.0
"""Wait after a 429, which git shows without its `Retry-After`; GitHub asks for a minute at least."""

WAY_VARIABLES: Final = frozenset(
    {"PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"}
    | {name for proxy in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for name in (proxy, proxy.upper())}
)
"""What git gets of our environment: the way to itself and to the network. All else, secrets above all, stays here."""

_LIMITED: Final = 'trap "" XFSZ; ulimit -f "$1" 2>/dev/null; shift; exec "$@"'
"""The kernel holds a limit on the size of a file, and git then says so; bytes in flight cannot be counted from outside
without a race. With the signal ignored the write fails instead of killing git without a word. Where the limit cannot be
set, a stricter one is in force."""

_LIMIT_BLOCK_BYTES: Final = 512
"""Unit of `ulimit -f` in sh(1), POSIX."""

_HARMLESS: Final = (
    "badTimezone",
    "badEmail",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "zeroPaddedFilemode",
)
"""Faults that old programs left in the history of honest projects; GitHub takes them too. git-fsck(1)."""


_OPTIONS: Final = (
    *("--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head"),
    *("--recurse-submodules=no", "--no-auto-maintenance"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Limits on one fetch; times in seconds, sizes in bytes."""

    seconds_max: float = 300.0
    """From start to end."""
    stall_seconds_max: int = 30
    """Less than `stall_bytes_min` a second for so long ends it."""
    stall_bytes_min: int = 1_000
    bytes_max: int = 2 * 2**30
    """Packed size: two trees of all but the largest repositories."""
    big_file_bytes: int = 32 * 2**20
    """Larger files are streamed to disk and not compared with others: git's memory stays flat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where to fetch from.

    Raises:
        BadCloneUrl: The address is none that we fetch from.
    """

    url: str
    """`https://HOST/OWNER/NAME.git`, without credentials."""
    name: str
    """For messages."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or "@" in parts.netloc or parts.query:
            raise BadCloneUrl(
                f"`{parts.scheme[:20]}://...` for {self.name} is no address to fetch from.",
                next_step="Set ONCEOVER_GITHUB_API_URL to the https address of the API, without a user in it.",
            )

    @property
    def scheme(self) -> str:
        """The only protocol that git may speak."""
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc


class CommitNotThere(RetryLater):
    """The host does not have the commit, or not yet: webhooks outrun it. The engine bounds the tries."""

    code = "commit_not_there"


class RepositoryNotThere(RetryLater):
    """The host shows no such repository: renamed, deleted, out of the installation's reach, or not yet visible."""

    code = "repository_not_there"


class GitTokenRefused(RetryLater):
    """The host did not take the token; it was dropped, the next try has a new one."""

    code = "git_token_refused"


class GitAway(RetryLater):
    """The host does not answer, or breaks off."""

    code = "git_away"


class RepositoryTooLarge(GiveUp):
    """A fetch brings more than the operator allows."""

    code = "repository_too_large"


class MalformedObjects(GiveUp):
    """A commit or tree is not made as git makes them; such are made to attack those who check them out."""

    code = "malformed_objects"


class BadCloneUrl(AskPerson):
    """The address to fetch from is none that we fetch from."""

    code = "bad_clone_url"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Git, ready to fetch into one bare repository."""

    git_dir: Path
    source: Source
    limits: FetchLimits
    environ: Mapping[str, str]
    """Ours, reduced to `WAY_VARIABLES`."""
    mark: str
    """In the environment of git, so that one that outlives us is found."""

    async def run(self, token: SecretStr, refs: Sequence[str]) -> None:
        """Fetch commits or refs, without their history.

        Args:
            token: For this host.
            refs: As git has them, `SOURCE:DESTINATION`; all or none are fetched.

        Raises:
            GitSlow: It took too long.
            OnceoverError: One of the above, or `DiskFull`.
        """
        started = time.monotonic()
        done = await process.run(
            self._argv(refs),
            cwd=self.git_dir,
            env=self._environment(token),
            seconds_max=self.limits.seconds_max,
            output_bytes_max=OUTPUT_BYTES_MAX,
            keep=Keep.TAIL,
        )
        seconds = time.monotonic() - started
        if done.timed_out:
            raise GitSlow(f"A fetch of {self.source.name} was not done after {self.limits.seconds_max:g} s.")
        if done.exit_code != 0:
            raise self._failure(done, token, refs)
        log.info("git.fetched repository=%s refs=%d seconds=%.2f", self.source.name, len(refs), seconds)

    def _argv(self, refs: Sequence[str]) -> list[str]:
        given = (
            *HARDENING,
            ("core.bigFileThreshold", self.limits.big_file_bytes),
            ("fetch.fsckObjects", "true"),
            *((f"fetch.fsck.{fault}", "warn") for fault in _HARMLESS),
            ("fetch.unpackLimit", 1),  # Always one file, which the kernel can limit.
            ("http.followRedirects", "false"),  # The token would go along.
            ("http.lowSpeedLimit", self.limits.stall_bytes_min),
            ("http.lowSpeedTime", self.limits.stall_seconds_max),
            ("protocol.version", 2),
        )
        return [
            *("sh", "-c", _LIMITED, "sh", str(self.limits.bytes_max // _LIMIT_BLOCK_BYTES), "git"),
            *(part for name, value in given for part in ("-c", f"{name}={value}")),
            *("fetch", *_OPTIONS, "--", self.source.url, *refs),
        ]

    def _environment(self, token: SecretStr) -> dict[str, str]:
        return {
            **self.environ,
            **ENVIRONMENT,
            "HOME": "/nonexistent",  # Without one curl looks up the user's own, for a `.netrc`.
            "GIT_DIR": str(self.git_dir),
            "GIT_ALLOW_PROTOCOL": self.source.scheme,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {_credentials(token)}",
            MARK: self.mark,
        }

    def _failure(self, done: Completed, token: SecretStr, refs: Iterable[str]) -> OnceoverError:
        name = self.source.name
        said = quoted(_without(done.stderr, token.get_secret_value(), _credentials(token)))
        if re.search("not our ref|unadvertised object|couldn't find remote ref", said):
            wanted = ", ".join(ref.partition(":")[0] for ref in refs)
            return CommitNotThere(
                f"{name} does not have all of {wanted}: {said}",
                next_step="A commit just pushed is there within seconds; one that was pushed away may never be again.",
            )
        if "File too large" in said:
            return RepositoryTooLarge(
                f"{name} is larger than {self.limits.bytes_max:,} bytes, packed.",
                next_step="The operator can raise the limit on the size of a fetch.",
            )
        if "No space left on device" in said or "Disk quota exceeded" in said:
            return disk_full(self.git_dir.parent, said)
        if "fsck error" in said:
            return MalformedObjects(
                f"{name} has objects that git refuses: {said}",
                next_step="`git fsck` in a clone shows which; commits that git makes have no such objects.",
            )
        return _class_answer(name, said)


def _credentials(token: SecretStr) -> str:
    return b64encode(f"x-access-token:{token.get_secret_value()}".encode()).decode()


def _without(said: bytes, *secrets: str) -> bytes:
    """Blot out what a server may have echoed."""
    for secret in secrets:
        said = said.replace(secret.encode(), b"***")
    return said


def disk_full(where: Path, said: str) -> DiskFull:
    """Make the error for a disk without room."""
    return DiskFull(
        f"There is no room for the mirrors in {where!s}: {said}.",
        next_step="Make room on that disk, or set ONCEOVER_STATE_DIR to another one; then retry.",
    )


def _class_answer(name: str, said: str) -> OnceoverError:
    found = re.search(r"(?:returned error:|HTTP) (\d{3})", said)
    status = int(found[1]) if found else 0
    what = f"A fetch of {name} failed: {said}"
    if status in {401, 403} or "could not read Username" in said or "Authentication failed" in said:
        return GitTokenRefused(
            what, next_step="It is tried again with a new token.", retry_after_seconds=TOKEN_LAG_SECONDS
        )
    if status == 404 or re.search("repository '.*' not found|Repository not found", said):  # noqa: PLR2004 - HTTP's.
        return RepositoryNotThere(what, next_step="It is tried again; see whether the App may read the repository.")
    if status in {301, 302, 307, 308}:
        return RepositoryNotThere(what, next_step="It has moved; the next event tells its new name.")
    if status == 429:  # noqa: PLR2004 - Too Many Requests, as HTTP has it.
        return GitAway(what, next_step="It is tried again.", retry_after_seconds=LIMIT_SECONDS)
    return GitAway(what, next_step="It is tried again; see whether the host can be reached from here.")
