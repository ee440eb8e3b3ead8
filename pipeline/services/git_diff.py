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

_RAW_HEAD: Final = re.compile(
    rb":(?P<old_mode>\d{6}) (?P<new_mode>\d{6}) (?P<old_sha>[0-9a-f]+) (?P<new_sha>[0-9a-f]+) (?P<status>[A-Z])\d*"
)
_NO_BLOB: Final = frozenset({b"000000", b"160000"})
"""Modes of what is not there, and of a submodule."""


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
    patch_is_whole: bool
    """False if it ended early."""
    sizes: Mapping[str, int]
    """Bytes of the blobs on either side, by SHA."""


class DiffTooLarge(GiveUp):
    """More files changed than anyone will review."""

    code = "diff_too_large"


CONTEXT_LINES: Final = 3
"""Unchanged lines around a change, as everybody shows them."""


async def diff_parts(
    git: GitCommand, base: str, head: str, limits: DiffLimits, *, context_lines: int = CONTEXT_LINES
) -> DiffParts:
    """Compare two commits, given by full SHA.

    Raises:
        DiffTooLarge: More than `files_max` files changed.
    """
    flags = ("-c", f"core.bigFileThreshold={limits.patch_file_bytes_max}", *COMMAND, f"-l{limits.renames_max}")
    listed = await git.run(*flags, "--raw", "-z", base, head, "--", bytes_max=limits.list_bytes_max)
    files = list(_changed_blobs(listed.stdout))
    if listed.truncated or len(files) > limits.files_max:
        raise DiffTooLarge(
            f"{len(files):,}{' or more' if listed.truncated else ''} files changed; the limit is {limits.files_max:,}.",
            next_step="Review a smaller range: name a nearer base with `--base`.",
        )
    numstat, patch, sizes = await asyncio.gather(
        git.try_run(*flags, "--numstat", "-z", base, head, "--", bytes_max=limits.list_bytes_max),
        git.try_run(
            *flags, "--patch", f"--unified={context_lines}", base, head, "--", bytes_max=limits.patch_bytes_max
        ),
        git_objects.sizes(git, (sha for blobs in files for sha in blobs)),
    )
    _refuse_failure(numstat)
    _refuse_failure(patch)
    return DiffParts(
        raw=listed.stdout,
        numstat=numstat.stdout,
        patch=patch.stdout,
        patch_is_whole=not (patch.timed_out or patch.truncated),
        sizes=sizes,
    )


def _changed_blobs(raw: bytes) -> Iterator[list[str]]:
    """Walk the list and yield the blobs of each file, one or two."""
    parts = iter(raw.split(b"\0"))
    for part in parts:
        if head := _RAW_HEAD.fullmatch(part):
            sides = ((head["old_mode"], head["old_sha"]), (head["new_mode"], head["new_sha"]))
            yield [sha.decode() for mode, sha in sides if mode not in _NO_BLOB]
            for _ in range(2 if head["status"] in b"RC" else 1):
                next(parts, None)


def _refuse_failure(done: Completed) -> None:
    """Half an answer is one; another exit code without a limit having been reached is none."""
    if done.exit_code != 0 and not (done.timed_out or done.truncated):
        raise failure("diff-tree", done)
