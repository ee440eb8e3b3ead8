"""Mirror: what the outside shows of a run, kept up with it.

Level-triggered: whenever a run's journal has grown, whoever mirrors it is given the run as it stands now, not what
changed. A lost wake-up, a crash, a failed write heal by being shown again. Promises that the picture of an ended run is
final: the run stays due until `show` has returned for its last entry. Paced: the first picture is due at once, each
later one `pace_seconds` after the one before. Does not promise that every state in between is seen.

Known race: a process that was frozen while it showed a run may paint an old picture over its successor's. When it says
that it is done, the run is due once more; if it dies before that, the old picture stands until the run changes.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pipeline.engine.effects import MIRROR, Effects
from pipeline.engine.errors import OnceoverError, RetryLater
from pipeline.engine.records import RunRecord
from pipeline.engine.retry import Random, RetryPolicy
from pipeline.engine.store import Store

log = logging.getLogger(__name__)

ROOM: Final = 20
"""Runs that one look takes; the next look comes at once while there are more."""

HAND_BACK_SECONDS_MAX: Final = 2.0
"""How long a mirror that is cancelled may take to give its runs back."""

RETRY: Final = RetryPolicy(
    tries_max=1_000_000, first_seconds=2.0, wait_seconds_max=300.0, total_seconds_max=float("inf")
)
"""Showing is tried as long as the run is kept: a picture that is not concluded must not stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A run that is to be shown."""

    run: RunRecord
    effects: Effects


Show: TypeAlias = Callable[[Picture], Awaitable[None]]
"""Brings the outside to what the run says; sends nothing if it shows that already. May be repeated."""


@dataclass(slots=True, kw_only=True)
class Mirror:
    """One process's share of the mirrors."""

    store: Store
    roles: Iterable[str]
    show: Show
    pace_seconds: float = 2.0
    """Time between two pictures of a run."""
    rng: Random = random.random
    _look_now: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _failures: dict[str, int] = field(default_factory=dict, init=False)
    _shown: set[str] = field(default_factory=set, init=False)

    @property
    def holds(self) -> tuple[str, ...]:
        """Runs that this mirror is showing now."""
        return tuple(self._shown)

    def nudge(self) -> None:
        """Look at once: something happened."""
        self._look_now.set()

    async def run(self) -> None:
        """Show whatever is due, until cancelled."""
        while True:
            self._look_now.clear()
            if await self.look_once() >= ROOM:
                continue
            try:
                async with asyncio.timeout(self.store.settings.sweep_seconds):
                    await self._look_now.wait()
            except TimeoutError:
                continue

    async def look_once(self) -> int:
        """Show what is due now; answer how many runs that were."""
        try:
            taken = await self.store.take_mirrored(self.roles, room=ROOM)
        except OnceoverError as error:
            log.warning("mirror.not_looked reason=%s", error)
            return 0
        self._shown |= {one.run_id for one in taken}
        try:
            await asyncio.gather(*(self._show(one.run_id, one.claim, one.seen) for one in taken))
        finally:
            self._shown -= {one.run_id for one in taken}
        return len(taken)

    async def _show(self, run_id: str, claim: int, seen: int) -> None:
        pace, again = self.pace_seconds, None
        try:
            run = await self.store.read_run(run_id)
            if run is None:
                return
            seen = run.journal_length
            effects = Effects(store=self.store, run_id=run_id, stage=MIRROR, claim=claim)
            await self._within_limit(Picture(run=run, effects=effects))
            self._failures.pop(run_id, None)
        except asyncio.CancelledError:
            await self._hand_back(run_id, claim, seen)
            raise
        except Exception as error:  # noqa: BLE001 - the supervisor: a run that cannot be shown must not keep the others from it.
            pace = again = self._judge(run_id, error)  # News of the run shorten no wait that the outside asked for.
        try:
            await self.store.put_mirrored(run_id, claim, seen=seen, pace_seconds=pace, again_seconds=again)
        except OnceoverError as error:
            log.warning("mirror.not_put_back run=%s reason=%s", run_id, error)  # It is given out again.

    async def _hand_back(self, run_id: str, claim: int, seen: int) -> None:
        """Give a run out again: this process is leaving, and its successor need not wait until its time is over."""
        try:
            async with asyncio.timeout(HAND_BACK_SECONDS_MAX):
                await self.store.put_mirrored(run_id, claim, seen=seen, pace_seconds=0.0, again_seconds=0.0)
        except (OnceoverError, TimeoutError) as error:
            log.warning("mirror.not_handed_back run=%s reason=%s", run_id, error)  # It is given out again later.

    async def _within_limit(self, picture: Picture) -> None:
        # Beyond the limit another process is given the run; one that hangs must not keep this one from all others.
        seconds = self.store.settings.mirror_seconds_max
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                await self.show(picture)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise RetryLater(f"Run {picture.run.run_id} was not shown within {seconds:.0f} s.") from error

    def _judge(self, run_id: str, error: Exception) -> float:
        failures = self._failures[run_id] = self._failures.get(run_id, 0) + 1
        if not isinstance(error, OnceoverError):
            log.error("mirror.bug run=%s", run_id, exc_info=error)
        asked = error if isinstance(error, RetryLater) else RetryLater(str(error))
        wait = RETRY.seconds_before_next(min(failures, 20), 0.0, asked, self.rng)
        log.warning("mirror.not_shown run=%s wait_seconds=%.1f reason=%s", run_id, wait or 0.0, error)
        return 1.0 + (wait or 0.0)
