"""Mirror: whenever a run has changed somebody shows it as it stands, one at a time, paced, until its end is shown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import pytest
from redis.asyncio import Redis

from pipeline.engine.errors import AskPerson, GiveUp, RetryLater
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState
from pipeline.engine.mirror import ROOM, Mirror, Picture
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import StageFunction
from tests.engine.faults import Fault, PowerCut
from tests.engine.invariants import Shadow
from tests.engine.workshop import WAIT_SECONDS_MAX, MakeWorkshop, Workshop, failing, forever, nothing, waiting
from tests.engine.world import PUBLISHER, REVIEWER, Process

PACE: Final = 2.0
HOLD: Final = EngineSettings().mirror_seconds_max


async def mirrored(
    make_workshop: MakeWorkshop, run: StageFunction = nothing, *, settings: EngineSettings | None = None
) -> Workshop:
    """Make a world whose runs the publisher shows."""
    workshop = await make_workshop(StageSpec(name="only", run=run), settings=settings)
    workshop.mirror_role = PUBLISHER
    return workshop


async def accepted(
    make_workshop: MakeWorkshop, run: StageFunction = nothing, *, settings: EngineSettings | None = None
) -> tuple[Workshop, Process, str]:
    """Accept a run that is to be shown, and start a process."""
    workshop = await mirrored(make_workshop, run, settings=settings)
    return workshop, workshop.start("one"), (await workshop.submit()).run_id


def states(workshop: Workshop, run_id: str) -> list[RunState]:
    return [picture.state for picture in workshop.shown.get(run_id, [])]


# When ---------------------------------------------------------------------------------------------------------------


async def test_a_run_is_shown_as_soon_as_it_is_accepted(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop)

    shown = await workshop.make_mirror(process).look_once()

    assert shown == 1
    assert workshop.shown[run_id] == [await workshop.run_of(run_id)]
    await Shadow().check(workshop)


async def test_a_run_that_has_not_changed_is_not_shown_again(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop)
    await workshop.show(process)

    workshop.pass_time(HOLD * 10)
    await workshop.show(process)

    assert len(workshop.shown[run_id]) == 1


async def test_a_worker_that_only_lives_on_changes_no_picture(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop, forever)
    await workshop.wake(process, run_id)
    await workshop.show(process)
    workshop.pass_time(PACE)

    await workshop.beat(process)
    await workshop.sweep(process)
    await workshop.show(process)

    assert states(workshop, run_id) == [RunState.RUNNING]


async def test_a_change_is_shown_when_the_pace_allows_and_not_before(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop, waiting("ci"))
    await workshop.show(process)
    await workshop.wake(process, run_id)

    workshop.pass_time(PACE / 2)
    await workshop.show(process)
    assert states(workshop, run_id) == [RunState.QUEUED]

    workshop.pass_time(PACE / 2)
    await workshop.show(process)
    assert states(workshop, run_id) == [RunState.QUEUED, RunState.WAITING]
    await Shadow().check(workshop)


async def test_the_end_of_a_run_is_shown_at_once_whatever_the_pace(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop, forever)
    await workshop.show(process)

    await workshop.store.cancel(run_id, "enough")
    await workshop.show(process)

    assert states(workshop, run_id) == [RunState.QUEUED, RunState.CANCELLED]


async def test_a_change_long_after_the_last_picture_is_shown_at_once(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop, waiting("ci"))
    await workshop.show(process)
    workshop.pass_time(PACE)

    await workshop.wake(process, run_id)
    await workshop.show(process)

    assert states(workshop, run_id) == [RunState.QUEUED, RunState.WAITING]


async def test_a_change_while_a_run_is_being_shown_is_another_picture(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop)
    worker = workshop.start("two")

    async def let_it_end(_: Picture) -> None:
        if run_id not in workshop.shown:
            await workshop.finish(worker)

    await workshop.make_mirror(process, let_it_end).look_once()
    await Shadow().check(workshop)
    workshop.pass_time(PACE)
    await workshop.show(process)

    assert states(workshop, run_id) == [RunState.QUEUED, RunState.DONE]


async def test_a_run_that_nobody_mirrors_is_never_shown(make_workshop: MakeWorkshop, redis: Redis) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    process = workshop.start("one")
    await workshop.submit()
    await workshop.finish(process)

    workshop.mirror_role = PUBLISHER
    shown = await workshop.make_mirror(process).look_once()

    assert shown == 0
    assert not await redis.exists("onceover:mirror:publisher")


async def test_a_run_is_shown_by_its_role_alone(make_workshop: MakeWorkshop) -> None:
    workshop, process, _ = await accepted(make_workshop)
    workshop.mirror_role = REVIEWER

    assert await workshop.make_mirror(process).look_once() == 0


# The end ------------------------------------------------------------------------------------------------------------

ENDS: Final = (RunState.DONE, RunState.DEAD, RunState.CANCELLED, RunState.SUPERSEDED)


async def end(workshop: Workshop, process: Process, run_id: str, how: RunState) -> None:
    match how:
        case RunState.CANCELLED:
            await workshop.store.cancel(run_id, "somebody asked")
        case RunState.SUPERSEDED:
            await workshop.submit("newer")
        case _:
            await workshop.finish(process)


@pytest.mark.parametrize("how", ENDS)
async def test_the_last_picture_of_a_run_is_its_end(make_workshop: MakeWorkshop, how: RunState) -> None:
    stage = failing(GiveUp("This will never work.")) if how is RunState.DEAD else nothing
    workshop, process, run_id = await accepted(make_workshop, stage)
    await workshop.show(process)

    await end(workshop, process, run_id, how)
    workshop.pass_time(PACE)
    await workshop.show(process)
    workshop.pass_time(HOLD * 10)
    await workshop.show(process)

    assert states(workshop, run_id) == [RunState.QUEUED, how]
    await Shadow().check(workshop)


async def test_a_run_that_came_too_late_is_shown_as_superseded(make_workshop: MakeWorkshop) -> None:
    workshop = await mirrored(make_workshop)
    process = workshop.start("one")
    await workshop.submit("newer", order=2)

    older = (await workshop.submit("older", order=1)).run_id
    await workshop.show(process)

    assert states(workshop, older) == [RunState.SUPERSEDED]


async def test_a_run_that_was_opened_again_is_shown_again(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop)
    await workshop.finish(process)
    await workshop.show(process)
    workshop.pass_time(PACE)

    await workshop.store.rerun(run_id, "all", fresh=False, why="somebody asked")
    await workshop.show(process)

    assert states(workshop, run_id) == [RunState.DONE, RunState.QUEUED]


async def test_a_run_that_nobody_was_there_to_show_leaves_nothing_when_it_expires(
    make_workshop: MakeWorkshop, redis: Redis
) -> None:
    workshop, process, _ = await accepted(make_workshop)
    await workshop.finish(process)
    assert await redis.exists("onceover:mirror:publisher")

    workshop.pass_time(workshop.settings.retention_seconds + 1)
    await workshop.sweep(process)

    assert not await redis.exists("onceover:mirror:publisher")


async def test_a_run_that_expires_while_it_is_being_shown_is_forgotten(
    make_workshop: MakeWorkshop, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    workshop, process, _ = await accepted(make_workshop)
    await workshop.finish(process)

    async def let_it_expire(_: Picture) -> None:
        workshop.pass_time(workshop.settings.retention_seconds + 1)
        await workshop.sweep(process)

    await workshop.make_mirror(process, let_it_expire).look_once()

    assert caplog.messages == []
    assert {key.decode() for key in await redis.keys("*")} == {
        *("onceover:fence", "onceover:owners", "onceover:bells"),
    }


# Who ----------------------------------------------------------------------------------------------------------------


async def test_of_two_mirrors_one_is_given_the_run(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop)
    mirrors = [workshop.make_mirror(process), workshop.make_mirror(workshop.start("two"))]

    shown = await asyncio.gather(*(mirror.look_once() for mirror in mirrors))

    assert sorted(shown) == [0, 1]
    assert len(workshop.shown[run_id]) == 1


async def test_a_run_whose_mirror_leaves_in_good_order_is_given_out_again_at_once(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop)
    showing = asyncio.Event()

    async def hang(_: Picture) -> None:
        showing.set()
        await asyncio.Event().wait()

    leaving = asyncio.create_task(workshop.make_mirror(process, hang).look_once())
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        await showing.wait()
    leaving.cancel()
    with suppress(asyncio.CancelledError):
        await leaving
    await workshop.show(workshop.start("two"))

    assert states(workshop, run_id) == [RunState.QUEUED]


async def test_a_run_whose_mirror_died_is_given_out_again_when_its_time_is_over(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop, waiting("ci"))
    successor = workshop.start("two")

    async def die(_: Picture) -> None:
        process.redis.die()
        raise PowerCut

    await workshop.show(process, die)
    await workshop.wake(successor, run_id)
    workshop.pass_time(HOLD - 1)
    await workshop.show(successor)
    assert states(workshop, run_id) == []

    workshop.pass_time(1)
    await workshop.show(successor)
    assert states(workshop, run_id) == [RunState.WAITING]


async def test_a_slow_mirror_whose_run_went_to_another_causes_one_more_look(make_workshop: MakeWorkshop) -> None:
    """Its old picture came last, so the one that stands outside is not the newest."""
    workshop, slow, run_id = await accepted(make_workshop)
    quick, has_begun, may_end = workshop.start("two"), asyncio.Event(), asyncio.Event()

    async def dawdle(_: Picture) -> None:
        has_begun.set()
        await may_end.wait()

    showing = asyncio.create_task(workshop.show(slow, dawdle))
    await has_begun.wait()
    await workshop.store.cancel(run_id, "somebody asked")
    workshop.pass_time(HOLD)
    await workshop.show(quick)
    may_end.set()
    await showing
    assert states(workshop, run_id) == [RunState.CANCELLED, RunState.QUEUED]
    await Shadow().check(workshop)

    workshop.pass_time(PACE)
    await workshop.show(quick)
    assert states(workshop, run_id)[-1] is RunState.CANCELLED


async def test_a_slow_mirror_does_not_take_back_what_its_successor_is_showing(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop)
    slow, other = process.store, workshop.start("two")
    (old,) = await slow.take_mirrored([PUBLISHER], room=ROOM)
    workshop.pass_time(HOLD)
    (new,) = await other.store.take_mirrored([PUBLISHER], room=ROOM)

    await slow.put_mirrored(run_id, old.claim, seen=old.seen, pace_seconds=0, again_seconds=None)

    assert new.claim > old.claim
    assert await slow.take_mirrored([PUBLISHER], room=ROOM) == ()
    workshop.pass_time(HOLD)
    assert len(await slow.take_mirrored([PUBLISHER], room=ROOM)) == 1, "Nobody said that the second one was shown."


# Failures -----------------------------------------------------------------------------------------------------------


async def test_what_cannot_be_shown_is_tried_again_after_growing_waits_until_it_is(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop)
    tried: list[int] = []
    seconds = 0

    async def refuse(_: Picture) -> None:
        tried.append(seconds)
        if len(tried) < 5:
            raise RetryLater("GitHub answers 502.")

    mirror = workshop.make_mirror(process, refuse)
    while seconds < 25:
        await mirror.look_once()
        await Shadow().check(workshop)
        workshop.pass_time(1)
        seconds += 1

    assert tried == [0, 2, 5, 10, 19], "1 s and half of a bound that doubles from 2 s."
    assert states(workshop, run_id) == [RunState.QUEUED]


async def test_waits_grow_anew_after_a_picture_that_was_shown(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop)
    answers = [True, True, True, False, True, False]

    async def refuse(_: Picture) -> None:
        if answers.pop(0):
            raise RetryLater("GitHub answers 502.")

    mirror = workshop.make_mirror(process, refuse)
    for _ in range(4):
        await mirror.look_once()
        workshop.pass_time(10)
    await workshop.store.cancel(run_id, "somebody asked")
    await mirror.look_once()
    workshop.pass_time(2)
    await mirror.look_once()

    assert states(workshop, run_id) == [RunState.QUEUED, RunState.CANCELLED]


async def test_a_picture_is_not_given_up_however_often_it_failed(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop)
    left = 100

    async def refuse(_: Picture) -> None:
        nonlocal left
        left -= 1
        if left:
            raise AskPerson("The App may not write checks.")

    mirror = workshop.make_mirror(process, refuse)
    for _ in range(100):
        await mirror.look_once()
        workshop.pass_time(301)

    assert left == 0
    assert states(workshop, run_id) == [RunState.QUEUED]


async def test_whoever_refuses_may_say_how_long_to_wait(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop)
    refusals = [RetryLater("Rate limit.", retry_after_seconds=600)]

    async def refuse(_: Picture) -> None:
        if refusals:
            raise refusals.pop()

    mirror = workshop.make_mirror(process, refuse)
    await mirror.look_once()
    workshop.pass_time(599)
    assert await mirror.look_once() == 0

    workshop.pass_time(600 * 0.1)
    assert await mirror.look_once() == 1
    assert states(workshop, run_id) == [RunState.QUEUED]


async def test_a_change_does_not_shorten_the_wait_after_a_failure(make_workshop: MakeWorkshop) -> None:
    """A run that moves each second must not hammer at a host that asked for patience."""
    workshop, process, run_id = await accepted(make_workshop)
    refusals = [RetryLater("Rate limit.", retry_after_seconds=60)]

    async def refuse(_: Picture) -> None:
        if refusals:
            raise refusals.pop()

    mirror = workshop.make_mirror(process, refuse)
    await mirror.look_once()
    await workshop.store.cancel(run_id, "somebody asked")
    workshop.pass_time(60)
    assert await mirror.look_once() == 0

    workshop.pass_time(10)
    await mirror.look_once()
    assert states(workshop, run_id) == [RunState.CANCELLED]


@pytest.mark.parametrize("error", [ValueError("a bug"), GiveUp("never"), TimeoutError()])
async def test_a_run_that_cannot_be_shown_does_not_keep_others_from_it(
    make_workshop: MakeWorkshop, error: Exception
) -> None:
    workshop, process, bad = await accepted(make_workshop)
    good = (await workshop.submit(subject="another")).run_id

    async def refuse(picture: Picture) -> None:
        if picture.run.run_id == bad:
            raise error

    await workshop.make_mirror(process, refuse).look_once()

    assert states(workshop, good) == [RunState.QUEUED]
    workshop.pass_time(10)
    assert await workshop.make_mirror(process).look_once() == 1
    assert states(workshop, bad) == [RunState.QUEUED]


async def test_a_picture_that_hangs_is_left_at_its_limit_and_tried_again(make_workshop: MakeWorkshop) -> None:
    workshop, process, run_id = await accepted(make_workshop, settings=EngineSettings(mirror_seconds_max=0.01))

    async def hang(_: Picture) -> None:
        await asyncio.Event().wait()

    await workshop.make_mirror(process, hang).look_once()

    assert states(workshop, run_id) == []
    workshop.pass_time(10)
    await workshop.show(process)
    assert states(workshop, run_id) == [RunState.QUEUED]


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.LOSE_REPLY])
@pytest.mark.parametrize("at", [0, 1], ids=["take", "put"])
async def test_a_mirror_that_does_not_reach_redis_looks_again_later(
    make_workshop: MakeWorkshop, fault: Fault, at: int
) -> None:
    workshop, process, run_id = await accepted(make_workshop)
    process.redis.arm(fault, after=at)

    await workshop.show(process)
    workshop.pass_time(HOLD)
    await workshop.show(process)
    workshop.pass_time(HOLD)

    assert set(states(workshop, run_id)) == {RunState.QUEUED}
    assert await workshop.make_mirror(process).look_once() == 0
    await Shadow().check(workshop)


# Crash points -------------------------------------------------------------------------------------------------------

WRITES_OF_A_LOOK: Final = 4
"""Take, intend, confirm, put back."""


@dataclass(slots=True)
class Board:
    """Check runs outside; whoever creates one twice has two."""

    checks: list[RunState] = field(default_factory=list)
    blind: int = 0
    """How often somebody was told that nothing had begun while a check run stood there."""

    async def show(self, picture: Picture) -> None:
        """Create the check run, or move the one that is there."""
        effect = await picture.effects.begin("check")
        if effect.standing == "new" and self.checks:
            self.blind += 1
        if effect.standing == "new" or not self.checks:
            self.checks.append(picture.run.state)
        self.checks[0] = picture.run.state
        if effect.standing != "confirmed":
            await picture.effects.confirm("check", {"id": 1})


@pytest.mark.parametrize("fault", Fault)
async def test_a_fault_at_any_write_of_a_mirror_leaves_one_check_run_that_is_concluded(
    redis: Redis, fault: Fault
) -> None:
    async def visit(point: int) -> bool:
        await redis.flushdb()
        async with Workshop(redis, StageSpec(name="only", run=nothing)) as workshop:
            workshop.mirror_role = PUBLISHER
            board, shadow, first, second = Board(), Shadow(), workshop.start("first"), workshop.start("second")
            await workshop.submit()
            first.redis.arm(fault, after=point)
            await workshop.show(first, board.show)
            await shadow.check(workshop)
            await workshop.finish(second, check=shadow.check)
            for _ in range(2):
                workshop.pass_time(HOLD)
                await workshop.show(second, board.show)
                await shadow.check(workshop)

            assert (board.checks, board.blind) == ([RunState.DONE], 0), f"fault at write {point + 1}"
            return bool(first.redis.faults)

    point = 0
    while await visit(point):
        point += 1

    assert point == WRITES_OF_A_LOOK


# By itself ----------------------------------------------------------------------------------------------------------

PATIENT: Final = EngineSettings(sweep_seconds=3_600)
"""A mirror that looks only when something tells it to."""


@asynccontextmanager
async def at_work(mirror: Mirror) -> AsyncIterator[None]:
    task = asyncio.create_task(mirror.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_mirror_that_is_nudged_looks_at_once(make_workshop: MakeWorkshop) -> None:
    workshop = await mirrored(make_workshop, settings=PATIENT)
    pictures: asyncio.Queue[str] = asyncio.Queue()

    async def show(picture: Picture) -> None:
        pictures.put_nowait(picture.run.run_id)

    mirror = workshop.make_mirror(workshop.start("one"), show)
    async with asyncio.timeout(WAIT_SECONDS_MAX), at_work(mirror):
        for subject in ("pr-1", "pr-2"):
            run_id = (await workshop.submit(subject=subject)).run_id
            mirror.nudge()

            assert await pictures.get() == run_id


async def test_a_mirror_that_is_told_nothing_looks_now_and_then(make_workshop: MakeWorkshop) -> None:
    workshop = await mirrored(make_workshop, settings=EngineSettings(sweep_seconds=0.001))
    pictures: asyncio.Queue[str] = asyncio.Queue()

    async def show(picture: Picture) -> None:
        pictures.put_nowait(picture.run.run_id)

    async with asyncio.timeout(WAIT_SECONDS_MAX), at_work(workshop.make_mirror(workshop.start("one"), show)):
        for subject in ("pr-1", "pr-2"):
            run_id = (await workshop.submit(subject=subject)).run_id

            assert await pictures.get() == run_id


async def test_a_mirror_with_more_runs_than_one_look_takes_looks_again_at_once(make_workshop: MakeWorkshop) -> None:
    workshop = await mirrored(make_workshop, settings=PATIENT)
    runs = {(await workshop.submit(subject=f"pr-{number}")).run_id for number in range(ROOM + 1)}
    pictures: asyncio.Queue[str] = asyncio.Queue()

    async def show(picture: Picture) -> None:
        pictures.put_nowait(picture.run.run_id)

    async with asyncio.timeout(WAIT_SECONDS_MAX), at_work(workshop.make_mirror(workshop.start("one"), show)):
        shown = {await pictures.get() for _ in runs}

    assert shown == runs
