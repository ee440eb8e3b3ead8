"""Wake-ups by arq: one queue a role, one function, one run id a job.

arq is a carrier and nothing more. Its job lives for milliseconds: it offers the run to the worker and ends, so that
none of arq's own leases, time-outs, retries or results ever stands for the state of a run. What arq does behind one's
back, and why it cannot hurt here, is listed row by row in ADR 0004.
"""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from arq.connections import ArqRedis
from arq.worker import Worker as ArqWorker
from arq.worker import func
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from pipeline.engine.errors import OnceoverError
from pipeline.engine.wakeup import Advance
from pipeline.engine.worker import HINT_SECONDS_MAX

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.02
"""arq asks Redis this often; its default of 0.5 s would be half a second a run."""

JOB_SECONDS_MAX: Final = HINT_SECONDS_MAX + 10
"""arq's time-out of a job, longer than the job can take. Never None: that makes arq's own lease 10 s or a TypeError."""

TRIES_MAX: Final = 1_000_000
"""arq counts a start as a try; attempts are the engine's to count."""

HEALTH_SECONDS: Final = 10.0
"""How long arq's health key outlives a dead worker; its default is an hour."""

EXPIRES_EXTRA_MS: Final = 3_600_000
"""A hint that nobody took for an hour is dropped; the run stands in the due set all the same."""

RESTART_SECONDS: Final = 0.5
"""Pause before arq's loop is begun again after Redis went away, or something in the queue ended it."""

END_SECONDS_MAX: Final = 2.0
"""How long the jobs of a listener that ends may take to end as well."""

JOB_BYTES_MAX: Final = 1_024
"""Size of a job; ours have about a hundred."""

ENQUEUED_MS_MAX: Final = 10**14
"""Time of enqueueing, Unix milliseconds; a later one is no date to arq and would end its loop."""


PURPOSE: Final = "wake-up"
"""What a job is signed for."""


class Seal(Protocol):
    """Tells what processes of ours have written from what others have."""

    def sign(self, purpose: str, text: str) -> str:
        """Make a signature, ASCII without spaces."""

    def verify(self, purpose: str, text: str, signature: str) -> None:
        """Make sure that it is ours.

        Raises:
            OnceoverError: It is not.
        """


