"""Routes of reviews: pending, submitted, and the comments on lines of the diff.

What GitHub enforces and a client can lean on: one PENDING review per user and pull request, at write time; a review is
taken whole or not at all; a submitted review can never be deleted. A pending review is seen by its author alone.
"""

from collections.abc import Sequence
from typing import Final, Literal

from litestar import Response, delete, get, post, put
from litestar.params import FromPath
from pydantic import BaseModel

from bot.demo.simulated_github import events
from bot.demo.simulated_github.accounts import Account
from bot.demo.simulated_github.call import Call
from bot.demo.simulated_github.conversation import Review, ReviewState
from bot.demo.simulated_github.refusals import (
    TEXT_CHARACTERS_MAX,
    Refusal,
    check_text,
    not_found,
    unprocessable,
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
from bot.demo.simulated_github.routes.comments import Body, refuse_locked
from bot.demo.simulated_github.routes.pulls import PULL
from bot.demo.simulated_github.shapes import pulls
from bot.demo.simulated_github.writing import write_review

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
    if pending_of(pull, author) is not None:
        raise unprocessable(ONE_PENDING)
    _check_review(pull, asked)
    review = write_review(request.world, pull, author, asked.body, "PENDING", asked.commit_id or pull.head_sha)
    for one in asked.comments:
        write_anchored(request, pull, review, one)
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


def _check_review(pull: Pull, asked: ReviewRequest) -> None:
    """Refuse what GitHub refuses, before anything is written."""
    _check_length(asked.body)
    if asked.event in {"COMMENT", "REQUEST_CHANGES"} and not asked.body.strip() and not asked.comments:
        raise unprocessable("Body can't be blank")
    if len(asked.comments) > REVIEW_COMMENTS_MAX:
        raise unprocessable("was submitted too quickly")
    head = asked.commit_id or pull.head_sha
    check_commit(pull, head)
    files = {file.path: file for file in pull.repository.changes(pull, head)}
    errors = [error for one in asked.comments for error in anchor_errors(files, one)]
    if errors:
        raise unprocessable(*dict.fromkeys(errors))


def _check_length(body: str) -> None:
    if len(body) > TEXT_CHARACTERS_MAX:
        raise unprocessable(f"body is too long (maximum is {TEXT_CHARACTERS_MAX} characters)")


def _submit(request: Call, pull: Pull, review: Review, event: EventName) -> None:
    review.state, review.submitted_at = STATES[event], request.world.instant()
    pull.updated_at = review.submitted_at
    request.courier.tell_later(events.review_event(request.world, pull, review, "submitted", review.author))
    for comment in pull.review_comments:
        if comment.review_id == review.id:
            tell_comment(request, pull, comment, review.author)


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
]
