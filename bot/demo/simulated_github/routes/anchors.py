"""Anchors: where a comment may stand in a diff, judged for reviews and single comments alike."""

from pydantic import BaseModel

from bot.demo.simulated_github import events
from bot.demo.simulated_github.accounts import Account
from bot.demo.simulated_github.call import Call
from bot.demo.simulated_github.conversation import Anchor, Review, ReviewComment
from bot.demo.simulated_github.diffs import ChangedFile, Side
from bot.demo.simulated_github.git_store import UnknownObject
from bot.demo.simulated_github.refusals import (
    TEXT_CHARACTERS_MAX,
    unprocessable,
)
from bot.demo.simulated_github.repositories import Pull
from bot.demo.simulated_github.writing import write_review_comment


class AnchoredText(BaseModel):
    """Where a comment stands, and what it says."""

    body: str
    path: str
    line: int | None = None
    side: Side = "RIGHT"
    start_line: int | None = None
    start_side: Side | None = None


def pending_of(pull: Pull, author: Account) -> Review | None:
    """Find the pending review of a user."""
    return next((one for one in pull.reviews if one.author is author and one.state == "PENDING"), None)


def check_commit(pull: Pull, sha: str) -> None:
    """Refuse a commit that never belonged to the pull request."""
    try:
        known = pull.repository.git.sha(sha) == sha
    except UnknownObject:
        known = False
    if not known or not any(pull.repository.git.is_ancestor(sha, head) for head in pull.heads):
        raise unprocessable(
            f"No commit found for SHA: {sha}" if not known else "commit_id is not part of the pull request"
        )


def anchor_errors(files: dict[str, ChangedFile], one: AnchoredText) -> list[str]:
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


def write_anchored(
    request: Call, pull: Pull, review: Review, one: AnchoredText, *, in_reply_to_id: int | None = None
) -> ReviewComment:
    """Write a comment at its place."""
    start_side = None if one.start_line is None else one.start_side or one.side
    anchor = Anchor(path=one.path, line=one.line, side=one.side, start_line=one.start_line, start_side=start_side)
    return write_review_comment(request.world, pull, review, one.body, anchor, in_reply_to_id=in_reply_to_id)


def tell_comment(request: Call, pull: Pull, comment: ReviewComment, author: Account) -> None:
    """Tell of a comment that everybody sees now."""
    request.courier.tell_later(events.review_comment_event(request.world, pull, comment, "created", author))
