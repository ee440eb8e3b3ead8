"""Child: a process of Onceover that the demo starts, listens to, and ends.

Promises that it ends with the demo, also when that is killed (on Linux; see `leash`), and that Ctrl-C in the terminal
reaches the demo alone, which then ends its children in order. What it says goes to a file.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from bot.redis_process import LEASH

END_SECONDS_MAX: Final = 5.0
"""From SIGTERM, at which it finishes its steps, to SIGKILL."""


class ChildEnded(Exception):
    """It ended before it said what was waited for."""


@dataclass(slots=True, kw_only=True)
class Child:
    """One process; make it with `start`."""

    process: asyncio.subprocess.Process
    log: Path
    _said: str = ""
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    _is_over: bool = False
    _listening: "asyncio.Task[None] | None" = None

    @classmethod
    async def start(cls, *arguments: str, log: Path, environment: Mapping[str, str]) -> Self:
        """Start `onceover` with arguments.

        Args:
            arguments: Its command line.
            log: Where to write what it says; in a directory of the demo, where it also works.
            environment: All that it sees.
        """
        leash = (sys.executable, "-I", "-S", str(LEASH), str(os.getpid()))
        process = await asyncio.create_subprocess_exec(
            *leash,
            *(sys.executable, "-m", "bot", *arguments),
            # In a place of our own: `python -m` takes modules from there first, and another may be a stranger's.
            cwd=log.parent,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        child = cls(process=process, log=log)
        child._listening = asyncio.create_task(child._listen())
        return child

    @property
    def pid(self) -> int:
        """Its number; the leash becomes the program, so it is that of Python."""
        return self.process.pid

    async def says(self, pattern: str) -> re.Match[str]:
        """Wait until it has said something, and answer what.

        Raises:
            ChildEnded: It will not say it any more.
        """
        async with self._heard:
            await self._heard.wait_for(lambda: re.search(pattern, self._said) or self._is_over)
        if found := re.search(pattern, self._said):
            return found
        raise ChildEnded(self._said[-1_000:])

    async def kill(self) -> None:
        """End it as nothing can prepare for: kill -9."""
        self._send(signal.SIGKILL)
        await self._ended()

    async def stop(self) -> None:
        """Let it end in order, or end it."""
        self._send(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_SECONDS_MAX):
                await self._ended()
        except TimeoutError:
            await self.kill()

    def _send(self, number: signal.Signals) -> None:
        # Not `process.send_signal`: that looks whether the process lives, and so may take the news of its end away from
        # the event loop, which then warns of an unknown child.
        if self.process.returncode is None:
            os.kill(self.pid, number)

    async def _ended(self) -> None:
        await self.process.wait()
        if self._listening is not None:
            await asyncio.wait([self._listening])

    async def _listen(self) -> None:
        assert self.process.stderr  # noqa: S101 - it was asked for.
        with self.log.open("ab") as log:
            while piece := await self.process.stderr.read(65_536):
                log.write(piece)
                log.flush()
                await self._hear(piece.decode(errors="replace"))
        await self._hear("", is_over=True)

    async def _hear(self, text: str, *, is_over: bool = False) -> None:
        async with self._heard:
            self._said += text
            self._is_over = is_over
            self._heard.notify_all()
