"""Skip: a stage that is not wanted in a run says so and why, and the run is whole without it."""

from dataclasses import dataclass

import pytest

from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import Checkpointed, JsonValue, Missing, StageContext
from tests.engine.workshop import Acts, MakeWorkshop, Workshop, nothing
from tests.engine.world import Process

WHY = "Drafts are not tested."


@dataclass(slots=True)
class Tests:
    """A stage that is left out while the pull request is a draft."""

    __test__ = False
    is_draft: bool = True

    async def stage(self, ctx: StageContext) -> JsonValue:
        """Leave, or test; a stage function."""
        if self.is_draft:
            ctx.skip(WHY)
        return "tested"


async def look_up(ctx: StageContext) -> JsonValue:
    """Tell what became of the stage before; a stage function."""
    match ctx.upstream["test"]:
        case Missing(state=state, reason=reason):
            return {"state": state, "reason": reason}
        case Checkpointed(value=value):
            return value


async def draft(make_workshop: MakeWorkshop) -> tuple[Workshop, Process, str, Tests]:
    """Bring a run of a draft to its end."""
    tests = Tests()
    workshop = await make_workshop(
        StageSpec(name="test", run=tests.stage),
        StageSpec(name="docs", run=nothing),
        StageSpec(name="comment", run=look_up, needs=("test", "docs")),
    )
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.finish(worker)
    return workshop, worker, run_id, tests


async def test_whoever_needs_a_skipped_stage_goes_on_and_is_told_why_it_is_missing(make_workshop: MakeWorkshop) -> None:
    workshop, _, run_id, _ = await draft(make_workshop)

    assert (await workshop.results(run_id))["comment"] == {"state": "skipped", "reason": WHY}


async def test_a_run_with_a_skipped_stage_is_done_and_lacks_nothing(make_workshop: MakeWorkshop) -> None:
    workshop, _, run_id, _ = await draft(make_workshop)

    run = await workshop.run_of(run_id)
    assert (run.state, run.is_degraded) == (RunState.DONE, False)
    assert run.stages["test"].state is StageState.SKIPPED
    assert run.stages["test"].error == {"code": "not_wanted", "message": WHY, "next_step": "", "helps": "a person"}
    assert [entry.detail["stage"] for entry in await workshop.entries(run_id, "stage.skipped")] == ["test"]


async def test_a_run_whose_last_stage_is_skipped_is_done(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=Tests().stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    await workshop.finish(worker)

    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_a_skipped_stage_is_no_failure_to_do_again(make_workshop: MakeWorkshop) -> None:
    workshop, _, run_id, _ = await draft(make_workshop)

    outcome, _ = await workshop.store.rerun(run_id, "failed", fresh=False, why="somebody asked")
    again = await workshop.submit()

    assert (outcome, again.outcome) == ("nothing", "answered")


@pytest.mark.parametrize("is_draft", [True, False])
async def test_a_skipped_stage_that_is_asked_for_again_looks_again(
    make_workshop: MakeWorkshop, *, is_draft: bool
) -> None:
    workshop, worker, run_id, tests = await draft(make_workshop)
    tests.is_draft = is_draft

    await workshop.store.rerun(run_id, ["test"], fresh=False, why="ready for review")
    await workshop.finish(worker)

    comment = (await workshop.results(run_id))["comment"]
    assert comment == ({"state": "skipped", "reason": WHY} if is_draft else "tested")
    assert (await workshop.run_of(run_id)).state is RunState.DONE


async def test_what_a_stage_did_before_it_was_left_is_not_done_twice(make_workshop: MakeWorkshop) -> None:
    acts, tests = Acts(), Tests()

    async def stage(ctx: StageContext) -> JsonValue:
        await ctx.step("read", acts)
        return await tests.stage(ctx)

    workshop = await make_workshop(StageSpec(name="only", run=stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.finish(worker)
    tests.is_draft = False

    await workshop.store.rerun(run_id, ["only"], fresh=False, why="ready for review")
    await workshop.finish(worker)

    assert (await workshop.results(run_id))["only"] == "tested"
    assert len(acts.done) == 1


async def test_a_stage_that_catches_every_error_is_left_all_the_same(make_workshop: MakeWorkshop) -> None:
    async def stage(ctx: StageContext) -> JsonValue:
        try:
            ctx.skip(WHY)
        except Exception:  # noqa: BLE001 - what is tried here.
            return "caught"

    workshop = await make_workshop(StageSpec(name="only", run=stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    await workshop.finish(worker)

    assert (await workshop.stage_of(run_id, "only")).state is StageState.SKIPPED


async def test_a_reason_is_cut_to_what_is_stored(make_workshop: MakeWorkshop) -> None:
    async def stage(ctx: StageContext) -> JsonValue:
        ctx.skip("x" * 11)

    workshop = await make_workshop(StageSpec(name="only", run=stage), settings=EngineSettings(error_characters_max=10))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    await workshop.finish(worker)

    error = (await workshop.stage_of(run_id, "only")).error
    assert error is not None
    assert error["message"] == "x" * 10
