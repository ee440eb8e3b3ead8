"""Worker: one process's share of the work.

Holds sessions, renews their leases, sweeps, and listens for wake-ups. Promises R1 and W1 as long as one worker of each
role lives: whatever is due is looked at within the sweep interval, wake-ups or not. Ends by draining: steps under way
finish, the rest is handed back, nothing waits for a lease to run out.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.engine.errors import OnceoverError
from pipeline.engine.graph import Graph
from pipeline.engine.owner import Owner
from pipeline.engine.records import Progress
from pipeline.engine.retry import Random
from pipeline.engine.session import Session, SessionSettings
from pipeline.engine.stage import JsonValue
from pipeline.engine.store import Store
from pipeline.engine.wakeup import WakeUps

log = logging.getLogger(__name__)

HINT_SECONDS_MAX: Final = 20.0
"""How long a wake-up waits for room here; then it is dropped, and the sweep offers the run to whoever has room."""


@dataclass(slots=True, kw_only=True)
class Worker:
    """Moves runs of one graph, for the roles it holds."""

    store: Store
    graph: Graph
    wakeups: WakeUps
    roles: frozenset[str]
    rng: Random = random.random
    on_progress: Callable[[str, str, str], None] = lambda *_: None
    only: str | None = None
    """The one run that this worker works for (a local review): when it cannot be moved, the worker ends with the error.
    None: whatever is due."""
    params: Mapping[str, JsonValue] | None = None
    """With `only`: its parameters, instead of those in Redis."""
    on_let_go: Callable[[str], None] = lambda _: None
    """Told of each run that this worker has let go of: done, parked, or somebody else's now."""
    replay_every_step: bool = False
    _sessions: dict[str, Session] = field(default_factory=dict, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _room: asyncio.Semaphore = field(init=False)
    _sweep_now: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _is_behind: bool = field(default=False, init=False)
    """More may be due than there was room for: each run that ends here makes the sweep look again."""
    _has_heard: bool = field(default=False, init=False)
    _is_draining: bool = field(default=False, init=False)
    _trouble: "asyncio.Future[None]" = field(init=False)

    def __post_init__(self) -> None:
        self._room = asyncio.Semaphore(self.store.settings.runs_at_once_max)

    async def run(self) -> None:
        """Work until cancelled; then drain, hand back, sign off.

        Raises:
            OnceoverError: The one run that it works for cannot be moved.
        """
        self._trouble = asyncio.get_running_loop().create_future()
        loops = [self._beat(), self._sweep(), self.wakeups.listen(self.advance)]
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            ended, _ = await asyncio.wait([self._trouble, *tasks], return_when=asyncio.FIRST_EXCEPTION)
            for one in ended:
                one.result()
        finally:
            await _to_its_end(self._leave(tasks))

    async def advance(self, run_id: str) -> None:
        """Begin to move a run, look what else is due, and return: the one function that a wake-up calls.

        Of a run that is held here already, the session looks again. Without room for a while, the hint is dropped.
        """
        self._has_heard = True
        self._sweep_now.set()
        if session := self._sessions.get(run_id):
            session.nudge()
            return
        try:
            async with asyncio.timeout(HINT_SECONDS_MAX):
                await self._room.acquire()
        except TimeoutError:
            return
        self._begin(run_id)

    @property
    def holds(self) -> tuple[str, ...]:
        """Runs that this worker is moving now."""
        return tuple(self._sessions)

    # Sessions -------------------------------------------------------------------------------------------------------

    def _begin(self, run_id: str) -> None:
        """Start a session; the caller has taken a place from `_room`."""
        if run_id in self._sessions or self._is_draining:
            self._room.release()
            return
        given = SessionSettings(
            store=self.store,
            graph=self.graph,
            roles=self.roles,
            rng=self.rng,
            on_progress=self.on_progress,
            params=self.params,
            replay_every_step=self.replay_every_step,
        )
        session = self._sessions[run_id] = Session(run_id, given)
        task = asyncio.create_task(self._hold(session), name=f"session {run_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hold(self, session: Session) -> None:
        try:
            progress = await session.run()
        except OnceoverError as error:
            log.warning("run.let_go run=%s reason=%s", session.run_id, error)
            self._give_up(session.run_id, error)
            return
        except Exception:  # The supervisor: a bug in one run must not end the others; its lease runs out.
            log.exception("run.bug run=%s", session.run_id)
            return
        finally:
            del self._sessions[session.run_id]
            self._room.release()
            self.on_let_go(session.run_id)
            if self._is_behind:
                self._sweep_now.set()
        await self._pass_on(session.run_id, progress)

    def _give_up(self, run_id: str, error: OnceoverError) -> None:
        if run_id == self.only and not self._trouble.done():
            self._trouble.set_exception(error)

    async def _pass_on(self, run_id: str, progress: Progress) -> None:
        roles = progress.ready_roles if self._is_draining else set(progress.ready_roles) - self.roles
        for role in roles:
            await self.wakeups.wake(run_id, role)

    # The two clocks -------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.store.settings.heartbeat_seconds)
            await self.beat_once()

    async def beat_once(self) -> None:
        """Renew the leases of all sessions, and let those with news look again."""
        holds = {session.run_id: (session.leases, session.asked) for session in self._sessions.values()}
        held = {run_id: hold for run_id, hold in holds.items() if hold[0]}
        if not held:
            return
        try:
            news = await self.store.heartbeat(held)
        except OnceoverError as error:
            log.warning("lease.not_renewed runs=%d reason=%s", len(held), error)
            return
        for run_id in held:
            if session := self._sessions.get(run_id):
                session.nudge() if run_id in news else session.hear()

    async def _sweep(self) -> None:
        owners = await self._known_owners()
        while True:
            self._sweep_now.clear()  # Before, so that what comes up meanwhile is looked at next.
            owners = await self.sweep_once(owners)
            try:
                async with asyncio.timeout(self.store.settings.sweep_seconds):
                    await self._sweep_now.wait()
            except TimeoutError:
                continue

    async def sweep_once(self, owners: Iterable[str]) -> tuple[str, ...]:
        """Take what nobody looks after, as far as there is room; answer who is registered now."""
        dead = [owner for owner in owners if self._is_dead(owner)]
        room = await self._take_room()
        heard, self._has_heard = self._has_heard, False
        found: tuple[str, ...] = ()
        try:
            swept = await self.store.sweep(self.roles, room=room, dead=dead, only=self.only, heard=heard)
            found = swept.found
            for trouble in swept.troubles:
                log.error("sweep.run_put_off reason=%s", trouble)
        except OnceoverError as error:
            log.warning("sweep.failed reason=%s", error)
            return ()
        finally:
            self._is_behind = len(found) >= room
            for _ in range(room - len(found)):
                self._room.release()
        for run_id in found:
            self._begin(run_id)
        return swept.owners

    async def _take_room(self) -> int:
        """Take all places that are free now, so that a run that is offered here is also begun here."""
        room = 0
        while not self._room.locked():
            await self._room.acquire()
            room += 1
        return room

    async def _known_owners(self) -> tuple[str, ...]:
        try:
            return await self.store.owners()
        except OnceoverError:
            return ()

    def _is_dead(self, text: str) -> bool:
        owner = Owner.parse(text)
        return owner is not None and owner.is_known_dead(self.store.owner)

    # The end --------------------------------------------------------------------------------------------------------

    async def _leave(self, loops: "Iterable[asyncio.Task[None]]") -> None:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        self._is_draining = True
        for session in self._sessions.values():
            session.drain()
        # Leaving may take longer than a lease; whoever took the run meanwhile would pay for the step again.
        beat = asyncio.create_task(self._beat(), name="heartbeat")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.store.settings.drain_seconds_max)
        for task in (beat, *self._tasks):
            task.cancel()
        await asyncio.gather(beat, *self._tasks, return_exceptions=True)
        try:
            await self.store.leave()
        except OnceoverError as error:
            log.warning("owner.not_signed_off reason=%s", error)


async def _to_its_end(work: Coroutine[None, None, None]) -> None:
    """Wait for work that has a limit of its own, also if whoever waits is told again to stop."""
    task = asyncio.create_task(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()
