"""Redis checks: is it there, does it keep what it confirms, does it take our scripts, has it room."""

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from bot.doctor.check import Check
from bot.doctor.outcome import Failed, Ok, Outcome, Skipped, Warned
from bot.redis_errors import explain
from bot.redis_health import Problem, Severity, check_server
from pipeline.engine.errors import OnceoverError

MEMORY_WARNED: Final = 0.75
"""Share of the limit from which on somebody should look: a burst of pull requests must still fit."""

MEMORY_FAILED: Final = 0.95

DRIFT_SECONDS_WARNED: Final = 5.0
"""Leases are judged by Redis alone, so drift only makes logs and journals disagree; this much is no network."""

KEY_SECONDS: Final = 30
"""How long the test's key would live if we were killed before we removed it."""

PROBE: Final = """
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
local found = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
return found
"""
"""A script, because each of our writes is one: a server that forbids EVAL is of no use to us."""

_TOPICS: Final[Mapping[str, tuple[str, ...]]] = {
    "redis.server": ("redis.version", "redis.cluster", "redis.replica", "redis.aof_write", "redis.rdb_write"),
    "redis.persistence": ("redis.aof", "redis.fsync", "redis.aof_rewrite"),
    "redis.eviction": ("redis.eviction",),
}
"""Each check with the problems of `redis_health` that belong to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAtHand:
    """The server under examination."""

    client: Redis
    url: str
    is_ours: bool
    """Whether it is the embedded one, whose settings nobody can ask for or change."""


RedisFound = RedisAtHand | OnceoverError
"""The server, or why there is none."""


def redis_checks(found: RedisFound, *, clock: Callable[[], float] = time.time) -> tuple[Check, ...]:
    """List the checks of a server.

    Args:
        found: The server, or why there is none.
        clock: Seconds since 1970, by this machine.
    """
    if isinstance(found, OnceoverError):
        return (Check(name="redis.reachable", ask=_said(Failed(said=found.message, next_step=found.next_step))),)
    topics = () if found.is_ours else tuple(_topic_check(topic, found) for topic in _TOPICS)
    ours = (Check(name="redis.persistence", ask=_said(Ok(said="A Redis of our own, which syncs every write."))),)
    return (
        Check(name="redis.reachable", ask=_guarded(found, _reachable)),
        *(ours if found.is_ours else topics),
        Check(name="redis.memory", ask=_guarded(found, _memory)),
        Check(name="redis.write", ask=_guarded(found, _write)),
        Check(name="clock.redis", ask=_guarded(found, lambda at: _drift(at, clock))),
    )


def _said(outcome: Outcome) -> Callable[[], Awaitable[Outcome]]:
    async def ask() -> Outcome:
        return outcome

    return ask


def _guarded(at: RedisAtHand, look: Callable[[RedisAtHand], Awaitable[Outcome]]) -> Callable[[], Awaitable[Outcome]]:
    """Turn what redis-py raises into one of our errors."""

    async def ask() -> Outcome:
        try:
            return await look(at)
        except (RedisError, OSError) as error:
            raise explain(error, at.url) from error

    return ask


async def _reachable(at: RedisAtHand) -> Outcome:
    started = time.monotonic()
    await at.client.ping()
    return Ok(said=f"It answers within {(time.monotonic() - started) * 1000:.1f} ms.")


def _topic_check(topic: str, at: RedisAtHand) -> Check:
    async def ask() -> Outcome:
        problems = [one for one in await check_server(at.client, at.url) if one.code in _TOPICS[topic]]
        return _judged(problems) if problems else Ok(said=await _praise(topic, at.client))

    return Check(name=topic, ask=ask)


def _judged(problems: list[Problem]) -> Outcome:
    """Tell the worst problem; `redis_health` puts it first."""
    worst = problems[0]
    if worst.severity is Severity.UNVERIFIED:
        return Warned(said=worst.message, next_step=worst.next_step)
    return Failed(said=worst.message, next_step=worst.next_step)


async def _praise(topic: str, redis: Redis) -> str:
    if topic == "redis.eviction":
        return "It never throws keys away (`noeviction`)."
    if topic == "redis.server":
        return f"Version {(await _info(redis)).get('redis_version')}, a primary that takes writes."
    found: Mapping[object, object] = await redis.config_get("appendfsync")
    if {"always", b"always"} & set(found.values()):  # Whether redis-py decodes it depends on its version.
        return "Every write is on its disk before it is confirmed (`appendfsync always`)."
    return "A power cut may lose the last second of what it confirmed (`appendfsync everysec`); a crash loses nothing."


async def _memory(at: RedisAtHand) -> Outcome:
    info = await _info(at.client)
    used, limit = _number(info.get("used_memory")), _number(info.get("maxmemory"))
    whole = limit or _number(info.get("total_system_memory"))
    if not used or not whole:
        return Skipped(said="The server does not tell how much memory it uses.")
    share, of = used / whole, "its limit" if limit else "the machine's memory"
    said = f"It uses {used / 2**20:,.0f} MB, {share:.0%} of {of} of {whole / 2**20:,.0f} MB."
    next_step = "Raise `maxmemory`, or shorten ONCEOVER_RETENTION_DAYS; do not let it evict keys."
    if share >= MEMORY_FAILED:
        return Failed(said=said, next_step=next_step)
    return Warned(said=said, next_step=next_step) if share >= MEMORY_WARNED else Ok(said=said)


async def _write(at: RedisAtHand) -> Outcome:
    key, value = f"onceover:doctor:{secrets.token_hex(8)}", secrets.token_hex(8)
    # `eval` is Redis's own: a script on the server, not Python's.
    answered = await cast("Awaitable[object]", at.client.eval(PROBE, 1, key, value, str(KEY_SECONDS)))
    if answered != value.encode():
        return Failed(said="What was written did not come back.", next_step="Look at the server's log.")
    return Ok(said="A script wrote, read and removed a key.")


async def _drift(at: RedisAtHand, clock: Callable[[], float]) -> Outcome:
    before = clock()
    seconds, micros = cast("tuple[int, int]", await at.client.time())
    drift = (seconds + micros / 1e6) - (before + clock()) / 2
    if abs(drift) < DRIFT_SECONDS_WARNED:
        return Ok(said=f"Its clock and ours differ by {abs(drift):.1f} s.")
    return Warned(
        said=f"Its clock is {abs(drift):,.0f} s {'ahead of' if drift > 0 else 'behind'} ours.",
        next_step="Let both machines keep time by NTP; nothing is lost meanwhile, for Redis's clock alone decides.",
    )


async def _info(redis: Redis) -> Mapping[str, object]:
    try:
        found: Mapping[str, object] = await redis.info()
    except ResponseError:
        return {}  # Forbidden or renamed.
    return found


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
