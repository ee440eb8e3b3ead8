"""Live runs: whatever is under way for some roles can be found, so that it can be stopped as a whole."""

from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState
from tests.engine.workshop import MakeWorkshop, Workshop, forever, nothing, waiting
from tests.engine.world import PUBLISHER, REVIEWER


async def live(workshop: Workshop, *roles: str) -> list[str]:
    return sorted([run.run_id async for run in workshop.store.live_runs(roles)])


async def test_every_run_that_has_not_ended_is_found_once(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(
        StageSpec(name="test", run=waiting("ci"), role=REVIEWER),
        StageSpec(name="docs", run=forever, role=PUBLISHER),
    )
    runs = [(await workshop.submit(subject=f"pr-{number}")).run_id for number in range(4)]
    worker = workshop.start("one")
    await workshop.wake(worker, runs[0])
    await workshop.store.cancel(runs[1], "somebody asked")
    newer = await workshop.submit("newer", subject="pr-2")

    found = await live(workshop, REVIEWER, PUBLISHER)

    assert found == sorted([runs[0], newer.run_id, runs[3]])


async def test_a_run_of_other_roles_is_not_found(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing, role=REVIEWER))
    await workshop.submit()

    assert await live(workshop, PUBLISHER) == []


async def test_a_run_can_be_stopped_while_the_others_are_still_to_be_found(make_workshop: MakeWorkshop) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing))
    for number in range(3):
        await workshop.submit(subject=f"pr-{number}")

    async for run in workshop.store.live_runs(["worker"]):
        await workshop.store.cancel(run.run_id, "uninstalled")

    assert {run.state for run in await workshop.store.list_runs(10)} == {RunState.CANCELLED}
    assert await live(workshop, "worker") == []
