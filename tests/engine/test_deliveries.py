"""Deliveries: what comes from outside under an id is done once, by the script that does it, and can be looked up."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

import pytest
from redis.asyncio import Redis

from pipeline.engine.delivery import Delivery, DeliveryRecord, Receipt
from pipeline.engine.errors import Bug
from pipeline.engine.graph import Graph, StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.request import RunRequest
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.engine.store import Store
from tests.engine.invariants import Shadow
from tests.engine.workshop import Acts, MakeWorkshop, Workshop, nothing, waiting

HEAD: Final = "github/api.github.com/7/c0ffee"
PUSHED: Final = Delivery(id="d-1", event="pull_request.synchronize")
DAY_MS: Final = 86_400_000

ASKED: Final = RunRequest(subject="pr", revision="head", params={}, topics=(HEAD,))
RUN: Final = ASKED.run_id

Way: TypeAlias = Callable[[Workshop, Delivery], Awaitable[Receipt]]


async def submit(workshop: Workshop, delivery: Delivery) -> Receipt:
    answer = await workshop.ask(ASKED, delivery)
    return Receipt(outcome="duplicate" if answer.outcome == "duplicate" else "accepted", run=answer.run_id)


async def signal(workshop: Workshop, delivery: Delivery) -> Receipt:
    return await workshop.store.signal_topic(HEAD, "checks", delivery)


async def stop(workshop: Workshop, delivery: Delivery) -> Receipt:
    return await workshop.store.stop_subject("pr", "the pull request was closed", delivery)


async def ignore(workshop: Workshop, delivery: Delivery) -> Receipt:
    return await workshop.store.ignore(delivery, "drafts are not reviewed")


WAYS: Final[dict[str, Way]] = {"submit": submit, "signal": signal, "stop": stop, "ignore": ignore}


async def with_a_live_run(make_workshop: MakeWorkshop) -> Workshop:
    workshop = await make_workshop(StageSpec(name="only", run=waiting("checks")))
    await workshop.ask(ASKED)
    return workshop


async def test_of_a_hundred_copies_at_once_one_makes_a_run_and_the_others_name_it(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))

    answers = await asyncio.gather(*(workshop.ask(ASKED, PUSHED) for _ in range(100)))

    outcomes = [answer.outcome for answer in answers]
    assert (outcomes.count("created"), outcomes.count("duplicate")) == (1, 99)
    assert {answer.run_id for answer in answers} == {RUN}
    assert [run.run_id for run in await workshop.store.list_runs(10)] == [RUN]
    assert await workshop.story(RUN) == ["run.accepted", "stage.ready"]
    assert await workshop.store.counters() == {"deliveries_accepted": 1}
    await Shadow().check(workshop)


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
async def test_a_delivery_is_taken_once_whatever_the_second_copy_asks_for(
    make_workshop: MakeWorkshop, first: str, second: str
) -> None:
    workshop = await with_a_live_run(make_workshop)
    taken = await WAYS[first](workshop, PUSHED)
    record, story = await workshop.store.delivery(PUSHED.id), await workshop.story(RUN)

    again = await WAYS[second](workshop, PUSHED)

    assert taken.outcome == ("ignored" if first == "ignore" else "accepted")
    assert again.outcome == "duplicate"
    assert taken.run == (None if first == "ignore" else RUN)
    assert again.run == (RUN if second == "submit" else taken.run)
    assert second == "submit" or again.reason == taken.reason
    assert again.wake == ()
    assert await workshop.story(RUN) == story
    assert await workshop.store.delivery(PUSHED.id) == record
    await Shadow().check(workshop)


@pytest.mark.parametrize("way", ["submit", "signal", "stop"])
async def test_a_delivery_that_could_not_be_done_is_not_taken_and_can_come_again(
    make_workshop: MakeWorkshop, redis: Redis, way: str
) -> None:
    workshop = await with_a_live_run(make_workshop)
    before = await redis.hgetall(f"onceover:run:{RUN}")  # type: ignore[misc]  # redis-py types both clients in one.

    async with workshop.damaged(RUN):
        with pytest.raises(Bug, match="not foreseen"):
            await WAYS[way](workshop, PUSHED)
        mark, counted = await workshop.store.delivery(PUSHED.id), await workshop.store.counters()
    left = await redis.hgetall(f"onceover:run:{RUN}")  # type: ignore[misc]  # Same.
    after = await WAYS[way](workshop, PUSHED)

    assert (left, mark, counted) == (before, None, {})
    assert (after.outcome, after.run) == ("accepted", RUN)


async def test_a_push_that_cannot_stop_the_older_head_leaves_no_run_behind(make_workshop: MakeWorkshop) -> None:
    workshop = await with_a_live_run(make_workshop)
    newer = RunRequest(subject="pr", revision="newer", params={}, topics=(HEAD,))

    async with workshop.damaged(RUN):
        with pytest.raises(Bug):
            await workshop.ask(newer, PUSHED)
        assert await workshop.store.read_run(newer.run_id) is None
        assert await workshop.store.delivery(PUSHED.id) is None

    assert (await workshop.ask(newer, PUSHED)).outcome == "created"
    assert (await workshop.run_of(RUN)).state is RunState.SUPERSEDED
    await Shadow().check(workshop)


async def test_a_delivery_can_be_looked_up_with_what_became_of_it(make_workshop: MakeWorkshop) -> None:
    workshop = await with_a_live_run(make_workshop)
    now_ms = (await workshop.ask(ASKED)).now_ms

    await submit(workshop, PUSHED)
    await ignore(workshop, Delivery(id="d-2", event="push"))

    accepted, ignored = [await workshop.store.delivery(name) for name in ("d-1", "d-2")]
    assert accepted is not None
    assert ignored is not None
    assert now_ms <= accepted.at_ms <= ignored.at_ms <= now_ms + DAY_MS
    assert accepted == DeliveryRecord(
        id="d-1", event="pull_request.synchronize", outcome="accepted", run=RUN, reason=None, at_ms=accepted.at_ms
    )
    assert ignored == DeliveryRecord(
        id="d-2", event="push", outcome="ignored", run=None, reason="drafts are not reviewed", at_ms=ignored.at_ms
    )


async def test_a_delivery_that_never_came_is_not_known(make_workshop: MakeWorkshop) -> None:
    workshop = await with_a_live_run(make_workshop)

    assert await workshop.store.delivery("d-0") is None


@pytest.mark.parametrize("way", WAYS)
async def test_a_delivery_is_remembered_for_its_time_and_no_longer(
    make_workshop: MakeWorkshop, redis: Redis, way: str
) -> None:
    workshop = await with_a_live_run(make_workshop)

    await WAYS[way](workshop, PUSHED)

    assert 7 * DAY_MS < await redis.pttl("onceover:delivery:d-1") <= 8 * DAY_MS


async def test_two_deliveries_of_one_head_are_one_run(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    labelled = Delivery(id="d-2", event="pull_request.labeled")

    outcomes = [(await workshop.ask(ASKED, delivery)).outcome for delivery in (PUSHED, labelled)]

    records = [await workshop.store.delivery(delivery.id) for delivery in (PUSHED, labelled)]
    assert outcomes == ["created", "joined"]
    assert [record and (record.outcome, record.run) for record in records] == [("accepted", RUN)] * 2


async def test_a_delivery_of_an_older_head_is_accepted_and_names_the_run_that_came_too_late(
    make_workshop: MakeWorkshop,
) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    await workshop.submit("newer", order=2)
    older = RunRequest(subject="pr", revision="older", order=1, params={})

    answer = await workshop.ask(older, PUSHED)

    record = await workshop.store.delivery(PUSHED.id)
    assert answer.outcome == "stale"
    assert record is not None
    assert (record.outcome, record.run) == ("accepted", older.run_id)


@pytest.mark.parametrize("is_known", [True, False])
async def test_stopping_what_does_not_live_is_ignored_with_the_reason(
    make_workshop: MakeWorkshop, *, is_known: bool
) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    if is_known:
        await workshop.ask(ASKED)
        await workshop.finish(workshop.start("one"))

    receipt = await stop(workshop, PUSHED)

    assert receipt == Receipt(outcome="ignored", run=RUN if is_known else None, reason="no run of it was live")
    assert not is_known or (await workshop.run_of(RUN)).state is RunState.DONE


async def test_stopping_a_subject_stops_the_run_of_its_newest_head(make_workshop: MakeWorkshop) -> None:
    workshop = await with_a_live_run(make_workshop)

    receipt = await stop(workshop, PUSHED)

    assert receipt == Receipt(outcome="accepted", run=RUN)
    assert (await workshop.run_of(RUN)).state is RunState.CANCELLED


@pytest.mark.parametrize(
    ("ended_at", "state"), [(6, RunState.QUEUED), (7, RunState.CANCELLED), (8, RunState.CANCELLED)]
)
async def test_an_end_that_comes_late_does_not_stop_what_was_asked_for_after_it(
    make_workshop: MakeWorkshop, ended_at: int, state: RunState
) -> None:
    """`closed` may be delivered after the `reopened` that followed it."""
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    await workshop.ask(replace(ASKED, order=7))

    receipt = await workshop.store.stop_subject("pr", "the pull request was closed", PUSHED, order=ended_at)

    assert (await workshop.run_of(RUN)).state is state
    assert (receipt.reason is None) is (state is RunState.CANCELLED)


async def test_a_storm_of_the_same_head_changes_nothing_but_when_it_was_the_newest(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    await workshop.ask(replace(ASKED, order=7))
    before = await workshop.run_of(RUN)

    joined = await workshop.ask(replace(ASKED, order=9), delivery=PUSHED)
    late = await workshop.ask(replace(ASKED, revision="older", order=8))

    assert (joined.outcome, joined.run_id, joined.ready_roles) == ("joined", RUN, ())
    assert late.outcome == "stale"
    assert await workshop.run_of(RUN) == before
    assert (await workshop.store.delivery(PUSHED.id)) is not None


class TwiceSent(Redis):
    """A client whose every answer is lost once: what it sends arrives twice, and the second answer is read."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py has it
        """Send it twice."""
        await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py left it so.
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # Same.


