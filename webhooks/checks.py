"""Checks: a suite asks for a review, a button commands, the end of somebody's checks wakes who waits for them.

GitHub sends `check_suite.requested` beside `pull_request.synchronize`: both name the same run. A fork's push carries no
pull request here, and its head is reviewed by the pull request's own event. If several pull requests share a head, a
suite speaks for the first: the others have events of their own.
"""

import re
from collections.abc import Iterable
from typing import Final

from pipeline.engine.request import RunRequest
from pipeline.review.pull.asking import order_of
from webhooks.decision import Command, Decision, Review, Signal
from webhooks.event import Event, ignored
from webhooks.own import Own
from webhooks.payloads import (
    CheckedPull,
    CheckRun,
    CheckRunEvent,
    CheckSuite,
    CheckSuiteEvent,
    Envelope,
    Sha,
    StatusEvent,
    WorkflowRunEvent,
)
from webhooks.pull_requests import NO_INSTALLATION
from webhooks.requests import AnswerTo, Origin, Wish, command_request, origin, review_request

CHECKS: Final = "checks"
"""The signal that tells a parked run to look at the checks of its head again."""

RERUN_ALL: Final = Wish(verb="rerun", arguments=("all",))

BUTTONS: Final = {
    "review": Wish(verb="review"),
    "rerun-all": RERUN_ALL,
    "rerun-failed": Wish(verb="rerun", arguments=("failed",)),
    "fresh": Wish(verb="rerun", arguments=("all",), fresh=True),
    "cancel": Wish(verb="cancel"),
    "pause": Wish(verb="pause"),
    "resume": Wish(verb="resume"),
}
"""What each button of our check run asks for, by its identifier (GitHub: at most 20 characters)."""

EXTERNAL_ID: Final = re.compile(r"[0-9A-Za-z_.-]+/([1-9][0-9]{0,17})")
"""The external id of our check run: the run's id, the pull request's number."""


def decide_check_suite(event: Event, own: Own) -> Decision:
    """Decide about a `check_suite` event.

    Raises:
        Refused: The payload of an action that we know has another shape.
    """
    match event.action:
        case "requested" | "rerequested":
            return _decide_asked_suite(event, own)
        case "completed":
            return _decide_ended_suite(event, own)
        case _:
            return ignored(event, "it neither asks for checks nor ends them")


def decide_check_run(event: Event, own: Own) -> Decision:
    """Decide about a `check_run` event.

    Raises:
        Refused: The payload of an action that we know has another shape.
    """
    if event.action not in {"rerequested", "requested_action"}:
        return ignored(event, "nobody asks for anything by it")
    read = event.read(CheckRunEvent)
    check = read.check_run
    wish = _wish(event, read)
    number = _number(check, read.repository.id)
    if own.is_other_app(check.app):
        return ignored(event, "the check run belongs to another App")
    if wish is None:
        return ignored(event, "the check run has no such button")
    if number is None:
        return ignored(event, "the check run names no pull request of this repository")
    return _pressed(event, own, read, number=number, wish=wish, answer_to=AnswerTo(kind="check_run", id=check.id))


def decide_workflow_run(event: Event, own: Own) -> Decision:
    """Decide about a `workflow_run` event.

    Raises:
        Refused: The payload of an action that we know has another shape.
    """
    if event.action != "completed":
        return ignored(event, "the workflow is not done")
    read = event.read(WorkflowRunEvent)
    return _wake(event, own, read, read.workflow_run.head_sha)


def decide_status(event: Event, own: Own) -> Decision:
    """Decide about a `status` event, of whatever state: only a look at all of them says what it means.

    Raises:
        Refused: The payload has another shape.
    """
    read = event.read(StatusEvent)
    return _wake(event, own, read, read.sha)


def _decide_asked_suite(event: Event, own: Own) -> Decision:
    read = event.read(CheckSuiteEvent)
    suite = read.check_suite
    pull = next(iter(_pulls_of(suite.pull_requests, read.repository.id, suite.head_sha)), None)
    if own.is_other_app(suite.app):
        return ignored(event, "the check suite belongs to another App")
    if pull is None:
        return ignored(event, "no pull request of this repository has this head; a fork's has events of its own")
    if event.action == "rerequested":
        answer_to = AnswerTo(kind="check_suite", id=suite.id)
        return _pressed(event, own, read, number=pull.number, wish=RERUN_ALL, answer_to=answer_to)
    if read.installation is None:
        return ignored(event, NO_INSTALLATION)
    return Review(request=_suite_review(origin(read, read.installation, own), event, suite, pull.number))


def _suite_review(where: Origin, event: Event, suite: CheckSuite, number: int) -> RunRequest:
    """Ask for what the pull request's own event asks for too; the suite was made at the push."""
    return review_request(where, event, number=number, head=suite.head_sha, order=order_of(suite.created_at))


def _decide_ended_suite(event: Event, own: Own) -> Decision:
    read = event.read(CheckSuiteEvent)
    suite = read.check_suite
    if own.is_app(suite.app):
        return ignored(event, "the check suite is our own")
    return _wake(event, own, read, suite.head_sha)


def _wake(event: Event, own: Own, read: Envelope, head: Sha) -> Decision:
    if read.installation is None:
        return ignored(event, NO_INSTALLATION)
    return Signal(topic=origin(read, read.installation, own).topic(head), name=CHECKS)


def _pressed(event: Event, own: Own, read: Envelope, *, number: int, wish: Wish, answer_to: AnswerTo) -> Decision:
    if read.installation is None:
        return ignored(event, NO_INSTALLATION)
    if read.sender.type == "Bot":
        return ignored(event, "a bot asks")
    where = origin(read, read.installation, own)
    source = f"delivery-{event.delivery}"
    return Command(request=command_request(where, source=source, number=number, wish=wish, answer_to=answer_to))


def _wish(event: Event, read: CheckRunEvent) -> Wish | None:
    if event.action == "rerequested":
        return RERUN_ALL
    return BUTTONS.get(read.requested_action.identifier) if read.requested_action else None


def _number(check: CheckRun, repository_id: int) -> int | None:
    """Find the pull request: by the id that we gave the check run, which a fork's has too, else by GitHub's list."""
    if named := EXTERNAL_ID.fullmatch(check.external_id or ""):
        return int(named[1])
    return next((pull.number for pull in _pulls_of(check.pull_requests, repository_id, check.head_sha)), None)


def _pulls_of(pulls: Iterable[CheckedPull], repository_id: int, head: Sha) -> Iterable[CheckedPull]:
    """Leave out pull requests into other repositories of the network, and those whose head has moved on."""
    return (pull for pull in pulls if pull.base.repo.id == repository_id and pull.head.sha == head)
