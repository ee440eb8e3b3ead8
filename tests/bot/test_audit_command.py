"""`onceover audit verify`: a journal that is whole, and each way in which one can be spoilt."""

import json

import pytest
from redis.asyncio import Redis

from tests.bot.command_world import CommandWorld


@pytest.fixture
def served(world: CommandWorld, redis_url: str) -> CommandWorld:
    """A world whose runs are kept where the test can reach them."""
    world.settings["ONCEOVER_REDIS_URL"] = redis_url
    return world


async def drop_one(redis: Redis, journal: str) -> None:
    await redis.xdel(journal, "5-0")


async def cut_the_end(redis: Redis, journal: str) -> None:
    [(number, _)] = await redis.xrevrange(journal, count=1)
    await redis.xdel(journal, number)


async def rewrite_one(redis: Redis, journal: str) -> None:
    """Copy the stream with another word in it; in place, Redis lets nobody change an entry."""
    entries = await redis.xrange(journal)
    await redis.delete(journal)
    for number, fields in entries:
        told = {**fields, b"entry": fields[b"entry"].replace(b"test begins", b"docs").replace(b'"test"', b'"docs"')}
        await redis.xadd(journal, told, id=number)


WAYS = (drop_one, cut_the_end, rewrite_one)


async def test_a_journal_that_nobody_touched_is_whole(served: CommandWorld, redis: Redis) -> None:
    served.make_repository()
    run_id = (await served.review("--json")).review["run_id"]

    every, one = await served.run("audit", "verify"), await served.run("audit", "verify", run_id[:8], "--json")

    [audit] = json.loads(one.out)
    assert (every.code, one.code) == (0, 0)
    assert (audit["run_id"], audit["holds"], audit["problems"]) == (run_id, True, [])
    assert audit["entries"] == await redis.xlen(f"onceover:run:{run_id}:journal")
    assert every.out == f"whole  {run_id}  {audit['entries']} entries, head {audit['head']}\n1 journal, 0 broken.\n"


async def test_each_way_to_spoil_a_journal_is_noticed_and_the_others_stay_whole(
    served: CommandWorld, redis: Redis
) -> None:
    """Four runs of four bases: one is left alone, the others are spoilt, each in its own way."""
    repository = served.make_repository()
    runs = []
    for base in ("alone", *(way.__name__ for way in WAYS)):
        repository.git("branch", base, "main")
        runs.append((await served.review("--json", "--base", base)).review["run_id"])

    for spoil, run_id in zip(WAYS, runs[1:], strict=True):
        await spoil(redis, f"onceover:run:{run_id}:journal")
    every, told = await served.run("audit", "verify"), await served.run("audit", "verify", "--json")

    audits = {audit["run_id"]: audit for audit in json.loads(told.out)}
    assert (every.code, told.code) == (1, 1)
    assert [audits[run_id]["holds"] for run_id in runs] == [True, False, False, False]
    assert "Entry 5 is missing" in audits[runs[1]]["problems"][0]
    assert "the journal ends with number" in audits[runs[2]]["problems"][0]
    assert "was altered" in audits[runs[3]]["problems"][0]
    assert every.out.count("BROKEN") == 3
    assert every.out.endswith("4 journals, 3 broken.\n")
