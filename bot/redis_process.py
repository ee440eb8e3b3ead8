"""Redis process: one server on one directory, started by whoever holds the directory's lock.

Promises that no second server starts on a directory while one lives there: the starter takes `flock` on `redis.lock`
and the server inherits it. So the lock is held exactly as long as a server lives (or a child of it that still writes
the directory), whatever happens to its parent, and a crash leaves no stale lock.

Does not promise that on a file system without `flock`, or with one that does not pass to children (some NFS).

A race we know: the starter dies between fork and exec. The child holds the lock only until its leash notices.
"""

import asyncio
import contextlib
import fcntl
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal, Self, TypeAlias

from bot.private_directory import DirectoryUnusable
from bot.redis_log import StartedLog, explain_end, explain_failed_write
from bot.redis_server import ServerProgram
from pipeline.engine.errors import AskPerson

Fsync: TypeAlias = Literal["everysec", "always"]
"""When the AOF reaches the disk."""

LEASH: Final = Path(__file__).with_name("leash.py")

MULTI_PART_AOF: Final = (7, 0, 0)
"""First version that keeps the AOF in a directory; an older one would not see it there and start empty."""

NEVER: Final = ("CONFIG", "DEBUG", "MODULE", "REPLICAOF", "SLAVEOF")
"""Commands that are taken out of the server: no run is stored by them, and an AOF that holds one is not ours.

`MODULE LOAD` in an AOF runs native code while it is replayed, and `CONFIG SET port` opens a port. The server's own
bolts, `enable-module-command` and `enable-protected-configs`, bind connections only, never the AOF; a command that is
not there ends the start. Seen so with Redis 7.0.15 and Valkey 9."""


class RedisTooOldForState(AskPerson):
    """The state was written by a newer server than the one at hand."""

    code = "redis.older_than_state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server keeps its things, and where it listens."""

    home: Path
    socket: Path

    @property
    def lock(self) -> Path:
        """Held by the living server."""
        return self.home / "redis.lock"

    def pid(self) -> str:
        """Name the server's process for a reader; nothing is ever killed by a number read in a file."""
        try:
            return "with pid " + (self.home / "redis.pid").read_text(encoding="ascii", errors="replace").strip()[:10]
        except OSError:
            return "of unknown pid"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisProcess:
    """A server that this process has started."""

    process: asyncio.subprocess.Process
    log: StartedLog

    @classmethod
    async def start(cls, place: Place, program: ServerProgram, fsync: Fsync) -> Self | None:
        """Start a server, or answer `None` if one lives there already.

        Raises:
            DirectoryUnusable: Lock or log cannot be opened.
            RedisTooOldForState: The program would not see what is stored there.
        """
        with _open(place.lock) as lock:
            if not _take(lock, place.lock):
                return None
            _check_age(place, program)
            log = StartedLog.open(place.home, program)
            return cls(process=await _spawn(place, log, lock, fsync), log=log)

    @property
    def is_alive(self) -> bool:
        """Whether it still runs, as far as we have heard."""
        return self.process.returncode is None

    def why_not_started(self) -> AskPerson | None:
        """Say why it ended before it answered, if it did."""
        return None if self.process.returncode is None else explain_end(self.log, self.process.returncode)

    async def why_ended(self, *, seconds_max: float) -> AskPerson | None:
        """Say so if it ended because it could not write; any other end is a matter of starting it anew."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                return explain_failed_write(self.log, await self.process.wait())
        return None  # It lives, and only dropped our connection.

    async def stop(self, *, seconds_max: float) -> None:
        """Let it sync its AOF and end; kill it if it takes too long."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(seconds_max):
                await self.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def _open(path: Path) -> IO[str]:
    try:
        return path.open("a")
    except OSError as error:
        raise _unusable(path, "opened", error) from error


def _take(lock: IO[str], path: Path) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _unusable(path, "locked", error) from error
    return True


def _unusable(path: Path, what: str, error: OSError) -> DirectoryUnusable:
    return DirectoryUnusable(
        f"The lock {path} cannot be {what} ({error.strerror}).",
        next_step="Set ONCEOVER_STATE_DIR to a directory of your own on a local disk.",
    )


def _check_age(place: Place, program: ServerProgram) -> None:
    if program.version < MULTI_PART_AOF and (place.home / "appendonlydir").exists():
        raise RedisTooOldForState(
            f"The runs in {place.home} were written by Redis 7 or newer, and {program} would not see them.",
            next_step="Install a newer redis-server or valkey-server, or the extra `embedded`; nothing is lost.",
        )


async def _spawn(place: Place, log: StartedLog, lock: IO[str], fsync: Fsync) -> asyncio.subprocess.Process:
    leash = (sys.executable, "-I", "-S", str(LEASH), str(os.getpid()))
    with log.open_for_server() as output:
        return await asyncio.create_subprocess_exec(
            *leash,
            *(str(log.program.path), *_options(place, fsync)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"LC_ALL": "C"},
            pass_fds=[lock.fileno()],
            start_new_session=True,  # Ctrl-C in the terminal is for us; the server has to outlive our last write.
        )


def _options(place: Place, fsync: Fsync) -> tuple[str, ...]:
    where = ("--dir", place.home, "--unixsocket", place.socket, "--pidfile", place.home / "redis.pid")
    # The base of the AOF as commands, not as RDB: an RDB file of a newer server (the packaged Valkey) is refused
    # by an older one (a distribution's Redis found on PATH later); commands are read by all.
    keep = ("--appendonly", "yes", "--appendfsync", fsync, "--aof-use-rdb-preamble", "no", "--save", "")
    never_drop = ("--maxmemory", "0", "--maxmemory-policy", "noeviction", "--aof-load-truncated", "yes")
    private = ("--port", "0", "--unixsocketperm", "700", "--daemonize", "no", "--timeout", "0")
    without = (option for command in NEVER for option in ("--rename-command", command, ""))
    return tuple(map(str, (*where, *keep, *never_drop, *private, *without)))
