"""The application: what is answered, what is stored, what an operator sees."""

import asyncio
import logging

import pytest

from pipeline.engine.errors import AskPerson
from pipeline.engine.request import RunRequest
from pipeline.engine.store import StoreAway, StoreRefuses
from webhooks.app import Readiness
from webhooks.door import DoorLimits

from .payloads import Json, check_suite, installation, issue_comment, merge_group, pull_request, workflow_run
from .world import DELIVERY, SECRET, World, no_trace

ROAD = [
    ("pull_request", pull_request(), "review", "accepted"),
    ("pull_request", pull_request("closed"), "stop", "accepted"),
    ("check_suite", check_suite("rerequested"), "command", "accepted"),
    ("issue_comment", issue_comment(), "command", "accepted"),
    ("issue_comment", issue_comment(by={"body": "Nice!"}), "ignore", "ignored"),
    ("workflow_run", workflow_run(), "signal", "accepted"),
    ("merge_group", merge_group(), "merge_group", "accepted"),
    ("installation", installation(), "upkeep", "accepted"),
    ("ping", {"zen": "Design for failure."}, "ignore", "ignored"),
    ("star", {"action": "created"}, "ignore", "ignored"),
]


@pytest.mark.parametrize(("event", "payload", "stored", "outcome"), ROAD)
async def test_every_decision_is_one_durable_write(event: str, payload: Json, stored: str, outcome: str) -> None:
    world = World()

    heard = await world.deliver(event, payload)

    assert [what for what, _ in world.inbox.calls] == [stored]
    assert heard.status == 202
    assert heard.json.keys() == {"delivery", "outcome", "run", "reason"}
    assert (heard.json["delivery"], heard.json["outcome"]) == (DELIVERY, outcome)
    assert (heard.json["run"] is not None) == (stored in {"review", "command", "merge_group", "upkeep"})
    assert (heard.json["reason"] is not None) == (outcome == "ignored")


async def test_the_inbox_hears_which_delivery_it_stores() -> None:
    world = World()

    await world.deliver("pull_request", pull_request("reopened"))

    stored = world.inbox.deliveries[0]
    assert (stored.id, stored.event, stored.action, stored.hook_id) == (
        DELIVERY,
        "pull_request",
        "reopened",
        292430182,
    )


async def test_a_duplicate_is_said_to_be_one() -> None:
    world = World()
    first = await world.deliver("pull_request", pull_request())

    second = await world.deliver("pull_request", pull_request())

    assert (second.status, second.json["outcome"]) == (202, "duplicate")
    assert second.json["run"] == first.json["run"]


async def test_7_a_replay_under_a_new_delivery_names_the_same_run() -> None:
    """Headers are not signed, so whoever has seen a delivery can send it again under another id."""
    world = World()

    heard = [await world.deliver("pull_request", pull_request(), delivery=f"replay-{each}") for each in range(3)]

    assert len({each.json["run"] for each in heard}) == 1
    assert len({request.run_id for _, request in world.inbox.calls if isinstance(request, RunRequest)}) == 1


AWAY = [
    StoreAway("Redis does not answer.", next_step="Nothing is lost."),
    StoreRefuses("Redis is full.", next_step="Give it memory."),
]


@pytest.mark.parametrize(("event", "payload"), [("pull_request", pull_request()), ("star", {}), ("ping", {"zen": "."})])
@pytest.mark.parametrize("error", AWAY)
async def test_14_what_cannot_be_stored_is_503_so_that_github_shows_it(
    event: str, payload: Json, error: Exception
) -> None:
    world = World()
    world.inbox.fails_with = error

    with no_trace(world):
        heard = await world.deliver(event, payload)

    assert heard.status == 503
    assert int(heard.headers["retry-after"]) > 0
    assert heard.json["message"].startswith("Redis")


async def test_14_after_a_503_the_same_delivery_is_welcome() -> None:
    world = World()
    world.inbox.fails_with = AWAY[0]
    await world.deliver("pull_request", pull_request())
    world.inbox.fails_with = None

    heard = await world.deliver("pull_request", pull_request())

    assert heard.json["outcome"] == "accepted"


async def test_14_a_store_that_hangs_is_not_waited_for() -> None:
    world = World(limits=DoorLimits(store_seconds_max=0))
    world.inbox.hangs = True

    heard = await world.deliver("pull_request", pull_request())

    assert heard.status == 503
    assert heard.json["code"] == "redis_away"


