"""Cancel: the run stops now, whatever its worker is doing; a re-run opens it again."""

import pytest

from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from tests.engine.invariants import Shadow
from tests.engine.workshop import Acts, MakeWorkshop, nothing, waiting


async def test_a_run_that_nobody_has_begun_is_cancelled(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    outcome = await workshop.store.cancel(run_id, "the author said so")

    assert outcome == "cancelled"
    run = await workshop.run_of(run_id)
    assert (run.state, run.stages["only"].state) == (RunState.CANCELLED, StageState.CANCELLED)
    workshop.pass_time(60)
    await workshop.sweep(worker)
    assert (await workshop.run_of(run_id)).state is RunState.CANCELLED
    await Shadow().check(workshop)


async def test_a_step_under_way_is_stopped_at_the_next_heartbeat(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    await workshop.store.cancel(run_id, "enough")
    await workshop.beat(worker)
    acts.gate.set()
    await workshop.settle()

    assert acts.begun == ["act"]
    assert acts.done == []
    assert worker.worker.holds == ()


async def test_what_a_worker_still_sends_is_refused_and_told(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    await workshop.store.cancel(run_id, "enough")
    acts.gate.set()
    await workshop.settle()

    assert acts.done == ["act"]
    assert (await workshop.stage_of(run_id, "only")).state is StageState.CANCELLED
    (refused,) = await workshop.entries(run_id, "write.refused")
    assert refused.detail["why"] == "the run is cancelled"
    assert await workshop.store.counters() == {"writes_refused": 1}
    await Shadow().check(workshop)


async def test_a_parked_run_is_cancelled_and_no_timer_or_signal_wakes_it(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=waiting("ci", seconds=60)))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    await workshop.store.cancel(run_id, "enough")
    assert await workshop.store.signal(run_id, "ci") == ("ended", ())
    workshop.pass_time(61)
    await workshop.sweep(worker)

    assert (await workshop.run_of(run_id)).state is RunState.CANCELLED


async def test_what_was_done_before_the_cancel_is_kept_for_the_re_run(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    workshop = await make_workshop(
        StageSpec(name="analyze", run=acts.stage), StageSpec(name="test", run=waiting("ci"), needs=("analyze",))
    )
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)
    await workshop.store.cancel(run_id, "enough")

    outcome, ready = await workshop.store.rerun(run_id, "failed", fresh=False, why="after all")
    await workshop.store.signal(run_id, "ci")
    await workshop.finish(worker)

    assert (outcome, ready) == ("reopened", ("worker",))
    assert (await workshop.run_of(run_id)).state is RunState.DONE
    assert acts.done == ["act"]


@pytest.mark.parametrize("times", [1, 2])
async def test_an_ended_run_is_not_cancelled(make_workshop: MakeWorkshop, times: int) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.finish(worker)

    for _ in range(times):
        assert await workshop.store.cancel(run_id, "too late") == "ended"

    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_a_run_that_is_not_there_is_gone(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))

    assert await workshop.store.cancel("r_nobody", "enough") == "gone"
