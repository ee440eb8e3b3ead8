"""Requests: what an event asks for, written as the request for a run.

Promises that every trigger of one head of one pull request names the same run: what differs between two triggers stands
in `place` and `trigger`, on which no result depends. State is keyed by ids; names are only how to reach a thing today.
"""

from dataclasses import dataclass

from pipeline.engine.request import RunRequest, name_in_repository
from pipeline.engine.stage import JsonValue
from pipeline.review.pull import asking
from webhooks.event import Event
from webhooks.own import Own
from webhooks.payloads import Account, Envelope, Installation, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an event came from, once it is known to come through our App."""

    host: str
    installation: int
    repository: Repository
    sender: Account

    def topic(self, head: str) -> str:
        """Name what a run of this head listens to."""
        return self.named(head)

    def subject(self, number: int) -> str:
        """Name a pull request."""
        return self.named(number)

    def named(self, what: int | str) -> str:
        """Name something else in the repository."""
        return name_in_repository(self.host, self.repository.id, what)

    def place(self) -> JsonValue:
        """Say how to reach the repository today."""
        return {"installation": self.installation, "repository": self.repository.full_name}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a command asks for, as it was understood."""

    verb: str
    arguments: tuple[str, ...] = ()
    fresh: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTo:
    """What a command answers to."""

    kind: str
    id: int


def origin(envelope: Envelope, installation: Installation, own: Own) -> Origin:
    """Say where an event came from."""
    return Origin(host=own.host, installation=installation.id, repository=envelope.repository, sender=envelope.sender)


def review_request(
    origin: Origin, event: Event, *, number: int, head: str, order: int, again: tuple[str, ...] = ()
) -> RunRequest:
    """Ask for a review of one head.

    Args:
        origin: Where the event came from.
        event: What triggers the review.
        number: Of the pull request.
        head: The SHA to review.
        order: When this head was the newest, in milliseconds since 1970 by GitHub's clock.
        again: Stages that look anew if this head was reviewed before.
    """
    return asking.review_request(
        host=origin.host,
        repository_id=origin.repository.id,
        number=number,
        head=head,
        installation=origin.installation,
        repository=origin.repository.full_name,
        by=origin.sender.login,
        why=str(event),
        order=order,
        again=again,
    )


def command_request(origin: Origin, *, source: str, number: int, wish: Wish, answer_to: AnswerTo) -> RunRequest:
    """Ask for what somebody wrote or pressed.

    Args:
        origin: Where the event came from; its sender is who asks.
        source: Names the comment or the press: the same source is the same run.
        number: Of the pull request.
        wish: What is asked for.
        answer_to: Where the answer belongs.
    """
    return RunRequest(
        subject=f"{origin.subject(number)}/command/{source}",
        revision=source,
        params={
            "pull": {"host": origin.host, "repository_id": origin.repository.id, "number": number},
            "place": origin.place(),
            "sender": {"id": origin.sender.id, "login": origin.sender.login},
            "command": {
                "verb": wish.verb,
                "arguments": list(wish.arguments),
                "fresh": wish.fresh,
                "problem": wish.problem,
            },
            "answer_to": {"kind": answer_to.kind, "id": answer_to.id},
        },
    )
