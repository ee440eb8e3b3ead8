"""Webhooks: signed, logged, sent again with the same GUID, and addressed to whoever may hear them."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.demo.simulated_github.courier import sign
from tests.simulated_github.conftest import REPOSITORY, Shop, sign_in
from tests.simulated_github.listening import listen
from tests.simulated_github.test_access import app_token


@dataclass
class Inbox:
    """An App that keeps what it gets."""

    url: str = ""
    status: int = 202
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        """Name what was heard: `event.action`."""
        return [named(headers, body) for headers, body in self.heard]

    @property
    def last(self) -> dict[str, Any]:
        """Give the newest payload."""
        payload: dict[str, Any] = json.loads(self.heard[-1][1])
        return payload


def named(headers: dict[str, str], body: bytes) -> str:
    action = json.loads(body).get("action")
    return headers["x-github-event"] + (f".{action}" if action else "")


@pytest.fixture
async def inbox(shop: Shop) -> AsyncIterator[Inbox]:
    """The App's webhook address, from now on."""
    inbox = Inbox()

    async def receive(headers: dict[str, str], body: bytes) -> int:
        inbox.heard.append((headers, body))
        return inbox.status

    async with listen(receive) as url:
        inbox.url = shop.github.app.webhook_url = f"{url}/webhooks/github"
        yield inbox


