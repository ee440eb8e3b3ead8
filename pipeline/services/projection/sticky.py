"""Sticky: the one comment of ours that stands on a pull request.

Created once, afterwards edited; text that stands there already is not sent. Found by the id in the ledger, else by its
marker on content of our own user, the oldest of several; doubles are removed when they are seen. A person who deletes
it gets a new one with the next change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.engine.effects import Effect, Effects
from pipeline.engine.stage import JsonValue
from pipeline.services.github.comments import Comments
from pipeline.services.github.errors import Gone
from pipeline.services.github.models import IssueComment
from pipeline.services.projection.written import Author, IsOurs, check_lag, confirmed, digest, is_by, is_current

SUMMARY: Final = "summary"
"""Its name in the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticky:
    """A comment that is written once."""

    effects: Effects
    comments: Comments
    number: int
    """Of the pull request."""
    author: Author
    is_ours: IsOurs
    name: str = SUMMARY

    async def show(self, body: str, more: Mapping[str, JsonValue] | None = None) -> "Shown":
        """Make the comment say this.

        Args:
            body: Its text, the marker first.
            more: What the ledger keeps besides.

        Raises:
            EffectsStopped: The run may not write any more.
            NotShownYet: It may stand there already; look again later.
            RetryLater: GitHub did not do it, or nobody knows whether it did.
            Gone: The conversation is locked or full.
        """
        content = digest(body)
        effect = await self.effects.begin(self.name)
        if is_current(effect, content) and effect.id is not None:
            return Shown(id=effect.id, url=str(effect.detail.get("url", "")), was_sent=False)
        comment = await self._edit(effect, body) or await self._create(body)
        detail = {**(more or {}), "url": comment.html_url}
        await self.effects.confirm(self.name, confirmed(comment.id, content, detail))
        if effect.standing == "intended":
            await self._remove_doubles(comment.id)
        return Shown(id=comment.id, url=comment.html_url, was_sent=True)

    async def _edit(self, effect: Effect, body: str) -> IssueComment | None:
        """Edit the comment that stands there; None if there is none, for certain."""
        found = None if effect.standing == "confirmed" else await self._find()
        known = found.id if found else effect.id
        if known is None:
            if effect.standing == "intended":
                check_lag(effect, f"Comment {self.name} of pull request {self.number}")
                await self._begin_anew("it was looked for and is not there")
            else:
                await self.effects.begin(self.name)  # Whoever stood still while it looked has no right any more.
            return None
        if found and (found.body or "").splitlines() == body.splitlines():  # GitHub may give back other line ends.
            return found
        try:
            return await self.comments.update(self.number, known, body)
        except Gone:
            if await self.comments.comment(known) is not None:
                raise  # It is there, and may not be edited: the conversation is locked.
        await self._begin_anew("somebody deleted it")
        return None

    async def _begin_anew(self, why: str) -> None:
        await self.effects.forget(self.name, why)
        await self.effects.begin(self.name)

    async def _create(self, body: str) -> IssueComment:
        return await self.comments.create(self.number, body)

    async def _find(self) -> IssueComment | None:
        return next(iter(await self._all()), None)

    async def _all(self) -> list[IssueComment]:
        """Find all that carry our marker and are by our own user, oldest first."""
        author = await self.author()
        listed = await self.comments.comments(self.number)
        ours = (one for one in listed if is_by(one.user, author) and self.is_ours(one.body))
        return sorted(ours, key=lambda one: one.id)

    async def _remove_doubles(self, kept: int) -> None:
        for comment in await self._all():
            if comment.id != kept:
                await self.comments.delete(self.number, comment.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The comment as it stands."""

    id: int
    url: str = field(default="")
    was_sent: bool
    """False if it said this already."""
