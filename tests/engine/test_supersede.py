"""Of two heads of one subject the newer one counts, in whatever order they arrive."""

from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from tests.engine.invariants import Shadow
from tests.engine.workshop import Acts, MakeWorkshop, nothing, waiting


async def test_a_newer_head_ends_the_older_run_and_revokes_its_lease(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    worker, older = workshop.start("one"), await workshop.submit("a", order=1)
    await workshop.wake(worker, older.run_id)

    newer = await workshop.submit("b", order=2)

    assert newer.outcome == "created"
    assert (await workshop.run_of(older.run_id)).state is RunState.SUPERSEDED
    assert await workshop.redis.keys("onceover:lease:*") == []
    (told,) = await workshop.entries(older.run_id, "run.superseded")
    assert told.detail["why"] == f"run {newer.run_id} has a newer head"

    acts.gate.set()
    await workshop.finish(worker)
    assert (await workshop.run_of(newer.run_id)).state is RunState.DONE
    assert (await workshop.run_of(older.run_id)).stages["only"].state is StageState.CANCELLED
    assert len(await workshop.entries(older.run_id, "write.refused")) == 1


async def test_the_end_of_a_superseded_run_is_one_entry_whatever_its_stages_were_at(
    make_workshop: MakeWorkshop,
) -> None:
    workshop = await make_workshop(
        StageSpec(name="done", run=nothing),
        StageSpec(name="parked", run=waiting("ci"), needs=("done",)),
        StageSpec(name="pending", run=nothing, needs=("parked",)),
    )
    worker, older = workshop.start("one"), await workshop.submit("a", order=1)
    await workshop.wake(worker, older.run_id)
    entries = (await workshop.run_of(older.run_id)).journal_length

    await workshop.submit("b", order=2)

    run = await workshop.run_of(older.run_id)
    assert run.journal_length == entries + 1
    assert {name: stage.state for name, stage in run.stages.items()} == {
        "done": StageState.DONE,
        "parked": StageState.CANCELLED,
        "pending": StageState.CANCELLED,
    }
    assert run.stages["parked"].ended_ms == run.ended_ms
    await Shadow().check(workshop)


async def test_an_older_head_that_arrives_late_is_recorded_and_never_begun(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    worker, newer = workshop.start("one"), await workshop.submit("b", order=2)

    older = await workshop.submit("a", order=1)

    assert (older.outcome, older.state, older.ready_roles) == ("stale", RunState.SUPERSEDED, ())
    await workshop.finish(worker)
    assert (await workshop.run_of(newer.run_id)).state is RunState.DONE
    assert (await workshop.run_of(older.run_id)).state is RunState.SUPERSEDED
    assert len(acts.done) == 1


async def test_an_older_head_that_is_told_of_again_changes_nothing(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=waiting("ci")))
    older, newer = [await workshop.submit(head, order=order) for head, order in (("a", 1), ("b", 2))]
    story = await workshop.story(older.run_id)

    again = await workshop.submit("a", order=1)

    assert (again.run_id, again.outcome) == (older.run_id, "stale")
    assert await workshop.story(older.run_id) == story
    assert (await workshop.run_of(newer.run_id)).state is RunState.QUEUED


async def test_redeliveries_of_old_pushes_change_nothing_after_a_push_back(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=waiting("ci")))
    first = [await workshop.submit(head, order=order) for head, order in (("a", 1), ("b", 2), ("a", 3))][-1]

    late = [await workshop.submit(head, order=order) for head, order in (("a", 1), ("b", 2))]

    assert [submission.outcome for submission in late] == ["joined", "stale"]
    assert (await workshop.run_of(first.run_id)).state is RunState.QUEUED


async def test_without_an_order_the_last_to_arrive_is_the_newest(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=waiting("ci")))
    first = await workshop.submit("a")
    workshop.pass_time(1)

    second = await workshop.submit("b")

    assert (await workshop.run_of(first.run_id)).state is RunState.SUPERSEDED
    assert (await workshop.run_of(second.run_id)).state is RunState.QUEUED


async def test_a_push_back_to_the_old_head_resumes_its_run_and_keeps_what_it_had_done(
    make_workshop: MakeWorkshop,
) -> None:
    """A -> B -> A: a force-push and its revert."""
    acts = Acts()
    workshop = await make_workshop(
        StageSpec(name="analyze", run=acts.stage), StageSpec(name="test", run=waiting("ci"), needs=("analyze",))
    )
    worker, first = workshop.start("one"), await workshop.submit("a", order=1)
    await workshop.wake(worker, first.run_id)
    second = await workshop.submit("b", order=2)

    back = await workshop.submit("a", order=3)

    assert (back.run_id, back.outcome) == (first.run_id, "reopened")
    assert (await workshop.run_of(second.run_id)).state is RunState.SUPERSEDED
    await workshop.wake(worker, first.run_id)
    await workshop.store.signal(first.run_id, "ci")
    await workshop.finish(worker)
    assert (await workshop.run_of(first.run_id)).state is RunState.DONE
    assert acts.done == ["act"]


async def test_a_head_that_was_done_stays_done_when_a_newer_one_comes_and_when_it_is_pushed_again(
    make_workshop: MakeWorkshop,
) -> None:
    acts = Acts()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    worker, first = workshop.start("one"), await workshop.submit("a", order=1)
    await workshop.finish(worker)

    await workshop.submit("b", order=2)
    assert (await workshop.run_of(first.run_id)).state is RunState.DONE

    assert (await workshop.submit("a", order=3)).outcome == "answered"
    await workshop.finish(worker)
    assert len(acts.done) == 1
    await Shadow().check(workshop)


async def test_a_command_does_not_open_an_older_head_again(make_workshop: MakeWorkshop) -> None:
    """Its comment would overwrite that of the newer one."""
    workshop = await make_workshop(StageSpec(name="only", run=Acts().stage))
    worker, done, stopped = workshop.start("one"), await workshop.submit("a", order=1), None
    await workshop.finish(worker)
    stopped = await workshop.submit("b", order=2)
    await workshop.submit("c", order=3)

    for older in (done, stopped):
        assert await workshop.store.rerun(older.run_id, "all", fresh=False, why="again") == ("superseded", ())

    await Shadow().check(workshop)


async def test_heads_of_different_subjects_do_not_know_each_other(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=Acts().stage))
    worker, runs = workshop.start("one"), [await workshop.submit(subject=name) for name in ("one", "two")]

    await workshop.finish(worker)

    assert len({run.run_id for run in runs}) == 2
    assert {(await workshop.run_of(run.run_id)).state for run in runs} == {RunState.DONE}


async def test_the_newer_head_is_done_by_the_same_worker_without_waiting_for_a_lease(
    make_workshop: MakeWorkshop,
) -> None:
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    worker, older = workshop.start("one"), await workshop.submit("a", order=1)
    await workshop.wake(worker, older.run_id)
    newer = await workshop.submit("b", order=2)
    acts.gate.set()

    await workshop.wake(worker, newer.run_id)

    assert (await workshop.run_of(newer.run_id)).state is RunState.DONE
