"""Two-phase review: at most one submitted review for each head, whatever is lost on the way.

GitHub enforces one thing when it is written: one pending review per user and pull request. So a review is created
pending, its id is put into the ledger, and only then it is submitted, by id. Before the id is known nothing was
submitted, so a second attempt can at worst be refused, and then finds the first; after it is known, the review itself
says whether it was submitted. A pending review of ours that is of another head or mark was forgotten by a crash, or by
a run that was superseded between the two phases, and is deleted; one that was submitted all the same is recorded.

Not covered: the ledger lost *and* GitHub's list stale in the same seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.engine.effects import Effect, Effects
from pipeline.engine.errors import GiveUp, RetryLater
from pipeline.engine.stage import JsonValue
from pipeline.services.github.errors import Refused
from pipeline.services.github.models import Review
from pipeline.services.github.reviews import InlineComment, Reviews
from pipeline.services.projection.written import Author, IsOurs, is_by

PENDING: Final = "pending"
SUBMITTED: Final = "submitted"

LEDGER: Final = "review "
"""What its name in the ledger begins with; the head follows."""

STANDING: Final = frozenset({"state", "at_ms", "run"})
"""What the ledger itself says of an effect."""

STALE_SECONDS: Final = 2.0
"""Wait when GitHub refuses because of a pending review that it does not list yet."""


class LinesRefused(GiveUp):
    """GitHub takes none of the inline comments, because it does not find one of their lines in the diff."""

    code = "lines_refused"


class ReviewUnsettled(RetryLater):
    """The pending review is in a state that the next look will tell."""

    code = "review_unsettled"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoPhaseReview:
    """The review of one head."""

    effects: Effects
    reviews: Reviews
    number: int
    """Of the pull request."""
    head: str
    author: Author
    is_ours: IsOurs

    @property
    def name(self) -> str:
        """Its name in the ledger."""
        return f"{LEDGER}{self.head}"

    async def post(self, body: str, comments: Sequence[InlineComment], more: Mapping[str, JsonValue]) -> bool:
        """Post the review, unless one of this head stands; answer whether these very comments do now.

        Args:
            body: Its text, the marker first.
            comments: Validated against the diff.
            more: What the ledger keeps besides.

        Raises:
            LinesRefused: None of it was posted.
            EffectsStopped: The run may not write any more.
            RetryLater: Not settled yet; the same call goes on where it stood.
        """
        effect = await self.effects.begin(self.name)
        if effect.detail.get("phase") == SUBMITTED:
            return False
        if effect.detail.get("phase") == PENDING and effect.id is not None:
            return await self._go_on(effect, effect.id)
        if await self._stands(effect):
            return False
        await self.effects.begin(self.name)  # Whoever stood still while it looked has no right any more.
        review = await self._pending(body, comments)
        detail: dict[str, JsonValue] = {**more, "id": review.id, "phase": PENDING}
        await self.effects.confirm(self.name, detail)
        await self._submit(review.id, detail)
        return True

    async def settle_others(self, ledger: Mapping[str, Mapping[str, JsonValue]]) -> bool:
        """Bring the reviews of other heads to an end that their runs did not; answer whether there was any.

        Args:
            ledger: What was written for this pull request, by its name.

        Raises:
            EffectsStopped: The run may not write any more.
            RetryLater: Not all of them could be settled.
        """
        open_ones = {
            name.removeprefix(LEDGER): detail
            for name, detail in ledger.items()
            if name.startswith(LEDGER) and name != self.name and detail.get("phase") != SUBMITTED
        }
        listed = await self._all(marked=False) if open_ones else []
        for head, detail in open_ones.items():
            await self._settle(head, detail, listed)
        return bool(open_ones)

    async def _settle(self, head: str, detail: Mapping[str, JsonValue], listed: Sequence[Review]) -> None:
        known = detail.get("id")
        if isinstance(known, int):
            review = await self.reviews.review(self.number, known)  # Its id is surer than a list, which may lag.
        else:
            review = next((one for one in listed if one.commit_id == head), None)
        if review is not None and not review.is_pending:
            kept = {name: value for name, value in detail.items() if name not in STANDING}
            await self.effects.confirm(f"{LEDGER}{head}", {**kept, "id": review.id, "phase": SUBMITTED})
            return
        if review is not None:
            await self.reviews.delete_pending(self.number, review.id)
        if review is not None or known is not None:  # One that is only intended may be listed later.
            await self.effects.forget(f"{LEDGER}{head}", "its run ended before it was submitted")

    async def _go_on(self, effect: Effect, review_id: int) -> bool:
        """Submit what was created, if it was not."""
        review = await self.reviews.review(self.number, review_id)
        if review is None:
            await self.effects.forget(self.name, "the pending review is gone")
            raise ReviewUnsettled(f"The pending review {review_id} of pull request {self.number} is gone.")
        kept = {name: value for name, value in effect.detail.items() if name not in STANDING}
        if review.is_pending:
            await self._submit(review_id, kept)
        else:
            await self.effects.confirm(self.name, {**kept, "phase": SUBMITTED})
        return True

    async def _stands(self, effect: Effect) -> bool:
        """Look whether a review of this head was submitted by somebody who could not tell (a ledger that was lost)."""
        ours = [one for one in await self._all() if not one.is_pending and one.commit_id == self.head]
        if not ours:
            return False
        await self.effects.confirm(self.name, {"id": ours[0].id, "phase": SUBMITTED, "was": effect.standing})
        return True

    async def _pending(self, body: str, comments: Sequence[InlineComment]) -> Review:
        try:
            return await self._create(body, comments)
        except Refused as refused:
            if not refused.is_pending_review_there:
                raise
        for one in await self._all(marked=False):
            if one.is_pending and one.commit_id == self.head and self.is_ours(one.body):
                return one
            if one.is_pending:
                await self.reviews.delete_pending(self.number, one.id)
        try:
            return await self._create(body, comments)
        except Refused as refused:
            if not refused.is_pending_review_there:
                raise
            raise ReviewUnsettled(
                f"GitHub has a pending review of ours on pull request {self.number}, and does not list it yet.",
                retry_after_seconds=STALE_SECONDS,
            ) from refused

    async def _create(self, body: str, comments: Sequence[InlineComment]) -> Review:
        try:
            return await self.reviews.create_pending(self.number, commit_id=self.head, body=body, comments=comments)
        except Refused as refused:
            if not refused.is_line_outside_diff:
                raise
            await self.effects.forget(self.name, "GitHub did not find a line in the diff")
            raise LinesRefused(f"GitHub refused {len(comments)} inline comments: {refused.words}") from refused

    async def _submit(self, review_id: int, detail: Mapping[str, JsonValue]) -> None:
        try:
            await self.reviews.submit(self.number, review_id)
        except Refused as refused:
            review = await self.reviews.review(self.number, review_id)
            if review is not None and review.is_pending:  # Its commit is gone from the pull request: nothing to show.
                await self.reviews.delete_pending(self.number, review_id)
                await self.effects.forget(self.name, f"GitHub does not submit it: {refused.words}")
                raise ReviewUnsettled(f"Review {review_id} could not be submitted: {refused.words}") from refused
        await self.effects.confirm(self.name, {**detail, "phase": SUBMITTED})

    async def _all(self, *, marked: bool = True) -> list[Review]:
        author = await self.author()
        listed = await self.reviews.reviews(self.number)
        ours = [one for one in listed if is_by(one.user, author)]
        return [one for one in ours if not marked or self.is_ours(one.body)]
