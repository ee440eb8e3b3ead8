"""Pull requests: a new head is reviewed, a changed setting is looked at again, a closed one stops.

What the repository configures (drafts, labels, branches) is not known here: the run's first stage reads it, and says
once what was skipped. So each action that may change its answer asks for that stage again.
"""

from typing import Final

from pipeline.review.pull.asking import order_of
from webhooks.decision import Decision, Review, Stop
from webhooks.event import Event, ignored
from webhooks.own import Own
from webhooks.payloads import PullRequestEvent
from webhooks.requests import origin, review_request

NEW_HEAD: Final = frozenset({"opened", "synchronize"})
SAME_HEAD: Final = frozenset({"reopened", "ready_for_review", "converted_to_draft", "labeled", "unlabeled", "edited"})
ACTIONS: Final = NEW_HEAD | SAME_HEAD | {"closed"}
LOOKS_AGAIN: Final = ("prepare",)
"""The stage that decides whether and how a head is reviewed."""

NO_INSTALLATION: Final = "it carries no installation, so it was not sent for a GitHub App"


def decide_pull_request(event: Event, own: Own) -> Decision:
    """Decide about a `pull_request` event.

    Raises:
        Refused: The payload of an action that we know has another shape.
    """
    if event.action not in ACTIONS:
        return ignored(event, "it changes nothing that a review depends on")
    read = event.read(PullRequestEvent)
    pull = read.pull_request
    if read.installation is None:
        return ignored(event, NO_INSTALLATION)
    where, order = origin(read, read.installation, own), order_of(pull.updated_at)
    if event.action == "closed":
        return Stop(subject=where.subject(pull.number), why="merged" if pull.merged else "closed", order=order)
    if pull.state == "closed":
        return ignored(event, "the pull request is closed")
    if event.action == "edited" and read.changes.base is None:
        return ignored(event, "only the title or the text was edited; the base branch is the same")
    return Review(
        request=review_request(
            where,
            event,
            number=pull.number,
            head=pull.head.sha,
            order=order,
            again=LOOKS_AGAIN if event.action in SAME_HEAD else (),
        )
    )