async def test_a_delivery_whose_answer_was_lost_is_no_duplicate_of_itself(
    make_workshop: MakeWorkshop, redis: Redis
) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    twice = TwiceSent(connection_pool=redis.connection_pool)
    store = Store(twice, owner=workshop.store.owner, settings=workshop.settings)

    answer = await store.submit(ASKED, Graph(workshop.stages), PUSHED)

    assert (answer.outcome, answer.ready_roles) == ("created", ("worker",))
    assert await workshop.store.counters() == {"deliveries_accepted": 1}


# Stages done again --------------------------------------------------------------------------------------------------


async def test_a_delivery_does_a_stage_again_once(make_workshop: MakeWorkshop) -> None:
    workshop = await with_a_live_run(make_workshop)

    answers = [await rerun(workshop) for _ in range(2)]

    record = await workshop.store.delivery(PUSHED.id)
    assert answers == [("reopened", ("worker",)), ("reopened", ())]
    assert (await workshop.stage_of(RUN, "only")).generation == 2
    assert record is not None
    assert (record.outcome, record.run, record.reason) == ("accepted", RUN, None)
    await Shadow().check(workshop)


@pytest.mark.parametrize("before", WAYS)
async def test_a_delivery_that_did_something_else_does_no_stage_again(make_workshop: MakeWorkshop, before: str) -> None:
    """A command that found no run to open asks for one; entered again, it finds that run."""
    workshop = await with_a_live_run(make_workshop)
    taken = await WAYS[before](workshop, PUSHED)
    story = await workshop.story(RUN)

    answer = await rerun(workshop)

    assert answer == ("reopened" if taken.outcome == "accepted" else "nothing", ())
    assert await workshop.story(RUN) == story


