"""Embedded Redis: a real server of our own, for those who have none.

Promises that at most one server runs on a state directory; that every process using the directory shares it; that it
ends with the process that started it, and that another one, if there is one, starts it anew at once; and that
nothing confirmed is lost when any of these processes, or the server, is killed.

Does not promise the last two seconds with `fsync="everysec"`: while the disk is busy, such a server confirms writes
that it still holds in memory, and kill -9 loses them, not only a power cut (seen in 4 of 80 kills beside a program that
kept the disk busy; with `always` in none of 80). `always` costs 0.3 ms a write, so it is the default. Does not promise
either that the server ends with a killed parent on systems other than Linux (see `leash`): there it runs on, shared.

How it holds: whoever gets the directory's lock starts the server, which then holds it (see `redis_process`).

Races we know:
- Two processes start at once: one gets the lock, the other waits for the answer to PING.
- The parent dies while the server still writes its last bytes: the lock is held until the server is gone.
- The server dies between PING and a command: the client's patience (see `redis_client`) outlasts the new start.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

import structlog
from redis.asyncio import Redis

from bot.private_directory import make_private, place_socket
from bot.redis_client import make_client
from bot.redis_log import RedisDidNotStart
from bot.redis_probe import Answer, ask, until_gone
from bot.redis_process import Fsync, Place, RedisProcess
from bot.redis_server import ServerProgram, find_server
from pipeline.engine.errors import AskPerson


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

    def until(self, answer: Answer) -> float:
        """Say how long to go on with a server that answers so, in seconds."""
        return self.loading_seconds_max if answer is Answer.LOADING else self.start_seconds_max


class RedisSilent(AskPerson):
    """A server holds the state directory and does not answer."""

    code = "redis.silent"


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
        fsync: Fsync = "always",
        program: ServerProgram | None = None,
        limits: EmbeddedLimits | None = None,
    ) -> None:
        self._state_directory = state_directory
        self._fsync = fsync
        self._program = program
        self._limits = limits or EmbeddedLimits()
        self._place = Place(home=Path(), socket=Path())  # Known when the directory is.
        self._process: RedisProcess | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self.trouble: AskPerson | None = None
        """Why there is no server, while that is so and known; the supervisor goes on trying."""

    @property
    def url(self) -> str:
        """A `unix://` URL, the same for every process on this state directory."""
        return f"unix://{quote(str(self._place.socket))}"

    @property
    def directory(self) -> Path:
        """Where AOF, log, lock, pid file and usually the socket are."""
        return self._place.home

    @property
    def is_parent(self) -> bool:
        """Whether this process started the server that runs now; it ends with us then."""
        return self._process is not None and self._process.is_alive

    def make_client(self) -> Redis:
        """Make a client that waits while the server is revived, unless it is known why that cannot be.

        Then its commands fail at once with redis-py's ConnectionError; `redis_errors.explain` finds the reason in it.
        """
        return make_client(self.url, trouble=lambda: self.trouble)

    async def __aenter__(self) -> Self:
        """Start a server or find the running one, and wait until it answers.

        Raises:
            DirectoryUnusable: The state directory cannot be made, is not ours, or cannot be written.
            NoRedisServer: There is no program to start.
            RedisDidNotStart: It ended at once; says what its log says, and the next step.
            RedisSilent: One runs already, and does not answer.
        """
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
            await until_gone(self._place.socket)
            self.trouble = await self._why_ended() or self.trouble
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

    async def _why_ended(self) -> AskPerson | None:
        ended, self._process = self._process, None
        if ended is None:
            return None
        why = await ended.why_ended(seconds_max=self._limits.stop_seconds_max)
        if ended.is_alive:
            self._process = ended
        return why

    def _next_pause(self, pause_seconds: float, lived_seconds: float) -> float:
        if lived_seconds >= self._limits.stable_seconds:
            return 0.0
        return min(max(2 * pause_seconds, self._limits.poll_seconds), self._limits.revive_pause_seconds_max)

    async def _have_server(self) -> None:
        """Return when a server answers, started by whoever gets the lock."""
        # Each time anew: who tidies /tmp may have taken a short socket directory away since.
        self._place = await asyncio.to_thread(prepare, self._state_directory / "redis")
        started_at = time.monotonic()
        started: RedisProcess | None = None
        while True:
            if started is None:
                started = await self._start_unless_one_lives()
            elif why := started.why_not_started():
                raise why
            answer = await ask(self._place.socket, seconds_max=self._limits.probe_seconds_max)
            if answer is Answer.READY:
                return
            limit_seconds = self._limits.until(answer)
            if time.monotonic() - started_at > limit_seconds:
                raise self._silence(answer, limit_seconds)
            await asyncio.sleep(self._limits.poll_seconds)

    async def _start_unless_one_lives(self) -> RedisProcess | None:
        if self._program is None:
            self._program = await asyncio.to_thread(find_server)
        started = await RedisProcess.start(self._place, self._program, self._fsync)
        self._process = started or self._process
        return started

    def _silence(self, answer: Answer, limit_seconds: float) -> AskPerson:
        if self.is_parent:
            return RedisDidNotStart(
                f"The Redis server started in {self.directory} did not answer within {limit_seconds:g} s.",
                next_step=f"Read {self.directory / 'redis.log'}, and try again when the machine is less busy.",
            )
        what = {
            Answer.LOADING: "is still loading its data",
            Answer.ABSENT: f"does not listen on {self._place.socket}",
        }.get(answer, "does not answer")
        return RedisSilent(
            f"The Redis server {self._place.pid()} that runs on {self.directory} {what}, for {limit_seconds:g} s now.",
            next_step="Wait and try again. If it hangs, end it with `kill -9`: what it confirmed is kept.",
        )

    async def _stop(self) -> None:
        if self._process:
            await self._process.stop(seconds_max=self._limits.stop_seconds_max)


def prepare(directory: Path) -> Place:
    """Make the server's directory, for us alone, and find its socket a path that the kernel takes."""
    home = make_private(directory)
    return Place(home=home, socket=place_socket(home, "redis.sock"))


@contextlib.asynccontextmanager
async def provide_redis(url: str | None, state_directory: Path, *, fsync: Fsync = "always") -> AsyncIterator[Redis]:
    """Give a client of the server to use: the one whose URL was set, or one of our own.

    Args:
        url: ONCEOVER_REDIS_URL, if set; it is used as it is, and neither started nor checked (see `redis_health`).
        state_directory: Where a server of our own keeps its data.
        fsync: When that server's AOF reaches the disk.
    """
    if url:
        async with make_client(url) as client:
            yield client
        return
    async with EmbeddedRedis(state_directory, fsync=fsync) as server, server.make_client() as client:
        yield client
