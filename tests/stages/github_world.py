"""GitHub of the stages' tests: the real client against the simulated GitHub, in one repository of the App's."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from bot.demo.simulated_github.accounts import Installation, Level
from bot.demo.simulated_github.git_store import Content
from bot.demo.simulated_github.repositories import Pull, Repository
from bot.demo.simulated_github.server import SimulatedGitHub
from pipeline.engine.stage import JsonValue
from pipeline.services.github.caller import Caller
from pipeline.services.github.client import GitHub
from pipeline.services.github.clock import SystemClock
from pipeline.services.github.place import Place, Purpose
from pipeline.services.github.settings import GitHubSettings
from pipeline.services.github.wire import GitHubWire

CONFIGURATION: Final = ".github/onceover.yml"


@dataclass(slots=True)
class OneToken:
    """Hands out one token of the installation, whatever is asked. Implements `TokenSource`."""

    value: str

    async def token(self, place: Place, purpose: Purpose) -> SecretStr:
        """Give it."""
        del place, purpose
        return SecretStr(self.value)

    async def refuse(self, token: SecretStr) -> None:
        """Keep it: there is no other."""


@dataclass(slots=True, kw_only=True)
class GitHubWorld:
    """One repository of one account, and a client that holds a token of its installation."""

    github: SimulatedGitHub
    repository: Repository
    installation: Installation
    client: GitHub
    tokens: OneToken
    notes: dict[str, JsonValue] = field(default_factory=dict)

    async def said(self, subject: str) -> Mapping[str, JsonValue]:
        """Read what people said."""
        del subject
        return dict(self.notes)

    async def push(self, branch: str, files: Mapping[str, Content]) -> str:
        """Push a commit as alice."""
        return await self.github.push(self.repository, branch, files, user="alice", lost=True)

    async def configure(self, text: str) -> None:
        """Write the repository's configuration on its base branch."""
        await self.push("main", {CONFIGURATION: text})

    async def open_pull(self, *, draft: bool = False, files: Mapping[str, Content] | None = None) -> Pull:
        """Open a pull request of a branch."""
        await self.push("feature", files or {"prices.py": "APPLE = 2\n"})
        return await self.github.open_pull(self.repository, "feature", author="alice", draft=draft, lost=True)

    async def open_fork_pull(self, author: str = "mallory") -> Pull:
        """Open a pull request of a fork."""
        fork = self.github.add_fork(self.repository, author)
        await self.github.push(fork, "feature", {"prices.py": "APPLE = 0\n"}, user=author, lost=True)
        return await self.github.open_pull(self.repository, "feature", author=author, fork=fork, lost=True)

    def use_token(self, permissions: Mapping[str, Level]) -> None:
        """Go on with a token that may less."""
        self.tokens.value = self.github.token(self.installation, permissions).value

    def params(self, pull: Pull, **more: JsonValue) -> dict[str, JsonValue]:
        """Write a run's parameters of the newest head."""
        return {
            "pull": {
                "host": "github.test",
                "repository_id": self.repository.id,
                "number": pull.number,
                "head": pull.head_sha,
            },
            "place": {"installation": self.installation.id, "repository": self.repository.full_name},
            "trigger": {"by": "alice", "why": "pull_request.opened"},
            **more,
        }


@contextlib.asynccontextmanager
async def open_github() -> AsyncIterator[GitHubWorld]:
    """Open a world with the repository `acme/shop`; alice may write to it."""
    async with SimulatedGitHub() as github:
        repository = github.add_repository("acme/shop")
        github.set_permission(repository, "alice", "write")
        installation = await github.install(github.app, [repository], lost=True)
        tokens = OneToken(github.token(installation).value)
        settings = GitHubSettings(write_interval_seconds=0, fresh_token_seconds=0)
        async with GitHubWire(github.url, settings) as wire:
            caller = Caller(api_url=github.url, wire=wire, settings=settings, clock=SystemClock())
            client = GitHub(caller=caller, tokens=tokens, purpose=Purpose.READ)
            yield GitHubWorld(
                github=github, repository=repository, installation=installation, client=client, tokens=tokens
            )
