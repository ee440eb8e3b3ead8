"""Redis log: what the server of ours wrote, and what to make of it when it ended.

Promises one clear sentence and a next step for a server that does not start, taken from what it said since then.
"""

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

from bot.private_directory import DirectoryUnusable
from bot.redis_server import ServerProgram
from pipeline.engine.errors import AskPerson

LOG_BYTES_MAX: Final = 4_000_000
"""Size at which the log is begun anew; a start writes about 1 KB, so this is years."""

TAIL_BYTES_MAX: Final = 16_000
"""How much of the log is read to find out why the server ended."""

TAIL_LINES_MAX: Final = 3
"""How many of its last lines are shown."""

DISK_BYTES_MIN: Final = 1_000_000
"""Free space below which a failed start is blamed on the disk, even if there was no room to say so in the log."""

_LINE: Final = re.compile(r"^\d+:[A-Z] .*?\d\d:\d\d:\d\d\.\d+ [#*.-] ", re.MULTILINE)
_NOISE: Final = re.compile("WARNING|Server initialized|monotonic clock|Running mode=")
"""What a server says at every start, and what has never kept one from starting."""

_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+")
_FULL: Final = re.compile("No space left on device|File too large|Disk quota exceeded|Short write while writing")
_CANNOT_WRITE: Final = re.compile("Can't recover from AOF")
_CORRUPT: Final = re.compile("reading the append only file|AOF loading aborted|AOF manifest file")
_NEWER: Final = re.compile("Can't handle RDB format version")


class RedisDidNotStart(AskPerson):
    """A server program was started and ended before it answered."""

    code = "redis.did_not_start"


class DiskFull(AskPerson):
    """There is no room for the AOF."""

    code = "redis.disk_full"


class AofCorrupt(AskPerson):
    """The AOF is damaged elsewhere than at its end."""

    code = "redis.aof_corrupt"


class AofUnreadable(AskPerson):
    """The AOF was written by a newer server."""

    code = "redis.aof_unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedLog:
    """The log file, from one start on."""

    home: Path
    program: ServerProgram
    offset: int

    @classmethod
    def open(cls, home: Path, program: ServerProgram) -> Self:
        """Remember where the log of this start begins; a log that grew too long is begun anew.

        Raises:
            DirectoryUnusable: The log cannot be opened.
        """
        path = home / "redis.log"
        try:
            if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
                path.unlink()
            path.open("ab").close()
            return cls(home=home, program=program, offset=path.stat().st_size)
        except OSError as error:
            raise DirectoryUnusable(
                f"The log {path} cannot be opened ({error.strerror}).",
                next_step="Set ONCEOVER_STATE_DIR to a directory of your own on a local disk.",
            ) from error

    @property
    def path(self) -> Path:
        """The file itself."""
        return self.home / "redis.log"

    def open_for_server(self) -> IO[bytes]:
        """Open it for the server to append to."""
        return self.path.open("ab")

    def tail(self) -> str:
        """Read the end of what was written since the start."""
        with self.path.open("rb") as log:
            log.seek(max(self.offset, self.path.stat().st_size - TAIL_BYTES_MAX))
            return log.read(TAIL_BYTES_MAX).decode(errors="replace")


def explain_end(log: StartedLog, exit_code: int) -> AskPerson:
    """Say why a server that was just started has ended."""
    return judge_end(log, exit_code, log.tail(), free_bytes=shutil.disk_usage(log.home).free)


def explain_failed_write(log: StartedLog, exit_code: int) -> AskPerson | None:
    """Say so if a server that ran has ended because it could not write, as one does whose every write is synced."""
    return explain_end(log, exit_code) if _CANNOT_WRITE.search(log.tail()) else None


def judge_end(log: StartedLog, exit_code: int, tail: str, *, free_bytes: int) -> AskPerson:
    """Judge the end by the log's tail; by the free space too, because a full disk takes no log either."""
    said = _said(tail)
    if _FULL.search(tail) or free_bytes < DISK_BYTES_MIN:
        return DiskFull(
            f"The disk has no room for the runs in {log.home}: {free_bytes} bytes are free. {said}",
            next_step="Free some space or set ONCEOVER_STATE_DIR to another disk, then run the same command again.",
        )
    if _NEWER.search(tail):
        return AofUnreadable(
            f"The server {log.program} cannot read the stored runs in {log.home}. {said}",
            next_step="A newer server wrote them: install that one. Nothing is lost.",
        )
    if _CORRUPT.search(tail):
        return AofCorrupt(f"The stored runs in {log.home} are damaged. {said}", next_step=_repair(log))
    return RedisDidNotStart(
        f"The server {log.program} ended, {_ending(exit_code)}. {said}",
        next_step=f"Read {log.path}; set ONCEOVER_REDIS_URL to use a server of your own instead.",
    )


def _said(tail: str) -> str:
    lines = [_UNPRINTABLE.sub(" ", line).strip() for line in _LINE.sub("", tail).splitlines()]
    last = [line for line in lines if line and not _NOISE.search(line)][-TAIL_LINES_MAX:]
    return f"Its log ends: {' | '.join(last)}" if last else "It wrote no log."


def _ending(exit_code: int) -> str:
    if exit_code < 0:
        return f"killed by signal {-exit_code}"
    return f"with exit code {exit_code}"


def _repair(log: StartedLog) -> str:
    # Each server program is also the checker, when called by that name; so the packaged one can repair as well.
    multi_part = log.home / "appendonlydir" / "appendonly.aof.manifest"
    aof = multi_part if multi_part.exists() else log.home / "appendonly.aof"
    command = f"exec -a redis-check-aof {shlex.quote(str(log.program.path))} --fix {shlex.quote(str(aof))}"
    return f"Copy {log.home} away, then run: bash -c {shlex.quote(command)}. It cuts off what follows the damage."
