"""Session: one worker's hold on one run.

A session claims a run, executes what it claimed, and tells Redis what came of it. It is level-triggered: each answer
of `advance` lists *all* stages that this worker should be executing, and the session makes that so (starts what is
missing, cancels what is not listed). A lost answer, a re-run, a cancel or a stolen lease need no code of their own.

While one write is on its way, others gather and leave together: parallel stages and steps share round trips.

Races known, and why they are harmless:
- The lease is lost while a stage computes: its next write carries an old token and is refused (L1); it is cancelled.
- The answer to a write is lost: the write is sent again, and `advance.lua` knows it by its claim (C1, S1).
- The stage is asked for again while it runs: its claim has a newer number; the old task is cancelled, and the new one
  begins when the old one has ended.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pipeline.engine.attempt import Attempt
from pipeline.engine.errors import OnceoverError
from pipeline.engine.graph import Graph
from pipeline.engine.operation import Operation, StageDone, StageHandedBack
from pipeline.engine.records import Claim, Progress
from pipeline.engine.retry import Random
from pipeline.engine.stage import JsonValue
from pipeline.engine.store import Store, StoreAway, StoreRefuses

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

HAND_BACK_SECONDS_MAX: Final = 2.0
"""How long a session that is cancelled may take to hand its stages back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What a worker gives each of its sessions."""

    store: Store
    graph: Graph
    roles: frozenset[str]
    rng: Random
    on_progress: Callable[[str, str, str], None]
    """Called with run id, stage and text."""
    params: Mapping[str, JsonValue] | None = None
    """The only parameters that this worker works with, whatever Redis says (a local review); None: the run's."""
    replay_every_step: bool = False


