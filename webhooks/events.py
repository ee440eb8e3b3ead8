"""Events: what each event of GitHub is to us. A pure function from a signed payload to one decision.

Promises an answer for every event and action that GitHub has or will have: what is not known is ignored with a reason
that names it. Only an event that we know, in a shape that it never has, is refused.
Does not promise that the name is true: headers are not signed, so the object that an event is about must be there.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from webhooks.checks import decide_check_run, decide_check_suite, decide_status, decide_workflow_run
from webhooks.comments import ParseCommand, decide_issue_comment, decide_review_comment
from webhooks.decision import Decision
from webhooks.event import Event, ignored
from webhooks.own import Own
from webhooks.pull_requests import decide_pull_request
from webhooks.refused import malformed
from webhooks.upkeep import decide_merge_group, decide_ping, decide_upkeep

ABOUT: Final = {
    "check_run": "check_run",
    "check_suite": "check_suite",
    "installation": "installation",
    "installation_repositories": "installation",
    "installation_target": "installation",
    "issue_comment": "comment",
    "merge_group": "merge_group",
    "ping": "zen",
    "pull_request": "pull_request",
    "pull_request_review_comment": "comment",
    "repository": "repository",
    "status": "sha",
    "workflow_run": "workflow_run",
}
"""Every event that we know, and the field that is in each of its payloads, whatever the action."""

DECIDERS: Final[Mapping[str, Callable[[Event, Own], Decision]]] = {
    "check_run": decide_check_run,
    "check_suite": decide_check_suite,
    "installation": decide_upkeep,
    "installation_repositories": decide_upkeep,
    "installation_target": decide_upkeep,
    "merge_group": decide_merge_group,
    "ping": decide_ping,
    "pull_request": decide_pull_request,
    "repository": decide_upkeep,
    "status": decide_status,
    "workflow_run": decide_workflow_run,
}
COMMENT_DECIDERS: Final[Mapping[str, Callable[[Event, Own, ParseCommand], Decision]]] = {
    "issue_comment": decide_issue_comment,
    "pull_request_review_comment": decide_review_comment,
}

ACTION_FORM: Final = re.compile(r"[a-z_]{1,64}")
ACTION_CHARACTERS_MAX: Final = 64


def make_event(name: str, delivery: str, payload: dict[str, object]) -> Event:
    """Give a payload its name.

    Raises:
        Refused: Its action is not a text.
    """
    action = payload.get("action")
    if action is not None and not isinstance(action, str):
        raise malformed(f"The action of a {name} is not a text.")
    if action and not ACTION_FORM.fullmatch(action):
        # Whoever calls `repository_dispatch` chooses the action freely, and it goes into reasons and logs.
        action = ascii(action[:ACTION_CHARACTERS_MAX])
    return Event(name=name, action=action or None, delivery=delivery, payload=payload)


def decide(event: Event, *, own: Own, parse_command: ParseCommand) -> Decision:
    """Decide what a delivery is to us.

    Args:
        event: The signed payload, with the name that came with it.
        own: What tells our own doings from those of others.
        parse_command: Finds the command in a comment.

    Raises:
        Refused: 400, an event that we know in a shape that it never has.
    """
    if (about := ABOUT.get(event.name)) and about not in event.payload:
        raise malformed(f"The payload of a {event.name} has no field `{about}`: it is another event's.")
    if _is_our_own_doing(event, own):
        return ignored(event, "it is our own doing")
    if decider := DECIDERS.get(event.name):
        return decider(event, own)
    if comment_decider := COMMENT_DECIDERS.get(event.name):
        return comment_decider(event, own, parse_command)
    return ignored(event, "no review depends on this event")


def _is_our_own_doing(event: Event, own: Own) -> bool:
    sender = event.payload.get("sender")
    return own.bot_user_id is not None and isinstance(sender, dict) and sender.get("id") == own.bot_user_id
