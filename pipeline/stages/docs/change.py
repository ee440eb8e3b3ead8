"""Change: the diff, as far as it tells names that documentation may use."""

import asyncio
from collections.abc import Mapping

from pipeline.review.diff import FileDiff, FileStatus, parse_diff
from pipeline.review.interest import ReadChange, read_change, readable_files, whole_files
from pipeline.review.python_source import PYTHON_BYTES_MAX
from pipeline.review.reports import Skipped
from pipeline.services.git_diff import DiffParts
from pipeline.services.git_objects import Content
from pipeline.stages.docs.parameters import Objects, Params


async def read_diff(objects: Objects, params: Params) -> tuple[ReadChange, tuple[Skipped, ...]]:
    """Read what changed, and say what of it was not read."""
    parts = await objects.diff(params.merge_base, params.head)
    files, skipped = await asyncio.to_thread(_readable, parts)
    whole = whole_files(files)
    old = [file.old_path or file.path for file in whole if file.status is not FileStatus.ADDED]
    new = [file.path for file in whole if file.status is not FileStatus.DELETED]
    before = await objects.cat_files(params.merge_base, old, bytes_max=PYTHON_BYTES_MAX)
    after = await objects.cat_files(params.head, new, bytes_max=PYTHON_BYTES_MAX)
    return await asyncio.to_thread(read_change, files, _read(before), _read(after)), skipped


def _readable(parts: DiffParts) -> tuple[tuple[FileDiff, ...], tuple[Skipped, ...]]:
    diff = parse_diff(
        raw=parts.raw,
        numstat=parts.numstat,
        patch=parts.patch,
        patch_is_whole=parts.patch_is_whole,
        sizes=parts.sizes,
    )
    return readable_files(diff)


def _read(contents: Mapping[str, Content]) -> dict[str, bytes]:
    """Keep the files that could be read."""
    return {path: content for path, content in contents.items() if isinstance(content, bytes)}
