"""Routes of the conversation: issue comments and the reactions to them."""

from datetime import UTC, datetime
from typing import Final

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath
from pydantic import BaseModel

from bot.demo.simulated_github import events
from bot.demo.simulated_github.call import Call
from bot.demo.simulated_github.conversation import IssueComment, ReactionContent, ReviewComment
from bot.demo.simulated_github.refusals import Refusal, check_text, invalid, not_found
from bot.demo.simulated_github.repositories import Pull
from bot.demo.simulated_github.routes.repositories import REPOSITORY
from bot.demo.simulated_github.shapes import pulls
from bot.demo.simulated_github.writing import react, write_comment

COMMENTS_MAX: Final = 2_500
"""Most comments on one issue; after that 403 for ever."""

READ: Final = "issues:read|pull_requests:read"
WRITE: Final = "issues:write|pull_requests:write"

ISSUE: Final = REPOSITORY + "/issues/{number:int}"
COMMENT: Final = REPOSITORY + "/issues/comments/{comment_id:int}"
REVIEW_COMMENT: Final = REPOSITORY + "/pulls/comments/{comment_id:int}"


class Body(BaseModel):
    """The text of a comment."""

    body: str


class ReactionRequest(BaseModel):
    """The sign to leave."""

    content: ReactionContent


@get(ISSUE)
async def read_issue(request: Call) -> Response[object]:
    """Tell about a pull request as the issue it also is."""
    return Response(pulls.issue(request.world, request.pull(READ)))


@get(ISSUE + "/comments")
async def list_comments(request: Call) -> Response[object]:
    """List comments, the oldest first, perhaps only those changed `since`."""
    pull = request.pull(READ)
    shown = request.visible(pull.comments)
    if since := request.query_params.get("since"):
        start = _instant(since)
        shown = [one for one in shown if one.updated_at >= start]
    return request.paged(shown, lambda one: pulls.issue_comment(request.world, pull, one))


@post(ISSUE + "/comments")
async def create_comment(request: Call) -> Response[object]:
    """Add a comment; no key makes this happen once, so asking twice adds two."""
    pull = request.pull(WRITE)
    asked = await request.read(Body)
    check_text("IssueComment", asked.body)
    refuse_locked(pull)
    if len(pull.comments) >= COMMENTS_MAX:
        raise Refusal(403, "Commenting is disabled on issues with more than 2500 comments")
    comment = write_comment(request.world, pull, request.caller(), asked.body)
    pull.updated_at = comment.created_at
    _tell(request, pull, comment, "created")
    return Response(pulls.issue_comment(request.world, pull, comment), status_code=201)


@get(COMMENT)
async def read_comment(request: Call, comment_id: FromPath[int]) -> Response[object]:
    """Tell about a comment."""
    pull, comment = _comment(request, READ, comment_id)
    return Response(pulls.issue_comment(request.world, pull, comment))


@patch(COMMENT)
async def edit_comment(request: Call, comment_id: FromPath[int]) -> Response[object]:
    """Change the text of a comment; an App changes only its own without triage rights."""
    pull, comment = _comment(request, WRITE, comment_id)
    asked = await request.read(Body)
    check_text("IssueComment", asked.body)
    _refuse_others(request, comment)
    before, comment.body = comment.body, asked.body
    comment.updated_at = request.world.instant()
    _tell(request, pull, comment, "edited", changes={"body": {"from": before}})
    return Response(pulls.issue_comment(request.world, pull, comment))


@delete(COMMENT, status_code=204)
async def delete_comment(request: Call, comment_id: FromPath[int]) -> None:
    """Remove a comment."""
    pull, comment = _comment(request, WRITE, comment_id)
    _refuse_others(request, comment)
    pull.comments.remove(comment)
    _tell(request, pull, comment, "deleted")


@get([COMMENT + "/reactions", REVIEW_COMMENT + "/reactions"])
async def list_reactions(request: Call, comment_id: FromPath[int]) -> Response[object]:
    """List the reactions to a comment."""
    comment = _either(request, READ, comment_id)
    return request.paged(comment.reactions, lambda one: pulls.reaction(request.world, one))


@post([COMMENT + "/reactions", REVIEW_COMMENT + "/reactions"])
async def create_reaction(request: Call, comment_id: FromPath[int]) -> Response[object]:
    """Leave a reaction: 201, and 200 if it is there already."""
    comment = _either(request, WRITE, comment_id)
    asked = await request.read(ReactionRequest)
    reaction, is_new = react(request.world, comment, request.caller(), asked.content)
    return Response(pulls.reaction(request.world, reaction), status_code=201 if is_new else 200)


@delete([COMMENT + "/reactions/{reaction_id:int}", REVIEW_COMMENT + "/reactions/{reaction_id:int}"], status_code=204)
async def delete_reaction(request: Call, comment_id: FromPath[int], reaction_id: FromPath[int]) -> None:
    """Take a reaction back."""
    comment = _either(request, WRITE, comment_id)
    kept = [one for one in comment.reactions if one.id != reaction_id]
    if len(kept) == len(comment.reactions):
        raise not_found()
    comment.reactions[:] = kept


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise invalid("Issue", "since", "since is not a valid date", "invalid") from error


def refuse_locked(pull: Pull) -> None:
    """Refuse to write on a locked conversation: 403, for good."""
    if pull.locked:
        raise Refusal(403, "Unable to create comment because issue is locked.")


def find_review_comment(request: Call, need: str, comment_id: int) -> tuple[Pull, ReviewComment]:
    """Find a review comment that everybody sees.

    Raises:
        Refusal: 404, also for those of a pending review.
    """
    for pull in request.repository(need).pulls.values():
        for comment in pull.review_comments:
            if comment.id == comment_id and pull.is_public(comment):
                return pull, comment
    raise not_found()


def _comment(request: Call, need: str, comment_id: int) -> tuple[Pull, IssueComment]:
    for pull in request.repository(need).pulls.values():
        for comment in pull.comments:
            if comment.id == comment_id:
                return pull, comment
    raise not_found()


def _either(request: Call, need: str, comment_id: int) -> IssueComment | ReviewComment:
    """Find the comment of the path, in the conversation or on the diff."""
    if "/pulls/comments/" in request.scope["path"]:
        return find_review_comment(
            request, need.removeprefix("issues:read|").removeprefix("issues:write|"), comment_id
        )[1]
    return _comment(request, need, comment_id)[1]


def _refuse_others(request: Call, comment: IssueComment) -> None:
    if comment.author is not request.caller():
        raise Refusal(403, "Resource not accessible by integration")


def _tell(request: Call, pull: Pull, comment: IssueComment, action: str, **more: object) -> None:
    request.courier.tell_later(events.comment_event(request.world, pull, comment, action, request.caller(), **more))


HANDLERS = [
    read_issue,
    list_comments,
    create_comment,
    read_comment,
    edit_comment,
    delete_comment,
    list_reactions,
    create_reaction,
    delete_reaction,
]
