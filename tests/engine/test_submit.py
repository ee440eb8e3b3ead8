"""Submit: the same head is the same run; what is asked for again is done as far as its answer would differ."""

from typing import Final

import pytest

from pipeline.engine.errors import GiveUp
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.request import RunRequest
from pipeline.engine.stage import JsonValue, StageContext
from tests.engine.invariants import Shadow
from tests.engine.workshop import Acts, MakeWorkshop, Workshop, failing, nothing, waiting


def reader(acts: Acts, *names: str) -> StageSpec:
    """Make a stage that reads some parameters and nothing else."""

    async def stage(ctx: StageContext) -> JsonValue:
        return await ctx.step("read", acts, dict(ctx.params))

    return StageSpec(name="-".join(names), run=stage, reads=names)


async def test_a_first_request_creates_a_run_and_names_the_roles_to_wake(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(
        StageSpec(name="analyze", run=nothing, role="reviewer"),
        StageSpec(name="docs", run=nothing, role="reviewer"),
        StageSpec(name="comment", run=nothing, role="publisher", needs=("analyze", "docs")),
    )

    accepted = await workshop.submit(params={"title": "\ud800 \x1b ü"})

    assert (accepted.outcome, accepted.state, accepted.ready_roles) == ("created", RunState.QUEUED, ("reviewer",))
    run = await workshop.run_of(accepted.run_id)
    assert (run.subject, run.revision, run.params) == ("pr", "head", {"title": "\ud800 \x1b ü"})
    assert {name: stage.state for name, stage in run.stages.items()} == {
        "analyze": StageState.READY,
        "docs": StageState.READY,
        "comment": StageState.PENDING,
    }


OPENINGS: Final = {
    "one begins, another role closes": (
        StageSpec(name="prepare", run=nothing, role="reviewer"),
        StageSpec(name="comment", run=nothing, role="publisher", needs=("prepare",), closes=True),
    ),
    "the later role must be done before the run's deadline": (
        StageSpec(name="prepare", run=nothing, role="reviewer"),
        StageSpec(name="comment", run=nothing, role="publisher", needs=("prepare",)),
    ),
    "two roles begin": (
        StageSpec(name="analyze", run=nothing, role="reviewer", closes=True),
        StageSpec(name="comment", run=nothing, role="publisher"),
        StageSpec(name="docs", run=nothing, role="reviewer", needs=("comment",)),
    ),
}


@pytest.mark.parametrize("stages", OPENINGS.values(), ids=OPENINGS)
async def test_a_new_run_stands_as_the_scripts_would_leave_it(
    make_workshop: MakeWorkshop, stages: tuple[StageSpec, ...]
) -> None:
    """Its record is written without being read; one that is read and saved, as for a signal, must say the same."""
    workshop = await make_workshop(*stages)
    run_id = (await workshop.submit()).run_id
    new, shadow = await workshop.run_of(run_id), Shadow()
    due = (await shadow.check(workshop)).due

    await workshop.store.signal(run_id, "ci")

    assert (await workshop.run_of(run_id)).stages == new.stages
    assert (await shadow.check(workshop)).due == due


async def test_a_run_without_its_roles_beside_the_graph_goes_on(make_workshop: MakeWorkshop) -> None:
    """So were runs stored that an earlier Onceover accepted."""
    workshop = await make_workshop(*OPENINGS["one begins, another role closes"])
    run_id = (await workshop.submit()).run_id
    await workshop.redis.hdel(f"onceover:run:{run_id}", "roles")  # type: ignore[misc]  # redis-py types both clients in one.

    await workshop.finish(workshop.start("one"))

    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_the_same_head_asked_for_again_joins_the_run_that_is_under_way(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=waiting("ci")))
    worker, first = workshop.start("one"), await workshop.submit()
    await workshop.wake(worker, first.run_id)
    story = await workshop.story(first.run_id)

    second = await workshop.submit()

    assert (second.run_id, second.outcome) == (first.run_id, "joined")
    assert await workshop.story(first.run_id) == story


async def test_the_same_head_asked_for_after_its_end_is_answered(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage))
    worker = workshop.start("one")
    await workshop.submit()
    await workshop.finish(worker)

    again = await workshop.submit()

    assert (again.outcome, again.state) == ("answered", RunState.DONE)
    assert len(acts.done) == 1


