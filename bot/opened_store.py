"""Opened store: the engine's records, on the Redis that the settings name or on one of our own."""

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from bot.embedded_redis import provide_redis
from bot.logs import set_up_logs
from bot.private_directory import check_is_no_repositorys
from bot.redis_health import Problem, Severity, check_url
from bot.settings import read_settings
from bot.settings_tree import Settings
from pipeline.engine.errors import AskPerson
from pipeline.engine.owner import Owner
from pipeline.engine.settings import EngineSettings
from pipeline.engine.store import Store, StoreAway

LOCAL_DRAIN_SECONDS_MAX: Final = 0.5
"""A person who presses Ctrl-C waits for what is nearly done, and for no model."""


LOCAL_AWAY_SECONDS_MAX: Final = 10.0
"""A person is watching: a Redis that refuses for longer is told and not waited for. (The client waits by itself for one
that is being started anew.)"""


class RedisUnfit(AskPerson):
    """The Redis that was named cannot carry what we store."""

    code = "redis_unfit"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedStore:
    """A store, and what its server does not promise."""

    store: Store
    redis: Redis
    warnings: tuple[Problem, ...]


def settings_of_process() -> Settings:
    """Read the settings of this process, its environment and `.env` where it was started, and set up its logs.

    Raises:
        SettingsInvalid: Some are wrong; it tells all of them.
    """
    settings = read_settings(os.environ, Path.cwd() / ".env")
    set_up_logs(settings.telemetry.log_format)
    return settings


@contextlib.asynccontextmanager
async def open_store(settings: Settings, engine: EngineSettings | None = None) -> AsyncIterator[OpenedStore]:
    """Open the store.

    Args:
        settings: Which Redis, and how patient the engine is.
        engine: Limits of a process that lives long; None for a command that somebody waits for.

    Raises:
        AskPerson: Redis, its directory or its server need a person; says the next step.
        RetryLater: Redis does not answer.
    """
    home = os.environ.get("HOME")
    check_is_no_repositorys(settings.storage.state_dir, home=Path(home) if home else None)
    named = settings.storage.redis_url.get_secret_value() if settings.storage.redis_url else None
    problems = await _check(named) if named else []
    async with provide_redis(named, settings.storage.state_dir) as redis:
        store = Store(redis, owner=Owner.of_this_process(), settings=engine or _engine_settings(settings))
        try:
            yield OpenedStore(store=store, redis=redis, warnings=tuple(problems))
        except StoreAway as error:
            if reason := _known_reason(error):
                raise reason from None  # It is the cause of this very error: no circle.
            raise


async def _check(url: str) -> list[Problem]:
    problems = await check_url(url)
    if broken := [problem for problem in problems if problem.severity is Severity.BROKEN]:
        raise RedisUnfit("\n".join(str(problem) for problem in broken))
    return problems


def _known_reason(error: BaseException) -> AskPerson | None:
    """Find why our own server is away, if its supervisor knows: then a person can do more than wait."""
    cause = error.__cause__
    while cause is not None and not isinstance(cause, AskPerson):
        cause = cause.__cause__
    return cause


def _engine_settings(settings: Settings) -> EngineSettings:
    return EngineSettings(
        lease_seconds=settings.engine.lease_seconds,
        run_seconds_max=settings.engine.run_seconds_max,
        retention_seconds=settings.storage.retention_days * 86_400,
        drain_seconds_max=LOCAL_DRAIN_SECONDS_MAX,
        away_seconds_max=LOCAL_AWAY_SECONDS_MAX,
    )
