"""Change: the diff of a run, and what of it is read.

Promises that a change cannot declare itself unworthy of a review: what a file says of itself counts only if the
base's version said so already.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.review.depth import limits_of
from pipeline.review.diff import Diff, FileDiff, FileStatus, parse_diff
from pipeline.review.importance import by_importance
from pipeline.review.left_out import left_out
from pipeline.review.reports import Skipped
from pipeline.review.skip import MARKER_CHARACTERS_MAX, BaseKnowledge, SkipRules
from pipeline.services.git_diff import DiffParts
from pipeline.services.git_objects import Content
from pipeline.stages.analyze.parameters import Params

ATTRIBUTES: Final = ".gitattributes"

HAS_BASE: Final = frozenset({FileStatus.MODIFIED, FileStatus.RENAMED, FileStatus.COPIED})

BASE_FILES_MAX: Final = 2_000
"""Files whose base version is asked whether they are generated; more than a review reads anyway."""

BASE_FILE_BYTES_MAX: Final = 1_000_000
"""Larger ones are skipped for their size."""


class Objects(Protocol):
    """What is in a repository."""

    async def diff(self, base: str, head: str, *, context_lines: int) -> DiffParts:
        """Compare two commits."""

    async def cat_files(self, commit: str, paths: Iterable[str], *, bytes_max: int) -> dict[str, Content]:
        """Read files of a commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The diff, and what of it is read."""

    diff: Diff
    readable: tuple[FileDiff, ...]
    """The most important first."""
    skipped: tuple[Skipped, ...]


async def read_change(objects: Objects, params: Params) -> Change:
    """Read the diff and choose what is read of it; large ones take seconds, so both happen in a thread."""
    context_lines = limits_of(params.analysis.depth).context_lines
    parts = await objects.diff(params.merge_base, params.head, context_lines=context_lines)
    diff = await asyncio.to_thread(
        parse_diff,
        raw=parts.raw,
        numstat=parts.numstat,
        patch=parts.patch,
        patch_is_whole=parts.patch_is_whole,
        sizes=parts.sizes,
    )
    rules = SkipRules(params.analysis.ignore, base=await _read_base(objects, params.merge_base, diff))
    return await asyncio.to_thread(_sort_out, diff, rules)


def _sort_out(diff: Diff, rules: SkipRules) -> Change:
    decisions = [(file, rules.decide(file)) for file in diff.files]
    skips = [(file.shown_path, skip) for file, skip in decisions if skip]
    return Change(
        diff=diff,
        readable=by_importance(file for file, skip in decisions if not skip),
        skipped=tuple(
            entry
            for gap in (True, False)
            for entry in left_out(((path, skip.why) for path, skip in skips if skip.gap is gap), gap=gap)
        ),
    )


async def _read_base(objects: Objects, base: str, diff: Diff) -> BaseKnowledge:
    """Read what the base's version says of its files, so that a change cannot declare itself unworthy of a review."""
    paths = [file.old_path or file.path for file in diff.files if file.status in HAS_BASE][:BASE_FILES_MAX]
    contents = await objects.cat_files(base, [ATTRIBUTES, *paths], bytes_max=BASE_FILE_BYTES_MAX)
    texts = {
        path: content[: 4 * MARKER_CHARACTERS_MAX].decode("utf-8", "replace")
        for path, content in contents.items()
        if path != ATTRIBUTES and isinstance(content, bytes)
    }
    attributes = contents[ATTRIBUTES]
    return BaseKnowledge(
        headers=texts, attributes=attributes.decode("utf-8", "replace") if isinstance(attributes, bytes) else ""
    )
