"""Topics: a signal finds every live run of a topic by a name that its sender knows, and no other run."""

import pytest

from pipeline.engine.delivery import Delivery, Receipt
from pipeline.engine.errors import Bug
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState
from pipeline.engine.request import RunRequest
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from tests.engine.invariants import Shadow
from tests.engine.workshop import MakeWorkshop, Workshop, nothing, waiting
from tests.engine.world import PUBLISHER, REVIEWER

HEAD = "github/api.github.com/7/c0ffee"
CHECKED = Delivery(id="d-1", event="check_suite.completed")


async def waits_for_checks(make_workshop: MakeWorkshop) -> Workshop:
    return await make_workshop(StageSpec(name="only", run=waiting("checks"), role=REVIEWER))


async def ask(workshop: Workshop, subject: str, *topics: str, revision: str = "head") -> str:
    asked = RunRequest(subject=subject, revision=revision, params={}, topics=topics)
    return (await workshop.ask(asked)).run_id


async def test_a_signal_wakes_all_runs_of_its_topic_and_no_other(make_workshop: MakeWorkshop) -> None:
    workshop = await waits_for_checks(make_workshop)
    worker = workshop.start("one")
    runs = [await ask(workshop, "pr-1", HEAD), await ask(workshop, "pr-2", "other", HEAD)]
    others = [await ask(workshop, "pr-3", "other"), await ask(workshop, "pr-4")]
    await workshop.sweep(worker)

    receipt = await workshop.store.signal_topic(HEAD, "checks", CHECKED)
    await workshop.sweep(worker)

    assert receipt.outcome == "accepted"
    assert receipt.run in runs
    assert {(await workshop.run_of(run_id)).state for run_id in runs} == {RunState.DONE}
    assert {(await workshop.run_of(run_id)).state for run_id in others} == {RunState.WAITING}


async def test_a_run_hears_what_its_topic_was_told_before_it_waits(make_workshop: MakeWorkshop) -> None:
    workshop = await waits_for_checks(make_workshop)
    worker, run_id = workshop.start("one"), await ask(workshop, "pr", HEAD)

    receipt = await workshop.store.signal_topic(HEAD, "checks", CHECKED)
    await workshop.wake(worker, run_id)

    assert (receipt.outcome, receipt.run) == ("accepted", run_id)
    assert (await workshop.results(run_id))["only"] == {"by": "signal", "payload": None}


async def test_whoever_signals_learns_which_roles_to_wake(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(
        StageSpec(name="test", run=waiting("checks"), role=REVIEWER),
        StageSpec(name="comment", run=waiting("checks"), role=PUBLISHER),
        StageSpec(name="docs", run=waiting("ci"), role="librarian"),
    )
    worker, run_id = workshop.start("one", roles={REVIEWER, PUBLISHER, "librarian"}), await ask(workshop, "pr", HEAD)
    await workshop.wake(worker, run_id)

    receipt = await workshop.store.signal_topic(HEAD, "checks", CHECKED)

    assert set(receipt.wake) == {(run_id, REVIEWER), (run_id, PUBLISHER)}


@pytest.mark.parametrize("end", [RunState.DONE, RunState.CANCELLED, RunState.SUPERSEDED])
async def test_a_run_that_is_over_is_told_nothing(make_workshop: MakeWorkshop, end: RunState) -> None:
    workshop = await waits_for_checks(make_workshop)
    worker, run_id = workshop.start("one"), await ask(workshop, "pr", HEAD)
    match end:
        case RunState.DONE:
            await workshop.finish(worker)
        case RunState.CANCELLED:
            await workshop.store.cancel(run_id, "somebody asked")
        case _:
            await ask(workshop, "pr", "of the newer head", revision="newer")
    story = await workshop.story(run_id)

    receipt = await workshop.store.signal_topic(HEAD, "checks", CHECKED)

    assert receipt == Receipt(outcome="ignored", reason="no live run waits for it")
    assert await workshop.story(run_id) == story
    assert (await workshop.run_of(run_id)).state is end


async def test_a_topic_that_nobody_named_is_told_nothing_and_the_delivery_says_so(make_workshop: MakeWorkshop) -> None:
    workshop = await waits_for_checks(make_workshop)

    receipt = await workshop.store.signal_topic(HEAD, "checks", CHECKED)

    record = await workshop.store.delivery(CHECKED.id)
    assert receipt == Receipt(outcome="ignored", reason="no live run waits for it")
    assert record is not None
    assert (record.outcome, record.run, record.reason) == ("ignored", None, "no live run waits for it")


async def test_a_run_that_was_opened_again_is_reached_again(make_workshop: MakeWorkshop) -> None:
    workshop = await waits_for_checks(make_workshop)
    worker, run_id = workshop.start("one"), await ask(workshop, "pr", HEAD)
    await workshop.finish(worker)
    await workshop.store.rerun(run_id, "all", fresh=False, why="somebody asked")
    await workshop.wake(worker, run_id)

    receipt = await workshop.store.signal_topic(HEAD, "checks", CHECKED)

    assert (receipt.outcome, receipt.run, receipt.wake) == ("accepted", run_id, ((run_id, REVIEWER),))


async def test_a_damaged_run_does_not_keep_the_others_of_its_topic_from_hearing(make_workshop: MakeWorkshop) -> None:
    """The sender delivers again what was not taken; to be told twice is harmless, never to be told is not."""
    workshop = await waits_for_checks(make_workshop)
    worker = workshop.start("one")
    runs = [await ask(workshop, f"pr-{number}", HEAD) for number in range(5)]
    await workshop.sweep(worker)

    async with workshop.damaged(runs[2]):
        with pytest.raises(Bug, match=runs[2]):
            await workshop.store.signal_topic(HEAD, "checks", CHECKED)
    for run_id in (*runs[:2], *runs[3:]):
        await workshop.wake(worker, run_id)
        assert (await workshop.run_of(run_id)).state is RunState.DONE

    receipt = await workshop.store.signal_topic(HEAD, "checks", CHECKED)
    assert (receipt.outcome, receipt.run) == ("accepted", runs[2])


async def test_a_stage_of_the_topic_that_waits_for_another_signal_goes_on_waiting(make_workshop: MakeWorkshop) -> None:
    async def stage(ctx: StageContext) -> JsonValue:
        return (await ctx.wait("quota", seconds=60, signal="quota")).by

    workshop = await make_workshop(StageSpec(name="only", run=stage))
    worker, run_id = workshop.start("one"), await ask(workshop, "pr", HEAD)
    await workshop.wake(worker, run_id)

    receipt = await workshop.store.signal_topic(HEAD, "checks", CHECKED)

    assert (receipt.outcome, receipt.wake) == ("accepted", ())
    assert (await workshop.run_of(run_id)).state is RunState.WAITING


async def test_a_topic_goes_with_the_last_of_its_runs(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing), settings=EngineSettings(retention_seconds=100))
    worker, shadow = workshop.start("one"), Shadow()
    await ask(workshop, "pr-1", HEAD, "other")
    await workshop.finish(worker)
    workshop.pass_time(50)
    later = await ask(workshop, "pr-2", HEAD)
    await workshop.finish(worker)

    workshop.pass_time(51)
    await workshop.sweep(worker)
    assert (await shadow.check(workshop)).topics == {HEAD: {later}}

    workshop.pass_time(50)
    await workshop.sweep(worker)
    assert (await shadow.check(workshop)).topics == {}
    assert {key.decode() for key in await workshop.redis.keys("*")} == {
        *("onceover:fence", "onceover:owners", "onceover:bells"),
    }
