"""Process: run one program with an end to everything: its time, its output, its children.

Promises that when `run` returns, raises or is cancelled
- the program and all processes in its group are gone (SIGTERM, a grace, SIGKILL to the whole group);
- no more than the asked-for bytes of output were held in memory;
- a background child that kept our pipes open has not held us up.

Does not promise to find a process that left the group on purpose (`setsid`), nor anything about the program when we
ourselves are killed with SIGKILL: `pipeline.services.stragglers` looks for both, and only a sandbox can be sure.

Known race, accepted: the group is killed once more just after its leader was reaped, so that background children
go too. The number of an empty group could by then name another group; it would have to be handed out again within
microseconds, and Linux hands numbers out in a circle.
"""

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import IO, Final, TypeAlias

from pipeline.engine.errors import AskPerson

TERM_GRACE_SECONDS: Final = 2.0
"""Time between SIGTERM and SIGKILL: enough for a test runner to write its report."""

DRAIN_SECONDS_MAX: Final = 1.0
"""Wait for the end of the output after the program ended; only a process outside the group can make it last."""

REAP_SECONDS_MAX: Final = 5.0
"""Wait for the kernel after SIGKILL; a process stuck in a dead disk is left to it."""


Hear: TypeAlias = Callable[[int, bytes], None]
"""Is told of a piece of output: 1 for stdout or 2 for stderr, and the bytes."""


class Keep(Enum):
    """Which end of an output that is too long is worth keeping."""

    HEAD = "head"  # A document: what is beyond the limit makes it useless, so the program is stopped there.
    TAIL = "tail"  # A log: the end tells how it went, so the program runs on and the beginning is dropped.


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A program that is over, one way or another."""

    exit_code: int
    """As the shell has it for ours: negative is the signal that ended it."""
    stdout: bytes
    stderr: bytes
    timed_out: bool
    """It was stopped because its time was over."""
    truncated: bool
    """Output is missing; with `Keep.HEAD` the program was stopped there and the exit code tells nothing."""
    seconds: float


class CannotStart(AskPerson):
    """The program is not there, may not be run, or its directory is gone."""

    code = "cannot_start"


async def run(  # noqa: PLR0913  A process has this many limits, and each is told by name at the call.
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    seconds_max: float,
    output_bytes_max: int,
    stdin: bytes | None = None,
    keep: Keep = Keep.HEAD,
    pass_fds: Sequence[int] = (),
    hear: Hear | None = None,
) -> Completed:
    """Run a program without a shell, in a session of its own, and return how it went.

    Args:
        argv: Program and arguments; the program is looked up on the PATH of `env`.
        cwd: Directory it starts in.
        env: Its whole environment; nothing of ours is inherited.
        seconds_max: Time limit; when it is over the group is stopped and `timed_out` set.
        output_bytes_max: Limit for stdout and stderr, each.
        stdin: What it reads; /dev/null without it.
        keep: What happens beyond `output_bytes_max`.
        pass_fds: Descriptors of ours that it gets too, under the same numbers.
        hear: Is told of output as it comes, within the limit; with `Keep.HEAD`.

    Raises:
        CannotStart: It could not be started at all.
    """
    started = time.monotonic()
    full = asyncio.Event()
    out = _Collector(output_bytes_max, keep, full, partial(hear, 1) if hear else None)
    err = _Collector(output_bytes_max, keep, full, partial(hear, 2) if hear else None)
    async with _read_end(out) as stdout, _read_end(err) as stderr, _write_end(stdin) as source:
        process = await _start(argv, cwd, env, (source, stdout, stderr), pass_fds)
        timed_out = await _wait(process, full, seconds_max)
        await _drain(out, err)
    return Completed(
        exit_code=-signal.SIGKILL if process.returncode is None else process.returncode,
        stdout=out.kept(),
        stderr=err.kept(),
        timed_out=timed_out,
        truncated=out.is_cut or err.is_cut,
        seconds=time.monotonic() - started,
    )


class _Collector(asyncio.Protocol):
    """Hold one end of an output, never more than twice its limit."""

    def __init__(
        self, bytes_max: int, keep: Keep, full: asyncio.Event, hear: Callable[[bytes], None] | None = None
    ) -> None:
        self._bytes_max = bytes_max
        self._keep = keep
        self._full = full
        self._hear = hear
        self._held = bytearray()
        self.is_cut = False
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        if self._keep is Keep.HEAD:
            self._take_head(data)
        else:
            self._take_tail(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  The signature is asyncio's.
        self.ended.set()

    def kept(self) -> bytes:
        """Return the end that was asked for, within its limit."""
        return bytes(self._held[: self._bytes_max] if self._keep is Keep.HEAD else self._held[-self._bytes_max :])

    def _take_head(self, data: bytes) -> None:
        room = self._bytes_max - len(self._held)
        self._held += data[:room]
        if self._hear and room:
            self._hear(data[:room])
        if len(data) > room:
            self.is_cut = True
            self._full.set()

    def _take_tail(self, data: bytes) -> None:
        self._held += data
        self.is_cut = self.is_cut or len(self._held) > self._bytes_max
        if len(self._held) > 2 * self._bytes_max:
            del self._held[: -self._bytes_max]


@contextlib.asynccontextmanager
async def _read_end(collector: _Collector) -> AsyncIterator[IO[bytes]]:
    """Connect a pipe to the collector and lend out its write end.

    The pipes are ours and not asyncio's own, since those can be closed only by whoever holds the other end.
    """
    read_fd, write_fd = os.pipe()
    with os.fdopen(write_fd, "wb", buffering=0) as theirs, os.fdopen(read_fd, "rb", buffering=0) as ours:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: collector, ours)
        try:
            yield theirs
        finally:
            transport.close()
            await collector.ended.wait()


@contextlib.asynccontextmanager
async def _write_end(content: bytes | None) -> AsyncIterator[IO[bytes] | int]:
    """Feed the content into a pipe and lend out its read end; a reader that goes early is no error."""
    if content is None:
        yield DEVNULL
        return
    read_fd, write_fd = os.pipe()
    with os.fdopen(read_fd, "rb", buffering=0) as theirs, os.fdopen(write_fd, "wb", buffering=0) as ours:
        feeder = _Feeder()
        transport, _ = await asyncio.get_running_loop().connect_write_pipe(lambda: feeder, ours)
        transport.write(content)
        transport.close()  # Flushes first.
        try:
            yield theirs
        finally:
            if not feeder.ended.is_set():
                transport.abort()
            await feeder.ended.wait()


class _Feeder(asyncio.BaseProtocol):
    """Know when the pipe is closed, so that it is not closed twice."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  The signature is asyncio's.
        self.ended.set()


