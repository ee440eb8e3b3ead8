"""Clients: GitHub as each role of the App sees it.

The broker and the publisher hold the App's key and mint for themselves; the reviewer holds none, and asks the broker's
desk for a token that reads the one repository of the run it works on.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from redis.asyncio import Redis

from bot.app_credentials import AppIdentity
from bot.settings_tree import Settings
from bot.setup.hosts import web_url_of
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.plan import Plan
from pipeline.services.desk_tokens import DeskTokens
from pipeline.services.git import Git
from pipeline.services.github.app import GitHubApp
from pipeline.services.github.app_key import AppKey
from pipeline.services.github.caller import Caller
from pipeline.services.github.client import GitHub
from pipeline.services.github.clock import Clock
from pipeline.services.github.place import Place, Purpose
from pipeline.services.github.settings import GitHubSettings
from pipeline.services.minted_tokens import MintedTokens
from pipeline.services.mirrors import Mirrors
from pipeline.services.pull_request import PullParams
from pipeline.services.sealing import Sealer

LEASE_SHARE: Final = 0.4
"""Of a lease, for one call and for the wait before it, each: a write that was begun under a lease ends under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """GitHub without the App's key."""

    caller: Caller
    desk: DeskTokens
    mirrors: Mirrors

    def of_run(self, run_id: str) -> GitHub:
        """Make the client that reads on behalf of a run."""
        return GitHub(caller=self.caller, tokens=self.desk.for_run(run_id), purpose=Purpose.READ)

    async def holding(self, run_id: str, place: Place, commits: Sequence[str]) -> Git:
        """Bring commits to this host, on behalf of a run."""
        return await self.mirrors.with_tokens(self.desk.for_run(run_id)).holding(place, commits)

    async def clone(self, ctx: StageContext, plan: Plan) -> Mapping[str, JsonValue]:
        """Bring the commits of a plan to this host; answer where they are."""
        place = PullParams.model_validate(dict(ctx.params)).at
        git = await self.holding(ctx.run_id, place, [plan.merge_base, plan.head])
        return {"path": str(git.git_dir), "name": place.repository}


@dataclass(slots=True, kw_only=True)
class Writer:
    """GitHub with the App's key."""

    app: GitHubApp
    github: GitHub
    _app_id: int
    _author: str | None = None

    async def app_id(self) -> int:
        """Say which App we are."""
        return self._app_id

    async def author(self) -> str | None:
        """Find the user by whom we write; asked once, for it is the same everywhere."""
        if self._author is None:
            self._author = f"{(await self.app.app()).slug}[bot]"
        return self._author


@contextlib.asynccontextmanager
async def open_caller(settings: Settings, clock: Clock) -> AsyncIterator[Caller]:
    """Open the connection pool to GitHub, for all that one process says."""
    # Here and not above: it loads githubkit, 25 MB that the door has no use for.
    from pipeline.services.github.wire import GitHubWire  # noqa: PLC0415

    seconds = settings.engine.lease_seconds * LEASE_SHARE
    default = GitHubSettings()
    limits = GitHubSettings(
        call_seconds_max=min(default.call_seconds_max, seconds),
        pace_seconds_max=min(default.pace_seconds_max, seconds),
        write_interval_seconds=settings.github.write_interval_seconds,
    )
    api_url = str(settings.github.api_url)
    async with GitHubWire(api_url, limits) as wire:
        yield Caller(api_url=api_url, wire=wire, settings=limits, clock=clock)


def make_reader(settings: Settings, caller: Caller, redis: Redis, sealer: Sealer) -> Reader:
    """Join what the reviewer needs."""
    desk = DeskTokens(redis, sealer)
    web_url = str(settings.github.web_url or web_url_of(str(settings.github.api_url))).rstrip("/")
    mirrors = Mirrors(
        Path(settings.storage.state_dir) / "mirrors",
        clone_url=_clone_url(web_url),
        tokens=desk.for_run(""),
    )
    return Reader(caller=caller, desk=desk, mirrors=mirrors)


def make_writer(caller: Caller, identity: AppIdentity) -> Writer:
    """Join what the broker and the publisher need."""
    key = AppKey(app_id=str(identity.app_id), private_key=identity.private_key, clock=caller.clock)
    app = GitHubApp(caller=caller, key=key)
    github = GitHub(caller=caller, tokens=MintedTokens(app), purpose=Purpose.WRITE)
    return Writer(app=app, github=github, _app_id=identity.app_id)


def host_of(settings: Settings) -> str:
    """Name the GitHub that state belongs to: the network place of its API."""
    return urlsplit(str(settings.github.api_url)).netloc.lower()


def _clone_url(web_url: str) -> Callable[[Place], str]:
    return lambda place: f"{web_url}/{place.repository}.git"