@dataclass(slots=True)
class Session:
    """Moves one run as far as this worker can."""

    run_id: str
    given: SessionSettings
    leases: Mapping[str, int] = field(default_factory=dict, init=False)
    asked: int = field(default=0, init=False)
    is_draining: bool = field(default=False, init=False)
    _name: str = field(default_factory=lambda: secrets.token_hex(8), init=False)
    _params: dict[str, JsonValue] = field(default_factory=dict, init=False)
    _tasks: dict[tuple[str, int], asyncio.Task[None]] = field(default_factory=dict, init=False)
    _heard_at: float = field(default_factory=time.monotonic, init=False)
    _ending: dict[str, asyncio.Task[None]] = field(default_factory=dict, init=False)
    """Cancelled executions, by stage: the last of each."""
    _outbox: list[tuple[Operation, asyncio.Future[None]]] = field(default_factory=list, init=False)
    _something_to_say: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _checkpoints: dict[tuple[str, str], str] = field(default_factory=dict, init=False)

    async def run(self) -> Progress:
        """Work until nothing is left for this worker, and answer how the run stands.

        Raises:
            StoreAway: Redis stayed away too long.
            StoreRefuses: Redis does not write.
        """
        try:
            progress = await self._advance(())
            while progress.status == "held":
                self._take(progress)
                await self._something_to_say.wait()
                await asyncio.sleep(0)  # Siblings that end in this very turn come along in the same round trip.
                progress = await self._flush()
        except asyncio.CancelledError:
            await self._hand_back()
            raise
        finally:
            await self._stop()
        return progress

    def nudge(self) -> None:
        """Look again: something new can be claimed, or a lease may be lost, or the run was cancelled."""
        self._something_to_say.set()

    def drain(self) -> None:
        """Finish the steps under way, begin no new one, hand the rest back."""
        self.is_draining = True
        self._something_to_say.set()

    def hear(self) -> None:
        """Note that Redis has just confirmed the leases."""
        self._heard_at = time.monotonic()

    # For contexts ---------------------------------------------------------------------------------------------------

    async def write(self, operation: Operation) -> None:
        """Return when the operation is durable; the calling task is cancelled if it was refused."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outbox.append((operation, durable))
        self._something_to_say.set()
        await durable

    @property
    def has_heard_lately(self) -> bool:
        """Whether Redis answered within the time of a lease; the monotonic clock goes on while a process is frozen."""
        return time.monotonic() - self._heard_at < self.given.store.settings.lease_seconds

    async def recall(self, step: str) -> str | None:
        """Read the recorded result of a step; wait while Redis is away."""
        return await self._patiently(lambda: self.given.store.step(self.run_id, step))

    async def checkpoint(self, stage: str, identity: str) -> str | None:
        """Read the checkpoint of a fingerprint; wait while Redis is away."""
        key = (stage, identity)
        if key not in self._checkpoints:
            known = await self._patiently(lambda: self.given.store.checkpoint(self.run_id, stage, identity))
            if known is None:
                return None
            self._checkpoints[key] = known
        return self._checkpoints[key]

    # Speaking with Redis --------------------------------------------------------------------------------------------

    async def _flush(self) -> Progress:
        self._something_to_say.clear()
        batch = tuple(self._outbox)
        progress = await self._advance(tuple(operation for operation, _ in batch))
        del self._outbox[: len(batch)]  # Only now: what is cancelled on the way is sent again with the hand-back.
        for operation, durable in batch:
            if isinstance(operation, StageDone) and operation.stage in progress.kept:
                self._checkpoints[operation.stage, operation.fingerprint] = operation.checkpoint
            if not durable.done():
                durable.set_result(None)
        return progress

    async def _advance(self, operations: tuple[Operation, ...]) -> Progress:
        given = self.given
        progress = await self._patiently(
            lambda: given.store.advance(
                self.run_id,
                roles=() if self.is_draining else given.roles,
                versions=given.graph.versions,
                inputs=None if given.params is None else given.graph.inputs(given.params),
                session=self._name,
                leases=self.leases,
                operations=operations,
                asked=self.asked,
            )
        )
        self.hear()
        return progress

    async def _patiently(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Call until Redis answers and writes; sending twice is safe, and what the stages do meanwhile may count."""
        settings = self.given.store.settings
        give_up_at = time.monotonic() + settings.away_seconds_max
        while True:
            try:
                return await call()
            except (StoreAway, StoreRefuses):
                if time.monotonic() > give_up_at:
                    raise
                await asyncio.sleep(settings.away_pause_seconds)

    def _take(self, progress: Progress) -> None:
        self.leases, self.asked = progress.leases, progress.asked
        if progress.params is not None:
            self._params = progress.params
        wanted = {(claim.stage, claim.claim): claim for claim in progress.running}
        for key in self._tasks.keys() - wanted.keys():
            task = self._tasks.pop(key)
            task.cancel()
            self._ending[key[0]] = task
        for key, claim in wanted.items():
            if key not in self._tasks:
                work = self._execute(claim, after=self._ending.pop(claim.stage, None))
                self._tasks[key] = asyncio.create_task(work, name=f"{self.run_id} {claim.stage}")

    async def _hand_back(self) -> None:
        self.is_draining = True
        stages = list(self._tasks)
        await self._cancel_tasks()
        left: list[Operation] = [operation for operation, _ in self._outbox]
        left += [StageHandedBack(stage=stage, claim=claim) for stage, claim in stages]
        try:
            async with asyncio.timeout(HAND_BACK_SECONDS_MAX):
                progress = await self._advance(tuple(left))
                if progress.running:  # Claimed by a write whose answer never came.
                    claims = progress.running
                    await self._advance(tuple(StageHandedBack(stage=one.stage, claim=one.claim) for one in claims))
        except (OnceoverError, TimeoutError) as error:
            log.warning("lease.not_handed_back run=%s reason=%s", self.run_id, error)  # It will run out.

    async def _stop(self) -> None:
        await self._cancel_tasks()
        for _, durable in self._outbox:
            durable.cancel()

    async def _cancel_tasks(self) -> None:
        tasks = [*self._tasks.values(), *self._ending.values()]
        self._tasks.clear()
        self._ending.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _execute(self, claim: Claim, *, after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await asyncio.wait([after])  # Two executions of one stage would be in each other's way.
        params = self._params if self.given.params is None else self.given.params
        attempt = Attempt(
            run_id=self.run_id,
            claim=claim,
            spec=self.given.graph[claim.stage],
            params=params,
            recorder=self,
            settings=self.given.store.settings,
            rng=self.given.rng,
            on_progress=lambda text: self.given.on_progress(self.run_id, claim.stage, text),
            replay_every_step=self.given.replay_every_step,
        )
        await self.write(await attempt.run())
