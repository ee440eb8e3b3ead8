"""Redis batches: scripts that are called at the same time share a round trip.

Promises that each caller gets the answer to its own call, and that one call's error is not another's. A call that is
cancelled may still be carried out, as with any client: its bytes may be on their way. Does not promise an order between
calls that are under way at the same time; who needs one waits for the answer, as the engine does for each run.

Why: with ten runs at once a system call for each script is a third of a worker's time.
"""

import asyncio
from typing import Any, Final

from redis.asyncio import Redis

UNDER_WAY_MAX: Final = 2
"""Batches that are sent and not answered: one is executed while the other is written or read. With more of them each
would be smaller; ten concurrent runs then cost as much as without batches."""

CALLS_MAX: Final = 64
"""Calls in one batch; no answer waits for more than so many scripts, about 10 ms."""

_Call = tuple[tuple[Any, ...], "asyncio.Future[Any]"]


class BatchingRedis(Redis):
    """A client that sends EVALSHA in batches, and everything else as redis-py does."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - redis-py's own
        super().__init__(*args, **options)
        self._under_way = 0
        self._waiting: list[_Call] = []
        self._senders: set[asyncio.Task[None]] = set()

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
        batch, self._waiting = self._waiting[:CALLS_MAX], self._waiting[CALLS_MAX:]
        try:
            answers = await self._send([args for args, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is each caller's to judge.
            answers = [error] * len(batch)
        except asyncio.CancelledError:  # With its loop: no caller waits for ever.
            for _, answer in batch:
                answer.cancel()
            raise
        _hand_out(batch, answers)

    async def _send(self, calls: list[tuple[Any, ...]]) -> list[Any]:
        if len(calls) == 1:
            return [await super().execute_command(*calls[0])]  # type: ignore[no-untyped-call]  # Same.
        async with self.pipeline(transaction=False) as pipe:
            for call in calls:
                pipe.execute_command(*call)
            answers: list[Any] = await pipe.execute(raise_on_error=False)
            return answers


def _hand_out(batch: list[_Call], answers: list[Any]) -> None:
    for (_, waiting), answer in zip(batch, answers, strict=True):
        if waiting.done():  # Its caller was cancelled.
            continue
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)
