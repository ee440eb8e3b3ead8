"""Re-run: what was asked for and what depends on it is done again; all else keeps its checkpoint."""

from typing import Any

import pytest
from redis.asyncio import Redis

from pipeline.engine.errors import GiveUp
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.engine.store import Store
from tests.engine.workshop import Acts, MakeWorkshop, Workshop, failing, until
from tests.engine.world import Process, make_owner


def five_stages(acts: Acts) -> list[StageSpec]:
    """Make the product's graph; each stage does its own name."""

    def make(name: str, *needs: str) -> StageSpec:
        async def stage(ctx: StageContext) -> JsonValue:
            below = {need: getattr(before, "value", None) for need, before in ctx.upstream.items()}
            return await ctx.step(name, acts, name, below)

        return StageSpec(name=name, run=stage, needs=needs)

    return [
        make("analyze"),
        make("test"),
        make("docs"),
        make("summarize", "analyze", "test", "docs"),
        make("comment", "summarize"),
    ]


class Told(Acts):
    """Notes what was done by the name of the stage, and answers the same each time, as a compiler would."""

    async def __call__(self, what: JsonValue = "", *_: JsonValue) -> JsonValue:
        """Do it, and answer what was made."""
        self.begun.append(what)
        await self.gate.wait()
        self.done.append(what)
        return f"result of {what}"


async def finished(make_workshop: MakeWorkshop, acts: Acts) -> tuple[Workshop, Process, str]:
    """Bring a run of five stages to its end, and forget what it did."""
    workshop = await make_workshop(*five_stages(acts))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.finish(worker)
    acts.done.clear()
    return workshop, worker, run_id


async def test_one_stage_and_what_depends_on_it_are_entered_again_and_the_rest_keeps_its_checkpoint(
    make_workshop: MakeWorkshop,
) -> None:
    workshop, worker, run_id = await finished(make_workshop, Told())

    outcome = await workshop.store.rerun(run_id, ["test"], fresh=False, why="again")
    await workshop.finish(worker)

    run = await workshop.run_of(run_id)
    assert outcome == ("reopened", ("worker",))
    assert run.state is RunState.DONE
    assert {name: stage.generation for name, stage in run.stages.items()} == {
        "analyze": 1,
        "test": 2,
        "docs": 1,
        "summarize": 2,
        "comment": 2,
    }


async def test_a_re_run_that_reuses_does_no_finished_step_again(make_workshop: MakeWorkshop) -> None:
    acts = Told()
    workshop, worker, run_id = await finished(make_workshop, acts)

    await workshop.store.rerun(run_id, "all", fresh=False, why="again")
    await workshop.finish(worker)

    assert acts.done == []
    assert len(await workshop.entries(run_id, "stage.done")) == 10


async def test_a_fresh_re_run_pays_again_for_all_that_it_names(make_workshop: MakeWorkshop) -> None:
    acts = Told()
    workshop, worker, run_id = await finished(make_workshop, acts)

    await workshop.store.rerun(run_id, "all", fresh=True, why="again")
    await workshop.finish(worker)

    assert sorted(map(str, acts.done)) == ["analyze", "comment", "docs", "summarize", "test"]


async def test_a_fresh_re_run_of_one_stage_pays_for_that_stage_alone(make_workshop: MakeWorkshop) -> None:
    """What depends on it gets the same input, so its steps answer as before."""
    acts = Told()
    workshop, worker, run_id = await finished(make_workshop, acts)

    await workshop.store.rerun(run_id, ["docs"], fresh=True, why="again")
    await workshop.finish(worker)

    assert acts.done == ["docs"]


async def test_failed_stages_are_done_again_and_no_others(make_workshop: MakeWorkshop) -> None:
    acts = Told()
    specs = five_stages(acts)
    specs[1] = StageSpec(name="test", run=failing(GiveUp("no runner")))
    workshop = await make_workshop(*specs)
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.finish(worker)
    assert (await workshop.run_of(run_id)).is_degraded
    acts.done.clear()

    await workshop.store.rerun(run_id, "failed", fresh=False, why="again")
    await workshop.finish(worker)

    assert not (await workshop.run_of(run_id)).is_degraded
    assert acts.done == ["summarize"]


