"""Routes of reviews: pending, submitted, and the comments on lines of the diff.

What GitHub enforces and a client can lean on: one PENDING review per user and pull request, at write time; a review is
taken whole or not at all; a submitted review can never be deleted. A pending review is seen by its author alone.
"""

from collections.abc import Sequence
from typing import Final, Literal

from litestar import Response, delete, get, patch, post, put
from litestar.params import FromPath
from pydantic import BaseModel

from bot.demo.simulated_github import events
from bot.demo.simulated_github.accounts import Account
from bot.demo.simulated_github.call import (
    TEXT_CHARACTERS_MAX,
    Call,
    Refusal,
    check_text,
    invalid,
    not_found,
    unprocessable,
)
from bot.demo.simulated_github.conversation import Anchor, Review, ReviewComment, ReviewState
from bot.demo.simulated_github.diffs import ChangedFile, Side
from bot.demo.simulated_github.git_store import UnknownObject
from bot.demo.simulated_github.repositories import Pull
from bot.demo.simulated_github.routes.comments import REVIEW_COMMENT, Body, find_review_comment, refuse_locked
from bot.demo.simulated_github.routes.pulls import PULL
from bot.demo.simulated_github.shapes import pulls
from bot.demo.simulated_github.writing import write_review, write_review_comment

REVIEW_COMMENTS_MAX: Final = 32
"""More inline comments in one review are refused. Observed (src-d/lookout#264), never documented."""

ONE_PENDING: Final = "User can only have one pending review per pull request"
WRITE: Final = "pull_requests:write"

REVIEW: Final = PULL + "/reviews/{review_id:int}"

EventName = Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]

STATES: Final[dict[EventName, ReviewState]] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}


class AnchoredText(BaseModel):
    """Where a comment stands, and what it says."""

    body: str
    path: str
    line: int | None = None
    side: Side = "RIGHT"
    start_line: int | None = None
    start_side: Side | None = None


class ReviewRequest(BaseModel):
    """A review to make: pending without `event`."""

    commit_id: str | None = None
    body: str = ""
    event: EventName | None = None
    comments: Sequence[AnchoredText] = ()


class SubmitRequest(BaseModel):
    """How a pending review is submitted."""

    event: EventName
    body: str | None = None


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


@get(PULL + "/reviews")
async def list_reviews(request: Call) -> Response[object]:
    """List reviews, the oldest first; pending ones only to their author."""
    pull = request.pull()
    mine = _caller_or_none(request)
    shown = [one for one in request.visible(pull.reviews) if one.state != "PENDING" or one.author is mine]
    return request.paged(shown, lambda one: pulls.review(request.world, pull, one))


@post(PULL + "/reviews", status_code=200)
async def create_review(request: Call) -> Response[object]:
    """Make a review: all of it or nothing."""
    pull = request.pull(WRITE)
    asked = await request.read(ReviewRequest)
    author = request.caller()
    refuse_locked(pull)
    if _pending_of(pull, author) is not None:
        raise unprocessable(ONE_PENDING)
    _check_review(pull, asked)
    review = write_review(request.world, pull, author, asked.body, "PENDING", asked.commit_id or pull.head_sha)
    for one in asked.comments:
        _write(request, pull, review, one)
    if asked.event is not None:
        _submit(request, pull, review, asked.event)
    return Response(pulls.review(request.world, pull, review))


@get(REVIEW)
async def read_review(request: Call, review_id: FromPath[int]) -> Response[object]:
    """Tell about a review."""
    pull = request.pull()
    return Response(pulls.review(request.world, pull, _review(request, pull, review_id)))


@put(REVIEW)
async def edit_review(request: Call, review_id: FromPath[int]) -> Response[object]:
    """Change the text of a review of one's own, submitted or not."""
    pull = request.pull(WRITE)
    review = _own_review(request, pull, review_id)
    asked = await request.read(Body)
    check_text("PullRequestReview", asked.body)
    review.body = asked.body
    return Response(pulls.review(request.world, pull, review))


