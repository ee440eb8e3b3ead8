"""Much at once, and in any order: copies of a delivery, events out of order, storms of pushes, webhooks lost."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Final

import pytest

from bot.app_credentials import ALL_ROLES, Role
from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.leftovers import Left, check_runs, left_on
from bot.demo.simulated_github.repositories import Pull
from bot.demo.simulated_github.world import Delivery
from pipeline.engine.lifecycle import RunState
from tests.app.world import BUG, CONFIGURATION, PLAIN, AppWorld
from tests.conftest import StartRedis

COPIES: Final = 100

REMARKS: Final = "review:\n  analyzers: [ruff]\ntest:\n  source: none\n"

NO_REVIEWER: Final = ALL_ROLES - {Role.REVIEWER}


async def test_a_hundred_copies_of_a_delivery_at_once_are_one_run(world: AppWorld) -> None:
    async with world.process() as process:
        world.github.courier.is_unreachable = True
        pull = await world.open_plain_pull()
        world.github.courier.is_unreachable = False
        [opened] = [one for one in world.github.deliveries if one.event == "pull_request"]

        copies = await asyncio.gather(*(world.github.redeliver(opened) for _ in range(COPIES)))
        await world.until_quiet(pull)
        run = await world.run_of(process, pull)
        accepted = [one for one in await process.opened.store.journal(run.run_id) if one.kind == "run.accepted"]

    assert {one.status_code for one in copies} == {202}
    assert len(accepted) == 1
    world.github.leftovers({pull: Left(comments=1, check_runs=1)})


ORDERS: Final = tuple(itertools.permutations(range(5)))[::17]
"""Some of the orders in which five events can arrive, the true one and its reverse among them."""


@pytest.mark.parametrize("order", [*ORDERS, (4, 3, 2, 1, 0)], ids=str)
async def test_the_events_of_a_pull_request_may_come_in_any_order(world: AppWorld, order: Sequence[int]) -> None:
    """Opened, two suites that are asked for, a push, and a comment that asks for a review."""
    async with world.process(NO_REVIEWER):
        pull, events = await things_happen(world)
        for place in order:
            await world.github.redeliver(events[place])
        async with world.process(frozenset({Role.REVIEWER})):
            await world.until_quiet(pull)

    left = left_on(pull, world.github.app)
    assert (left.comments, left.open_check_runs, left.repeated_check_runs, left.repeated_reviews) == (1, 0, 0, 0)
    assert pull.head_sha[:12] in world.summary(pull)
    assert world.checks(pull)[pull.head_sha] == "failure"
    assert [one.commit_id for one in pull.reviews] == [pull.head_sha]


async def things_happen(world: AppWorld) -> tuple[Pull, list[Delivery]]:
    """Let five things happen of which no webhook arrives, and give their deliveries."""
    repository = await world.make_repository(files={CONFIGURATION: REMARKS})
    world.github.courier.is_unreachable = True
    pull = await world.open_pull(repository)
    await world.github.push_to_pull(pull, {"shop.py": "def listing(x=[]):\n    return x\n"})
    await world.github.comment(pull, "acme", "/onceover review")
    world.github.courier.is_unreachable = False
    wanted = {"pull_request", "check_suite", "issue_comment"}
    return pull, [one for one in world.github.deliveries if one.event in wanted]


async def test_pushes_that_come_fast_cost_one_review(world: AppWorld) -> None:
    async with world.process(NO_REVIEWER):
        repository = await world.make_repository(files={CONFIGURATION: REMARKS})
        pull = await world.open_pull(repository)
        for number in range(3):
            await world.github.push_to_pull(pull, {"shop.py": f"def listing(x=[]):\n    return {number}\n"})
        async with world.process(frozenset({Role.REVIEWER})):
            await world.until_quiet(pull)

    world.github.leftovers({pull: Left(comments=1, reviews=1)})
    assert [one.commit_id for one in pull.reviews] == [pull.head_sha]
    *older, newest = world.checks(pull).values()
    assert newest == "failure"
    assert set(older) <= {"neutral"}


async def test_a_push_while_a_review_is_pending_leaves_no_pending_review(world: AppWorld) -> None:
    """The older head's review was begun, and its run is superseded before it could be submitted."""
    submit = Fault(kind="hang", method="POST", path=r"/events$")
    async with world.process():
        held = world.github.faults.add(submit)
        repository = await world.make_repository(files={CONFIGURATION: REMARKS})
        pull = await world.open_pull(repository)
        await held.reached()

        await world.github.push_to_pull(pull, {"shop.py": "SHOP = 1\n"})
        await world.until_quiet(pull)

    world.github.leftovers({pull: Left(comments=1, reviews=left_on(pull, world.github.app).reviews, check_runs=2)})
    assert pull.head_sha[:12] in world.summary(pull)


