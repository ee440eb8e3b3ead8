"""Reviews: in two phases, since GitHub offers one thing that is enforced when written: one pending review each.

A pending review is seen by its author only. A second one is refused (`Refused.is_pending_review_there`), so two racing
workers cannot both succeed; submitting goes by id and cannot make a second review. A submitted one can never be
deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.engine.stage import JsonValue
from pipeline.services.github import endpoints
from pipeline.services.github.caller import Call
from pipeline.services.github.client import GitHub
from pipeline.services.github.errors import Gone
from pipeline.services.github.models import Review, ReviewComment
from pipeline.services.github.place import Place

RIGHT: Final = "RIGHT"
"""The side of a diff with added and unchanged lines."""

LEFT: Final = "LEFT"
"""The side with deleted lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineComment:
    """One remark on lines that the diff has."""

    path: str
    line: int
    """The last line, from 1."""
    body: str
    side: str = RIGHT
    start_line: int | None = None
    """The first line, if there are several: less than `line` and in the same hunk."""
    start_side: str | None = None
    """Its side; that of the last line if unset."""

    def as_json(self) -> dict[str, JsonValue]:
        """Write it as GitHub reads it."""
        single: dict[str, JsonValue] = {"path": self.path, "line": self.line, "side": self.side, "body": self.body}
        if self.start_line is None or self.start_line == self.line:  # GitHub refuses a range of one line.
            return single
        return {**single, "start_line": self.start_line, "start_side": self.start_side or self.side}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviews:
    """Reviews of pull requests in one repository."""

    github: GitHub
    place: Place

    async def reviews(self, number: int) -> list[Review]:
        """List the reviews, oldest first, our own pending one among them."""
        endpoint = endpoints.REVIEWS
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, pull_number=number))
        return await self.github.get_all(self.place, call, Review)

    async def review(self, number: int, review_id: int) -> Review | None:
        """Read one review, or None if there is none."""
        endpoint = endpoints.REVIEW
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, pull_number=number, review_id=review_id))
        try:
            return await self.github.get(self.place, call, Review)
        except Gone:
            return None

    async def create_pending(
        self, number: int, *, commit_id: str, body: str, comments: Sequence[InlineComment] = ()
    ) -> Review:
        """Make a review that only we see.

        Args:
            number: The pull request's.
            commit_id: The head that was looked at; GitHub takes the newest if it is left out.
            body: With the marker first.
            comments: All or none: one on a line outside the diff refuses them all.

        Raises:
            Ambiguous: It may be there: list and look for the marker.
            Refused: Another pending one is there, or a line is outside the diff.
            NotYet: GitHub does not know the commit yet.
        """
        endpoint = endpoints.CREATE_REVIEW
        call = Call(
            endpoint=endpoint,
            path=endpoint.at(self.place, pull_number=number),
            body={"commit_id": commit_id, "body": body, "comments": [one.as_json() for one in comments]},
            contents=len(comments),
        )
        return await self.github.write_and_read(self.place, call, Review, line=number)

    async def submit(self, number: int, review_id: int, *, body: str | None = None) -> Review:
        """Show a pending review to all, as a comment that neither approves nor blocks.

        Raises:
            Ambiguous: Read the review: any state but PENDING means done.
            Refused: It is submitted already, or its commit is gone.
            Gone: There is no such review.
        """
        endpoint = endpoints.SUBMIT_REVIEW
        wanted: dict[str, JsonValue] = {"event": "COMMENT"}
        call = Call(
            endpoint=endpoint,
            path=endpoint.at(self.place, pull_number=number, review_id=review_id),
            body=wanted if body is None else {**wanted, "body": body},
        )
        return await self.github.write_and_read(self.place, call, Review, line=number)

    async def delete_pending(self, number: int, review_id: int) -> None:
        """Delete a review that was not submitted; one that is gone is gone.

        Raises:
            Refused: It was submitted.
        """
        endpoint = endpoints.DELETE_REVIEW
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, pull_number=number, review_id=review_id))
        try:
            await self.github.write(self.place, call, line=number)
        except Gone:
            return

    async def update_body(self, number: int, review_id: int, body: str) -> Review:
        """Replace the text of a review, submitted or not."""
        endpoint = endpoints.UPDATE_REVIEW
        path = endpoint.at(self.place, pull_number=number, review_id=review_id)
        call = Call(endpoint=endpoint, path=path, body={"body": body})
        return await self.github.write_and_read(self.place, call, Review, line=number)

    async def comments(self, number: int, review_id: int) -> list[ReviewComment]:
        """List the inline comments of one review."""
        endpoint = endpoints.COMMENTS_OF_REVIEW
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, pull_number=number, review_id=review_id))
        return await self.github.get_all(self.place, call, ReviewComment)