async def test_a_delivery_that_found_nothing_to_do_again_is_not_taken(make_workshop: MakeWorkshop) -> None:
    workshop = await with_a_live_run(make_workshop)

    outcome, _ = await workshop.store.rerun(RUN, "failed", fresh=False, why="somebody asked", delivery=PUSHED)

    assert outcome == "nothing"
    assert await workshop.store.delivery(PUSHED.id) is None


async def rerun(workshop: Workshop) -> tuple[str, tuple[str, ...]]:
    return await workshop.store.rerun(RUN, "all", fresh=False, why="somebody asked", delivery=PUSHED)


# Looking again ------------------------------------------------------------------------------------------------------


class Reviews:
    """A graph a -> c, b -> c in which each stage acts once for good and looks at the world once a time."""

    def __init__(self) -> None:
        self.acts, self.looks = Acts(), Acts()

    async def stage(self, ctx: StageContext) -> JsonValue:
        """Act and look under the stage's name; a stage function."""
        name = ctx.lease_mark.split(".")[1]
        return [await ctx.step("act", self.acts, name), await ctx.step("look", self.looks, name, observes=True)]

    @property
    def specs(self) -> tuple[StageSpec, ...]:
        """The stages."""
        return (
            StageSpec(name="a", run=self.stage),
            StageSpec(name="b", run=self.stage),
            StageSpec(name="c", run=self.stage, needs=("a", "b")),
        )


