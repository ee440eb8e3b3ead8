"""Fusion: one order out of several, and how near two vectors are.

Promises reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): what stands high in one order stands high,
what stands in both stands higher, and no score of the one has to be compared with a score of the other.
"""

from array import array
from collections.abc import Hashable, Iterable, Sequence
from operator import mul
from typing import Final, TypeVar

RANK_OFFSET: Final = 60
"""As in the paper: the first place counts little more than the second."""

Item = TypeVar("Item", bound=Hashable)


def fuse(rankings: Iterable[Sequence[Item]]) -> dict[Item, float]:
    """Give each item its score, best first: 1 for the first place of one order, less for each place after."""
    scores: dict[Item, float] = {}
    for ranking in rankings:
        for place, item in enumerate(ranking):
            scores[item] = scores.get(item, 0.0) + (RANK_OFFSET + 1) / (RANK_OFFSET + 1 + place)
    return dict(sorted(scores.items(), key=lambda one: -one[1]))


def nearness(one: bytes, other: bytes) -> float:
    """Multiply two vectors of length 1, 4-byte floats each: 1 is the same direction; -1 if their lengths differ."""
    if len(one) != len(other):
        return -1.0
    return float(sum(map(mul, array("f", one), array("f", other))))
