"""Recovery: what GitHub told us and we did not hear."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from bot.app.process import AppProcess, open_app
from bot.app.recovery import INTERVAL_SECONDS, FailedDelivery, Recovered, newest_attempts
from bot.app_credentials import Role, required_for
from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.repositories import Pull
from pipeline.engine.delivery import Delivery as Taken
from pipeline.services.github.models import Delivery
from tests.app.world import AppWorld

BROKER = frozenset({Role.BROKER})
NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


@contextlib.asynccontextmanager
async def broker(app: AppWorld) -> AsyncIterator[AppProcess]:
    """A broker that does nothing by itself."""
    settings = app.read_settings()
    async with open_app(settings, required_for(BROKER, settings), BROKER) as process:
        yield process


async def look(process: AppProcess) -> Recovered:
    assert process.recovery
    return await process.recovery.look()


async def miss_a_delivery(app: AppWorld) -> Pull:
    """Open a pull request while nobody answers at the door's address."""
    app.github.app.webhook_url = "http://127.0.0.1:9/webhooks/github"
    repository = await app.make_repository()
    await app.github.push(repository, "feature", {"a.py": "A = 1\n"}, user="alice", lost=True)
    return await app.github.open_pull(repository, "feature", author="alice")


async def make_lost_pull(app: AppWorld, name: str = "acme/shop") -> Pull:
    """Open a pull request of which GitHub sends nothing at all."""
    repository = await app.make_repository(name)
    await app.github.push(repository, "feature", {"a.py": "A = 1\n"}, user="alice", lost=True)
    return await app.github.open_pull(repository, "feature", author="alice", lost=True)


def redeliveries(app: AppWorld) -> int:
    return len([one for one in app.github.requests if one.path.endswith("/attempts")])


async def test_what_failed_and_never_came_is_sent_again_and_only_that(app: AppWorld) -> None:
    await miss_a_delivery(app)
    failed = [one for one in app.github.deliveries if one.event == "pull_request"]
    assert failed

    async with broker(app) as process:
        found = await look(process)

    missed = len({one.guid for one in app.github.deliveries})
    assert (found.failed_deliveries, found.redelivered, redeliveries(app)) == (missed, missed, missed)


async def test_what_was_taken_although_its_answer_failed_is_not_sent_again(app: AppWorld) -> None:
    await miss_a_delivery(app)
    async with broker(app) as process:
        for one in app.github.deliveries:
            await process.opened.store.ignore(Taken(id=one.guid, event=one.event), "taken, and the connection broke")

        found = await look(process)

    assert (found.failed_deliveries, redeliveries(app)) == (0, 0)


async def test_a_redelivery_that_github_refuses_is_told(app: AppWorld) -> None:
    await miss_a_delivery(app)
    app.github.faults.add(Fault(kind="refuse", path="/attempts$", status=500, body="{}", times=None))

    async with broker(app) as process:
        found = await look(process)

    assert found.redelivered == 0
    assert len(found.problems) == found.failed_deliveries
    assert found.problems[0].startswith("delivery ")


async def test_a_head_without_a_run_is_asked_for_once(app: AppWorld) -> None:
    pull = await make_lost_pull(app)

    async with broker(app) as process:
        first, second = await look(process), await look(process)
        run = await app.run_of(process, pull)

    assert (first.heads, second.heads) == (1, 0)
    assert (run.revision, run.params["trigger"]) == (pull.head_sha, {"by": "", "why": "recovered"})


async def test_what_did_not_change_since_the_last_look_is_left_alone(app: AppWorld) -> None:
    """So that installing the App reviews no pull request of last year."""
    pull = await make_lost_pull(app)
    pull.updated_at -= timedelta(days=1)

    async with broker(app) as process:
        found = await look(process)

    assert (found.repositories, found.heads) == (1, 0)


async def test_no_page_is_read_beyond_what_changed(app: AppWorld) -> None:
    pull = await make_lost_pull(app)
    for _ in range(100):
        old = await app.github.open_pull(pull.repository, "feature", author="alice", lost=True)
        old.updated_at -= timedelta(days=1)
    app.github.requests.clear()

    async with broker(app) as process:
        found = await look(process)

    assert found.heads == 1
    assert len([one for one in app.github.requests if one.path.endswith("/pulls")]) == 1


async def test_a_suspended_installation_is_left_alone(app: AppWorld) -> None:
    await make_lost_pull(app)
    [installation] = app.github.world.installations
    await app.github.suspend(installation, lost=True)

    async with broker(app) as process:
        found = await look(process)

    assert found == Recovered()


async def test_a_repository_that_does_not_answer_keeps_no_other_from_being_looked_at(app: AppWorld) -> None:
    await make_lost_pull(app, "acme/shop")
    await make_lost_pull(app, "zoo/barn")
    app.github.faults.add(Fault(kind="refuse", path="/repos/acme/shop/pulls", status=500, body="{}", times=None))

    async with broker(app) as process:
        found = await look(process)

    assert (found.repositories, found.heads, len(found.problems)) == (2, 1, 1)
    assert found.problems[0].startswith("acme/shop: ")


async def test_what_could_not_be_looked_at_is_looked_at_next_time(app: AppWorld, redis: Redis) -> None:
    pull = await make_lost_pull(app)
    pull.updated_at -= timedelta(minutes=30)
    await redis.set("onceover:looked-until", (datetime.now(UTC) - timedelta(hours=1)).isoformat())
    fault = app.github.faults.add(Fault(kind="refuse", path="/pulls$", status=500, body="{}", times=None))

    async with broker(app) as process:
        before = await look(process)
        fault.release()
        after = await look(process)

    assert (before.heads, after.heads, after.problems) == (0, 1, ())


async def test_a_mark_of_long_ago_makes_no_look_longer_than_github_remembers(app: AppWorld, redis: Redis) -> None:
    pull = await make_lost_pull(app)
    pull.updated_at -= timedelta(days=5)
    long_ago = datetime.now(UTC) - timedelta(days=30)
    await redis.set("onceover:looked-until", long_ago.isoformat())

    async with broker(app) as process:
        found = await look(process)

    assert found.heads == 0


def test_a_delivery_that_keeps_failing_is_asked_for_ever_more_rarely() -> None:
    pause = timedelta(seconds=INTERVAL_SECONDS)

    def due_after(attempts: int, waited: timedelta) -> bool:
        return FailedDelivery(newest=delivery(1, "g", NOW), attempts=attempts).is_due(NOW + waited)

    assert due_after(1, timedelta())
    assert (due_after(2, pause * 0.9), due_after(2, pause)) == (False, True)
    assert (due_after(4, pause * 6.9), due_after(4, pause * 7)) == (False, True)
    assert not due_after(5_000, timedelta(days=3))


def test_the_attempts_of_one_delivery_are_one() -> None:
    later = NOW + timedelta(minutes=1)

    [first, second] = newest_attempts([delivery(3, "g", later), delivery(2, "h", NOW), delivery(1, "g", NOW)])

    assert (first.newest.id, first.attempts, second.attempts) == (3, 2, 1)


def delivery(number: int, guid: str, at: datetime) -> Delivery:
    return Delivery(id=number, guid=guid, delivered_at=at, status_code=502)
