"""Memory: what a model said of this subject's changes before, taken over instead of asked for again.

Promises one look-up for all tries of the stage: a resumed try sees what the first one saw, cuts the same groups and
finds its paid answers. A reading is kept after its answer is recorded; a crash between the two writes it again from the
record. Does not promise that anything is found: what is lost is asked again. Nothing of one subject reaches another.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from pipeline.engine.fingerprint import fingerprint
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.excerpts import FileExcerpt, HunkExcerpt
from pipeline.review.group_review import GroupReview
from pipeline.review.kept_readings import (
    Piece,
    TakenOver,
    accounts_of,
    pieces_with_keys,
    read_account,
    take_over,
    to_keep,
)

RECALLED_CHARACTERS_MAX: Final = 4_000_000
"""Of readings that one review takes over: half of what the engine stores of a step. The rest is asked again."""


class Readings(Protocol):
    """Where readings are kept; the roof decides where, how many and for how long. Neither method raises."""

    async def recall(self, subject: str, keys: Sequence[str]) -> Mapping[str, str]:
        """Give what is kept of a subject under these keys."""

    async def keep(self, subject: str, readings: Mapping[str, str]) -> None:
        """Keep readings, the newest in place of older ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What need not be asked."""

    taken: TakenOver
    walkthroughs: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Memory:
    """The readings of one run's subject.

    Args:
        readings: Where they are kept; None where nothing is.
        subject: Whose.
        reader: Names who reads a file, and by which rules.
    """

    readings: Readings | None
    subject: str
    reader: Callable[[FileExcerpt], str]
    _names: dict[tuple[str, HunkExcerpt], Piece] = field(default_factory=dict, init=False)

    async def take_over(self, ctx: StageContext, files: Sequence[FileExcerpt]) -> Known:
        """Look up the pieces of a change; nothing is known if it was asked for with nothing taken over."""
        pieces = [pieces_with_keys(file, self.reader(file)) for file in files]
        self._names = {(piece.path, piece.hunk): piece for named in pieces for piece in named}
        kept = {} if ctx.is_fresh else await self._recalled(ctx, [piece.key for named in pieces for piece in named])
        taken = take_over(files, pieces, kept)
        told = (read_account(kept.get(key)) for key in taken.accounts)
        return Known(taken=taken, walkthroughs=tuple(text for text in told if text))

    async def keep(self, group: Sequence[FileExcerpt], review: GroupReview) -> None:
        """Keep what came of a group; one with gaps, that is none or that nobody doubted is worth asking for again."""
        if self.readings is None or not self.subject or review.unusable is not None or review.gaps or review.unchecked:
            return
        named = (self._names.get((file.path, hunk)) for file in group for hunk in file.hunks)
        pieces = [piece for piece in named if piece is not None]  # Halves of one that filled a group are no pieces.
        kept = to_keep(pieces, review.findings, model=review.model, walkthrough=review.walkthrough)
        await self.readings.keep(self.subject, kept)

    async def _recalled(self, ctx: StageContext, keys: Sequence[str]) -> Mapping[str, str]:
        readings = self.readings
        if readings is None or not self.subject or not keys:
            return {}

        async def recall(_keys: JsonValue) -> dict[str, JsonValue]:
            found = await readings.recall(self.subject, keys)
            accounts = await readings.recall(self.subject, accounts_of(found.values()))
            return _bounded({**accounts, **found})

        return {key: str(text) for key, text in (await ctx.step("kept readings", recall, fingerprint(*keys))).items()}


def _bounded(texts: Mapping[str, str]) -> dict[str, JsonValue]:
    """Take as many as fit."""
    left, kept = RECALLED_CHARACTERS_MAX, dict[str, JsonValue]()
    for key, text in texts.items():
        left -= len(text)
        if left < 0:
            break
        kept[key] = text
    return kept