async def test_what_was_missed_while_nobody_listened_is_found(world: AppWorld) -> None:
    world.github.courier.is_unreachable = True
    pull = await world.open_plain_pull()
    world.github.courier.is_unreachable = False

    async with world.process():
        await world.until_commented(pull)
        await world.until_quiet(pull)

    world.github.leftovers({pull: Left(comments=1, check_runs=1)})


async def test_a_webhook_that_never_was_sent_is_made_up_for(world: AppWorld) -> None:
    async with world.process() as process:
        pull = await world.open_plain_pull()
        await world.until_quiet(pull)

        await world.github.push_to_pull(pull, {"more.py": "MORE = 1\n"}, lost=True)
        assert process.recovery
        found = await process.recovery.look()
        await world.until_quiet(pull)

    assert (found.heads, found.problems) == (1, ())
    world.github.leftovers({pull: Left(comments=1, check_runs=2)})
    assert pull.head_sha[:12] in world.summary(pull)


async def test_what_comes_while_redis_is_away_is_refused_and_found_later(
    world: AppWorld, start_redis: StartRedis
) -> None:
    server = start_redis("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
    world.redis_url = server.url
    async with world.process(frozenset({Role.DOOR})):
        server.kill()
        repository = await world.make_repository(files={CONFIGURATION: PLAIN}, lost=True)
        await world.github.push(repository, "feature", {"shop.py": BUG}, user="alice", lost=True)
        pull = await world.github.open_pull(repository, "feature", author="alice")
        server.restart()
    refused = [one.status_code for one in world.github.deliveries]

    async with world.process():
        await world.until_commented(pull)
        await world.until_quiet(pull)

    assert refused == [503]
    world.github.leftovers({pull: Left(comments=1, check_runs=1)})


async def test_uninstalling_stops_the_work(world: AppWorld) -> None:
    async with world.process(NO_REVIEWER) as process:
        pull = await world.open_plain_pull()
        await world.until(lambda: bool(check_runs(pull, world.github.app)), "a check run")
        [installation] = world.github.world.installations

        await world.github.uninstall(installation)
        await world.until_ended(process, pull)
        run = await world.run_of(process, pull)
        writes = [one for one in world.github.writes() if one.caller == "installation"]

    assert run.state is RunState.CANCELLED
    assert [one.path for one in writes] == [f"/repos/{pull.repository.full_name}/check-runs"]


async def test_a_renamed_repository_keeps_its_summary(world: AppWorld) -> None:
    async with world.process():
        pull = await world.open_plain_pull()
        await world.until_quiet(pull)

        await world.github.rename_repository(pull.repository, "store")
        await world.github.push_to_pull(pull, {"more.py": "MORE = 1\n"})
        await world.until_quiet(pull)

    world.github.leftovers({pull: Left(comments=1, check_runs=2)})
    assert pull.head_sha[:12] in world.summary(pull)


async def test_a_merge_group_gets_a_check_that_does_not_hold_it_up(world: AppWorld) -> None:
    async with world.process():
        repository = await world.make_repository()
        sha = repository.git.sha("main")

        await world.github.merge_group(repository, sha)
        await world.until_quiet()

    [check] = repository.check_runs
    assert (check.name, check.head_sha, check.status) == ("Onceover", sha, "completed")
    assert check.conclusion in {"neutral", "success"}
