"""Onceover's side: the product's engine, store, client and wake-ups; only the stages do nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.sides.orders import POLL_SECONDS, STAGES, Ledger, Order, checkpoint_value, open_stdin, tell
from bot.redis_client import make_client
from pipeline.engine.graph import Graph, StageSpec
from pipeline.engine.operation import StageDone
from pipeline.engine.owner import Owner
from pipeline.engine.records import Progress
from pipeline.engine.request import RunRequest
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.engine.store import Store
from pipeline.engine.wakeup_arq import ArqWakeUps
from pipeline.engine.worker import Worker

NEEDS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "review": {"summarize": ("analyze", "test", "docs"), "comment": ("summarize",)},
    "chain": {after: (before,) for before, after in pairwise(STAGES)},
    "steps": {},
}


class ToldStore(Store):
    """Tells whoever measures when the end of a run is durable, and the ledger when a checkpoint is."""

    ledger = Ledger("")

    async def advance(self, run_id: str, **given: Any) -> Progress:  # noqa: ANN401 - passed on as it came
        """Advance, then tell."""
        progress = await super().advance(run_id, **given)
        for operation in given.get("operations", ()):
            if isinstance(operation, StageDone):
                self.ledger.note("recorded", run_id, operation.stage)
        if progress.status == "ended" and given.get("operations"):  # Not to a late wake-up, which learns it too.
            tell(run_id)
        return progress


def make_graph(order: Order, ledger: Ledger) -> Graph:
    """Make the graph of a shape, of stages that do nothing or wait a little."""

    def make_stage(name: str) -> StageFunction:
        async def stage(context: StageContext) -> JsonValue:
            ledger.note("begun", context.run_id, name)
            if order.stage_seconds:
                await asyncio.sleep(order.stage_seconds)
            return dict(checkpoint_value(name))

        return stage

    if order.shape == "steps":
        return Graph((StageSpec(name="analyze", run=_make_stepper(order.steps)),))
    needs = NEEDS[order.shape]
    return Graph(tuple(StageSpec(name=name, run=make_stage(name), needs=needs.get(name, ())) for name in STAGES))


def _make_stepper(steps: int) -> Callable[[StageContext], Awaitable[JsonValue]]:
    async def stepper(context: StageContext) -> JsonValue:
        begun: list[float] = []

        async def step(_: int) -> JsonValue:
            begun.append(time.perf_counter())
            return dict(checkpoint_value("step"))

        for number in range(steps):
            await context.step("step", step, number)
        tell_gaps(begun)
        return None

    return stepper


def tell_gaps(begun: list[float]) -> None:
    """Tell the times between the beginnings of steps, in milliseconds."""
    gaps = [1000 * (after - before) for before, after in pairwise(begun)]
    tell("gaps " + " ".join(f"{gap:.4f}" for gap in gaps))


async def work(order: Order) -> None:
    """Work until killed."""
    redis = make_client(order.url)
    ledger = Ledger(order.ledger)
    settings = EngineSettings(runs_at_once_max=order.at_once, lease_seconds=order.lease_seconds)
    owner = Owner.of_this_process()
    store = ToldStore(redis, owner=replace(owner, host=order.host) if order.host else owner, settings=settings)
    store.ledger = ledger
    graph = make_graph(order, ledger)
    wakeups = ArqWakeUps(
        pool=redis.connection_pool, roles=graph.roles, jobs_max=2 * order.at_once, poll_seconds=POLL_SECONDS
    )
    worker = Worker(store=store, graph=graph, wakeups=wakeups, roles=frozenset(graph.roles))
    await redis.ping()
    stdin = await open_stdin()
    tell("ready")
    await stdin.readline()
    await worker.run()


class Submitter:
    """Hands runs to Onceover as the door does: accept durably, then wake."""

    def __init__(self, redis: Redis, order: Order) -> None:
        self._graph = make_graph(order, Ledger(""))
        self._store = Store(redis, owner=Owner.of_this_process())
        self._wakeups = ArqWakeUps(pool=redis.connection_pool, roles=(), jobs_max=1)

    async def submit(self, number: int) -> str:
        """Submit a run, and answer the id that the worker will tell."""
        subject, head = f"acme/shop#{number}", f"{number:040x}"
        asked = RunRequest(subject=subject, revision=head, params={"head": head, "merge_base": "0" * 40})
        accepted = await self._store.submit(asked, self._graph)
        for role in accepted.ready_roles:
            await self._wakeups.wake(accepted.run_id, role)
        return accepted.run_id