async def test_a_changed_parameter_opens_the_stages_that_read_it_and_no_others(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    workshop = await make_workshop(reader(acts, "model"), reader(acts, "command"))
    worker, first = workshop.start("one"), await workshop.submit(params={"model": "a", "command": "x"})
    await workshop.finish(worker)

    again = await workshop.submit(params={"model": "b", "command": "x"})
    await workshop.finish(worker)

    assert (again.run_id, again.outcome) == (first.run_id, "reopened")
    assert acts.done == [{"model": "a"}, {"command": "x"}, {"model": "b"}]


async def test_a_changed_parameter_that_nobody_reads_opens_nothing(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    workshop = await make_workshop(reader(acts, "model"))
    worker = workshop.start("one")
    await workshop.submit(params={"model": "a", "path": "/here"})
    await workshop.finish(worker)

    assert (await workshop.submit(params={"model": "a", "path": "/there"})).outcome == "answered"


async def test_a_parameter_that_is_changed_back_is_answered_from_the_first_checkpoint(
    make_workshop: MakeWorkshop,
) -> None:
    acts = Acts()
    workshop = await make_workshop(reader(acts, "model"))
    worker, run_id = workshop.start("one"), ""
    for model in ("a", "b", "a"):
        run_id = (await workshop.submit(params={"model": model})).run_id
        await workshop.finish(worker)

    assert acts.done == [{"model": "a"}, {"model": "b"}]
    assert (await workshop.stage_of(run_id, "model")).reused
    assert (await workshop.results(run_id))["model"] == 0


async def test_a_parameter_that_changes_while_its_stage_runs_does_it_again(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(reader(acts, "model"))
    worker, first = workshop.start("one"), await workshop.submit(params={"model": "a"})
    await workshop.wake(worker, first.run_id)

    assert (await workshop.submit(params={"model": "b"})).outcome == "reopened"
    await workshop.beat(worker)
    acts.gate.set()
    await workshop.finish(worker)

    assert acts.done == [{"model": "b"}]
    await Shadow().check(workshop)


@pytest.mark.parametrize("ends", ["failed", "partial"])
async def test_what_failed_or_was_partial_is_done_again_when_the_same_head_is_asked_for(
    make_workshop: MakeWorkshop, ends: str
) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        times = await acts(ends)
        if times == 0 and ends == "failed":
            raise GiveUp("not today")
        if times == 0:
            ctx.partial()
        return f"time {times}"

    workshop = await make_workshop(StageSpec(name="only", run=stage), StageSpec(name="other", run=acts.stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.finish(worker)

    assert (await workshop.submit()).outcome == "reopened"
    await workshop.finish(worker)

    assert (await workshop.results(run_id))["only"] == "time 2"
    assert acts.done == [ends, "act", ends]
    assert (await workshop.submit()).outcome == "answered"


async def test_a_failed_stage_of_a_run_under_way_is_not_opened_by_asking_again(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(
        StageSpec(name="analyze", run=failing(GiveUp("not today"))), StageSpec(name="test", run=waiting("ci"))
    )
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    assert (await workshop.submit()).outcome == "joined"

    assert (await workshop.stage_of(run_id, "analyze")).state is StageState.FAILED


async def test_a_cancelled_run_that_is_asked_for_again_goes_on(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.store.cancel(run_id, "enough")

    assert (await workshop.submit()).outcome == "reopened"
    await workshop.finish(worker)

    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_a_new_run_that_is_asked_for_fresh_knows_it_from_the_start(make_workshop: MakeWorkshop) -> None:
    """So that it takes nothing over that the run of an earlier head left."""
    seen: list[bool] = []

    async def stage(ctx: StageContext) -> JsonValue:
        seen.append(ctx.is_fresh)
        return None

    workshop = await make_workshop(StageSpec(name="work", run=stage))
    worker = workshop.start("one")
    for revision, fresh in (("c1", False), ("c2", True)):
        await workshop.submit(revision=revision, fresh=fresh)
        await workshop.finish(worker)

    assert seen == [False, True]


async def test_a_fresh_request_does_everything_anew(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    workshop = await make_workshop(StageSpec(name="one", run=acts.stage), StageSpec(name="two", run=acts.stage))
    worker = workshop.start("one")
    await workshop.submit()
    await workshop.finish(worker)

    assert (await workshop.submit(fresh=True)).outcome == "reopened"
    await workshop.finish(worker)

    assert len(acts.done) == 4


async def test_a_stage_that_a_newer_version_does_not_know_keeps_what_it_has(make_workshop: MakeWorkshop) -> None:
    """The run moves by the graph that it was accepted with."""
    older = await make_workshop(StageSpec(name="lint", run=waiting("ci")))
    newer = await make_workshop(StageSpec(name="analyze", run=nothing))
    run_id = (await older.submit()).run_id

    assert (await newer.submit()).outcome == "joined"

    worker = older.start("one")
    await older.wake(worker, run_id)
    assert (await older.stage_of(run_id, "lint")).state is StageState.PARKED


async def test_a_parameter_that_no_result_depends_on_reaches_the_run_that_is_joined(
    make_workshop: MakeWorkshop,
) -> None:
    """The repository was moved between two calls; the run goes on at the new place."""

    async def stage(ctx: StageContext) -> JsonValue:
        await ctx.wait("ci", seconds=60, signal="ci")
        return ctx.params["path"]

    workshop = await make_workshop(StageSpec(name="only", run=stage, reads=(), context=("path",)))
    worker, run_id = workshop.start("one"), (await workshop.submit(params={"path": "/here"})).run_id
    await workshop.wake(worker, run_id)

    assert (await workshop.submit(params={"path": "/there"})).outcome == "joined"
    await workshop.store.signal(run_id, "ci")
    await workshop.finish(worker)

    assert (await workshop.results(run_id))["only"] == "/there"


def test_the_name_of_a_run_tells_subject_and_revision_apart() -> None:
    names = {
        RunRequest(subject=subject, revision=revision, params={}).run_id
        for subject, revision in (("a", "bc"), ("ab", "c"), ("abc", ""), ("", "abc"))
    }

    assert len(names) == 4


async def test_runs_are_listed_newest_first(make_workshop: MakeWorkshop) -> None:
    workshop: Workshop = await make_workshop(StageSpec(name="only", run=nothing))
    for name in ("a", "b", "c"):
        await workshop.submit(subject=name)
        workshop.pass_time(1)

    assert [run.subject for run in await workshop.store.list_runs(2)] == ["c", "b"]
    assert await workshop.store.read_run("r_nobody") is None
