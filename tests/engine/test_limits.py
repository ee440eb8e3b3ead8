"""Every limit of the engine holds at its edge, and says in words what was reached."""

import dataclasses
import inspect
import re
from typing import Any

import pytest

from pipeline.engine import settings as settings_module
from pipeline.engine.errors import RetryLater
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.engine.store import SignalTooLarge
from tests.engine.workshop import Acts, MakeWorkshop, Workshop, failing, nothing, waiting


def returning(value: JsonValue, *, in_step: bool = False) -> StageSpec:
    async def make() -> JsonValue:
        return value

    async def stage(ctx: StageContext) -> JsonValue:
        return await (ctx.step("make", make) if in_step else make())

    return StageSpec(name="only", run=stage)


async def run_to_its_end(make_workshop: MakeWorkshop, spec: StageSpec, **limits: Any) -> tuple[Workshop, str]:  # noqa: ANN401 - fields of EngineSettings
    workshop = await make_workshop(spec, settings=EngineSettings(**limits))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)
    return workshop, run_id


@pytest.mark.parametrize(("length", "state"), [(98, StageState.DONE), (99, StageState.FAILED)])
@pytest.mark.parametrize(
    ("in_step", "limit", "words"),
    [
        (True, "step_bytes_max", "Step make of stage only made 101 bytes, the limit is 100."),
        (False, "checkpoint_bytes_max", "The checkpoint of stage only has 101 bytes, the limit is 100."),
    ],
)
async def test_a_result_has_a_largest_size(
    make_workshop: MakeWorkshop, *, length: int, state: StageState, in_step: bool, limit: str, words: str
) -> None:
    """The size is that of the JSON text, two quotation marks included."""
    spec = returning("x" * length, in_step=in_step)

    workshop, run_id = await run_to_its_end(make_workshop, spec, **{limit: 100})

    stage = await workshop.stage_of(run_id, "only")
    assert stage.state is state
    if stage.error is not None:
        assert stage.error["message"] == words
        assert limit in str(stage.error["next_step"])


async def test_a_text_that_is_not_ascii_counts_as_what_is_stored_of_it(make_workshop: MakeWorkshop) -> None:
    workshop, run_id = await run_to_its_end(make_workshop, returning("é" * 50, in_step=True), step_bytes_max=100)

    assert (await workshop.stage_of(run_id, "only")).state is StageState.FAILED


@pytest.mark.parametrize(("steps", "state"), [(5, StageState.DONE), (6, StageState.FAILED)])
async def test_a_stage_has_a_largest_number_of_steps(
    make_workshop: MakeWorkshop, steps: int, state: StageState
) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        for turn in range(steps):
            await ctx.step("turn", acts, turn)
        return None

    workshop, run_id = await run_to_its_end(make_workshop, StageSpec(name="only", run=stage), steps_max=5)

    assert (await workshop.stage_of(run_id, "only")).state is state
    assert len(acts.done) == 5


async def test_a_stored_error_has_a_largest_length(make_workshop: MakeWorkshop) -> None:
    spec = StageSpec(name="only", run=failing(ValueError("x" * 10_000)))

    workshop, run_id = await run_to_its_end(make_workshop, spec, error_characters_max=50)

    error = (await workshop.stage_of(run_id, "only")).error
    assert error is not None
    assert len(str(error["message"])) == 50


async def test_a_worker_moves_so_many_runs_at_once_and_the_others_wait_for_the_sweep(
    make_workshop: MakeWorkshop,
) -> None:
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(
        StageSpec(name="only", run=acts.stage), settings=EngineSettings(runs_at_once_max=2, grace_seconds=0)
    )
    worker = workshop.start("one")
    runs = [(await workshop.submit(subject=name)).run_id for name in ("a", "b", "c", "d")]

    await workshop.sweep(worker)
    assert len(worker.worker.holds) == 2
    await workshop.sweep(worker)
    assert len(acts.begun) == 2

    acts.gate.set()
    await workshop.settle()
    await workshop.finish(worker)
    assert {(await workshop.run_of(run_id)).state for run_id in runs} == {RunState.DONE}


