"""Workshop: a world whose graph a test writes itself, and the small stage functions that most tests need."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from redis.asyncio import Redis

from pipeline.engine.graph import Graph, StageSpec
from pipeline.engine.journal import JournalEntry
from pipeline.engine.lifecycle import StageState
from pipeline.engine.owner import Owner
from pipeline.engine.records import RunRecord, StageRecord
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.engine.store import Store
from tests.engine.invariants import Shadow
from tests.engine.world import ALL_ROLES, Check, Outside, Process, World

EVERY_ROLE: Final = ALL_ROLES | {"worker"}
"""Those of the product, and that of a stage which names none."""

WAIT_SECONDS_MAX: Final = 30.0
"""How long a test waits for what must happen by itself."""


class Workshop(World):
    """A world with the stages that it is given."""

    def __init__(self, redis: Redis, *stages: StageSpec, settings: EngineSettings | None = None) -> None:
        super().__init__(redis, settings=settings)
        self.stages: Final = stages

    def make_graph(self, outside: Outside) -> Graph:
        """Make the graph of this test; its stages know no outside."""
        del outside
        return Graph(self.stages, mirror=self.mirror_role)

    def start(
        self,
        name: str,
        *,
        host: str | None = None,
        roles: Collection[str] = EVERY_ROLE,
        replay_every_step: bool = False,
    ) -> Process:
        """Start a worker process; whoever was on this host before counts as dead."""
        return super().start(name, host=host, roles=roles, replay_every_step=replay_every_step)

    async def finish(self, *processes: Process, check: "Check | None" = None, step_seconds: float = 5.0) -> None:
        """Let processes work, and time pass, until every run has ended; the invariants hold on the way."""
        await super().finish(*processes, check=check or Shadow().check, step_seconds=step_seconds)

    async def stage_of(self, run_id: str, stage: str) -> StageRecord:
        """Read a stage of a run that is there."""
        return (await self.run_of(run_id)).stages[stage]

    async def until_parked(self, run_id: str, stage: str = "only") -> StageRecord:
        """Wait until a stage is parked, and read it."""
        await until(lambda: self._is(run_id, stage, StageState.PARKED))
        return await self.stage_of(run_id, stage)

    async def until_ended(self, run_id: str) -> RunRecord:
        """Wait until a run has ended, and read it."""

        async def has_ended() -> bool:
            return (await self.run_of(run_id)).state.is_terminal

        await until(has_ended)
        return await self.run_of(run_id)

    async def _is(self, run_id: str, stage: str, state: StageState) -> bool:
        return (await self.stage_of(run_id, stage)).state is state

    @asynccontextmanager
    async def damaged(self, run_id: str) -> AsyncIterator[None]:
        """Let the record of a run be one that no script can read, for a while."""
        key = f"{self.settings.prefix}run:{run_id}"
        whole = await self.redis.hmget(key, ["stages", "seq"])  # type: ignore[misc]  # redis-py types both clients in one.
        await self.redis.hset(key, mapping={"stages": "{", "seq": "?"})  # type: ignore[misc]  # Same.
        yield
        await self.redis.hset(key, mapping=dict(zip(("stages", "seq"), whole, strict=True)))  # type: ignore[misc]  # Same.

    async def story(self, run_id: str) -> list[str]:
        """Read the kinds of all entries of a run's journal, in order."""
        return [entry.kind for entry in await self.store.journal(run_id)]

    async def entries(self, run_id: str, kind: str) -> list[JournalEntry]:
        """Read the journal entries of one kind."""
        return [entry for entry in await self.store.journal(run_id) if entry.kind == kind]


BRISK: Final = EngineSettings(
    lease_seconds=30, heartbeat_seconds_max=0.005, sweep_seconds=0.005, grace_seconds=0, away_pause_seconds=0.001
)
"""For processes that work by themselves: they look after everything at once."""


def sign_as(process: Process, owner: Owner) -> None:
    """Let a process sign its leases as somebody else."""
    process.store = process.worker.store = Store(
        process.redis, owner=owner, settings=process.store.settings, clock_offset_ms=process.store.clock_offset_ms
    )


def sign_as_a_dead_neighbour(process: Process) -> None:
    """Let a process sign as one of this very host that has ended, as real workers here can tell."""
    sign_as(process, dataclasses.replace(Owner.of_this_process(process.name), start="1"))


@asynccontextmanager
async def working(process: Process) -> AsyncIterator["asyncio.Task[None]"]:
    """Let a process beat, sweep and listen as it does in life, under the name of this living one."""
    sign_as(process, Owner.of_this_process(process.name))
    task = asyncio.create_task(process.worker.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """Wait until something is true that nobody announces."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await holds():  # noqa: ASYNC110 - it happens in Redis or in another task, without an event
            await asyncio.sleep(0.001)


MakeWorkshop: TypeAlias = Callable[..., Awaitable[Workshop]]
"""`await make_workshop(StageSpec(...), ..., settings=...)`."""


@dataclass(slots=True)
class Acts:
    """What steps did, in order. While the gate is shut, an act that has begun does not end."""

    begun: list[JsonValue] = field(default_factory=list)
    done: list[JsonValue] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def __call__(self, what: JsonValue = "act") -> JsonValue:
        """Do it, and answer how many were done before."""
        self.begun.append(what)
        await self.gate.wait()
        self.done.append(what)
        return len(self.done) - 1

    async def stage(self, ctx: StageContext) -> JsonValue:
        """Act in one step; a stage function."""
        return await ctx.step("act", self)


async def nothing(_: StageContext) -> JsonValue:
    """Return at once; a stage function."""
    return None


async def forever(_: StageContext) -> JsonValue:
    """Never return; a stage function."""
    await asyncio.Event().wait()
    return None


def waiting(signal: str | None = None, *, seconds: float = 60.0) -> Callable[[StageContext], Awaitable[JsonValue]]:
    """Make a stage function that waits once and returns what ended the wait."""

    async def stage(ctx: StageContext) -> JsonValue:
        woken = await ctx.wait("ci", seconds=seconds, signal=signal)
        return {"by": woken.by, "payload": woken.payload}

    return stage


def failing(*errors: Exception) -> Callable[[StageContext], Awaitable[JsonValue]]:
    """Make a stage function that raises one error after the other, and then succeeds."""
    left = list(errors)

    async def stage(_: StageContext) -> JsonValue:
        if left:
            raise left.pop(0)
        return "in the end"

    return stage
