"""Effects: a write to the outside is announced before it happens, by whoever may act alone, and recorded after."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import pytest
from redis.asyncio import Redis

from pipeline.engine.effects import MIRROR, Effect, Effects, EffectsStopped
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState
from pipeline.engine.operation import StageHandedBack, StageParks
from pipeline.engine.request import RunRequest
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.engine.store import StoreAway
from tests.engine.faults import Fault
from tests.engine.invariants import Shadow
from tests.engine.workshop import EVERY_ROLE, MakeWorkshop, Workshop, nothing
from tests.engine.world import LEASE_SECONDS, PUBLISHER, Outside, Process, World

SUMMARY: Final = "summary"


@dataclass(slots=True, kw_only=True)
class Publishing:
    """A stage that a process holds, and its view of the ledger."""

    workshop: Workshop
    process: Process
    run_id: str
    effects: Effects
    claim: int
    leases: dict[str, int]


async def hold(workshop: Workshop, run_id: str, by: str) -> Publishing:
    """Let a new process claim the stages of a run."""
    process = workshop.start(by)
    progress = await process.store.advance(run_id, roles=EVERY_ROLE, session=by)
    (claim,) = (claim for claim in progress.running if claim.stage == "comment")
    effects = Effects(store=process.store, run_id=run_id, stage="comment", claim=claim.claim)
    return Publishing(
        workshop=workshop,
        process=process,
        run_id=run_id,
        effects=effects,
        claim=claim.claim,
        leases=dict(progress.leases),
    )


async def publishing(make_workshop: MakeWorkshop) -> Publishing:
    """Bring a run to where a process holds its stages, of which one comments."""
    workshop = await make_workshop(StageSpec(name="comment", run=nothing), StageSpec(name="other", run=nothing))
    workshop.mirror_role = PUBLISHER
    return await hold(workshop, (await workshop.submit()).run_id, by="one")


async def told(here: Publishing) -> list[str]:
    """Read what the journal says of effects."""
    return [entry.kind for entry in await here.workshop.store.journal(here.run_id) if entry.kind.startswith("effect")]


# The ledger ---------------------------------------------------------------------------------------------------------


async def test_an_effect_is_new_then_intended_then_confirmed(make_workshop: MakeWorkshop) -> None:
    here = await publishing(make_workshop)

    first = await here.effects.begin(SUMMARY)
    second = await here.effects.begin(SUMMARY)
    await here.effects.confirm(SUMMARY, {"id": 7, "text": "sha-1"})
    third = await here.effects.begin(SUMMARY)

    assert (first.standing, first.id) == ("new", None)
    assert (second.standing, second.id) == ("intended", None)
    assert (third.standing, third.id, third.detail["text"]) == ("confirmed", 7, "sha-1")
    assert await told(here) == ["effect.intended", "effect.confirmed"]
    await Shadow().check(here.workshop)


async def test_each_effect_of_a_run_stands_for_itself(make_workshop: MakeWorkshop) -> None:
    here = await publishing(make_workshop)
    await here.effects.begin(SUMMARY)

    assert (await here.effects.begin("review:c0ffee")).standing == "new"
    assert set(await here.workshop.store.effects("pr")) == {SUMMARY, "review:c0ffee"}


async def test_the_run_of_a_newer_head_finds_what_the_older_one_wrote(make_workshop: MakeWorkshop) -> None:
    older = await publishing(make_workshop)
    await older.effects.begin(SUMMARY)
    await older.effects.confirm(SUMMARY, {"id": 7})
    await older.effects.begin("review")

    newer = await hold(older.workshop, (await older.workshop.submit("newer")).run_id, by="two")

    assert (await newer.effects.begin(SUMMARY)).id == 7
    assert (await newer.effects.begin("review")).standing == "intended"
    await Shadow().check(older.workshop)


async def test_effects_of_one_subject_are_not_those_of_another(make_workshop: MakeWorkshop) -> None:
    here = await publishing(make_workshop)
    await here.effects.begin(SUMMARY)

    other = await hold(here.workshop, (await here.workshop.submit(subject="another")).run_id, by="two")

    assert (await other.effects.begin(SUMMARY)).standing == "new"


async def test_the_ledger_outlives_every_run_of_its_subject(make_workshop: MakeWorkshop, redis: Redis) -> None:
    here = await publishing(make_workshop)
    await here.effects.begin(SUMMARY)
    await here.effects.confirm(SUMMARY, {"id": 7})
    await here.workshop.store.cancel(here.run_id, "closed")

    here.workshop.pass_time(here.workshop.settings.retention_seconds + 1)
    await here.workshop.sweep(here.process)
    await Shadow().check(here.workshop)

    ledger = await here.workshop.store.effects("pr")
    assert await here.workshop.store.read_run(here.run_id) is None
    assert (ledger[SUMMARY]["state"], ledger[SUMMARY]["id"]) == ("confirmed", 7)
    effects_ms = here.workshop.settings.effects_seconds * 1000
    assert effects_ms - 600_000 < await redis.pttl("onceover:effects:pr") <= effects_ms


async def test_what_was_confirmed_is_read_as_it_was_written(make_workshop: MakeWorkshop) -> None:
    here = await publishing(make_workshop)
    detail: dict[str, JsonValue] = {
        "id": 12_345_678_901_234_567,
        "findings": [],
        "was": {"none": None, "nested": [{}], "text": '}{"\\ \ud800 é'},
        "half": 0.1,
    }

    await here.effects.begin(SUMMARY)
    await here.effects.confirm(SUMMARY, detail)
    effect = await here.effects.begin(SUMMARY)

    assert effect.id == detail["id"]
    assert {name: effect.detail[name] for name in detail} == detail


async def test_what_was_confirmed_cannot_speak_for_the_ledger(make_workshop: MakeWorkshop) -> None:
    here = await publishing(make_workshop)

    await here.effects.confirm(SUMMARY, {"state": "new", "run": "r_other", "at_ms": 1})

    assert (await here.effects.begin(SUMMARY)).standing == "confirmed"
    assert (await here.workshop.store.effects("pr"))[SUMMARY]["run"] == here.run_id


async def test_an_id_that_is_no_number_is_none() -> None:
    assert Effect(name=SUMMARY, standing="confirmed", detail={"id": "7"}).id is None


# Who may act --------------------------------------------------------------------------------------------------------


async def with_an_old_claim(here: Publishing) -> Effects:
    handed_back = StageHandedBack(stage="comment", claim=here.claim)
    progress = await here.process.store.advance(
        here.run_id, roles=EVERY_ROLE, session="one", leases=here.leases, operations=[handed_back]
    )
    assert {claim.stage: claim.claim for claim in progress.running}["comment"] == here.claim + 1
    return here.effects


async def of_a_stage_that_was_left(here: Publishing) -> Effects:
    """Its lease lives, for the other stage."""
    parks = StageParks(stage="comment", claim=here.claim, step="wait", delay_ms=60_000, signal=None, waits_for="ci")
    await here.process.store.advance(
        here.run_id, roles=EVERY_ROLE, session="one", leases=here.leases, operations=[parks]
    )
    return here.effects


async def with_an_expired_lease(here: Publishing) -> Effects:
    here.workshop.pass_time(LEASE_SECONDS)
    return here.effects


async def after_a_newer_head(here: Publishing) -> Effects:
    await here.workshop.submit("newer")
    return here.effects


async def after_a_cancel(here: Publishing) -> Effects:
    await here.workshop.store.cancel(here.run_id, "somebody asked")
    return here.effects


async def by_another_process(here: Publishing) -> Effects:
    store = here.workshop.start("two").store
    return Effects(store=store, run_id=here.run_id, stage="comment", claim=here.claim)


async def for_a_stage_that_is_not(here: Publishing) -> Effects:
    return Effects(store=here.process.store, run_id=here.run_id, stage="unknown", claim=here.claim)


async def for_a_run_that_is_not(here: Publishing) -> Effects:
    return Effects(store=here.process.store, run_id="r_unknown", stage="comment", claim=here.claim)


async def by_a_mirror_that_has_it_not(here: Publishing) -> Effects:
    return Effects(store=here.process.store, run_id=here.run_id, stage=MIRROR, claim=here.claim)


async def by_a_mirror_whose_time_is_over(here: Publishing) -> Effects:
    mirror = await mirroring(here)
    here.workshop.pass_time(here.workshop.settings.mirror_seconds_max)
    return mirror


async def by_a_mirror_that_has_a_successor(here: Publishing) -> Effects:
    mirror = await by_a_mirror_whose_time_is_over(here)
    await mirroring(here)
    return mirror


async def mirroring(here: Publishing) -> Effects:
    """Give the run to a mirror."""
    (taken,) = await here.process.store.take_mirrored([PUBLISHER], room=1)
    return Effects(store=here.process.store, run_id=here.run_id, stage=MIRROR, claim=taken.claim)


Intruder: TypeAlias = Callable[[Publishing], Awaitable[Effects]]

INTRUDERS: Final[tuple[Intruder, ...]] = (
    with_an_old_claim,
    of_a_stage_that_was_left,
    with_an_expired_lease,
    after_a_newer_head,
    after_a_cancel,
    by_another_process,
    for_a_stage_that_is_not,
    for_a_run_that_is_not,
    by_a_mirror_that_has_it_not,
    by_a_mirror_whose_time_is_over,
    by_a_mirror_that_has_a_successor,
)

intruders = pytest.mark.parametrize("intruder", INTRUDERS, ids=lambda intruder: intruder.__name__)


@intruders
async def test_nothing_is_begun_by_whoever_may_not_act(make_workshop: MakeWorkshop, intruder: Intruder) -> None:
    here = await publishing(make_workshop)
    effects = await intruder(here)

    with pytest.raises(EffectsStopped, match=f"Effect summary of run {effects.run_id} was not begun: the run is"):
        await effects.begin(SUMMARY)

    assert await here.workshop.store.effects("pr") == {}
    assert await told(here) == []
    await Shadow().check(here.workshop)


@intruders
async def test_nothing_known_is_told_to_whoever_may_not_act(make_workshop: MakeWorkshop, intruder: Intruder) -> None:
    here = await publishing(make_workshop)
    await here.effects.begin(SUMMARY)
    await here.effects.confirm(SUMMARY, {"id": 7})

    with pytest.raises(EffectsStopped):
        await (await intruder(here)).begin(SUMMARY)


@intruders
async def test_nothing_is_forgotten_for_whoever_may_not_act(make_workshop: MakeWorkshop, intruder: Intruder) -> None:
    """A worker that stood still would take away what its successor wrote, and it would be written once more."""
    here = await publishing(make_workshop)
    await here.effects.begin(SUMMARY)
    await here.effects.confirm(SUMMARY, {"id": 7})
    effects = await intruder(here)
    ledger = await here.workshop.store.effects("pr")

    with pytest.raises(EffectsStopped, match="was not forgotten"):
        await effects.forget(SUMMARY, "refused with 422")

    assert await here.workshop.store.effects("pr") == ledger
    assert await told(here) == ["effect.intended", "effect.confirmed"]


@pytest.mark.parametrize(
    "late",
    [intruder for intruder in INTRUDERS if intruder is not for_a_run_that_is_not],
    ids=lambda late: late.__name__,
)
async def test_what_has_happened_is_recorded_whoever_says_so(make_workshop: MakeWorkshop, late: Intruder) -> None:
    here = await publishing(make_workshop)
    await here.effects.begin(SUMMARY)
    effects = await late(here)

    await effects.confirm(SUMMARY, {"id": 7})

    ledger = await here.workshop.store.effects("pr")
    (entry,) = await here.workshop.entries(here.run_id, "effect.confirmed")
    assert (ledger[SUMMARY]["state"], ledger[SUMMARY]["id"]) == ("confirmed", 7)
    assert (entry.detail["effect"], entry.detail["id"]) == (SUMMARY, 7)
    await Shadow().check(here.workshop)


async def test_the_mirror_that_has_a_run_may_act_for_it_also_when_it_is_over(make_workshop: MakeWorkshop) -> None:
    here = await publishing(make_workshop)
    await here.workshop.store.cancel(here.run_id, "somebody asked")

    mirror = await mirroring(here)

    assert (await mirror.begin("check")).standing == "new"
    assert await told(here) == ["effect.intended"]


async def test_a_successor_of_the_stage_finds_the_intent_of_the_one_before(make_workshop: MakeWorkshop) -> None:
    here = await publishing(make_workshop)
    await here.effects.begin(SUMMARY)

    here.workshop.pass_time(LEASE_SECONDS)
    successor = await hold(here.workshop, here.run_id, by="two")

    assert (await successor.effects.begin(SUMMARY)).standing == "intended"
    with pytest.raises(EffectsStopped):
        await here.effects.begin(SUMMARY)


@pytest.mark.parametrize("is_known", [False, True])
async def test_an_intent_renews_the_lease_for_the_request_that_follows(
    make_workshop: MakeWorkshop, *, is_known: bool
) -> None:
    here = await publishing(make_workshop)
    if is_known:
        await here.effects.begin(SUMMARY)
    here.workshop.pass_time(LEASE_SECONDS - 1)

    await here.effects.begin(SUMMARY)
    here.workshop.pass_time(LEASE_SECONDS - 1)

    intruder = await here.workshop.start("two").store.advance(here.run_id, roles=EVERY_ROLE, session="two")
    assert intruder.running == ()
    assert (await here.effects.begin(SUMMARY)).standing == "intended"
    await Shadow().check(here.workshop)


# What did not happen ------------------------------------------------------------------------------------------------


async def test_an_effect_that_did_not_happen_is_new_again_and_the_journal_says_why(make_workshop: MakeWorkshop) -> None:
    here = await publishing(make_workshop)
    await here.effects.begin(SUMMARY)

    await here.effects.forget(SUMMARY, "refused with 422")

    assert (await here.effects.begin(SUMMARY)).standing == "new"
    (entry,) = await here.workshop.entries(here.run_id, "effect.forgotten")
    assert (entry.detail["effect"], entry.detail["why"]) == (SUMMARY, "refused with 422")
    await Shadow().check(here.workshop)


async def test_nothing_is_begun_while_redis_is_away(make_workshop: MakeWorkshop) -> None:
    here = await publishing(make_workshop)
    here.process.redis.arm(Fault.REFUSE)

    with pytest.raises(StoreAway):
        await here.effects.begin(SUMMARY)


async def test_an_intent_whose_answer_was_lost_is_no_permission_to_act_blindly(make_workshop: MakeWorkshop) -> None:
    here = await publishing(make_workshop)
    here.process.redis.arm(Fault.LOSE_REPLY)

    with pytest.raises(StoreAway):
        await here.effects.begin(SUMMARY)

    assert (await here.effects.begin(SUMMARY)).standing == "intended"


# Crash points -------------------------------------------------------------------------------------------------------

WRITES_EXPECTED: Final = 8
"""A run of five stages with two effects makes at least so many writes."""


@dataclass(slots=True)
class Page:
    """A pull request's page, whose host checks nothing: what is posted twice stands there twice."""

    comments: list[str] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)
    """Comments that stood there when somebody was told that nobody had begun them."""

    async def post(self, outside: Outside, ctx: StageContext) -> JsonValue:
        """Post two comments, each after looking if it may stand there; a stage function."""
        effects = outside.effects(ctx)
        for name in (SUMMARY, "review"):
            effect = await effects.begin(name)
            if effect.standing == "new" and name in self.comments:
                self.blind.append(name)
            if effect.standing == "new" or (effect.standing == "intended" and name not in self.comments):
                outside.check_pulse()
                self.comments.append(name)
            if effect.standing != "confirmed":
                await effects.confirm(name, {"id": self.comments.index(name)})
        return "posted"


