"""Git diff: what changed between two commits, as bytes, within bounds.

Promises the list of changed files whole or not at all, and of the counts and the patch as much as the limits allow.
What is binary is judged by the blobs alone: no attribute can hide a file (security case 39). Plumbing is used, which
does not obey the `diff.*` settings of a user. Does not promise to find copies, nor renames with changes among more
than `renames_max` candidates.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.engine.errors import GiveUp
from pipeline.services import git_objects
from pipeline.services.git_command import GitCommand, failure
from pipeline.services.process import Completed

COMMAND: Final = (
    "diff-tree",
    "-r",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-relative",
    "--ignore-submodules=none",
    "--submodule=short",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--full-index",
    "--find-renames",
)
"""The same for list, counts and patch, so that all three tell of the same files in the same order."""

_RAW_HEAD: Final = re.compile(rb":\d{6} (\d{6}) [0-9a-f]+ ([0-9a-f]+) ([A-Z])\d*")
_SUBMODULE: Final = b"160000"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLimits:
    """How much of a diff is taken."""

    files_max: int = 20_000
    """Changed files beyond which the diff is refused as a whole."""
    list_bytes_max: int = 16_000_000
    """Names and counts of the changed files; 20,000 files with long names need 4 MB."""
    patch_bytes_max: int = 64_000_000
    """The patch is cut there; the files after the cut are known from the list."""
    patch_file_bytes_max: int = 2_000_000
    """Git writes no patch for a larger file, so that one cannot crowd out the others."""
    renames_max: int = 1_000
    """Candidates on either side among which changed renames are looked for; the work grows with its square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffParts:
    """A diff as git tells it; `pipeline.review.diff.parse_diff` reads it."""

    raw: bytes
    """`--raw -z`: every changed file."""
    numstat: bytes
    """`--numstat -z`: lines added and removed; may end early."""
    patch: bytes
    """May end early."""
    is_whole: bool
    """Neither of the two ended early."""
    sizes: Mapping[str, int]
    """Bytes of each new blob, by SHA."""


class DiffTooLarge(GiveUp):
    """More files changed than anyone will review."""

    code = "diff_too_large"


async def diff_parts(git: GitCommand, base: str, head: str, limits: DiffLimits) -> DiffParts:
    """Compare two commits, given by full SHA.

    Raises:
        DiffTooLarge: More than `files_max` files changed.
    """
    flags = ("-c", f"core.bigFileThreshold={limits.patch_file_bytes_max}", *COMMAND, f"-l{limits.renames_max}")
    listed = await git.run(*flags, "--raw", "-z", base, head, "--", bytes_max=limits.list_bytes_max)
    blobs = list(_new_blobs(listed.stdout))
    if listed.truncated or len(blobs) > limits.files_max:
        raise DiffTooLarge(
            f"{len(blobs):,}{' or more' if listed.truncated else ''} files changed; the limit is {limits.files_max:,}.",
            next_step="Review a smaller range: name a nearer base with `--base`.",
        )
    numstat, patch = await asyncio.gather(
        git.try_run(*flags, "--numstat", "-z", base, head, "--", bytes_max=limits.list_bytes_max),
        git.try_run(*flags, "--patch", "--unified=3", base, head, "--", bytes_max=limits.patch_bytes_max),
    )
    return DiffParts(
        raw=listed.stdout,
        numstat=numstat.stdout,
        patch=patch.stdout,
        is_whole=_is_whole(numstat) and _is_whole(patch),
        sizes=await git_objects.sizes(git, {sha for sha in blobs if sha}),
    )


def _new_blobs(raw: bytes) -> Iterator[str]:
    """Walk the list and yield each file's new blob; empty for a deleted file and a submodule."""
    parts = iter(raw.split(b"\0"))
    for part in parts:
        if head := _RAW_HEAD.fullmatch(part):
            mode, sha, status = head.groups()
            yield "" if status == b"D" or mode == _SUBMODULE else sha.decode()
            for _ in range(2 if status in b"RC" else 1):
                next(parts, None)


def _is_whole(done: Completed) -> bool:
    if done.timed_out or done.truncated:
        return False
    if done.exit_code != 0:
        raise failure("diff-tree", done)
    return True
