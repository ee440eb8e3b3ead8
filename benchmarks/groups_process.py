"""Groups process: cut one change for a model, and tell what it took; alone in a process, for its memory is its own."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Final

from pipeline.review.depth import Depth, limits_of
from pipeline.review.excerpts import excerpt_of
from pipeline.review.grouping import group_files
from pipeline.review.importance import choose_for_model
from pipeline.review.imports import links
from pipeline.review.kept_readings import cut_into_pieces, pieces_with_keys
from pipeline.services.git import open_git
from pipeline.stages.analyze.change import read_change
from pipeline.stages.analyze.parameters import Params

SHARE: Final = 0.8
"""Of the room in all groups; as the stage gives it out."""


def megabytes() -> float:
    """Say the most memory that this process had so far; `getrusage` would tell that of whoever started it as well."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


async def main() -> None:
    """Read the change, choose, cut, name, link and group."""
    path, base, head = sys.argv[1:]
    idle = megabytes()
    begun = time.perf_counter()
    params = Params.model_validate({"repository": {"path": path, "name": "bench"}, "head": head, "merge_base": base})
    git = await open_git(Path(path))
    change = await read_change(git, params)
    read = time.perf_counter()
    limits = limits_of(Depth.STANDARD)
    room = choose_for_model(change.readable, tokens_max=SHARE * limits.group_tokens_max * limits.groups_max)
    files = [cut_into_pieces(excerpt_of(file)) for file in room.chosen]
    named = sum(len(pieces_with_keys(file, "bench")) for file in files)
    texts = await git.cat_files(head, [file.path for file in files], bytes_max=1_000_000)
    linked = links({name: text.decode("utf-8", "replace") for name, text in texts.items() if isinstance(text, bytes)})
    grouping = group_files(files, links=linked, tokens_max=limits.group_tokens_max, groups_max=limits.groups_max)
    print(
        json.dumps(
            {
                "read_seconds": read - begun,
                "group_seconds": time.perf_counter() - read,
                "idle_megabytes": idle,
                "megabytes": megabytes(),
                "files": len(change.diff.files),
                "lines": change.diff.added + change.diff.removed,
                "groups": len(grouping.groups),
                "pieces": named,
                "left_out": len(room.left_out) + len(grouping.left_out),
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
