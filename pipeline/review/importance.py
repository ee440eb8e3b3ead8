"""Importance: which changed files are read first, and which a model gets when it cannot have all.

Promises an order that depends on the names alone, so that the same change is always cut at the same place, and that
what has no room is returned and not lost. Does not promise that a name tells what a file is worth.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pipeline.review.diff import FileDiff
from pipeline.review.documents import is_test, kind_of
from pipeline.review.excerpts import BYTES_PER_TOKEN, GROUP_TOKENS_MAX, GROUPS_MAX
from pipeline.review.names import is_code

TOKENS_MAX: Final = 0.8 * GROUP_TOKENS_MAX * GROUPS_MAX
"""Room in all groups together; a fifth is left, since groups do not fill up and lines get numbers."""

_OPERATION: Final = re.compile(
    r"(?:^|/)(?:Dockerfile|Makefile|\.github/|\.gitlab-ci|Jenkinsfile)|\.(?:sql|tf|proto|graphql)$"
)
"""Files that do something though they are no code by name: builds, pipelines, schemas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a model reads, and what there is no room for."""

    chosen: tuple[FileDiff, ...]
    left_out: tuple[FileDiff, ...]


def by_importance(files: Iterable[FileDiff]) -> tuple[FileDiff, ...]:
    """Sort: code and what runs, then tests, then other files, then text."""
    return tuple(sorted(files, key=lambda file: (rank_of(file.path), file.path)))


def choose_for_model(files: Iterable[FileDiff], *, tokens_max: float = TOKENS_MAX) -> Room:
    """Choose the files that fit, in the order given, going on to smaller ones when one is too large.

    Judged by the size of the patches: no hunk of a huge change has to be read for it.
    """
    chosen: list[FileDiff] = []
    left_out: list[FileDiff] = []
    room = tokens_max
    for file in files:
        tokens = sum(map(len, file.patch or ())) / BYTES_PER_TOKEN
        if tokens > room:
            left_out.append(file)
            continue
        chosen.append(file)
        room -= tokens
    return Room(chosen=tuple(chosen), left_out=tuple(left_out))


def rank_of(path: str) -> int:
    """Say how much a file matters by its name; 0 matters most."""
    if is_test(path):
        return 1
    if is_code(path) or _OPERATION.search(path):
        return 0
    return 3 if kind_of(path) else 2