async def _start(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    streams: tuple[IO[bytes] | int, IO[bytes], IO[bytes]],
    pass_fds: Sequence[int],
) -> Process:
    stdin, stdout, stderr = streams
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=dict(env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument.
        raise CannotStart(
            f"Cannot start `{argv[0]!a}` in {str(cwd)!a}: {error}.", next_step="Check that it is installed and on PATH."
        ) from error
    finally:  # The program has its own copies; ours would keep the pipes open.
        for stream in streams:
            if not isinstance(stream, int):
                stream.close()


async def _wait(process: Process, full: asyncio.Event, seconds_max: float) -> bool:
    """Wait until it ended, its output is full or its time is over (true); leave nobody behind."""
    exited = asyncio.ensure_future(process.wait())
    overflowed = asyncio.ensure_future(full.wait())
    try:
        done, _ = await asyncio.wait({exited, overflowed}, timeout=seconds_max, return_when=asyncio.FIRST_COMPLETED)
        return not done
    finally:
        overflowed.cancel()
        await _stop(process.pid, exited)


async def _stop(group: int, exited: "asyncio.Future[int]") -> None:
    """End the group: politely if its leader still lives, for good in any case."""
    try:
        if not exited.done():
            _signal_group(group, signal.SIGTERM)
            await asyncio.wait({exited}, timeout=TERM_GRACE_SECONDS)
    finally:  # Also when a second cancellation cuts the grace short.
        _signal_group(group, signal.SIGKILL)
    await asyncio.wait({exited}, timeout=REAP_SECONDS_MAX)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies.
        os.killpg(group, number)


async def _drain(*collectors: _Collector) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS_MAX):
            for collector in collectors:
                await collector.ended.wait()
