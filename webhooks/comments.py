"""Comments: a command in a new comment on a pull request becomes a request to a worker, who asks whether it is allowed.

Only `created` counts: an edit could put a command into somebody else's mouth, and the sender of an edit is not the
author. Bots and Apps are not listened to, ours least of all: no loops.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from webhooks.decision import Command, Decision
from webhooks.event import Event, ignored
from webhooks.own import Own
from webhooks.payloads import Comment, Envelope, IssueCommentEvent, ReviewCommentEvent
from webhooks.pull_requests import NO_INSTALLATION
from webhooks.requests import AnswerTo, Wish, command_request, origin


class ParsedCommand(Protocol):
    """What the parser of commands finds in a text."""

    @property
    def verb(self) -> str:
        """What is asked for."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What it is asked for with."""

    @property
    def fresh(self) -> bool:
        """Whether everything is to be done anew."""

    @property
    def problem(self) -> str | None:
        """Why it cannot be understood; None if it can."""


ParseCommand: TypeAlias = Callable[[str], ParsedCommand | None]
"""Answers the command that a comment holds; None if it holds none. Never raises, whatever the text."""


def decide_issue_comment(event: Event, own: Own, parse_command: ParseCommand) -> Decision:
    """Decide about an `issue_comment` event.

    Raises:
        Refused: The payload of an action that we know has another shape.
    """
    if event.action != "created":
        return ignored(event, "only a new comment can command")
    read = event.read(IssueCommentEvent)
    if read.issue.pull_request is None:
        return ignored(event, "the comment stands on an issue, not on a pull request")
    return _decide(event, own, parse_command, read=read, comment=read.comment, number=read.issue.number)


def decide_review_comment(event: Event, own: Own, parse_command: ParseCommand) -> Decision:
    """Decide about a `pull_request_review_comment` event.

    Raises:
        Refused: The payload of an action that we know has another shape.
    """
    if event.action != "created":
        return ignored(event, "only a new comment can command")
    read = event.read(ReviewCommentEvent)
    return _decide(event, own, parse_command, read=read, comment=read.comment, number=read.pull_request.number)


def _decide(
    event: Event, own: Own, parse_command: ParseCommand, *, read: Envelope, comment: Comment, number: int
) -> Decision:
    if (reason := _why_not_heard(read, comment)) is not None:
        return ignored(event, reason)
    found = parse_command(comment.body or "")
    if found is None:
        return ignored(event, "the comment holds no command")
    if read.installation is None:
        return ignored(event, NO_INSTALLATION)
    is_issue_comment = event.name == "issue_comment"
    return Command(
        request=command_request(
            origin(read, read.installation, own),
            source=f"{'comment' if is_issue_comment else 'review-comment'}-{comment.id}",
            number=number,
            wish=Wish(verb=found.verb, arguments=found.arguments, fresh=found.fresh, problem=found.problem),
            answer_to=AnswerTo(kind="issue_comment" if is_issue_comment else "review_comment", id=comment.id),
        )
    )


def _why_not_heard(read: Envelope, comment: Comment) -> str | None:
    if comment.user is None or comment.user.id != read.sender.id:
        return "the sender is not the author of the comment"
    if "Bot" in {read.sender.type, comment.user.type}:
        return "a bot wrote the comment"
    if comment.performed_via_github_app is not None:
        return "an App wrote the comment on behalf of its author"
    return None
