"""Examination: opens what an installation consists of, and asks all checks at once.

What cannot be opened is a finding of its own, and the checks that needed it are skipped.
"""

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from redis.exceptions import RedisError

from bot.app_credentials import CredentialsMissing, Role, identity_of, missing_for, wanted_by
from bot.doctor.app_checks import AppAtHand, app_checks, is_there
from bot.doctor.app_seen import AppView
from bot.doctor.check import Check, Examined, examine
from bot.doctor.machine_checks import machine_checks
from bot.doctor.model_checks import DEEP_SECONDS_MAX, model_checks
from bot.doctor.redis_checks import RedisAtHand, RedisFound, redis_checks
from bot.doctor.sandbox_checks import sandbox_checks
from bot.embedded_redis import provide_redis
from bot.private_directory import check_is_no_repositorys
from bot.redis_client import make_client
from bot.redis_errors import explain
from bot.settings_tree import PRIVATE_KEY, Settings
from pipeline.engine.errors import OnceoverError

GITHUB_SECONDS_MAX: Final = 10.0
"""One call; shorter than a check may take, so that the check can say what was wrong with it."""

DEEP_TOKENS_MAX: Final = 16
"""What `--deep` lets the model write; some servers refuse a lower limit."""


async def examine_installation(
    settings: Settings, environ: Mapping[str, str], roles: Collection[Role], *, deep: bool
) -> list[Examined]:
    """Ask everything that can be asked of an installation.

    Args:
        settings: Read with the credentials of the roles.
        environ: The variables of the process.
        roles: Those of this host.
        deep: Also ask the model, which costs a little.
    """
    async with _open_redis(settings, environ) as redis, _open_app(settings, roles) as view:
        checks: tuple[Check, ...] = (
            *machine_checks(settings, environ),
            *sandbox_checks(settings, environ),
            *redis_checks(redis),
            *model_checks(settings, deep=(lambda: _ask_model(settings)) if deep else None),
            *app_checks(AppAtHand(settings=settings, roles=roles, view=view)),
        )
        return await examine(checks)


@contextlib.asynccontextmanager
async def _open_redis(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[RedisFound]:
    """Open the Redis that the settings name, or one of our own; what is wrong with it is a finding and no error."""
    named = settings.storage.redis_url.get_secret_value() if settings.storage.redis_url else None
    async with contextlib.AsyncExitStack() as opened:
        try:
            if named:
                client = await opened.enter_async_context(make_client(named, patience_seconds=0))
            else:
                home = environ.get("HOME")
                check_is_no_repositorys(settings.storage.state_dir, home=Path(home) if home else None)
                client = await opened.enter_async_context(provide_redis(None, settings.storage.state_dir))
            await client.ping()
            found: RedisFound = RedisAtHand(client=client, url=named or "its socket", is_ours=named is None)
        except OnceoverError as error:
            found = error
        except (RedisError, OSError) as error:
            found = explain(error, named or "")
        yield found


@contextlib.asynccontextmanager
async def _open_app(settings: Settings, roles: Collection[Role]) -> AsyncIterator[AppView | OnceoverError | None]:
    """Open GitHub by the App's key, if this host's roles have one."""
    if PRIVATE_KEY not in wanted_by(roles) or not is_there(settings):
        yield None
        return
    # Here and not above: they load githubkit, half a second that a doctor without an App need not wait for.
    from pipeline.services.github.app import GitHubApp  # noqa: PLC0415
    from pipeline.services.github.app_key import AppKey  # noqa: PLC0415
    from pipeline.services.github.caller import Caller  # noqa: PLC0415
    from pipeline.services.github.clock import SystemClock  # noqa: PLC0415
    from pipeline.services.github.settings import GitHubSettings  # noqa: PLC0415
    from pipeline.services.github.wire import GitHubWire  # noqa: PLC0415

    try:
        identity = identity_of(settings)
    except OnceoverError as error:
        yield error
        return
    if identity is None:
        yield CredentialsMissing(missing_for({Role.BROKER}, settings))
        return
    api_url, limits, clock = settings.github.api_url, GitHubSettings(call_seconds_max=GITHUB_SECONDS_MAX), SystemClock()
    async with GitHubWire(api_url, limits) as wire:
        key = AppKey(app_id=str(identity.app_id), private_key=identity.private_key, clock=clock)
        yield GitHubApp(caller=Caller(api_url=api_url, wire=wire, settings=limits, clock=clock), key=key)


async def _ask_model(settings: Settings) -> str:
    # Here and not above: it loads the openai package, half a second.
    from pipeline.services.llm import ModelSettings, OpenAiModel  # noqa: PLC0415

    chosen = settings.model
    asked = ModelSettings(
        model=chosen.name or "",
        api_key=chosen.api_key or SecretStr(""),
        base_url=chosen.base_url,
        fallback_models=chosen.fallback_names,
        seconds_max=DEEP_SECONDS_MAX,
        completion_tokens_max=DEEP_TOKENS_MAX,
    )
    async with OpenAiModel(asked) as model:
        return (await model.ask([{"role": "user", "content": "Answer with the word ok."}])).model