@pytest.mark.parametrize(("deaths", "state"), [(2, RunState.DONE), (3, RunState.DEAD)])
async def test_a_stage_that_kills_its_workers_is_given_up(
    make_workshop: MakeWorkshop, deaths: int, state: RunState
) -> None:
    """Poison: each worker that touches it dies or freezes."""
    acts = Acts()
    acts.gate.clear()
    workshop = await make_workshop(StageSpec(name="only", run=acts.stage, interrupted_max=2))
    run_id = (await workshop.submit()).run_id
    for number in range(deaths):
        victim = workshop.start(f"victim {number}", host="here")
        await workshop.sweep(victim)
        workshop.pass_time(2)
        await workshop.sweep(victim)
        victim.redis.die()
    acts.gate.set()

    await workshop.finish(workshop.start("survivor", host="here"))

    run = await workshop.run_of(run_id)
    assert run.state is state
    if state is RunState.DEAD:
        assert run.stages["only"].error is not None
        assert "was interrupted 3 times" in str(run.stages["only"].error["message"])
        assert "the limit is 2" in str(run.stages["only"].error["message"])


async def test_a_wish_to_wait_for_longer_than_the_policy_allows_ends_the_stage(make_workshop: MakeWorkshop) -> None:
    error = RetryLater("Come back tomorrow.", retry_after_seconds=86_400)

    workshop, run_id = await run_to_its_end(make_workshop, StageSpec(name="only", run=failing(error)))

    assert (await workshop.stage_of(run_id, "only")).state is StageState.FAILED


@pytest.mark.parametrize("lease_seconds", [0.3, 1.0, 30.0, 600.0])
def test_a_lease_is_renewed_often_enough_to_miss_two_heartbeats(lease_seconds: float) -> None:
    settings = EngineSettings(lease_seconds=lease_seconds)

    assert settings.heartbeat_seconds <= settings.lease_seconds / 3
    assert settings.heartbeat_seconds <= settings.heartbeat_seconds_max


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(EngineSettings)])
def test_every_setting_has_its_reason(field: str) -> None:
    source = inspect.getsource(settings_module)

    assert re.search(rf'^    {field}: .*\n    """[A-Z].*\."""', source, re.MULTILINE), field


async def test_a_stage_of_a_newer_version_is_left_to_those_that_have_it(make_workshop: MakeWorkshop) -> None:
    newer = await make_workshop(StageSpec(name="only", run=nothing, version=2))
    older = await make_workshop(StageSpec(name="only", run=nothing, version=1))
    worker, run_id = older.start("old"), (await newer.submit()).run_id

    await older.wake(worker, run_id)
    assert (await older.run_of(run_id)).state is RunState.QUEUED

    await newer.wake(newer.start("new"), run_id)
    assert (await newer.run_of(run_id)).state is RunState.DONE


async def test_a_run_of_an_unknown_stage_does_not_hold_its_worker_for_good(make_workshop: MakeWorkshop) -> None:
    """A worker of an older version meets a graph with a stage that it does not have: it leaves it to others."""
    newer = await make_workshop(StageSpec(name="analyze", run=nothing), StageSpec(name="added", run=nothing))
    older = await make_workshop(StageSpec(name="analyze", run=nothing))
    worker, run_id = older.start("old"), (await newer.submit()).run_id

    await older.wake(worker, run_id)

    assert worker.worker.holds == ()
    run = await older.run_of(run_id)
    assert (run.stages["analyze"].state, run.stages["added"].state) == (StageState.DONE, StageState.READY)
    await newer.wake(newer.start("new"), run_id)
    assert (await newer.run_of(run_id)).state is RunState.DONE


async def test_a_signal_that_carries_too_much_is_refused_by_name(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(
        StageSpec(name="only", run=waiting("ci")), settings=EngineSettings(signal_bytes_max=9)
    )
    run_id = (await workshop.submit()).run_id

    with pytest.raises(SignalTooLarge, match="carries 10 bytes, the limit is 9"):
        await workshop.store.signal(run_id, "ci", "12345678")

    assert (await workshop.store.signal(run_id, "ci", "1234567"))[0] == "latched"


async def test_no_wait_may_be_called_what_a_failed_try_waits_for(make_workshop: MakeWorkshop) -> None:
    async def stage(ctx: StageContext) -> JsonValue:
        return (await ctx.wait("retry", seconds=60)).by

    workshop = await make_workshop(StageSpec(name="only", run=stage))
    run_id = (await workshop.submit()).run_id

    await workshop.finish(workshop.start("first"))

    error = (await workshop.stage_of(run_id, "only")).error
    assert error is not None
    assert error["code"] == "bug"
