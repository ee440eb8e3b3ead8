"""World: the engine on a real Redis, with an outside that counts, and time that passes when it is told to.

Processes are workers in this process, each with an owner and a client of its own, driven by hand: nothing beats,
sweeps or hears a wake-up by itself. A process dies with its client (`faults.py`).
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Self, TypeAlias, cast

from redis.asyncio import Redis

from pipeline.engine.context import Context
from pipeline.engine.delivery import Delivery
from pipeline.engine.effects import Effects
from pipeline.engine.fingerprint import fingerprint
from pipeline.engine.graph import Graph, StageSpec
from pipeline.engine.mirror import Mirror, Picture, Show
from pipeline.engine.owner import Owner
from pipeline.engine.records import RunRecord, Submission
from pipeline.engine.request import RunRequest
from pipeline.engine.retry import RetryPolicy
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.engine.store import Store
from pipeline.engine.wakeup import Advance
from pipeline.engine.worker import Worker
from tests.engine.faults import CrashingRedis, PowerCut

REVIEWER: Final = "reviewer"
PUBLISHER: Final = "publisher"
ALL_ROLES: Final = frozenset({REVIEWER, PUBLISHER})

LEASE_SECONDS: Final = 30.0

STAGE_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "analyze": (),
    "test": (),
    "docs": (),
    "summarize": ("analyze", "test", "docs"),
    "comment": ("summarize",),
}
"""The product's graph."""

QUIET_TURNS: Final = 40
"""Turns of the event loop without a command under way, after which every session waits for something."""

ROUNDS_MAX: Final = 100
"""Rounds of looking and waiting within which every run must have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One execution of a step's body: something done to the world outside."""

    run_id: str
    stage: str
    name: str
    inputs: tuple[JsonValue, ...]
    identity: str
    """The fingerprint under which the engine remembers it."""
    by: str
    """Which process did it."""


@dataclass(slots=True)
class Ledger:
    """What happened outside; it outlives every process."""

    begun: list[Act] = field(default_factory=list)
    done: list[Act] = field(default_factory=list)
    repeated: list[Act] = field(default_factory=list)
    """Acts begun although their result was on record: each breaks S1."""
    refused: set[str] = field(default_factory=set)
    """Runs that were refused something once."""
    turns: Callable[[Act], int] = lambda _: 0
    """How many turns of the event loop an act takes."""

    def times(self, name: str) -> int:
        """Count how often an act was done, whoever did it."""
        return sum(act.name == name for act in self.done)

    def refuses(self, run_id: str) -> bool:
        """Refuse a run something, once."""
        is_first = run_id not in self.refused
        self.refused.add(run_id)
        return is_first


