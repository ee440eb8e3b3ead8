"""Real diffs of made-up trees, through git and our own reader."""

import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.review.diff import Diff, parse_diff
from pipeline.services.git import GitSettings, open_git
from tests.builders.repository import ISOLATED, Content, RepositoryBuilder


async def diff_of(
    path: Path, before: Mapping[str, Content], after: Mapping[str, Content], settings: GitSettings | None = None
) -> Diff:
    """Commit one tree, then what changes in it (None deletes), and read the diff between the two."""
    repository = RepositoryBuilder(path=path, is_checked_out=False)
    base, head = repository.commit(before), repository.commit(after)
    parts = await (await open_git(path, settings, environ={**ISOLATED, "PATH": os.environ["PATH"]})).diff(base, head)
    return parse_diff(
        raw=parts.raw,
        numstat=parts.numstat,
        patch=parts.patch,
        patch_is_whole=parts.patch_is_whole,
        sizes=parts.sizes,
    )
