"""Payloads in a few words: the fields that the door reads, and one that it does not know."""

from collections.abc import Mapping
from typing import TypeAlias

Json: TypeAlias = dict[str, object]

SHA = "a" * 40
OTHER_SHA = "b" * 40
REPOSITORY: Json = {"id": 42, "full_name": "acme/shop", "private": True}
MARA: Json = {"id": 7, "login": "mara", "type": "User"}
A_BOT: Json = {"id": 8, "login": "helper[bot]", "type": "Bot"}
US: Json = {"id": 99, "login": "onceover[bot]", "type": "Bot"}
OUR_APP: Json = {"id": 5, "slug": "onceover"}
OTHER_APP: Json = {"id": 6, "slug": "somebody-else"}
PUSHED_AT = "2026-11-23T10:00:00Z"
PUSHED_AT_MS = 1_795_428_000_000


def envelope(**more: object) -> Json:
    """What every event carries; a field given as None is left out."""
    fields = {"repository": REPOSITORY, "sender": MARA, "installation": {"id": 3}, "unknown": {"field": 1}} | more
    return {name: value for name, value in fields.items() if value is not None}


def pull_request(action: object = "opened", *, pull: Mapping[str, object] | None = None, **more: object) -> Json:
    """A `pull_request` event; `pull` changes the pull request's own fields."""
    fields = {
        "number": 12,
        "state": "open",
        "title": "Sell socks",
        "head": {"sha": SHA, "repo": None},
        "updated_at": PUSHED_AT,
        "draft": False,
    }
    return envelope(**{"action": action, "number": 12, "pull_request": fields | dict(pull or {}), **more})


def comment(body: str = "/onceover rerun test", **more: object) -> Json:
    """A comment, by mara unless said otherwise."""
    return {"id": 1001, "body": body, "user": MARA} | more


def issue_comment(action: str = "created", *, by: Mapping[str, object] | None = None, **more: object) -> Json:
    """An `issue_comment` event on a pull request; `by` changes the comment's own fields."""
    issue = {"number": 12, "pull_request": {"url": "https://api.github.com/repos/acme/shop/pulls/12"}}
    return envelope(**{"action": action, "issue": issue, "comment": comment(**(by or {})), **more})  # type: ignore[arg-type]  # a payload is a dict of anything


def review_comment(action: str = "created", **more: object) -> Json:
    """A `pull_request_review_comment` event."""
    return envelope(**{"action": action, "pull_request": {"number": 12}, "comment": comment(), **more})


def checked_pull(number: int = 12, *, sha: str = SHA, repository: int = 42) -> Json:
    """A pull request in the list of a check."""
    return {"number": number, "head": {"sha": sha}, "base": {"repo": {"id": repository}}}


def check_run(action: str = "rerequested", *, run: Mapping[str, object] | None = None, **more: object) -> Json:
    """A `check_run` event of our own App."""
    fields = {
        "id": 501,
        "head_sha": SHA,
        "external_id": "r_0123456789abcdef/12",
        "app": OUR_APP,
        "pull_requests": [],
    }
    return envelope(**{"action": action, "check_run": fields | dict(run or {}), **more})


def check_suite(action: str = "requested", *, suite: Mapping[str, object] | None = None, **more: object) -> Json:
    """A `check_suite` event of our own App."""
    fields = {
        "id": 601,
        "head_sha": SHA,
        "created_at": PUSHED_AT,
        "app": OUR_APP,
        "pull_requests": [checked_pull()],
    }
    return envelope(**{"action": action, "check_suite": fields | dict(suite or {}), **more})


def workflow_run(action: str = "completed", **more: object) -> Json:
    """A `workflow_run` event."""
    return envelope(action=action, workflow_run={"id": 701, "head_sha": SHA}, **more)


def status(**more: object) -> Json:
    """A `status` event: it has no action."""
    return envelope(sha=SHA, state="success", **more)


def merge_group(action: str = "checks_requested", **more: object) -> Json:
    """A `merge_group` event."""
    group = {"head_sha": SHA, "head_ref": "refs/heads/gh-readonly-queue/main/pr-12", "base_sha": OTHER_SHA}
    return envelope(action=action, merge_group=group, **more)


def installation(action: str = "created", **more: object) -> Json:
    """An `installation` event: it has no repository of its own."""
    return envelope(**{"action": action, "repository": None, **more})