@delete(REVIEW, status_code=200)
async def delete_review(request: Call, review_id: FromPath[int]) -> Response[object]:
    """Remove a pending review; a submitted one stays for ever."""
    pull = request.pull(WRITE)
    review = _own_review(request, pull, review_id)
    if review.state != "PENDING":
        raise unprocessable("Can not delete a non-pending pull request review")
    pull.reviews.remove(review)
    pull.review_comments[:] = [one for one in pull.review_comments if one.review_id != review.id]
    return Response(pulls.review(request.world, pull, review))


@post(REVIEW + "/events", status_code=200)
async def submit_review(request: Call, review_id: FromPath[int]) -> Response[object]:
    """Submit a pending review; a second time is refused and changes nothing."""
    pull = request.pull(WRITE)
    review = _own_review(request, pull, review_id)
    asked = await request.read(SubmitRequest)
    if review.state != "PENDING":
        raise unprocessable("Can not submit a review that is not pending")
    review.body = review.body if asked.body is None else asked.body
    _check_length(review.body)
    _submit(request, pull, review, asked.event)
    return Response(pulls.review(request.world, pull, review))


@get(REVIEW + "/comments")
async def list_comments_of_review(request: Call, review_id: FromPath[int]) -> Response[object]:
    """List the comments of one review, also of one's own pending one."""
    pull = request.pull()
    review = _review(request, pull, review_id)
    mine = [one for one in request.visible(pull.review_comments) if one.review_id == review.id]
    return request.paged(mine, lambda one: pulls.review_comment(request.world, pull, one))


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
    if _pending_of(pull, author) is not None:
        raise invalid(
            "PullRequestReviewComment", "user_id", "user_id can only have one pending review per pull request"
        )
    anchor = _single_anchor(pull, asked)
    review = write_review(request.world, pull, author, "", "COMMENTED", asked.commit_id or pull.head_sha)
    review.is_implicit = True
    comment = _write(request, pull, review, anchor, in_reply_to_id=asked.in_reply_to)
    _tell_comment(request, pull, comment, author)
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


def _check_review(pull: Pull, asked: ReviewRequest) -> None:
    """Refuse what GitHub refuses, before anything is written."""
    _check_length(asked.body)
    if asked.event in {"COMMENT", "REQUEST_CHANGES"} and not asked.body.strip() and not asked.comments:
        raise unprocessable("Body can't be blank")
    if len(asked.comments) > REVIEW_COMMENTS_MAX:
        raise unprocessable("was submitted too quickly")
    head = asked.commit_id or pull.head_sha
    _check_commit(pull, head)
    files = {file.path: file for file in pull.repository.changes(pull, head)}
    errors = [error for one in asked.comments for error in _anchor_errors(files, one)]
    if errors:
        raise unprocessable(*dict.fromkeys(errors))


def _anchor_errors(files: dict[str, ChangedFile], one: AnchoredText) -> list[str]:
    """Say what is wrong with a comment, in words that do not say which one it is."""
    if not one.body.strip():
        return ["Pull request review thread comments body can't be blank"]
    if len(one.body) > TEXT_CHARACTERS_MAX:
        return [f"body is too long (maximum is {TEXT_CHARACTERS_MAX} characters)"]
    if one.path not in files:
        return ["Path could not be resolved"]
    return _line_errors(files[one.path], one)


def _line_errors(file: ChangedFile, one: AnchoredText) -> list[str]:
    if one.line is None or (one.side, one.line) not in file.commentable:
        return ["pull_request_review_thread.line must be part of the diff"]
    if one.start_line is None:
        return []
    if one.start_line >= one.line:
        return ["pull_request_review_thread.start_line must precede the end line."]
    start = (one.start_side or one.side, one.start_line)
    if file.commentable.get(start) != file.commentable[one.side, one.line]:
        return ["pull_request_review_thread.start_line must be part of the same hunk as the line."]
    return []


