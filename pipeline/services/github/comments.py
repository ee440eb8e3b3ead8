"""Comments: the conversation of a pull request, and reactions.

Creating is not idempotent: on `Ambiguous`, list and look for your marker before creating again. Updating, deleting and
reacting may be repeated: GitHub ends in the same state.
"""

from dataclasses import dataclass
from datetime import datetime

from pipeline.engine.stage import JsonValue
from pipeline.services.github import endpoints
from pipeline.services.github.caller import Call
from pipeline.services.github.client import GitHub
from pipeline.services.github.errors import Gone
from pipeline.services.github.models import IssueComment, Reaction, ReviewComment, as_github
from pipeline.services.github.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Comments:
    """Comments in one repository; `number` is the pull request's, whose writes keep their order."""

    github: GitHub
    place: Place

    async def comments(self, number: int, *, since: datetime | None = None) -> list[IssueComment]:
        """List the comments of a conversation, oldest first; those changed since a moment, if one is given."""
        endpoint = endpoints.ISSUE_COMMENTS
        query = {"since": as_github(since)} if since else {}
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, issue_number=number), query=query)
        return await self.github.get_all(self.place, call, IssueComment)

    async def comment(self, comment_id: int) -> IssueComment | None:
        """Read one comment, or None if it was deleted."""
        endpoint = endpoints.ISSUE_COMMENT
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, comment_id=comment_id))
        try:
            return await self.github.get(self.place, call, IssueComment)
        except Gone:
            return None

    async def create(self, number: int, body: str) -> IssueComment:
        """Write a comment.

        Raises:
            Ambiguous: It may stand there or not.
            Gone: The conversation is locked or full.
        """
        endpoint = endpoints.CREATE_ISSUE_COMMENT
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, issue_number=number), body={"body": body})
        return await self.github.write_and_read(self.place, call, IssueComment, line=number)

    async def update(self, number: int, comment_id: int, body: str) -> IssueComment:
        """Replace a comment's text.

        Raises:
            Gone: It was deleted.
        """
        endpoint = endpoints.UPDATE_ISSUE_COMMENT
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, comment_id=comment_id), body={"body": body})
        return await self.github.write_and_read(self.place, call, IssueComment, line=number)

    async def delete(self, number: int, comment_id: int) -> None:
        """Delete a comment; one that is gone is gone."""
        endpoint = endpoints.DELETE_ISSUE_COMMENT
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, comment_id=comment_id))
        await self._delete(call, number)

    async def delete_inline(self, number: int, comment_id: int) -> None:
        """Delete an inline comment of ours; one that is gone is gone."""
        endpoint = endpoints.DELETE_REVIEW_COMMENT
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, comment_id=comment_id))
        await self._delete(call, number)

    async def inline_comments(self, number: int) -> list[ReviewComment]:
        """List the inline comments of a pull request, oldest first."""
        endpoint = endpoints.REVIEW_COMMENTS
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, pull_number=number))
        return await self.github.get_all(self.place, call, ReviewComment)

    async def inline_comment(self, comment_id: int) -> ReviewComment | None:
        """Read one inline comment, or None if it was deleted."""
        endpoint = endpoints.REVIEW_COMMENT
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, comment_id=comment_id))
        try:
            return await self.github.get(self.place, call, ReviewComment)
        except Gone:
            return None

    async def reply(self, number: int, to: ReviewComment, body: str) -> ReviewComment:
        """Answer in the thread of an inline comment.

        Args:
            number: The pull request's.
            to: Any comment of the thread.
            body: The answer.

        Raises:
            Ambiguous: It may stand there or not.
            Refused: A pending review of ours stands in the way (`is_pending_review_there`), or the thread is gone.
        """
        endpoint = endpoints.CREATE_REVIEW_COMMENT  # The endpoint for replies is closed to Apps.
        thread: dict[str, JsonValue] = {"in_reply_to": to.in_reply_to_id or to.id}
        # GitHub ignores these beside `in_reply_to`, but its own description calls them required.
        anchor: dict[str, JsonValue] = {"path": to.path, "commit_id": to.commit_id or ""}
        path = endpoint.at(self.place, pull_number=number)
        call = Call(endpoint=endpoint, path=path, body={"body": body, **thread, **anchor})
        return await self.github.write_and_read(self.place, call, ReviewComment, line=number)

    async def react(self, number: int, comment_id: int, content: str) -> Reaction:
        """React to a comment; the same reaction twice is one.

        Args:
            number: The pull request's.
            comment_id: The comment's.
            content: `eyes`, `+1`, `-1`, `confused`, `rocket`, `hooray`, `heart` or `laugh`.
        """
        return await self._react(endpoints.REACT_TO_ISSUE_COMMENT, number, comment_id, content)

    async def react_inline(self, number: int, comment_id: int, content: str) -> Reaction:
        """React to an inline comment; see `react`."""
        return await self._react(endpoints.REACT_TO_REVIEW_COMMENT, number, comment_id, content)

    async def _react(self, endpoint: endpoints.Endpoint, number: int, comment_id: int, content: str) -> Reaction:
        call = Call(endpoint=endpoint, path=endpoint.at(self.place, comment_id=comment_id), body={"content": content})
        return await self.github.write_and_read(self.place, call, Reaction, line=number)

    async def _delete(self, call: Call, number: int) -> None:
        try:
            await self.github.write(self.place, call, line=number)
        except Gone:
            return
