"""Faults at the network edge: a Redis client that fails at a chosen write, as a process or a network would."""

from enum import StrEnum
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

_WRITES: Final = frozenset({"EVALSHA", "EVAL", "HDEL"})
"""All by which the engine changes anything."""


class PowerCut(BaseException):
    """The process is gone. Not an `Exception`, so that no handler of the engine mends it."""


class Fault(StrEnum):
    """What happens at the chosen write."""

    DIE_BEFORE = "die before"
    DIE_AFTER = "die after"
    LOSE_REPLY = "lose the reply"
    REFUSE = "refuse"


class CrashingRedis(Redis):
    """Shares the connections of a sound client, and fails when it was told to."""

    def __init__(self, sound: Redis) -> None:
        super().__init__(connection_pool=sound.connection_pool)
        self.writes = 0
        """Writes that were tried; those before the fault were applied."""
        self.under_way = 0
        """Commands sent and not yet answered."""
        self.is_dead = False
        self.faults = 0
        """Faults that have happened."""
        self._at = range(0)
        self._how = Fault.DIE_BEFORE

    def arm(self, how: Fault, *, after: int = 0, times: int = 1) -> None:
        """Fail at the write that comes after so many others, and at those that follow it."""
        self._how = how
        self._at = range(self.writes + after + 1, self.writes + after + 1 + times)

    def die(self) -> None:
        """Lose all that is in memory; each later command finds no process to send it."""
        self.is_dead = True

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py has it
        """Send a command, unless the process is dead or dies of it."""
        self._check_pulse()
        self.under_way += 1
        try:
            if args[0] in _WRITES:
                return await self._write(*args, **options)
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py left it so.
        finally:
            self.under_way -= 1
            self._check_pulse()

    async def _write(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py has it
        self.writes += 1
        number = self.writes
        if number in self._at and self._how in {Fault.DIE_BEFORE, Fault.REFUSE}:
            self._fail(number)
        try:
            answer = await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # Same.
        except NoScriptError:
            self.writes -= 1  # It comes again, with its text.
            raise
        if number in self._at:
            self._fail(number)
        return answer

    def _fail(self, number: int) -> None:
        self.faults += 1
        if self._how in {Fault.DIE_BEFORE, Fault.DIE_AFTER}:
            self.die()
            self._check_pulse()
        raise RedisConnectionError(f"write {number}: {self._how}")

    def _check_pulse(self) -> None:
        if self.is_dead:
            raise PowerCut("The process is dead.")