def _check_length(body: str) -> None:
    if len(body) > TEXT_CHARACTERS_MAX:
        raise unprocessable(f"body is too long (maximum is {TEXT_CHARACTERS_MAX} characters)")


def _check_commit(pull: Pull, sha: str) -> None:
    """Refuse a commit that never belonged to the pull request."""
    try:
        known = pull.repository.git.sha(sha) == sha
    except UnknownObject:
        known = False
    if not known or not any(pull.repository.git.is_ancestor(sha, head) for head in pull.heads):
        raise unprocessable(
            f"No commit found for SHA: {sha}" if not known else "commit_id is not part of the pull request"
        )


def _single_anchor(pull: Pull, asked: CommentRequest) -> AnchoredText:
    """Give the place of a single comment: its own, or that of the comment it replies to."""
    if asked.in_reply_to is not None:
        first = next((one for one in pull.review_comments if one.id == asked.in_reply_to), None)
        if first is None:
            raise invalid("PullRequestReviewComment", "in_reply_to", "in_reply_to could not be resolved", "invalid")
        return AnchoredText(body=asked.body, path=first.anchor.path, line=first.anchor.line, side=first.anchor.side)
    if asked.commit_id is None:
        raise Refusal(422, 'Invalid request.\n\n"commit_id" wasn\'t supplied.')
    _check_commit(pull, asked.commit_id)
    anchor = AnchoredText.model_validate(asked.model_dump(include=set(AnchoredText.model_fields)))
    files = {file.path: file for file in pull.repository.changes(pull, asked.commit_id)}
    if asked.subject_type == "file":
        anchor.line = None
        errors = [] if asked.path in files else ["Path could not be resolved"]
    else:
        errors = _anchor_errors(files, anchor)
    if errors:
        raise invalid("PullRequestReviewComment", "line", errors[0])
    return anchor


def _write(
    request: Call, pull: Pull, review: Review, one: AnchoredText, *, in_reply_to_id: int | None = None
) -> ReviewComment:
    start_side = None if one.start_line is None else one.start_side or one.side
    anchor = Anchor(path=one.path, line=one.line, side=one.side, start_line=one.start_line, start_side=start_side)
    return write_review_comment(request.world, pull, review, one.body, anchor, in_reply_to_id=in_reply_to_id)


def _submit(request: Call, pull: Pull, review: Review, event: EventName) -> None:
    review.state, review.submitted_at = STATES[event], request.world.instant()
    pull.updated_at = review.submitted_at
    request.courier.tell_later(events.review_event(request.world, pull, review, "submitted", review.author))
    for comment in pull.review_comments:
        if comment.review_id == review.id:
            _tell_comment(request, pull, comment, review.author)


def _tell_comment(request: Call, pull: Pull, comment: ReviewComment, author: Account) -> None:
    request.courier.tell_later(events.review_comment_event(request.world, pull, comment, "created", author))


def _pending_of(pull: Pull, author: Account) -> Review | None:
    return next((one for one in pull.reviews if one.author is author and one.state == "PENDING"), None)


def _caller_or_none(request: Call) -> Account | None:
    return None if request.token() is None else request.caller()


def _review(request: Call, pull: Pull, review_id: int) -> Review:
    review = pull.review(review_id)
    if review is None or (review.state == "PENDING" and review.author is not _caller_or_none(request)):
        raise not_found()
    return review


def _own_review(request: Call, pull: Pull, review_id: int) -> Review:
    review = _review(request, pull, review_id)
    if review.author is not request.caller():
        raise Refusal(403, "Resource not accessible by integration")
    return review


HANDLERS = [
    list_reviews,
    create_review,
    read_review,
    edit_review,
    delete_review,
    submit_review,
    list_comments_of_review,
    list_review_comments,
    create_review_comment,
    read_review_comment,
    edit_review_comment,
    delete_review_comment,
]
