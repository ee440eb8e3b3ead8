"""Routes of review comments: listing them, and writing single ones, also in reply.

GitHub wraps each single comment in a review of its own, which is why none can be written while a review is pending.
"""

from typing import Final, Literal

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath
from pydantic import BaseModel

from bot.demo.simulated_github.call import Call
from bot.demo.simulated_github.diffs import Side
from bot.demo.simulated_github.refusals import (
    Refusal,
    check_text,
    invalid,
)
from bot.demo.simulated_github.repositories import Pull
from bot.demo.simulated_github.routes.anchors import (
    AnchoredText,
    anchor_errors,
    check_commit,
    pending_of,
    tell_comment,
    write_anchored,
)
from bot.demo.simulated_github.routes.comments import REVIEW_COMMENT, Body, find_review_comment, refuse_locked
from bot.demo.simulated_github.routes.pulls import PULL
from bot.demo.simulated_github.shapes import pulls
from bot.demo.simulated_github.writing import write_review

WRITE: Final = "pull_requests:write"


class CommentRequest(BaseModel):
    """A single comment, on a line, on a file or in reply."""

    body: str
    path: str = ""
    commit_id: str | None = None
    line: int | None = None
    side: Side = "RIGHT"
    start_line: int | None = None
    start_side: Side | None = None
    in_reply_to: int | None = None
    subject_type: Literal["line", "file"] = "line"


@get(PULL + "/comments")
async def list_review_comments(request: Call) -> Response[object]:
    """List all review comments that were submitted."""
    pull = request.pull()
    shown = [one for one in request.visible(pull.review_comments) if pull.is_public(one)]
    return request.paged(shown, lambda one: pulls.review_comment(request.world, pull, one))


@post(PULL + "/comments")
async def create_review_comment(request: Call) -> Response[object]:
    """Add one comment, in a review of its own that GitHub makes for it."""
    pull = request.pull(WRITE)
    asked = await request.read(CommentRequest)
    author = request.caller()
    refuse_locked(pull)
    check_text("PullRequestReviewComment", asked.body)
    if pending_of(pull, author) is not None:
        raise invalid(
            "PullRequestReviewComment", "user_id", "user_id can only have one pending review per pull request"
        )
    anchor = _anchor(pull, asked)
    review = write_review(request.world, pull, author, "", "COMMENTED", asked.commit_id or pull.head_sha)
    review.is_implicit = True
    comment = write_anchored(request, pull, review, anchor, in_reply_to_id=asked.in_reply_to)
    tell_comment(request, pull, comment, author)
    return Response(pulls.review_comment(request.world, pull, comment), status_code=201)


@get(REVIEW_COMMENT)
async def read_review_comment(request: Call, comment_id: FromPath[int]) -> Response[object]:
    """Tell about a review comment."""
    pull, comment = find_review_comment(request, "pull_requests:read", comment_id)
    return Response(pulls.review_comment(request.world, pull, comment))


@patch(REVIEW_COMMENT)
async def edit_review_comment(request: Call, comment_id: FromPath[int]) -> Response[object]:
    """Change the text of a review comment of one's own."""
    pull, comment = find_review_comment(request, WRITE, comment_id)
    asked = await request.read(Body)
    check_text("PullRequestReviewComment", asked.body)
    if comment.author is not request.caller():
        raise Refusal(403, "Resource not accessible by integration")
    comment.body, comment.updated_at = asked.body, request.world.instant()
    return Response(pulls.review_comment(request.world, pull, comment))


@delete(REVIEW_COMMENT, status_code=204)
async def delete_review_comment(request: Call, comment_id: FromPath[int]) -> None:
    """Remove a review comment of one's own; the implicit review of a single one goes with it."""
    pull, comment = find_review_comment(request, WRITE, comment_id)
    if comment.author is not request.caller():
        raise Refusal(403, "Resource not accessible by integration")
    pull.review_comments.remove(comment)
    pull.reviews[:] = [one for one in pull.reviews if not (one.is_implicit and one.id == comment.review_id)]


def _anchor(pull: Pull, asked: CommentRequest) -> AnchoredText:
    """Give the place of a single comment: its own, or that of the comment it replies to."""
    if asked.in_reply_to is not None:
        first = next((one for one in pull.review_comments if one.id == asked.in_reply_to), None)
        if first is None:
            raise invalid("PullRequestReviewComment", "in_reply_to", "in_reply_to could not be resolved", "invalid")
        return AnchoredText(body=asked.body, path=first.anchor.path, line=first.anchor.line, side=first.anchor.side)
    if asked.commit_id is None:
        raise Refusal(422, 'Invalid request.\n\n"commit_id" wasn\'t supplied.')
    check_commit(pull, asked.commit_id)
    anchor = AnchoredText.model_validate(asked.model_dump(include=set(AnchoredText.model_fields)))
    files = {file.path: file for file in pull.repository.changes(pull, asked.commit_id)}
    if asked.subject_type == "file":
        anchor.line = None
        errors = [] if asked.path in files else ["Path could not be resolved"]
    else:
        errors = anchor_errors(files, anchor)
    if errors:
        raise invalid("PullRequestReviewComment", "line", errors[0])
    return anchor


HANDLERS = [
    list_review_comments,
    create_review_comment,
    read_review_comment,
    edit_review_comment,
    delete_review_comment,
]