@dataclass(slots=True, kw_only=True)
class Outside:
    """One process's door to the world."""

    process: str
    redis: CrashingRedis
    sound: Redis
    ledger: Ledger
    store: Store
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Acts that have begun end only while it is open."""

    def step(self, ctx: StageContext, name: str, *inputs: JsonValue, observes: bool = False) -> Awaitable[int]:
        """Do something outside as a step; its result is the number of the act."""
        assert isinstance(ctx, Context)
        salt = ctx.claim.salt if observes else None
        act = Act(
            run_id=ctx.run_id,
            stage=ctx.claim.stage,
            name=name,
            inputs=inputs,
            identity=fingerprint(ctx.claim.stage, name, list(inputs), ctx.claim.fresh, salt),
            by=self.process,
        )
        return ctx.step(name, partial(self._do, act), *inputs, observes=observes)

    def effects(self, ctx: StageContext) -> Effects:
        """Open the ledger of effects for one execution of a stage."""
        assert isinstance(ctx, Context)
        return Effects(store=self.store, run_id=ctx.run_id, stage=ctx.claim.stage, claim=ctx.claim.claim)

    def check_pulse(self) -> None:
        """Let nothing be done outside by a process that is dead."""
        if self.redis.is_dead:
            raise PowerCut(f"{self.process} is dead.")

    async def _do(self, act: Act, *_: JsonValue) -> int:
        if await self._is_on_record(act):
            self.ledger.repeated.append(act)
        self.check_pulse()
        self.ledger.begun.append(act)
        for _turn in range(self.ledger.turns(act)):
            await asyncio.sleep(0)
        await self.gate.wait()
        self.check_pulse()
        self.ledger.done.append(act)
        return len(self.ledger.done)

    async def _is_on_record(self, act: Act) -> bool:
        self.redis.under_way += 1
        try:
            # Cast: redis-py types one method for its synchronous and its asynchronous client.
            key = f"{self.store.settings.prefix}run:{act.run_id}:steps"
            return await cast("Awaitable[bool]", self.sound.hexists(key, act.identity))
        finally:
            self.redis.under_way -= 1


Plot: TypeAlias = Callable[[Outside, StageContext], Awaitable[JsonValue]]
"""A stage function that also knows the door of the process it runs in."""


async def one_step(outside: Outside, ctx: StageContext) -> JsonValue:
    """Do one thing and return its number."""
    return await outside.step(ctx, "work")


@dataclass(slots=True, kw_only=True)
class Hints:
    """Wake-ups that were sent. Nobody delivers them unless the test does. Implements `WakeUps`."""

    sent: list[tuple[str, str]] = field(default_factory=list)

    async def wake(self, run_id: str, role: str) -> None:
        """Note it."""
        self.sent.append((run_id, role))

    async def listen(self, advance: Advance) -> None:
        """Hear nothing."""

    async def is_healthy(self) -> bool:
        """Answer yes."""
        return True

    async def close(self) -> None:
        """Do nothing."""


@dataclass(slots=True, kw_only=True)
class Process:
    """A worker process."""

    name: str
    redis: CrashingRedis
    store: Store
    worker: Worker
    outside: Outside

    @property
    def is_dead(self) -> bool:
        """Whether it died."""
        return self.redis.is_dead

    def hold(self) -> None:
        """Let what it does outside take until `let_go`."""
        self.outside.gate.clear()

    def let_go(self) -> None:
        """Let what it does outside come to an end."""
        self.outside.gate.set()


Check: TypeAlias = "Callable[[World], Awaitable[object]]"
"""Looks whether every invariant holds."""


class World:
    """Redis, an outside, processes, and a clock."""

    def __init__(
        self, redis: Redis, *, plots: Mapping[str, Plot] | None = None, settings: EngineSettings | None = None
    ) -> None:
        self.redis: Final = redis
        self.plots: Final = dict.fromkeys(STAGE_NEEDS, one_step) | dict(plots or {})
        self.settings: Final = settings or EngineSettings(lease_seconds=LEASE_SECONDS, away_pause_seconds=0.001)
        self.ledger: Final = Ledger()
        self.hints: Final = Hints()
        self.processes: Final[list[Process]] = []
        self.reads: dict[str, tuple[str, ...]] = {}
        """Parameters that a stage reads; all, if it is not named here."""
        self.mirror_role: str | None = None
        """Who shows runs outside; nobody, if it is not set before they are accepted."""
        self.shown: Final[dict[str, list[RunRecord]]] = {}
        """Pictures of each run that stand or stood outside, the newest last."""
        self.store: Final = Store(redis, owner=make_owner("client", host="client"), settings=self.settings)
        self.bugs: Final[list[Mapping[str, Any]]] = []
        """What nobody caught."""
        self._before: set[asyncio.Task[Any]] = set()
        self._faults_seen = 0

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().set_exception_handler(self._note_uncaught)
        self._before = asyncio.all_tasks()
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.processes:
            process.redis.die()
        left = asyncio.all_tasks() - self._before - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def start(
        self, name: str, *, host: str | None = None, roles: Collection[str] = ALL_ROLES, replay_every_step: bool = False
    ) -> Process:
        """Start a worker process; whoever was on this host before counts as dead."""
        client = CrashingRedis(self.redis)
        store = Store(
            client,
            owner=make_owner(name, host=host or name),
            settings=self.settings,
            clock_offset_ms=self.store.clock_offset_ms,
        )
        outside = Outside(process=name, redis=client, sound=self.redis, ledger=self.ledger, store=store)
        worker = Worker(
            store=store,
            graph=self.make_graph(outside),
            wakeups=self.hints,
            roles=frozenset(roles),
            rng=lambda: 0.5,
            replay_every_step=replay_every_step,
        )
        process = Process(name=name, redis=client, store=store, worker=worker, outside=outside)
        process.let_go()
        self.processes.append(process)
        return process

    def make_graph(self, outside: Outside) -> Graph:
        """Make the product's graph, with the stage functions of this test."""
        return Graph(
            tuple(
                StageSpec(
                    name=name,
                    run=partial(self.plots[name], outside),
                    role=PUBLISHER if name == "comment" else REVIEWER,
                    needs=needs,
                    reads=self.reads.get(name),
                    closes=name in {"summarize", "comment"},
                    retry=RetryPolicy(first_seconds=4.0),
                )
                for name, needs in STAGE_NEEDS.items()
            ),
            mirror=self.mirror_role,
        )

    def make_mirror(self, process: Process, show: Show | None = None) -> Mirror:
        """Let a process show runs; by itself it shows whatever it is given."""
        role = self.mirror_role
        assert role is not None

        async def show_and_note(picture: Picture) -> None:
            if show is not None:
                await show(picture)
            self.shown.setdefault(picture.run.run_id, []).append(picture.run)

        return Mirror(store=process.store, roles=[role], show=show_and_note, rng=lambda: 0.5)

    # What people do -------------------------------------------------------------------------------------------------

    async def submit(
        self,
        revision: str = "head",
        *,
        subject: str = "pr",
        order: int = 0,
        params: Mapping[str, JsonValue] | None = None,
        fresh: bool = False,
    ) -> Submission:
        """Ask for a run."""
        return await self.ask(
            RunRequest(subject=subject, revision=revision, order=order, params=params or {}, fresh=fresh)
        )

    async def ask(self, asked: RunRequest, delivery: Delivery | None = None) -> Submission:
        """Ask for a run in full, on behalf of a delivery if there is one."""
        nowhere = Outside(
            process="client",
            redis=CrashingRedis(self.redis),
            sound=self.redis,
            ledger=self.ledger,
            store=self.store,
        )
        return await self.store.submit(asked, self.make_graph(nowhere), delivery)

    async def run_of(self, run_id: str) -> RunRecord:
        """Read a run that is there."""
        run = await self.store.read_run(run_id)
        assert run is not None, f"{run_id} is gone"
        return run

    async def results(self, run_id: str) -> dict[str, JsonValue]:
        """Read the checkpoints of a run's finished stages."""
        run = await self.run_of(run_id)
        texts = {
            name: await self.store.checkpoint(run_id, name, stage.fingerprint)
            for name, stage in run.stages.items()
            if stage.fingerprint is not None
        }
        return {name: json.loads(text or "null") for name, text in texts.items()}

    async def live_runs(self) -> list[RunRecord]:
        """Read the runs that have not ended."""
        return [run for run in await self.store.list_runs(1_000) if not run.state.is_terminal]

    # What time does -------------------------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Let time pass, for Redis as every process sees it."""
        for store in (self.store, *(process.store for process in self.processes)):
            store.clock_offset_ms += round(seconds * 1000)

    async def settle(self) -> None:
        """Let every process go on until each session waits for something."""
        quiet = 0
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            busy = any(process.redis.under_way for process in self.processes)
            quiet = 0 if busy else quiet + 1
            if quiet == QUIET_TURNS and self._is_pausing():
                await asyncio.sleep(self.settings.away_pause_seconds)
                quiet = 0

    def _is_pausing(self) -> bool:
        seen = sum(process.redis.faults for process in self.processes)
        is_news, self._faults_seen = seen != self._faults_seen, seen
        return is_news

    async def wake(self, process: Process, run_id: str) -> None:
        """Deliver a wake-up."""
        await self._survive(process.worker.advance(run_id))
        await self.settle()

    async def beat(self, process: Process) -> None:
        """Let a process renew its leases."""
        await self._survive(process.worker.beat_once())
        await self.settle()

    async def sweep(self, process: Process) -> None:
        """Let a process look after what nobody looks after."""
        others = [owner for owner in await self.store.owners() if owner != str(process.store.owner)]
        await self._survive(process.worker.sweep_once(others))
        await self.settle()

    async def show(self, process: Process, show: Show | None = None) -> None:
        """Let a process show what is due outside."""
        await self._survive(self.make_mirror(process, show).look_once())
        await self.settle()

    async def finish(self, *processes: Process, check: Check, step_seconds: float = 5.0) -> None:
        """Let processes work, and time pass, until every run has ended (R1, W1) or every process is dead."""
        for _ in range(ROUNDS_MAX):
            for process in processes:
                await self.beat(process)
                await self.sweep(process)
                await check(self)
            if not await self.live_runs() or all(process.is_dead for process in processes):
                return
            self.pass_time(step_seconds)
        raise AssertionError(f"R1: these runs never end: {await self.live_runs()}")

    async def bury(self, process: Process) -> None:
        """Let a process die, if it has not, and all that it was about with it."""
        process.redis.die()
        process.let_go()
        for run_id in process.worker.holds:
            await process.worker.advance(run_id)
        await self.settle()

    async def _survive(self, work: Awaitable[object]) -> None:
        try:
            await work
        except PowerCut:
            return

    def _note_uncaught(self, _: asyncio.AbstractEventLoop, what: dict[str, Any]) -> None:
        if not isinstance(what.get("exception"), PowerCut):
            self.bugs.append(what)


def make_owner(name: str, *, host: str) -> Owner:
    """Make an owner that is certainly dead for whoever looks from the same host."""
    return Owner(host=host, boot="boot", pid=os.getpid(), start="earlier", role=name)