async def test_a_comment_reaches_the_app_signed_over_its_bytes(shop: Shop, inbox: Inbox) -> None:
    comment = await shop.github.comment(shop.pull, "alice", "/onceover review ünï")

    headers, body = inbox.heard[0]
    expected = hmac.new(shop.github.app.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={expected}"
    assert (headers["x-github-event"], headers["x-github-hook-id"]) == (
        "issue_comment",
        str(shop.github.app.hook_id),
    )
    assert headers["user-agent"].startswith("GitHub-Hookshot/")
    payload = inbox.last
    assert payload["comment"]["id"] == comment.id
    assert payload["sender"]["login"] == "alice"
    assert payload["installation"]["id"] == shop.installation.id
    assert payload["repository"]["id"] == shop.repository.id
    assert "pull_request" in payload["issue"]
    assert shop.pull.head_sha not in body.decode()


def test_the_signature_is_that_of_githubs_own_example() -> None:
    digest = sign("It's a Secret to Everybody", b"Hello, World!")

    assert digest == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


async def test_a_push_to_a_pull_request_is_told_twice(shop: Shop, inbox: Inbox) -> None:
    old = shop.pull.head_sha
    new = await shop.github.push_to_pull(shop.pull, {"notes.md": "Newer\n"})

    assert inbox.events == ["pull_request.synchronize", "check_suite.requested"]
    pull = json.loads(inbox.heard[0][1])
    assert (pull["before"], pull["after"], pull["pull_request"]["head"]["sha"]) == (old, new, new)
    assert json.loads(inbox.heard[1][1])["check_suite"]["head_sha"] == new


async def test_every_action_on_a_pull_request_has_its_event(shop: Shop, inbox: Inbox) -> None:
    github, pull = shop.github, shop.pull
    await github.push(shop.repository, "release", {"x": "1"}, lost=True)
    await github.convert_to_draft(pull)
    await github.mark_ready(pull)
    await github.label(pull, "please review")
    await github.change_base(pull, "release")
    await github.lock(pull, user="maria")
    comment = await github.comment(pull, "alice", "One")
    await github.edit_comment(pull, comment, "Two", user="maria")
    await github.delete_comment(pull, comment)
    await github.review_comment(pull, "alice", "Three", path="shop.py", line=8)
    await github.close_pull(pull)
    await github.reopen_pull(pull)

    assert inbox.events == [
        "pull_request.converted_to_draft",
        "pull_request.ready_for_review",
        "pull_request.labeled",
        "pull_request.edited",
        "pull_request.locked",
        "issue_comment.created",
        "issue_comment.edited",
        "issue_comment.deleted",
        "pull_request_review_comment.created",
        "pull_request.closed",
        "pull_request.reopened",
    ]
    assert json.loads(inbox.heard[3][1])["changes"]["base"]["ref"] == {"from": "main"}
    assert json.loads(inbox.heard[6][1])["sender"]["login"] == "maria"


async def test_checks_and_the_merge_queue_have_their_events(shop: Shop, inbox: Inbox) -> None:
    sha, github = shop.pull.head_sha, shop.github
    button = {"label": "Again", "description": "Review again", "identifier": "rerun"}
    github.courier.tells_own_events = False
    made = await shop.client.post(
        f"{REPOSITORY}/check-runs",
        json={"name": "Onceover", "head_sha": sha, "conclusion": "neutral", "actions": [button]},
    )
    run = shop.repository.check_runs[0]
    await github.press_button(run, "rerun", "maria")
    await github.rerequest(run, "maria")
    await github.rerequest(run.suite, "maria")
    await github.finish_checks(shop.repository, sha, {"build": "failure"})
    await github.finish_workflow(shop.repository, sha, "ci", "failure", logs={"build": "E: no\n"})
    await github.set_commit_status(shop.repository, sha, "success")
    await github.merge_group(shop.repository, sha)
    await github.rename_repository(shop.repository, "store")
    await github.ping(github.app)

    assert made.status_code == 201
    assert inbox.events == [
        "check_run.requested_action",
        "check_run.rerequested",
        "check_suite.rerequested",
        "check_suite.completed",
        "workflow_run.completed",
        "status",
        "merge_group.checks_requested",
        "repository.renamed",
        "ping",
    ]
    pressed = json.loads(inbox.heard[0][1])
    assert pressed["requested_action"] == {"identifier": "rerun"}
    assert pressed["check_run"]["app"]["id"] == github.app.id


async def test_installations_tell_of_themselves(shop: Shop, inbox: Inbox) -> None:
    github = shop.github
    await github.suspend(shop.installation)
    await github.comment(shop.pull, "alice", "Nobody hears this either")
    await github.unsuspend(shop.installation)
    await github.remove_repository_from_installation(shop.installation, shop.repository)
    await github.uninstall(shop.installation)
    await github.comment(shop.pull, "alice", "Nobody hears this")

    assert inbox.events == [
        "installation.suspend",
        "installation.unsuspend",
        "installation_repositories.removed",
        "installation.deleted",
    ]


async def test_a_button_is_told_to_its_own_app_and_a_comment_to_all(shop: Shop, inbox: Inbox) -> None:
    other = shop.github.add_app("other")
    await shop.github.install(other, [shop.repository])
    other.webhook_url = inbox.url
    run = await shop.client.post(f"{REPOSITORY}/check-runs", json={"name": "Onceover", "head_sha": shop.pull.head_sha})
    await shop.github.settle()
    inbox.heard.clear()

    await shop.github.rerequest(shop.repository.check_runs[0], "alice")
    await shop.github.comment(shop.pull, "alice", "Hello")

    guids = [headers["x-github-delivery"] for headers, _ in inbox.heard]
    assert run.status_code == 201
    assert inbox.events == ["check_run.rerequested", "issue_comment.created", "issue_comment.created"]
    assert guids[0] != guids[1] == guids[2]


async def test_the_app_hears_of_what_it_wrote_itself(shop: Shop, inbox: Inbox) -> None:
    await shop.client.post(shop.comments, json={"body": "Mine"})
    await shop.github.settle()

    assert inbox.events == ["issue_comment.created"]
    assert inbox.last["sender"] == inbox.last["comment"]["user"]
    assert (inbox.last["sender"]["login"], inbox.last["sender"]["type"]) == ("onceover[bot]", "Bot")


async def test_a_lost_webhook_changes_the_state_and_leaves_no_trace(shop: Shop, inbox: Inbox) -> None:
    await shop.github.comment(shop.pull, "alice", "Unheard", lost=True)

    assert (len(shop.pull.comments), inbox.heard, shop.github.deliveries) == (1, [], [])


async def test_an_app_hears_only_what_it_is_subscribed_to(shop: Shop, inbox: Inbox) -> None:
    shop.github.app.events.discard("issue_comment")

    await shop.github.comment(shop.pull, "alice", "Unheard")

    assert inbox.heard == []


async def test_a_failed_delivery_is_listed_and_sent_again_with_its_guid(shop: Shop, inbox: Inbox) -> None:
    inbox.status = 503
    await shop.github.comment(shop.pull, "alice", "First")
    shop.github.courier.is_unreachable = True
    await shop.github.comment(shop.pull, "alice", "Second")
    shop.github.courier.is_unreachable, inbox.status = False, 202

    async with sign_in(shop.github, app_token(shop.github.app)) as app:
        failed = (await app.get("/app/hook/deliveries?status=failure&per_page=1")).json()
        page = await app.get("/app/hook/deliveries?status=failure&per_page=1")
        older = (await app.get(page.links["next"]["url"])).json()
        whole = (await app.get(f"/app/hook/deliveries/{older[0]['id']}")).json()
        again = await app.post(f"/app/hook/deliveries/{older[0]['id']}/attempts")
    await shop.github.settle()

    assert (failed[0]["status_code"], older[0]["status_code"]) == (0, 503)
    assert whole["request"]["payload"]["comment"]["body"] == "First"
    assert again.status_code == 202
    assert inbox.heard[0] == inbox.heard[1]
    assert [one.redelivery for one in shop.github.deliveries] == [False, False, True]
    assert shop.github.deliveries[2].guid == shop.github.deliveries[0].guid


async def test_a_pull_request_of_a_deleted_fork_has_no_head_repository(shop: Shop, inbox: Inbox) -> None:
    fork = shop.github.add_fork(shop.repository, "mallory")
    await shop.github.push(fork, "gift", {"shop.py": "rm\n"})
    pull = await shop.github.open_pull(shop.repository, "gift", fork=fork)
    opened = json.loads(inbox.heard[0][1])
    suite = inbox.last["check_suite"]

    shop.github.delete_repository(fork)
    read = await shop.client.get(f"{REPOSITORY}/pulls/{pull.number}")

    assert opened["pull_request"]["head"]["repo"]["fork"] is True
    assert (suite["pull_requests"], suite["head_branch"]) == ([], None)
    assert (read.json()["head"]["repo"], read.json()["head"]["sha"]) == (None, pull.head_sha)