@dataclass(slots=True, kw_only=True)
class ArqWakeUps:
    """Implements `WakeUps`. With a seal, a job that was not written by a process of ours is dropped unread."""

    pool: ConnectionPool
    roles: Iterable[str]
    """Roles to listen for; any role can be woken."""
    jobs_max: int
    """Wake-ups that may wait for room here; the next ones stay in the queue for other workers."""
    prefix: str = "onceover:"
    poll_seconds: float = POLL_SECONDS
    seal: Seal | None = None
    """Signs each job; None where whoever writes Redis is trusted (a local review)."""
    _arq: ArqRedis = field(init=False)

    def __post_init__(self) -> None:
        self._arq = ArqRedis(
            pool_or_conn=self.pool,
            job_serializer=self._write,
            job_deserializer=self._read,
            expires_extra_ms=EXPIRES_EXTRA_MS,
        )

    async def wake(self, run_id: str, role: str) -> None:
        """Enqueue a job under a new id; a carrier that is away is left to the sweep."""
        try:
            await self._arq.enqueue_job("advance", run_id, _job_id=secrets.token_hex(8), _queue_name=self._queue(role))
        except (RedisError, OSError) as error:
            log.warning("wakeup.not_sent run=%s role=%s reason=%s", run_id, role, error)

    async def listen(self, advance: Advance) -> None:
        """Run one arq worker for each role, and begin again whenever Redis went away under it."""

        async def advance_job(_context: Mapping[str, Any], run_id: str) -> None:
            await advance(run_id)

        async with asyncio.TaskGroup() as group:
            for role in self.roles:
                group.create_task(self._listen_for(role, advance_job))

    async def is_healthy(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(await self._arq.ping())
        except (RedisError, OSError):
            return False

    async def close(self) -> None:
        """Leave the connections to the pool's owner."""

    async def _listen_for(self, role: str, job: Any) -> None:  # noqa: ANN401 - arq's own coroutine protocol
        while True:
            worker = _Listener(
                functions=[func(job, name="advance", keep_result=0, timeout=JOB_SECONDS_MAX, max_tries=TRIES_MAX)],
                queue_name=self._queue(role),
                redis_pool=self._arq,
                handle_signals=False,
                max_jobs=self.jobs_max,
                keep_result=0,
                poll_delay=self.poll_seconds,
                health_check_interval=HEALTH_SECONDS,
                job_serializer=self._write,
                job_deserializer=self._read,
                log_results=False,
            )
            looking = asyncio.create_task(worker.main(), name=f"wake-ups {role}")
            try:
                await asyncio.shield(looking)
            except (RedisError, OSError) as error:
                log.warning("wakeup.listening_again role=%s reason=%s", role, error)
                await asyncio.sleep(RESTART_SECONDS)
            except Exception:  # The supervisor: arq's loop ends at an entry it cannot read, and would again.
                log.exception("wakeup.queue_emptied role=%s", role)
                await self._empty(role)
                await asyncio.sleep(RESTART_SECONDS)
            finally:
                await worker.end(looking)

    async def _empty(self, role: str) -> None:
        """Drop all hints of a role; the sweep finds their runs."""
        try:
            await self._arq.delete(self._queue(role))
        except (RedisError, OSError) as error:
            log.warning("wakeup.queue_not_emptied role=%s reason=%s", role, error)

    def _write(self, job: dict[str, Any]) -> bytes:
        text = _write(job)
        return text if self.seal is None else f"{self.seal.sign(PURPOSE, text.decode())} ".encode() + text

    def _read(self, raw: bytes) -> dict[str, Any]:
        if self.seal is None:
            return _read(raw)
        signature, _, text = raw[:JOB_BYTES_MAX].decode("utf-8", "replace").partition(" ")
        try:
            self.seal.verify(PURPOSE, text, signature)
        except OnceoverError as error:
            raise ValueError(f"A wake-up that no process of ours has written: {error}") from error
        return _read(text.encode())

    def _queue(self, role: str) -> str:
        return f"{self.prefix}wake:{role}"


class _Stopped(Exception):
    """The listener was asked to end, and is between two looks at the queue."""


class _Listener(ArqWorker):
    """arq's worker, with an end. Cancelled amid a look, redis-py would keep the connection of that look for good."""

    is_ending = False

    async def heart_beat(self) -> None:
        """Tell that the listener lives; arq calls it after each look."""
        if self.is_ending:
            raise _Stopped
        await super().heart_beat()

    async def end(self, looking: "asyncio.Task[None]") -> None:
        """Put back what waits for room here; what is speaking with Redis finishes its sentence."""
        self.is_ending = True
        give_up_at = time.monotonic() + END_SECONDS_MAX
        while (left := self._left(looking)) and time.monotonic() < give_up_at:
            for job in self.job_tasks.values():
                job.cancel()  # arq leaves a cancelled job in the queue.
            await asyncio.wait(left, timeout=self.poll_delay_s)
        for task in left:
            task.cancel()
        await asyncio.gather(looking, *self.tasks.values(), return_exceptions=True)

    def _left(self, looking: "asyncio.Task[None]") -> list["asyncio.Task[Any]"]:
        return [task for task in (looking, *self.tasks.values()) if not task.done()]


def _write(job: dict[str, Any]) -> bytes:
    return json.dumps(job, default=str).encode()


def _read(raw: bytes) -> dict[str, Any]:
    """Read a job that somebody put into Redis: a name, one run id and nothing else; arq trusts what this answers."""
    if len(raw) > JOB_BYTES_MAX:
        raise ValueError(f"A wake-up of {len(raw)} bytes; the limit is {JOB_BYTES_MAX}.")
    match json.loads(raw):
        case {"t": None, "f": str(name), "a": [str(run_id)], "k": dict(rest), "et": int(at)} if (
            not rest and 0 <= at < ENQUEUED_MS_MAX
        ):
            return {"t": None, "f": name, "a": [run_id], "k": {}, "et": at}
    raise TypeError("A wake-up is the name of a function and a run id.")
