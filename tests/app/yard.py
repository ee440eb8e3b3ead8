"""Yard: real processes of the App, and a Redis that kills one of them at a chosen write.

The gate stands between a process and the real Redis, at the network's edge: nothing in the process knows of it. It
counts the writes that move a run or tell of an effect; the beats of a waiting process are not counted.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from bot.app_credentials import Role
from tests.project import ROOT

COUNTED: Final = re.compile(rb'"ops": ?\[\{|"act": ?"(intend|confirm|forget|put)"')
"""What the requests of the writes that are counted hold."""

CHUNK_BYTES: Final = 2**20

Moment = Literal["before", "after"]


@dataclass(slots=True, kw_only=True)
class Yard:
    """Forks processes of the App."""

    nursery: subprocess.Popen[bytes]
    started: list[int] = field(default_factory=list)

    def start(self, environment: dict[str, str], roles: Iterable[Role]) -> int:
        """Start a process and answer its pid; this takes some milliseconds."""
        assert self.nursery.stdin
        assert self.nursery.stdout
        asked = {"environment": environment, "roles": sorted(role.value for role in roles)}
        self.nursery.stdin.write(json.dumps(asked).encode() + b"\n")
        self.nursery.stdin.flush()
        pid = int(self.nursery.stdout.readline())
        self.started.append(pid)
        return pid

    def kill(self, pid: int) -> None:
        """Kill a process with no chance to say anything; one that is dead is dead."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """Kill every process that was started and may be alive."""
        while self.started:
            self.kill(self.started.pop())

    def freeze(self, pid: int) -> None:
        """Let a process stand still."""
        os.kill(pid, signal.SIGSTOP)

    def thaw(self, pid: int) -> None:
        """Let it go on."""
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def open_yard() -> Iterator[Yard]:
    """Have a nursery of processes while the block runs; all of them end with it."""
    command = [sys.executable, "-m", "tests.app.worker_program"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as nursery:
        yard = Yard(nursery=nursery)
        try:
            yield yard
        finally:
            yard.kill_all()
            nursery.kill()


@dataclass(slots=True, kw_only=True)
class RedisGate:
    """Passes on what a process and Redis say to each other, until the chosen write."""

    target: Path
    """The real server's socket."""
    socket: Path
    writes: int = 0
    """So many came by."""
    at: int | None = None
    """The write, from 0, at which the process dies."""
    moment: Moment = "before"
    victim: int | None = None
    has_struck: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """What the process takes for its Redis."""
        return f"unix://{self.socket}"

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator["RedisGate"]:
        """Listen while the block runs."""
        server = await asyncio.start_unix_server(self._serve, self.socket)
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        up_reader, up_writer = await asyncio.open_unix_connection(self.target)
        last = asyncio.Event()
        down = asyncio.create_task(self._pass_answers(up_reader, writer, last))
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                if self._is_chosen(chunk):
                    if self.moment == "before":
                        self._strike()
                        return
                    last.set()
                up_writer.write(chunk)
        except (ConnectionError, asyncio.CancelledError):
            return  # The process is dead, or the test is over.
        finally:
            down.cancel()
            up_writer.close()
            writer.close()
            self._tasks.discard(task)

    async def _pass_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last: asyncio.Event
    ) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            if last.is_set():
                self._strike()
                return
            writer.write(chunk)

    def _is_chosen(self, chunk: bytes) -> bool:
        if not COUNTED.search(chunk):
            return False
        self.writes += 1
        return self.at is not None and self.writes == self.at + 1

    def _strike(self) -> None:
        assert self.victim
        self.has_struck = True
        os.kill(self.victim, signal.SIGKILL)