LOOKS_AGAIN: Final = RunRequest(subject="pr", revision="head", params={}, topics=(HEAD,), again=("a", "unknown"))


async def test_a_request_that_looks_again_opens_its_stage_and_what_depends_on_it(make_workshop: MakeWorkshop) -> None:
    reviews = Reviews()
    workshop = await make_workshop(*reviews.specs)
    worker = workshop.start("one")
    await workshop.ask(ASKED)
    await workshop.finish(worker)
    before = await workshop.run_of(RUN)

    answer = await workshop.ask(LOOKS_AGAIN, PUSHED)
    opened = await workshop.run_of(RUN)
    await workshop.finish(worker)

    assert answer.outcome == "reopened"
    assert {name: stage.state for name, stage in opened.stages.items()} == {
        "a": StageState.READY,
        "b": StageState.DONE,
        "c": StageState.PENDING,
    }
    assert reviews.acts.done == ["a", "b", "c"], "What a step made for good is not made again."
    assert reviews.looks.done == ["a", "b", "c", "a"], "Only the stage that was named looks again."
    after = await workshop.run_of(RUN)
    assert after.state is RunState.DONE
    assert after.stages["b"] == before.stages["b"]
    assert [after.stages[name].generation for name in "abc"] == [2, 1, 2]


async def test_a_first_request_that_looks_again_is_a_first_request(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(*Reviews().specs)

    assert (await workshop.ask(LOOKS_AGAIN, PUSHED)).outcome == "created"


async def test_a_stage_that_has_not_begun_is_not_opened_again(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(*Reviews().specs)
    await workshop.ask(ASKED)
    story = await workshop.story(RUN)

    answer = await workshop.ask(RunRequest(subject="pr", revision="head", params={}, again=("a", "c")), PUSHED)

    assert answer.outcome == "joined"
    assert await workshop.story(RUN) == story


async def test_a_stage_that_waits_looks_again_before_it_goes_on(make_workshop: MakeWorkshop) -> None:
    looks = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        seen = await ctx.step("look", looks, observes=True)
        await ctx.wait("ci", seconds=60, signal="checks")
        return seen

    workshop = await make_workshop(StageSpec(name="a", run=stage))
    worker = workshop.start("one")
    await workshop.ask(ASKED)
    await workshop.wake(worker, RUN)

    answer = await workshop.ask(LOOKS_AGAIN, PUSHED)
    await workshop.finish(worker)

    assert answer.outcome == "reopened"
    assert (await workshop.results(RUN))["a"] == 1, "The second look."


async def test_a_delivery_that_comes_again_does_not_look_again(make_workshop: MakeWorkshop) -> None:
    reviews = Reviews()
    workshop = await make_workshop(*reviews.specs, settings=EngineSettings(away_pause_seconds=0.001))
    worker = workshop.start("one")
    await workshop.ask(LOOKS_AGAIN, PUSHED)
    await workshop.finish(worker)

    assert (await workshop.ask(LOOKS_AGAIN, PUSHED)).outcome == "duplicate"
    assert (await workshop.run_of(RUN)).state is RunState.DONE
