"""Notes: what people said of a subject as a whole outlives its runs, and nothing else hears of it."""

from redis.asyncio import Redis

from pipeline.engine.graph import StageSpec
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue
from tests.engine.invariants import Shadow
from tests.engine.workshop import MakeWorkshop, Workshop, nothing


async def quiet(make_workshop: MakeWorkshop) -> Workshop:
    return await make_workshop(StageSpec(name="only", run=nothing))


async def test_a_note_is_read_as_it_was_written(make_workshop: MakeWorkshop) -> None:
    workshop = await quiet(make_workshop)
    said: dict[str, JsonValue] = {
        "paused": True,
        "dismissed:f-1": {"by": "\ud800 é", "reason": None, "again": []},
        "count": 12_345_678_901_234_567,
    }

    for name, value in said.items():
        await workshop.store.note("pr", name, value)

    assert await workshop.store.notes("pr") == said


async def test_a_later_word_replaces_an_earlier_one_and_none_takes_it_back(make_workshop: MakeWorkshop) -> None:
    workshop = await quiet(make_workshop)
    await workshop.store.note("pr", "paused", "until Monday")
    await workshop.store.note("pr", "dismissed", "f-1")

    await workshop.store.note("pr", "paused", "until Friday")
    await workshop.store.note("pr", "dismissed", None)

    assert await workshop.store.notes("pr") == {"paused": "until Friday"}


async def test_a_subject_of_which_nothing_is_said_any_more_leaves_no_key(make_workshop: MakeWorkshop) -> None:
    workshop = await quiet(make_workshop)
    await workshop.store.note("pr", "paused", value=True)

    await workshop.store.note("pr", "paused", None)
    await workshop.store.note("pr", "never said", None)

    assert await workshop.store.notes("pr") == {}
    assert await workshop.redis.keys("*") == []


async def test_a_note_of_one_subject_is_not_said_of_another(make_workshop: MakeWorkshop) -> None:
    workshop = await quiet(make_workshop)

    await workshop.store.note("pr-1", "paused", value=True)

    assert await workshop.store.notes("pr-2") == {}


async def test_notes_outlive_every_run_of_their_subject(make_workshop: MakeWorkshop) -> None:
    workshop = await quiet(make_workshop)
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.store.note("pr", "paused", value=True)
    await workshop.finish(worker)

    workshop.pass_time(workshop.settings.retention_seconds + 1)
    await workshop.sweep(worker)
    await Shadow().check(workshop)

    assert await workshop.store.read_run(run_id) is None
    assert await workshop.store.notes("pr") == {"paused": True}


async def test_notes_go_when_nothing_was_said_for_long(make_workshop: MakeWorkshop, redis: Redis) -> None:
    workshop = await make_workshop(StageSpec(name="only", run=nothing), settings=EngineSettings(effects_seconds=100))

    await workshop.store.note("pr", "paused", value=True)

    assert 0 < await redis.pttl("onceover:notes:pr") <= 100_000
