"""Writes keep their distance and their order, and hold no worker for long."""

import asyncio

import pytest

from pipeline.services.github.comments import Comments
from pipeline.services.github.errors import Ambiguous, Paced
from pipeline.services.github.place import Place
from tests.services.github.small_github import REPO, SHOP, Says, Seen, World, comment, no, ok, small_github

CREATE = f"POST {REPO}/issues/12/comments"


async def write(world: World, number: int = 12, body: str = "Hello", place: Place = SHOP) -> object:
    return await Comments(github=world.github, place=place).create(number, body)


async def test_a_second_passes_between_two_writes() -> None:
    async with small_github({CREATE: ok(comment(), 201)}, write_interval_seconds=1.0) as world:
        await write(world)
        await write(world)
        world.clock.pass_by(0.4)
        await write(world)

    assert world.clock.slept == [1.0, 0.6]


async def test_after_a_rest_there_is_nothing_to_wait_for() -> None:
    async with small_github({CREATE: ok(comment(), 201)}, write_interval_seconds=1.0) as world:
        await write(world)
        world.clock.pass_by(5)
        await write(world)

    assert world.clock.slept == []


async def test_a_few_writes_may_come_at_once_where_that_is_set() -> None:
    async with small_github({CREATE: ok(comment(), 201)}, write_interval_seconds=1.0, writes_at_once=3) as world:
        for _ in range(5):
            await write(world)

    assert world.clock.slept == [1.0, 1.0]


async def test_a_failed_write_counts_as_one() -> None:
    async with small_github({CREATE: [no(502), ok(comment(), 201)]}, write_interval_seconds=1.0) as world:
        with pytest.raises(Ambiguous):
            await write(world)
        await write(world)

    assert world.clock.slept == [1.0]


async def test_another_installation_has_its_own_pace() -> None:
    other = Place(installation=8, repository="acme/shop", repository_id=101)
    async with small_github({CREATE: ok(comment(), 201)}, write_interval_seconds=1.0) as world:
        await write(world)
        await write(world, place=other)

    assert world.clock.slept == []


async def test_a_long_wait_parks_the_run_instead_of_holding_the_worker() -> None:
    async with small_github({CREATE: ok(comment(), 201)}, write_interval_seconds=30.0, pace_seconds_max=10.0) as world:
        await write(world)
        with pytest.raises(Paced) as caught:
            await write(world)

    assert caught.value.retry_after_seconds == 30.0
    assert (len(world.server.seen), world.clock.slept) == (1, [])


async def test_a_process_that_was_frozen_while_it_waited_does_not_write() -> None:
    """Its lease may be another's by now; whoever holds it asks for the right to write anew."""
    async with small_github({CREATE: ok(comment(), 201)}, write_interval_seconds=1.0, pace_seconds_max=10.0) as world:
        await write(world)
        world.clock.frozen_seconds = 60.0
        with pytest.raises(Paced):
            await write(world)

    assert len(world.server.seen) == 1


async def test_writes_of_one_pull_request_arrive_in_order() -> None:
    """The second is not sent before the first is answered, however slow that is."""
    async with small_github() as world:
        arrived, answered = asyncio.Event(), asyncio.Event()
        order: list[str] = []

        def says(seen: Seen) -> Says:
            order.append(seen.body["body"])
            arrived.set()
            return ok(comment(), 201)

        world.server.routes[CREATE] = says
        async with world.caller.memory.pace.turn(SHOP.installation, (SHOP.repository_id, 12)):  # A write in flight.
            tasks = [asyncio.create_task(write(world, body=name)) for name in ("first", "second", "third")]
            other = asyncio.create_task(write(world, number=13, body="other"))
            world.server.routes[f"POST {REPO}/issues/13/comments"] = says
            await arrived.wait()
            assert order == ["other"]
            answered.set()
        await asyncio.gather(*tasks, other)

    assert order == ["other", "first", "second", "third"]


async def test_a_line_that_does_not_move_is_left() -> None:
    async with small_github({CREATE: ok(comment(), 201)}, pace_seconds_max=0.02) as world:
        async with world.caller.memory.pace.turn(SHOP.installation, (SHOP.repository_id, 12)):  # A write in flight.
            with pytest.raises(Paced):
                await write(world)
        await write(world)

    assert len(world.server.seen) == 1


async def test_a_write_that_is_cancelled_in_line_leaves_it() -> None:
    async with small_github({CREATE: ok(comment(), 201)}) as world:
        async with world.caller.memory.pace.turn(SHOP.installation, (SHOP.repository_id, 12)):  # A write in flight.
            waiting = asyncio.create_task(write(world))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await write(world)

    assert len(world.server.seen) == 1
