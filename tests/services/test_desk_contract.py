"""The desk, the App's own client, git and the simulated GitHub understand each other, from a request to a file read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.demo.simulated_github.server import SimulatedGitHub
from pipeline.engine.errors import AskPerson, GiveUp
from pipeline.services.desk_tokens import DeskTokens
from pipeline.services.git_fetch import GitTokenRefused
from pipeline.services.github.app import GitHubApp
from pipeline.services.github.app_key import AppKey
from pipeline.services.github.caller import Caller
from pipeline.services.github.clock import SystemClock
from pipeline.services.github.place import Place, Purpose
from pipeline.services.github.settings import GitHubSettings
from pipeline.services.github.wire import GitHubWire
from pipeline.services.minted_tokens import MintedTokens
from pipeline.services.mirrors import Mirrors
from pipeline.services.sealing import Sealer
from pipeline.services.token_desk import TokenDesk
from tests.services.token_world import SECRET, open_desk

MISSING = "f" * 40


@dataclass(frozen=True, kw_only=True)
class Team:
    """A private repository, and the processes that review it."""

    github: SimulatedGitHub
    app: GitHubApp
    place: Place
    desk: DeskTokens
    mirrors: Mirrors
    head: str


@asynccontextmanager
async def open_team(redis: Redis, root: Path, *, without: frozenset[str] = frozenset()) -> AsyncIterator[Team]:
    """Start GitHub and a broker; `without` names permissions that the installation has not granted."""
    async with SimulatedGitHub() as github:
        for permission in without:
            github.app.permissions.pop(permission, None)
        shop = github.add_repository("acme/shop", private=True, files={"shop.py": "old\n"})
        installation = await github.install(github.app, [shop])
        head = await github.push(shop, "feature", {"shop.py": "new\n"})
        sealer = Sealer(SecretStr(SECRET))
        place = Place(installation=installation.id, repository="acme/shop", repository_id=shop.id)
        desk = DeskTokens(redis, sealer)
        mirrors = Mirrors(root, clone_url=lambda at: f"{github.url}/{at.repository}.git", tokens=desk.for_run("r_1"))
        async with GitHubWire(github.url, settings := GitHubSettings()) as wire:
            caller = Caller(api_url=github.url, wire=wire, settings=settings, clock=SystemClock())
            key = AppKey(app_id=str(github.app.id), private_key=SecretStr(github.app.private_key), clock=caller.clock)
            app = GitHubApp(caller=caller, key=key)
            async with open_desk(TokenDesk(redis, sealer, app, _anything_is_wanted)):
                yield Team(github=github, app=app, place=place, desk=desk, mirrors=mirrors, head=head)


async def _anything_is_wanted(run_id: str, installation: int, repository_id: int) -> bool:
    del run_id, installation, repository_id
    return True


@pytest.fixture
async def team(redis: Redis, tmp_path: Path) -> AsyncIterator[Team]:
    async with open_team(redis, tmp_path) as team:
        yield team


async def test_a_private_repository_is_read_without_the_apps_key(team: Team) -> None:
    git = await team.mirrors.holding(team.place, [team.head])

    assert await git.read_blob(team.head, "shop.py", bytes_max=100) == b"new\n"


@pytest.mark.parametrize("lacking", [("actions",), ("statuses",), ("statuses", "actions")], ids=" and ".join)
async def test_an_installation_with_fewer_permissions_is_read_all_the_same(
    redis: Redis, tmp_path: Path, lacking: tuple[str, ...]
) -> None:
    async with open_team(redis, tmp_path, without=frozenset(lacking)) as team:
        git = await team.mirrors.holding(team.place, [team.head])

    assert git.is_shallow


async def test_the_publisher_writes_with_what_it_was_granted(team: Team) -> None:
    """Issues are granted for reading only."""
    assert await MintedTokens(team.app).token(team.place, Purpose.WRITE)


async def test_a_token_that_github_forgot_is_replaced_at_the_next_try(team: Team) -> None:
    old = await team.desk.for_run("r_1").token(team.place, Purpose.READ)
    team.github.world.tokens.clear()

    with pytest.raises(GitTokenRefused):
        await team.mirrors.holding(team.place, [team.head])
    git = await team.mirrors.holding(team.place, [team.head])

    assert git.is_shallow
    assert await team.desk.for_run("r_1").token(team.place, Purpose.READ) != old


async def test_an_installation_that_is_gone_is_told_as_what_it_is(team: Team) -> None:
    elsewhere = Place(installation=404_404, repository="acme/shop", repository_id=team.place.repository_id)

    with pytest.raises((AskPerson, GiveUp)) as told:
        await team.mirrors.holding(elsewhere, [MISSING])

    assert "404404" in told.value.message


async def test_many_reviewers_cost_github_one_token(team: Team) -> None:
    await asyncio.gather(*(team.mirrors.holding(team.place, [team.head]) for _ in range(5)))

    asked = [one for one in team.github.requests if one.path.endswith("/access_tokens")]
    assert len(asked) == 1
