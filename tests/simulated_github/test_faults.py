"""Faults: each happens as its line of the table says, to the requests it is for, and to no other."""

import asyncio
from typing import Any, get_args

import httpx2
import pytest

from bot.demo.simulated_github.faults import Fault, Kind
from bot.demo.simulated_github.server import SimulatedGitHub, SimulationBroke
from tests.simulated_github.conftest import REPOSITORY, Shop, sign_in

BODY = {"body": "Hello"}


async def test_a_refused_request_changes_nothing(shop: Shop) -> None:
    shop.github.faults.add(Fault(kind="refuse", method="POST", status=503, headers={"Retry-After": "7"}))

    refused = await shop.client.post(shop.comments, json=BODY)
    accepted = await shop.client.post(shop.comments, json=BODY)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "7")
    assert accepted.status_code == 201
    assert len(shop.pull.comments) == 1


async def test_a_write_can_be_done_and_answered_502(shop: Shop) -> None:
    shop.github.faults.add(Fault(kind="apply_then_status", method="POST", status=502))

    answer = await shop.client.post(shop.comments, json=BODY)

    assert answer.status_code == 502
    assert [comment.body for comment in shop.pull.comments] == ["Hello"]


@pytest.mark.parametrize(("kind", "written"), [("cut", 0), ("cut_after", 1), ("truncate", 1)])
async def test_a_connection_can_be_cut_before_and_after_the_write(shop: Shop, kind: Kind, written: int) -> None:
    shop.github.faults.add(Fault(kind=kind, method="POST"))

    with pytest.raises(httpx2.TransportError):
        await shop.client.post(shop.comments, json=BODY)

    assert len(shop.pull.comments) == written


@pytest.mark.parametrize(("kind", "written"), [("hang", 0), ("hang_after", 1)])
async def test_a_request_hangs_until_it_is_released(shop: Shop, kind: Kind, written: int) -> None:
    fault = shop.github.faults.add(Fault(kind=kind, method="POST"))
    request = asyncio.create_task(shop.client.post(shop.comments, json=BODY))
    await fault.reached()

    # A request that was sent later and is answered shows that the first one really waits.
    await shop.client.get(REPOSITORY)
    assert not request.done()
    assert len(shop.pull.comments) == written
    fault.release()

    assert (await request).status_code == 201
    assert len(shop.pull.comments) == 1


async def test_a_client_that_hangs_up_on_a_hanging_request_writes_nothing(shop: Shop) -> None:
    fault = shop.github.faults.add(Fault(kind="hang", method="POST"))
    request = asyncio.create_task(shop.client.post(shop.comments, json=BODY))
    await fault.reached()

    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    await shop.client.get(REPOSITORY)

    assert shop.pull.comments == []


async def test_the_server_stops_while_a_request_hangs(shop: Shop) -> None:
    """The fixture's end would wait for ever, or warn, if a hanging request kept the server alive."""
    fault = shop.github.faults.add(Fault(kind="hang", times=None))

    request = asyncio.create_task(shop.client.get(REPOSITORY))
    await fault.reached()
    request.cancel()

    assert fault.happened == 1


@pytest.mark.parametrize("seconds", [None, 30])
async def test_a_secondary_limit_may_come_without_retry_after(shop: Shop, seconds: int | None) -> None:
    shop.github.faults.add(Fault(kind="secondary_limit", retry_after_seconds=seconds))

    answer = await shop.client.post(shop.comments, json=BODY)

    assert answer.status_code == 403
    assert "secondary rate limit" in answer.json()["message"]
    assert answer.headers.get("retry-after") == (None if seconds is None else "30")


async def test_a_primary_limit_says_when_it_ends(shop: Shop) -> None:
    shop.github.faults.add(Fault(kind="primary_limit", retry_after_seconds=60))

    answer = await shop.client.get(REPOSITORY)

    now = shop.github.world.now().timestamp()
    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (403, "0")
    assert now < int(answer.headers["x-ratelimit-reset"]) <= now + 61


async def test_nothing_is_answered_after_the_last_request_of_the_hour(shop: Shop) -> None:
    shop.github.world.rate_limit_max = shop.github.world.used_requests + 1

    last = await shop.client.get(REPOSITORY)
    late = await shop.client.post(shop.comments, json=BODY)
    shop.github.world.rate_limit_max = 5_000
    later = await shop.client.post(shop.comments, json=BODY)

    assert (last.status_code, last.headers["x-ratelimit-remaining"]) == (200, "0")
    assert (late.status_code, late.headers["x-ratelimit-remaining"]) == (403, "0")
    assert later.status_code == 201
    assert len(shop.pull.comments) == 1


