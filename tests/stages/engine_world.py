"""Engine of the publisher's tests: the real store and what a command can do with it, and reviews that are done at once.

The ledger of effects is one in memory: the real one gives an intent only under a live lease, which is the engine's own
tests' business.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from redis.asyncio import Redis

from bot.app.graphs import make_graphs
from bot.app.inbox import CommandEngine, submit
from bot.assembly import PUBLISHER, REVIEWER
from pipeline.engine.delivery import Delivery
from pipeline.engine.effects import Effects
from pipeline.engine.owner import Owner
from pipeline.engine.records import RunRecord
from pipeline.engine.request import RunRequest
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.engine.store import Store
from pipeline.engine.wakeup import LocalWakeUps
from pipeline.engine.worker import Worker
from pipeline.review.findings import Finding
from tests.builders.reports import a_summary, an_analysis


@dataclass(slots=True)
class MemoryLedger:
    """Keeps effects as the store does."""

    records: dict[str, dict[str, JsonValue]] = field(default_factory=dict)

    async def effect(  # noqa: PLR0913 - the store's own signature
        self,
        run_id: str,
        stage: str,
        claim: int,
        act: str,
        name: str,
        *,
        detail: Mapping[str, JsonValue] | None = None,
        why: str = "",
    ) -> dict[str, Any]:
        """Write it, and answer as the store does."""
        del run_id, stage, claim, why
        known = self.records.get(name)
        if act == "forget":
            self.records.pop(name, None)
        elif act == "confirm" or known is None:
            state = "confirmed" if act == "confirm" else "intended"
            self.records[name] = {**(detail or {}), "state": state, "at_ms": 0}
        if known is None or act != "intend":
            return {"outcome": "new"}
        return {"outcome": "known", "record": json.dumps(known), "now_ms": 3_600_000}

    def effects(self, lease_mark: str) -> Effects:
        """Give the ledger to an execution."""
        run_id, stage, claim = lease_mark.rsplit(".", 2)
        store = cast("Store", self)  # It has the one method that effects need.
        return Effects(store=store, run_id=run_id, stage=stage, claim=int(claim))


@dataclass(slots=True, kw_only=True)
class EngineWorld:
    """A store, what a command can do, and a worker that has nothing to think about."""

    redis: Redis
    findings: list[Finding] = field(default_factory=list)
    """What every review finds."""
    store: Store = field(init=False)
    engine: CommandEngine = field(init=False)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def __post_init__(self) -> None:
        self.store = Store(self.redis, owner=Owner.of_this_process(), settings=EngineSettings())
        self.engine = CommandEngine(store=self.store, graphs=make_graphs(), wakeups=LocalWakeUps())

    async def submit(self, subject: str, head: str, params: Mapping[str, JsonValue], *, order: int = 0) -> str:
        """Ask for a review; nobody works on it yet."""
        request = RunRequest(subject=subject, revision=head, params=params, order=order)
        delivery = Delivery(id=f"given {subject} {head}", event="given")
        engine = self.engine
        return (await submit(self.store, engine.wakeups, engine.graphs, "review", request, delivery)).run_id

    async def review(self, subject: str, head: str, params: Mapping[str, JsonValue]) -> RunRecord:
        """Let a review be done, at once, with the findings."""
        run_id = await self.submit(subject, head, params)
        graphs = make_graphs({name: self._stage(name) for name in STAGES})
        worker = Worker(
            store=self.store,
            graph=graphs.all,
            wakeups=LocalWakeUps(),
            roles=frozenset({REVIEWER, PUBLISHER}),
        )
        work = asyncio.create_task(worker.run())
        try:
            async with asyncio.timeout(30):
                after = 0
                while not (run := await self.run(run_id)).state.is_terminal:
                    entries = await self.store.follow(run_id, after=after, wait_seconds=1.0)
                    after = entries[-1].seq if entries else after
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
        return run

    async def run(self, run_id: str) -> RunRecord:
        """Read a run."""
        run = await self.store.read_run(run_id)
        assert run
        return run

    def _stage(self, name: str) -> Callable[[StageContext], Awaitable[JsonValue]]:
        async def stage(ctx: StageContext) -> JsonValue:
            del ctx
            return a_summary(an_analysis(*self.findings)).model_dump(mode="json") if name == "summarize" else {}

        return stage


STAGES = ("prepare", "analyze", "test", "docs", "summarize", "comment")
