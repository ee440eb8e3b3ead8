"""Changed: the lines that a pull request adds or changes, read from git where a failure may meet them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from pipeline.review.diff import parse_diff
from pipeline.services.git_diff import DiffParts
from pipeline.services.github.place import Place
from pipeline.stages.checks.details import Changes
from pipeline.stages.checks.parameters import Params

LINES_MAX: Final = 20_000
"""Changed lines of one file that failures are compared with; beyond it the file is tied as a whole."""


class Comparing(Protocol):
    """A repository that has both commits."""

    async def diff(self, base: str, head: str) -> DiffParts:
        """Compare two commits."""


Holding: TypeAlias = Callable[[str, Place, Sequence[str]], Awaitable[Comparing]]
"""Brings commits to this host, on behalf of a run."""


def changed_lines(holding: Holding) -> Changes:
    """Make who knows the changed lines, from a clone on this host."""

    async def tell(run_id: str, params: Params, names: Sequence[str]) -> Mapping[str, Sequence[int]]:
        base, head = params.merge_base, params.pull.head
        git = await holding(run_id, params.at, [base, head])
        parts = await git.diff(base, head)
        return await asyncio.to_thread(_lines, parts, frozenset(names))

    return tell


def _lines(parts: DiffParts, names: frozenset[str]) -> dict[str, list[int]]:
    """Read the changed lines of the files with these names; others are not even parsed."""
    diff = parse_diff(
        raw=parts.raw,
        numstat=parts.numstat,
        patch=parts.patch,
        patch_is_whole=parts.patch_is_whole,
        sizes=parts.sizes,
    )
    wanted = (file for file in diff.files if file.path.rpartition("/")[2] in names)
    return {file.path: sorted(file.changed_lines)[:LINES_MAX] for file in wanted}
