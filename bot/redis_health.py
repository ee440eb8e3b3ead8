"""Redis health: does this server keep what we promise?

Promises a list of problems, each with what it costs and the next step; whether one is fatal is for the caller to
say, by its severity. A server that cannot be asked at all is an error instead.

Does not promise what a server hides: a managed Redis that forbids CONFIG or INFO is judged by what it shows, and the
rest is listed as not verified.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from bot.redis_client import make_client
from bot.redis_errors import ANOTHER_SERVER, explain, printable
from bot.redis_server import VERSION_MIN

Reported: TypeAlias = Mapping[str, object]
"""Fields of INFO or CONFIG GET, as redis-py parses them: numbers where they look like numbers."""


class Severity(StrEnum):
    """What a problem costs, worst first."""

    BROKEN = "broken"  # Onceover cannot work with it.
    PROMISE = "promise"  # It works, and may lose what it confirmed.
    UNVERIFIED = "unverified"  # The server does not say.


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a server, or unknown."""

    code: str
    severity: Severity
    message: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}"


async def check_url(url: str) -> list[Problem]:
    """Check the server behind a URL, without patience: for `doctor` and for the start of a command.

    Raises:
        BadRedisUrl: The text is no Redis URL.
        RedisUnusable: A person has to act: refused, wrong password, wrong database, no Redis.
        RedisAway: It is loading or silent.
    """
    async with make_client(url, patience_seconds=0) as redis:
        return await check_server(redis, url)


async def check_server(redis: Redis, url: str) -> list[Problem]:
    """Ask the server what it is and keeps, and judge it.

    Args:
        redis: A client of it.
        url: For the messages; the password in it is not shown.

    Raises:
        RedisUnusable: A person has to act.
        RedisAway: It is loading or silent.
    """
    try:
        await redis.ping()
        return judge_server(await _info(redis), await _config(redis))
    except (RedisError, OSError) as error:
        raise explain(error, url) from error


def judge_server(info: Reported, config: Reported | None) -> list[Problem]:
    """Judge a server by INFO and CONFIG GET; worst problems first.

    Args:
        info: Empty if it may not be asked.
        config: `appendfsync`; `None` if it may not be asked.
    """
    found = [*_judge_kind(info), *_judge_writes(info), *_judge_persistence(info, config), *_judge_eviction(info)]
    return sorted(found, key=lambda problem: list(Severity).index(problem.severity))


def _judge_kind(info: Reported) -> list[Problem]:
    needed, said = ".".join(map(str, VERSION_MIN[:2])), str(info.get("redis_version", ""))
    version = _version(said)
    found = []
    if version is None:
        found.append(_unverified("redis.version", f"The server does not tell its version; {needed} is needed."))
    elif version < VERSION_MIN:
        found.append(
            _broken("redis.version", f"The server is version {printable(said)}; {needed} is needed.", ANOTHER_SERVER)
        )
    if info.get("cluster_enabled") == 1 or info.get("redis_mode") == "cluster":
        found.append(
            _broken("redis.cluster", "The server is part of a cluster; a single server is needed.", ANOTHER_SERVER)
        )
    if info.get("role", "master") != "master":
        next_step = "Set ONCEOVER_REDIS_URL to its primary."
        found.append(_broken("redis.replica", "The server is a replica, which takes no writes.", next_step))
    return found


def _judge_writes(info: Reported) -> list[Problem]:
    found = []
    if info.get("aof_last_write_status", "ok") != "ok":
        message = "The server cannot write its AOF, and refuses writes until it can."
        found.append(_broken("redis.aof_write", message, "Free space on its disk, and see its log."))
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        message = "The server's last snapshot failed; unless told otherwise it refuses writes then."
        found.append(_broken("redis.rdb_write", message, "Free space on its disk, and see its log."))
    if info.get("aof_last_bgrewrite_status", "ok") != "ok":
        message = "The server's last AOF rewrite failed, so its AOF grows without end."
        found.append(_promise("redis.aof_rewrite", message, "Free space on its disk, and see its log."))
    return found


def _judge_persistence(info: Reported, config: Reported | None) -> list[Problem]:
    turn_on = "Turn it on: `CONFIG SET appendonly yes`, and the same in its configuration file."
    match info.get("aof_enabled"):
        case 1:
            return _judge_fsync(config)
        case None:
            return [_unverified("redis.aof", "The server does not tell whether it keeps an AOF.")]
        case _:
            message = "The server keeps no AOF: when it ends, runs that it confirmed are lost."
            return [_promise("redis.aof", message, turn_on)]


def _judge_fsync(config: Reported | None) -> list[Problem]:
    match config.get("appendfsync") if config is not None else None:
        case None:
            return [_unverified("redis.fsync", "The server does not tell how often its AOF reaches the disk.")]
        case "no":
            message = "The server leaves its AOF to the system: a power cut may lose half a minute of runs."
            return [_promise("redis.fsync", message, "Run `CONFIG SET appendfsync everysec` (or `always`).")]
        case _:
            return []


def _judge_eviction(info: Reported) -> list[Problem]:
    match info.get("maxmemory_policy"):
        case "noeviction":
            return []
        case None:
            return [_unverified("redis.eviction", "The server does not tell its eviction policy.")]
        case policy:
            message = f"The server may throw away keys (`{printable(str(policy))}`), and parts of runs with them."
            return [_promise("redis.eviction", message, "Run `CONFIG SET maxmemory-policy noeviction`.")]


def _broken(code: str, message: str, next_step: str) -> Problem:
    return Problem(code=code, severity=Severity.BROKEN, message=message, next_step=next_step)


def _promise(code: str, message: str, next_step: str) -> Problem:
    return Problem(code=code, severity=Severity.PROMISE, message=message, next_step=next_step)


def _unverified(code: str, message: str) -> Problem:
    next_step = "Look it up at its provider: `appendonly yes` and `maxmemory-policy noeviction` are needed."
    return Problem(code=code, severity=Severity.UNVERIFIED, message=message, next_step=next_step)


async def _info(redis: Redis) -> Reported:
    try:
        fields: Reported = await redis.info()
    except ResponseError:
        return {}  # Forbidden or renamed; then nothing is known.
    return fields


async def _config(redis: Redis) -> Reported | None:
    try:
        found: dict[bytes, bytes] = await redis.config_get("appendfsync")
    except ResponseError:
        return None
    return {_text(name): _text(value) for name, value in found.items()} or None


def _version(said: str) -> tuple[int, ...] | None:
    parts = said.split(".")[:3]
    return (
        tuple(map(int, parts)) if len(parts) > 1 and all(part.isascii() and part.isdigit() for part in parts) else None
    )


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")
