"""Stale: remarks by rule, without those on names that only moved."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.review.findings import rank
from pipeline.review.living_names import LivingNames, look_for, may_keep_names
from pipeline.review.names import Change, ChangedName
from pipeline.review.reports import DocsFinding, Skipped
from pipeline.services.docs_library import batches
from pipeline.services.git_objects import Content, Tree, TreeEntry
from pipeline.stages.docs.parameters import Head

BATCH_BYTES_MAX: Final = 4_000_000
"""Code that is held in memory at once."""

CODE_BYTES_MAX: Final = 40_000_000
"""Code that is searched for another place of a name that is gone."""

STALE_MAX: Final = 20
"""Remarks on stale documentation; more would drown the review."""


async def confirm(
    head: Head, stale: Sequence[tuple[ChangedName, DocsFinding]]
) -> tuple[tuple[DocsFinding, ...], tuple[Skipped, ...]]:
    """Drop remarks on names that are gone from one place and live on in another; cap the rest, the worst first."""
    gone = {changed.name: changed for changed, _ in stale if changed.change is not Change.CHANGED}
    living, skipped = await _living(head, list(gone.values()))
    kept = {
        (finding.fingerprint, finding.line): finding
        for changed, finding in stale
        if changed.change is Change.CHANGED or changed.name not in living
    }
    ranked = [kept[one.fingerprint, one.line] for one in rank(list(kept.values()))]
    if len(ranked) > STALE_MAX:
        more = Skipped(what=f"{len(ranked) - STALE_MAX:,} more stale mentions", why="not listed: the worst are")
        skipped = (*skipped, more)
    return tuple(ranked[:STALE_MAX]), skipped


async def _living(head: Head, names: Sequence[ChangedName]) -> tuple[set[str], tuple[Skipped, ...]]:
    """Find which of the names the head's code still has somewhere."""
    found: set[str] = set()
    if not names:
        return found, ()
    sought = look_for(names)
    bytes_left = CODE_BYTES_MAX
    for batch in batches(await asyncio.to_thread(_code, head.tree), BATCH_BYTES_MAX):
        bytes_left -= sum(entry.size or 0 for entry in batch)
        if bytes_left < 0:
            why = f"not searched for names that may only have moved: the code is over {CODE_BYTES_MAX:,} bytes"
            return found, (Skipped(what="part of the code", why=why),)
        contents = await head.objects.cat_files(head.commit, [entry.path for entry in batch], bytes_max=BATCH_BYTES_MAX)
        found |= await asyncio.to_thread(_seen, sought, contents)
    return found, ()


def _code(tree: Tree) -> list[TreeEntry]:
    return [entry for entry in tree.entries if entry.size and may_keep_names(entry.path)]


def _seen(sought: LivingNames, contents: Mapping[str, Content]) -> set[str]:
    return {
        name
        for path, content in contents.items()
        if isinstance(content, bytes)
        for name in sought.found_in(path, content)
    }
