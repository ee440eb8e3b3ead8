"""Redis batches: scripts that are called at the same time share a round trip.

Promises that each caller gets the answer to its own call, and that one call's error is not another's. A call that is
cancelled may still be carried out, as with any client: its bytes may be on their way. Does not promise an order between
calls that are under way at the same time; who needs one waits for the answer, as the engine does for each run.

Why: with ten runs at once a system call for each script is a third of a worker's time. For the same reason a batch has
connections of its own: redis-py looks at one whenever it is taken from the pool, and sets a timer for each answer and a
task for each sending, which together cost the door as much as writing and reading the delivery.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

UNDER_WAY_MAX: Final = 2
"""Batches that are sent and not answered: one is executed while the other is written or read. With more of them each
would be smaller; ten concurrent runs then cost as much as without batches."""

CALLS_WHOLE_MAX: Final = 4
"""Of more calls that wait while none is on its way, half are sent: their answers are worked on while the server does
the other half. In one batch they would make this process and the server wait for each other in turns."""

CALLS_MAX: Final = 64
"""Calls in one batch; no answer waits for more than so many scripts, about 10 ms."""

SILENT_SECONDS_MAX: Final = 1.0
"""A connection that was silent for longer goes through the pool, which looks whether the server has closed it."""

_Call: TypeAlias = tuple[tuple[Any, ...], "asyncio.Future[Any]"]


@dataclass(slots=True, kw_only=True)
class _Line:
    """A connection that is kept between batches."""

    connection: AbstractConnection
    seconds_max: float | None
    """For a whole batch; the connection itself is left without a time-out meanwhile."""
    used_at: float


class BatchingRedis(Redis):
    """A client that sends EVALSHA in batches, and everything else as redis-py does."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - redis-py's own
        super().__init__(*args, **options)
        self._under_way = 0
        self._on_their_way = 0
        self._waiting: list[_Call] = []
        self._senders: set[asyncio.Task[None]] = set()
        self._lines: list[_Line] = []

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py has it
        """Send a command; a script's call together with those that gather until it can be sent."""
        if args[0] != "EVALSHA":
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py's.
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((args, answer))
        if self._under_way < UNDER_WAY_MAX:
            self._under_way += 1
            sender = asyncio.create_task(self._send_all(), name="redis batches")
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        return await answer

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send_batch()
        finally:
            self._under_way -= 1  # Here and not when the task is done: a call that comes between would wait for nobody.

    async def _send_batch(self) -> None:
        batch = self._take_batch()
        self._on_their_way += 1
        try:
            answers = await self._send([args for args, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is each caller's to judge.
            answers = [error] * len(batch)
        except asyncio.CancelledError:  # With its loop: no caller waits for ever.
            for _, answer in batch:
                answer.cancel()
            raise
        finally:
            self._on_their_way -= 1
        _hand_out(batch, answers)

    def _take_batch(self) -> list[_Call]:
        size = len(self._waiting)
        if not self._on_their_way and size > CALLS_WHOLE_MAX:
            size = -(-size // 2)
        size = min(size, CALLS_MAX)
        batch, self._waiting = self._waiting[:size], self._waiting[size:]
        return batch

    async def _send(self, calls: list[tuple[Any, ...]]) -> list[Any]:
        line = await self._take_line()
        connection = line.connection
        try:
            answers: list[Any] = await connection.retry.call_with_retry(
                lambda: _exchange(line, calls), lambda error: _drop(connection, error)
            )
        except BaseException:
            await self._give_back(line)
            raise
        line.used_at = asyncio.get_running_loop().time()
        self._lines.append(line)
        return answers

    async def _take_line(self) -> _Line:
        now = asyncio.get_running_loop().time()
        while self._lines:
            line = self._lines.pop()
            if now - line.used_at <= SILENT_SECONDS_MAX:
                return line
            await self._give_back(line)
        connection = await self.connection_pool.get_connection()
        line = _Line(connection=connection, seconds_max=connection.socket_timeout, used_at=now)
        connection.socket_timeout = None
        return line

    async def _give_back(self, line: _Line) -> None:
        line.connection.socket_timeout = line.seconds_max
        await self.connection_pool.release(line.connection)


async def _drop(connection: AbstractConnection, error: Exception) -> None:
    """Drop a connection, and raise if nothing may be sent again."""
    await connection.disconnect()
    if not isinstance(error, tuple(connection.retry_on_error)):
        raise error


async def _exchange(line: _Line, calls: list[tuple[Any, ...]]) -> list[Any]:
    """Send a batch and read its answers; where it ends early, redis-py has dropped the connection."""
    connection, answers = line.connection, []
    try:
        async with asyncio.timeout(line.seconds_max):
            await connection.send_packed_command([hiredis.pack_command(call) for call in calls])
            for _ in calls:
                try:
                    answers.append(await connection.read_response())
                except ResponseError as error:  # Of this call alone.
                    answers.append(error)
    except TimeoutError as error:
        raise RedisTimeoutError(f"No answer within {line.seconds_max} s.") from error
    return answers


def _hand_out(batch: list[_Call], answers: list[Any]) -> None:
    for (_, waiting), answer in zip(batch, answers, strict=True):
        if waiting.done():  # Its caller was cancelled.
            continue
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)