async def test_partial_stages_count_as_failed(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        ctx.partial()
        return await ctx.step("act", acts, observes=True)

    workshop = await make_workshop(StageSpec(name="only", run=stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.finish(worker)

    await workshop.store.rerun(run_id, "failed", fresh=False, why="again")
    await workshop.finish(worker)

    assert len(acts.done) == 2


@pytest.mark.parametrize("stages", [["nobody"], [], "failed"])
async def test_where_nothing_is_to_be_done_again_nothing_changes(
    make_workshop: MakeWorkshop,
    stages: Any,  # noqa: ANN401 - names or a word
) -> None:
    workshop, _, run_id = await finished(make_workshop, Told())
    story = await workshop.story(run_id)

    assert await workshop.store.rerun(run_id, stages, fresh=True, why="again") == ("nothing", ())

    assert await workshop.story(run_id) == story


async def test_a_re_run_during_a_run_stops_what_is_under_way_and_does_it_again_once(
    make_workshop: MakeWorkshop,
) -> None:
    acts = Told()
    acts.gate.clear()
    workshop = await make_workshop(*five_stages(acts))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    outcome, _ = await workshop.store.rerun(run_id, ["docs"], fresh=True, why="again")
    await workshop.beat(worker)
    acts.gate.set()
    await workshop.finish(worker)

    assert outcome == "reopened"
    assert acts.begun.count("docs") == 2
    assert acts.done.count("docs") == 1
    assert acts.done.count("analyze") == 1
    assert (await workshop.stage_of(run_id, "docs")).generation == 2


async def test_a_result_that_comes_after_its_stage_was_asked_for_again_is_refused(make_workshop: MakeWorkshop) -> None:
    acts = Told()
    acts.gate.clear()
    workshop = await make_workshop(*five_stages(acts))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    await workshop.store.rerun(run_id, ["docs"], fresh=True, why="again")
    acts.gate.set()
    await workshop.settle()
    await workshop.finish(worker)

    (refused,) = await workshop.entries(run_id, "write.refused")
    assert "stage docs is not under claim 1 any more" in str(refused.detail["why"])
    assert acts.done.count("docs") == 2


class RepeatingRedis(Redis):
    """Sends every script twice, as a client does whose connection broke before the answer came."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py has it
        """Send a command; of a script, give the second answer."""
        if args[0] in {"EVALSHA", "EVAL"}:
            await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py left it so.
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # Same.


async def until_nothing_is_held(process: Process) -> None:
    async def is_idle() -> bool:
        return not process.worker.holds

    await until(is_idle)


async def test_a_request_that_is_sent_twice_opens_nothing_twice(make_workshop: MakeWorkshop) -> None:
    workshop, worker, run_id = await finished(make_workshop, Told())
    twice = Store(
        RepeatingRedis(connection_pool=workshop.redis.connection_pool),
        owner=make_owner("cli", host="cli"),
        settings=workshop.settings,
    )

    outcome = await twice.rerun(run_id, ["test"], fresh=False, why="again")
    await workshop.finish(worker)

    assert outcome == ("reopened", ("worker",))
    assert (await workshop.stage_of(run_id, "test")).generation == 2


async def test_a_whole_run_whose_every_write_is_sent_twice_is_the_same_run(make_workshop: MakeWorkshop) -> None:
    """C1, S1, A1: a lost answer costs nothing, wherever it is lost."""

    async def stage(ctx: StageContext) -> JsonValue:
        await ctx.step("act", acts)
        await ctx.decide("wait for CI")
        return (await ctx.wait("ci", seconds=60, signal="ci")).payload

    acts = Acts()
    workshop = await make_workshop(StageSpec(name="only", run=stage))
    stories = []
    for name, client in (("once", Redis), ("twice", RepeatingRedis)):
        worker = workshop.start(name)
        worker.worker.store = Store(
            client(connection_pool=workshop.redis.connection_pool), owner=worker.store.owner, settings=workshop.settings
        )
        run_id = (await workshop.submit(subject=name)).run_id
        await worker.worker.advance(run_id)
        await workshop.until_parked(run_id)
        await until_nothing_is_held(worker)
        await workshop.store.signal(run_id, "ci", name)
        await worker.worker.advance(run_id)
        assert (await workshop.until_ended(run_id)).state is RunState.DONE
        stories.append(await workshop.story(run_id))

    assert stories[0] == stories[1]
    assert len(acts.done) == 2


async def test_an_ended_run_is_never_opened_by_half(make_workshop: MakeWorkshop) -> None:
    """A cancelled run that is asked for one stage gets the other cancelled ones as well."""
    acts = Told()
    acts.gate.clear()
    workshop = await make_workshop(*five_stages(acts))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)
    await workshop.store.cancel(run_id, "enough")
    acts.gate.set()
    await workshop.settle()

    await workshop.store.rerun(run_id, ["test"], fresh=False, why="only the tests")
    await workshop.finish(worker)

    run = await workshop.run_of(run_id)
    assert {stage.state for stage in run.stages.values()} == {StageState.DONE}


async def test_a_run_that_is_not_there_is_gone(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=Acts().stage))

    assert await workshop.store.rerun("r_nobody", "all", fresh=False, why="again") == ("gone", ())