@pytest.mark.parametrize("fault", Fault)
async def test_a_fault_at_any_write_leaves_each_comment_once(redis: Redis, fault: Fault) -> None:
    async def visit(point: int) -> bool:
        await redis.flushdb()
        page, shadow = Page(), Shadow()
        plots: Any = dict.fromkeys(("analyze", "test", "docs", "summarize"), _do_nothing) | {"comment": page.post}
        async with World(redis, plots=plots) as world:
            run_id = (await world.submit()).run_id
            first = world.start("first", host="here")
            first.redis.arm(fault, after=point)
            await world.wake(first, run_id)
            await world.finish(first, check=shadow.check)
            await world.bury(first)
            await world.finish(world.start("second", host="here"), check=shadow.check)

            assert (await world.run_of(run_id)).state is RunState.DONE
            assert (page.comments, page.blind) == ([SUMMARY, "review"], []), f"fault at write {point + 1}"
            ledger = await world.store.effects("pr")
            assert [(ledger[name]["state"], ledger[name]["id"]) for name in page.comments] == [
                ("confirmed", 0),
                ("confirmed", 1),
            ]
            return bool(first.redis.faults)

    point = 0
    while await visit(point):
        point += 1

    assert point >= WRITES_EXPECTED, f"The walk came only to write {point}."


async def _do_nothing(outside: Outside, ctx: StageContext) -> JsonValue:
    del outside, ctx
    return None


async def test_a_superseded_run_writes_nothing_more(redis: Redis) -> None:
    page = Page()
    plots: Any = dict.fromkeys(("analyze", "test", "docs", "summarize"), _do_nothing) | {"comment": page.post}
    async with World(redis, plots=plots) as world:
        worker = world.start("one")
        await world.submit()
        await world.ask(RunRequest(subject="pr", revision="newer", params={}))

        await world.finish(worker, check=Shadow().check)

        assert page.comments == [SUMMARY, "review"], "Those of the newer head."
        assert {record["run"] for record in (await world.store.effects("pr")).values()} == {
            RunRequest(subject="pr", revision="newer", params={}).run_id
        }