async def test_a_bug_of_ours_is_500_without_a_trace_in_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.inbox.fails_with = ZeroDivisionError("in the inner room")

    with caplog.at_level(logging.ERROR):
        heard = await world.deliver("pull_request", pull_request())

    assert (heard.status, heard.json["code"]) == (500, "bug")
    assert b"inner room" not in heard.body
    assert "inner room" in caplog.text


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH"])
async def test_13_the_hook_takes_only_post(method: str) -> None:
    world = World()

    with no_trace(world):
        heard = await world.ask(method, "/webhooks/github")

    assert heard.status == 405
    assert heard.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path", ["/", "/webhooks", "/webhooks/github/x", "/webhooks/../webhooks/github", "/schema", "/docs", "/x" * 5_000]
)
async def test_13_other_paths_are_not_found_and_say_so_in_json(path: str) -> None:
    heard = await World().ask("POST", path)

    assert heard.status == 404
    assert heard.json.keys() == {"code", "message", "next_step"}


async def test_the_process_says_that_it_lives_though_the_store_is_away() -> None:
    heard = await World(readiness=AWAY[0]).ask("GET", "/health")

    assert (heard.status, heard.json) == (200, {"status": "ok"})


async def test_a_store_that_can_be_written_makes_the_process_ready() -> None:
    heard = await World().ask("GET", "/ready")

    assert (heard.status, heard.json) == (200, {"ready": True, "reasons": []})


@pytest.mark.parametrize(
    ("readiness", "reason"),
    [
        (Readiness(is_ready=False, reasons=("Redis evicts keys.",)), "Redis evicts keys."),
        (AWAY[0], "Redis does not answer. Nothing is lost."),
        (AskPerson("No credentials."), "No credentials."),
        (TimeoutError(), "Redis did not answer within 5 s."),
    ],
)
async def test_a_process_that_cannot_store_says_why_it_is_not_ready(
    readiness: Readiness | Exception, reason: str
) -> None:
    heard = await World(readiness=readiness).ask("GET", "/ready")

    assert (heard.status, heard.json) == (503, {"ready": False, "reasons": [reason]})


async def test_metrics_count_what_was_answered_with_few_labels() -> None:
    world = World()
    for number in range(3):
        await world.deliver("pull_request", pull_request(), delivery=f"d{number}")
    await world.deliver("pull_request", pull_request(), delivery="d0")
    await world.deliver("made_up_a", {})
    await world.deliver("made_up_b", {}, delivery="other")
    await world.deliver("pull_request", b"")

    heard = await world.ask("GET", "/metrics")

    assert heard.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert heard.body.decode().splitlines() == [
        "# HELP onceover_deliveries_total Deliveries answered 202, by event and outcome.",
        "# TYPE onceover_deliveries_total counter",
        'onceover_deliveries_total{event="other",outcome="ignored"} 2',
        'onceover_deliveries_total{event="pull_request",outcome="accepted"} 3',
        'onceover_deliveries_total{event="pull_request",outcome="duplicate"} 1',
        "# HELP onceover_deliveries_refused_total Deliveries turned away, by the code of the answer.",
        "# TYPE onceover_deliveries_refused_total counter",
        'onceover_deliveries_refused_total{code="malformed"} 1',
        "onceover_runs 3",
    ]


@pytest.mark.parametrize("error", [AWAY[0], TimeoutError()])
async def test_metrics_of_the_door_are_shown_though_the_store_is_away(error: Exception) -> None:
    world = World(metrics=error)
    world.inbox.fails_with = AWAY[0]
    await world.deliver("pull_request", pull_request())

    heard = await world.ask("GET", "/metrics")

    assert heard.status == 200
    assert 'onceover_deliveries_refused_total{code="redis_away"} 1' in heard.body.decode()


async def test_110_a_refused_delivery_is_one_line_in_the_log_without_its_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, logger="webhooks"):
        await World().deliver("pull_request", b'{"secret": "of the payload"}')

    (line,) = (record.getMessage() for record in caplog.records)
    assert line.startswith(f"delivery.refused delivery={DELIVERY} status=400 code=malformed reason=")
    assert "of the payload" not in line
    assert SECRET.get_secret_value() not in caplog.text


async def test_a_delivery_is_one_line_in_the_log_with_what_it_came_to(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="webhooks"):
        await World().deliver("star", {"action": "created"})

    (line,) = (record.getMessage() for record in caplog.records)
    assert line.startswith(f"delivery.ignored delivery={DELIVERY} event=star.created run=None reason=star.created: ")


async def test_100_copies_at_once_are_one_write() -> None:
    """6: the inbox dedupes; the door neither adds to it nor takes away from it."""
    world = World()

    heard = await asyncio.gather(*(world.deliver("pull_request", pull_request()) for _ in range(100)))

    assert sorted(each.json["outcome"] for each in heard) == ["accepted"] + ["duplicate"] * 99
    assert len(world.inbox.calls) == 1


async def test_13_a_web_socket_is_closed_at_once() -> None:
    world = World()

    with no_trace(world):
        sent = await world.dial("/webhooks/github")

    assert [message["type"] for message in sent] == ["websocket.close"]
