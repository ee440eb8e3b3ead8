"""Embedded Redis: a real server of our own, for those who have none.

Promises that at most one server runs on a state directory; that every process using the directory shares it; that it
ends with the process that started it, and that another one, if there is one, starts it anew at once; and that
nothing confirmed is lost when any of these processes, or the server, is killed.

Does not promise that the last second survives a power cut, unless `fsync` is `always`; nor that the server ends with
a killed parent on systems other than Linux (see `leash`): there it runs on, and the next process shares it.

How it holds: whoever wants to start a server takes `flock` on `redis.lock`, and the server inherits it. So the lock is
held exactly as long as a server lives (or a child of it that still writes the directory), whatever happens to
its parent, and a crash leaves no stale lock. The pid file is for people; nothing is ever killed by a number read in it.

Races we know:
- Two processes start at once: one gets the lock, the other waits for the answer to PING.
- The parent dies while the server still writes its last bytes: the lock is held until the server is gone.
- The server dies between PING and a command: the client's patience (see `redis_client`) outlasts the new start.
- The starter dies between fork and exec: the child holds the lock only until its leash notices.
"""

import asyncio
import contextlib
import fcntl
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal, Self
from urllib.parse import quote

import structlog

from bot.private_directory import DirectoryUnusable, make_private, place_socket
from bot.redis_log import RedisDidNotStart, StartedLog, explain_end
from bot.redis_probe import Answer, ask, until_gone
from bot.redis_server import ServerProgram, find_server
from pipeline.engine.errors import AskPerson

Fsync = Literal["everysec", "always"]

LEASH: Final = Path(__file__).with_name("leash.py")

MULTI_PART_AOF: Final = (7, 0, 0)
"""First version that keeps the AOF in a directory; an older one would not see it there and start empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedLimits:
    """How long each part may take."""

    start_seconds_max: float = 15.0
    """From wanting a server to its first answer; usually 0.1 s."""
    loading_seconds_max: float = 600.0
    """The same for a server that says that it is loading; a gigabyte of AOF takes about 20 s."""
    probe_seconds_max: float = 2.0
    """One PING."""
    poll_seconds: float = 0.02
    """Pause between two looks at a server that is starting or ending."""
    stop_seconds_max: float = 10.0
    """From SIGTERM, which syncs the AOF, to SIGKILL."""
    revive_pause_seconds_max: float = 5.0
    """Longest pause before another try to revive a server that does not stay alive."""
    stable_seconds: float = 10.0
    """Life after which a server's end is taken as a new event, and it is revived without a pause."""


class RedisSilent(AskPerson):
    """A server holds the state directory and does not answer."""

    code = "redis.silent"


class RedisTooOldForState(AskPerson):
    """The state was written by a newer server than the one at hand."""

    code = "redis.older_than_state"


