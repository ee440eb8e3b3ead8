"""Crash points: the process that writes dies just before and just after each of its writes, and another goes on.

Real processes, killed -9. What stands at the end is there exactly once, and no model is paid twice.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from bot.app.process import AppProcess
from bot.app_credentials import ALL_ROLES, Role
from bot.demo.scripted_llm import Rule, Script, ScriptedLlm
from bot.demo.simulated_github.faults import Fault, Kind
from bot.demo.simulated_github.leftovers import Left, left_on
from bot.demo.simulated_github.repositories import Pull
from tests.app.fault_cases import REMARKED
from tests.app.world import BUG, CONFIGURATION, LOOK_SECONDS, PATIENCE_SECONDS_MAX, AppWorld
from tests.app.yard import Moment, RedisGate, Yard, open_yard

WRITING: Final = frozenset({Role.PUBLISHER})

OTHERS: Final = ALL_ROLES - WRITING
"""Who lives on; a broker that died with a question in its hands would be asked again after seconds."""

REMARKS: Final = "review:\n  analyzers: [ruff]\ntest:\n  source: none\n"
"""No waiting for checks of the repository's own: other processes' time goes on as it does, and there will be none."""

MOMENTS: Final[tuple[Moment, ...]] = ("before", "after")

WRITES_MAX: Final = 16
"""The writer of one review makes some more writes to Redis; the last ones are about nothing but its picture."""

WRITES_EXPECTED: Final = 12
"""Fewer would mean that the walk has become shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A write to GitHub, and how one sees that it is done."""

    name: str
    method: str
    path: str
    is_done: Callable[[Left], bool]
    contains: str = ""


WRITES: Final = (
    Write(name="check run", method="POST", path="/check-runs$", is_done=lambda left: left.check_runs == 1),
    Write(name="pending review", method="POST", path="/reviews$", is_done=lambda left: left.pending_reviews == 1),
    Write(name="submit", method="POST", path="/events$", is_done=lambda left: left.reviews == 1),
    Write(name="summary", method="POST", path=r"/issues/\d+/comments$", is_done=lambda left: left.comments == 1),
    Write(
        name="conclusion",
        method="PATCH",
        path="/check-runs/",
        contains="completed",
        is_done=lambda left: not left.open_check_runs,
    ),
)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Yard]:
    """Where processes come from; it takes a second to start."""
    with open_yard() as opened:
        yield opened


@pytest.fixture
def yard(nursery: Yard) -> Iterator[Yard]:
    """A place where processes begin, and end with the test."""
    yield nursery
    nursery.kill_all()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("write", WRITES, ids=lambda one: one.name)
async def test_a_writer_that_dies_at_a_write_to_github_leaves_no_double(
    world: AppWorld, yard: Yard, write: Write, moment: Moment
) -> None:
    kinds: Mapping[Moment, Kind] = {"before": "hang", "after": "hang_after"}
    fault = Fault(kind=kinds[moment], method=write.method, path=write.path, contains=write.contains)
    held = world.github.faults.add(fault)
    async with world.process(OTHERS):
        writer = yard.start(world.environment(), WRITING)
        pull = await open_pull(world)
        await held.reached()
        if moment == "after":
            await look_until(lambda: write.is_done(left_on(pull, world.github.app)))
        yard.kill(writer)
        held.release()

        async with world.process(WRITING):
            await world.until_quiet(pull)

    world.github.leftovers({pull: REMARKED})


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("at", range(WRITES_MAX))
async def test_a_writer_that_dies_at_a_write_to_redis_leaves_no_double(
    world: AppWorld, yard: Yard, at: int, moment: Moment
) -> None:
    with tempfile.TemporaryDirectory(prefix="gate-", dir="/tmp") as place:
        gate = RedisGate(
            target=Path(world.redis_url.removeprefix("unix://")), socket=Path(place) / "s", at=at, moment=moment
        )
        async with gate.opened(), world.process(OTHERS):
            environment = {**world.environment(), "ONCEOVER_REDIS_URL": gate.url}
            gate.victim = yard.start(environment, WRITING)
            pull = await open_pull(world)
            await look_until(lambda: gate.has_struck or concluded(world, pull))
            yard.kill(gate.victim)

            async with world.process(WRITING):
                await world.until_quiet(pull)

    assert gate.has_struck or gate.writes >= WRITES_EXPECTED, f"The walk came only to write {gate.writes}."
    world.github.leftovers({pull: REMARKED})


async def test_a_model_is_not_paid_twice_when_its_reviewer_dies(world: AppWorld, yard: Yard) -> None:
    words = {"what_changed": "A listing.", "risks": []}
    read = {"walkthrough": "\n\n".join(["A listing. " * 60] * 2), "findings": []}
    script = Script(
        rules=(Rule(match="help the reader of a code review", answer=words, gate="words"), Rule(answer=read))
    )
    async with ScriptedLlm(script) as llm, world.process(frozenset({Role.DOOR})):
        world.settings |= {"OPENAI_BASE_URL": llm.url, "OPENAI_API_KEY": "none", "ONCEOVER_LLM_MODEL": "scripted"}
        worker = yard.start(world.environment(), ALL_ROLES - {Role.DOOR})
        pull = await open_pull(world)
        await llm.wait_calls(2)
        yard.kill(worker)
        await llm.open_gate("words")

        async with world.process(ALL_ROLES - {Role.DOOR}):
            await world.until_quiet(pull)

    assert [call.rule for call in llm.calls] == [1, 0, 0], "Only the call that had no answer is made again."
    world.github.leftovers({pull: REMARKED})


@pytest.mark.parametrize("look", [r"/issues/\d+/comments$", r"/pulls/\d+/reviews$"], ids=["summary", "review"])
async def test_a_writer_that_was_frozen_past_its_lease_writes_no_more(world: AppWorld, yard: Yard, look: str) -> None:
    """It was about to look whether something stands there; when it wakes, its successor has written it.

    Its picture of the run is another thing (see the race that `engine.mirror` names): it may have been on its way too,
    is no new thing, and is put right.
    """
    held = world.github.faults.add(Fault(kind="hang", method="GET", path=look))
    async with world.process(OTHERS) as process:
        frozen = yard.start(world.environment(), WRITING)
        pull = await open_pull(world)
        await held.reached()
        yard.freeze(frozen)
        held.release()

        async with world.process(WRITING):
            await world.until_quiet(pull)
            written = writes_but_pictures(world)
            yard.thaw(frozen)
            for _ in range(2):  # What it has to do at once when it wakes comes before its second look around.
                await look_until_heard_of(process, frozen)
            await world.until_quiet(pull)

    assert writes_but_pictures(world) == written
    world.github.leftovers({pull: REMARKED})


async def look_until_heard_of(process: AppProcess, pid: int) -> None:
    """Wait until a process has told Redis that it lives."""
    key = f"{process.opened.store.settings.prefix}owners"

    async def heard_of() -> list[float]:
        told = await process.opened.redis.zrange(key, 0, -1, withscores=True)
        return [score for owner, score in told if str(pid) in owner.decode()]

    before = await heard_of()
    async with asyncio.timeout(PATIENCE_SECONDS_MAX):
        while await heard_of() == before:  # noqa: ASYNC110 - another process sets no events.
            await asyncio.sleep(LOOK_SECONDS)


def writes_but_pictures(world: AppWorld) -> list[str]:
    """Tell what was sent to be written, without the updates of a check run that is there."""
    sent = world.github.writes()
    return [f"{one.number} {one.path}" for one in sent if (one.method, "/check-runs/" in one.path) != ("PATCH", True)]


async def open_pull(world: AppWorld) -> Pull:
    repository = await world.make_repository(files={CONFIGURATION: REMARKS})
    return await world.open_pull(repository, files={"shop.py": BUG})


def concluded(world: AppWorld, pull: Pull) -> bool:
    left = left_on(pull, world.github.app)
    return bool(left.check_runs) and not left.open_check_runs


async def look_until(is_so: Callable[[], bool]) -> None:
    """Wait for another process; the time goes on as it does, or that process would seem to be late."""
    async with asyncio.timeout(PATIENCE_SECONDS_MAX):
        while not is_so():  # noqa: ASYNC110 - processes set no events.
            await asyncio.sleep(LOOK_SECONDS)