async def test_a_fresh_token_is_unknown_for_its_first_requests(shop: Shop) -> None:
    shop.github.faults.add(Fault(kind="fresh_token", requests=2))
    fresh = shop.github.token(shop.installation)

    async with sign_in(shop.github, fresh.value) as client:
        statuses = [(await client.get(REPOSITORY)).status_code for _ in range(3)]

    assert statuses == [401, 401, 200]


async def test_a_stale_list_shows_new_objects_after_some_requests(shop: Shop) -> None:
    shop.github.faults.add(Fault(kind="stale_list", path="/comments$", requests=2))
    await shop.client.post(shop.comments, json=BODY)

    shown = [len((await shop.client.get(shop.comments)).json()) for _ in range(3)]

    assert shown == [0, 0, 1]


async def test_a_stale_list_stays_so_until_it_catches_up(shop: Shop) -> None:
    await shop.client.post(shop.comments, json={"body": "Before"})
    shop.github.faults.add(Fault(kind="stale_list"))
    made = (await shop.client.post(shop.comments, json=BODY)).json()

    listed = await shop.client.get(shop.comments)
    read = await shop.client.get(f"{REPOSITORY}/issues/comments/{made['id']}")
    counted = await shop.client.get(f"{REPOSITORY}/issues/{shop.pull.number}")
    shop.github.faults.catch_up()
    caught_up = await shop.client.get(shop.comments)

    assert [one["body"] for one in listed.json()] == ["Before"]
    assert read.status_code == 200
    assert counted.json()["comments"] == 2
    assert len(caught_up.json()) == 2


async def test_a_new_commit_is_unknown_for_its_first_reads(shop: Shop) -> None:
    sha = shop.pull.head_sha
    shop.github.faults.add(Fault(kind="unknown_commit", sha=sha, times=3))
    places = [f"/commits/{sha}", f"/contents/shop.py?ref={sha}"]

    unknown = [await shop.client.get(REPOSITORY + place) for place in places]
    run = await shop.client.post(f"{REPOSITORY}/check-runs", json={"name": "Onceover", "head_sha": sha})
    known = [await shop.client.get(REPOSITORY + place) for place in places]

    assert [answer.status_code for answer in unknown] == [422, 404]
    assert unknown[0].json()["message"] == f"No commit found for SHA: {sha}"
    assert run.status_code == 422
    assert [answer.status_code for answer in known] == [200, 200]


async def test_a_pull_request_can_show_the_head_before_its_newest(shop: Shop) -> None:
    old = shop.pull.head_sha
    new = await shop.github.push_to_pull(shop.pull, {"notes.md": "Newer\n"})
    shop.github.faults.add(Fault(kind="old_head"))

    shown = [(await shop.client.get(shop.path)).json()["head"]["sha"] for _ in range(2)]

    assert shown == [old, new]


async def test_a_fault_waits_for_its_turn_and_its_request(shop: Shop) -> None:
    shop.github.faults.add(Fault(kind="refuse", method="POST", path="/comments$", after=1, times=2, contains="Hello"))

    other = await shop.client.post(shop.comments, json={"body": "Other"})
    statuses = [(await shop.client.post(shop.comments, json=BODY)).status_code for _ in range(4)]

    assert other.status_code == 201
    assert statuses == [201, 502, 502, 201]


async def test_every_request_is_on_record_with_its_fault(shop: Shop) -> None:
    shop.github.faults.add(Fault(kind="cut_after", method="POST"))
    with pytest.raises(httpx2.TransportError):
        await shop.client.post(shop.comments, json=BODY)
    await shop.client.get(shop.comments)

    cut, read = shop.github.requests[-2:]

    assert (cut.method, cut.fault, cut.status, cut.caller) == ("POST", "cut_after", None, "installation")
    assert (read.method, read.fault, read.status) == ("GET", None, 200)
    assert shop.github.writes() == [cut]


async def test_a_mistake_of_the_simulation_is_told_at_the_end() -> None:
    """A 500 of ours must not pass for a fault of GitHub that the App then survives."""
    github = await SimulatedGitHub().__aenter__()
    shop = github.add_repository("acme/shop")
    del shop.created_at

    async with sign_in(github, None) as client:
        answer = await client.get(REPOSITORY)

    assert answer.status_code == 500
    with pytest.raises(SimulationBroke, match="GET /repos/acme/shop: AttributeError"):
        await github.__aexit__(None, None, None)


def test_the_table_of_faults_is_complete() -> None:
    import bot.demo.simulated_github.faults as module  # noqa: PLC0415 - Its text is looked at, not its names.

    text: Any = module.__doc__

    assert [kind for kind in get_args(Kind) if f"`{kind}`" not in text] == []