class EmbeddedRedis:
    """A server on the state directory, ours or shared: `async with EmbeddedRedis(directory) as server: server.url`.

    While entered, a task watches the server and starts it anew when it ends.

    Enter it in the main thread's event loop: the server ends with the thread that started it (see `leash`).

    Args:
        state_directory: Where it keeps everything, in `redis/` below it; on a local disk.
        fsync: When the AOF reaches the disk. The choice of the process that starts the server holds for all.
        program: What to start; found when it is needed, if not given.
        limits: How long things may take.
    """

    def __init__(
        self,
        state_directory: Path,
        *,
        fsync: Fsync = "everysec",
        program: ServerProgram | None = None,
        limits: EmbeddedLimits | None = None,
    ) -> None:
        self._state_directory = state_directory
        self._fsync = fsync
        self._program = program
        self._limits = limits or EmbeddedLimits()
        self._home = self._socket = Path()
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self.trouble: AskPerson | None = None
        """Why the server could not be revived, while that is so; the supervisor goes on trying."""

    @property
    def url(self) -> str:
        """A `unix://` URL, the same for every process on this state directory."""
        return f"unix://{quote(str(self._socket))}"

    @property
    def directory(self) -> Path:
        """Where AOF, log, lock, pid file and usually the socket are."""
        return self._home

    @property
    def is_parent(self) -> bool:
        """Whether this process started the server that runs now; it ends with us then."""
        return self._process is not None and self._process.returncode is None

    async def __aenter__(self) -> Self:
        """Start a server or find the running one, and wait until it answers.

        Raises:
            DirectoryUnusable: The state directory cannot be made, is not ours, or cannot be written.
            NoRedisServer: There is no program to start.
            RedisDidNotStart: It ended at once; says what its log says, and the next step.
            RedisSilent: One runs already, and does not answer.
        """
        self._home = await asyncio.to_thread(make_private, self._state_directory / "redis")
        self._socket = await asyncio.to_thread(place_socket, self._home, "redis.sock")
        try:
            await self._have_server()
        except BaseException:
            await self._stop()  # Also when cancelled: what we started must not stay.
            raise
        self._supervisor = asyncio.create_task(self._supervise(), name="embedded-redis")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the server if it is ours, and wait for its last write; leave it alone if it is another's."""
        if self._supervisor:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
        await self._stop()
        if self._supervisor and not self._supervisor.cancelled():
            self._supervisor.result()  # It only ends by itself when it is broken; say so.

    async def _supervise(self) -> None:
        """Revive the server whenever it ends; a failure to do so is kept as `trouble`, and tried again."""
        log = structlog.get_logger()
        pause_seconds = 0.0
        while True:
            born = time.monotonic()
            await until_gone(self._socket)
            lived_seconds = time.monotonic() - born
            pause_seconds = self._next_pause(pause_seconds, lived_seconds)
            await asyncio.sleep(pause_seconds)
            try:
                await self._have_server()
            except AskPerson as error:
                self.trouble = error
                await self._stop()
                log.warning("redis.not_revived", reason=str(error))
            else:
                self.trouble = None
                log.info("redis.revived", lived_seconds=round(lived_seconds, 3), parent=self.is_parent)

    def _next_pause(self, pause_seconds: float, lived_seconds: float) -> float:
        if lived_seconds >= self._limits.stable_seconds:
            return 0.0
        return min(max(2 * pause_seconds, self._limits.poll_seconds), self._limits.revive_pause_seconds_max)

    async def _have_server(self) -> None:
        """Return when a server answers, started by whoever gets the lock."""
        started_at = time.monotonic()
        log: StartedLog | None = None
        while True:
            if log is None:
                log = await self._start_if_nobody_has()
            if log is not None and self._process is not None and self._process.returncode is not None:
                raise explain_end(log, self._process.returncode)
            match answer := await ask(self._socket, seconds_max=self._limits.probe_seconds_max):
                case Answer.READY:
                    return
                case Answer.LOADING:
                    limit_seconds = self._limits.loading_seconds_max
                case _:
                    limit_seconds = self._limits.start_seconds_max
            if time.monotonic() - started_at > limit_seconds:
                raise self._silence(answer, limit_seconds)
            await asyncio.sleep(self._limits.poll_seconds)

    async def _start_if_nobody_has(self) -> StartedLog | None:
        """Start the server unless the lock says that one lives; the lock goes over to the server."""
        with self._open_lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            if self._program is None:
                self._program = await asyncio.to_thread(find_server)
            self._check_age(self._program)
            log = StartedLog.open(self._home, self._program)
            self._process = await self._spawn(log, lock)
            return log

    def _open_lock(self) -> IO[str]:
        try:
            return (self._home / "redis.lock").open("a")
        except OSError as error:
            raise DirectoryUnusable(
                f"The lock {self._home / 'redis.lock'} cannot be opened ({error.strerror}).",
                next_step="Set ONCEOVER_STATE_DIR to a directory of your own on a local disk.",
            ) from error

    async def _spawn(self, log: StartedLog, lock: IO[str]) -> asyncio.subprocess.Process:
        leash = (sys.executable, "-I", "-S", str(LEASH), str(os.getpid()))
        with log.open_for_server() as output:
            return await asyncio.create_subprocess_exec(
                *leash,
                *(str(log.program.path), *self._options()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"LC_ALL": "C"},
                pass_fds=[lock.fileno()],
                start_new_session=True,  # Ctrl-C in the terminal is for us; the server has to outlive our last write.
            )

    def _options(self) -> tuple[str, ...]:
        place = ("--dir", self._home, "--unixsocket", self._socket, "--pidfile", self._home / "redis.pid")
        # The base of the AOF as commands, not as RDB: an RDB file of a newer server (the packaged Valkey) is refused
        # by an older one (a distribution's Redis found on PATH later); commands are read by all.
        keep = ("--appendonly", "yes", "--appendfsync", self._fsync, "--aof-use-rdb-preamble", "no", "--save", "")
        never_drop = ("--maxmemory", "0", "--maxmemory-policy", "noeviction", "--aof-load-truncated", "yes")
        private = ("--port", "0", "--unixsocketperm", "700", "--daemonize", "no", "--timeout", "0")
        return tuple(map(str, (*place, *keep, *never_drop, *private)))

    def _check_age(self, program: ServerProgram) -> None:
        if program.version < MULTI_PART_AOF and (self._home / "appendonlydir").exists():
            raise RedisTooOldForState(
                f"The runs in {self._home} were written by Redis 7 or newer, and {program} would not see them.",
                next_step="Install a newer redis-server or valkey-server, or the extra `embedded`; nothing is lost.",
            )

    def _silence(self, answer: Answer, limit_seconds: float) -> AskPerson:
        if self.is_parent:
            return RedisDidNotStart(
                f"The Redis server started in {self._home} did not answer within {limit_seconds:g} s.",
                next_step=f"Read {self._home / 'redis.log'}, and try again when the machine is less busy.",
            )
        what = {
            Answer.LOADING: "is still loading its data",
            Answer.ABSENT: f"does not listen on {self._socket}",
        }.get(answer, "does not answer")
        return RedisSilent(
            f"The Redis server {self._pid()} that runs on {self._home} {what}, for {limit_seconds:g} s now.",
            next_step="Wait and try again. If it hangs, end it with `kill -9`: what it confirmed is kept.",
        )

    def _pid(self) -> str:
        try:
            return "with pid " + (self._home / "redis.pid").read_text(encoding="ascii", errors="replace").strip()[:10]
        except OSError:
            return "of unknown pid"

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self._limits.stop_seconds_max):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def provide_redis(url: str | None, state_directory: Path, *, fsync: Fsync = "everysec") -> AsyncIterator[str]:
    """Give the URL to use: the one that was set, as it is, or that of a server of our own.

    Args:
        url: ONCEOVER_REDIS_URL, if set.
        state_directory: Where a server of our own keeps its data.
        fsync: When that server's AOF reaches the disk.
    """
    if url:
        yield url
        return
    async with EmbeddedRedis(state_directory, fsync=fsync) as server:
        yield server.url
