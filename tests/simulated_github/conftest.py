"""A simulated GitHub with one private repository, one pull request, and a client with the App's token."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache

import httpx2
import pytest

from bot.demo.simulated_github.accounts import Installation
from bot.demo.simulated_github.repositories import Pull, Repository
from bot.demo.simulated_github.server import SimulatedGitHub

REPOSITORY = "/repos/acme/shop"


@dataclass(frozen=True, kw_only=True)
class Shop:
    """What most tests start from."""

    github: SimulatedGitHub
    repository: Repository
    installation: Installation
    pull: Pull
    client: httpx2.AsyncClient
    """Signed in as the installation."""

    @property
    def path(self) -> str:
        """The pull request's address."""
        return f"{REPOSITORY}/pulls/{self.pull.number}"

    @property
    def comments(self) -> str:
        """The conversation's address."""
        return f"{REPOSITORY}/issues/{self.pull.number}/comments"


@pytest.fixture
async def github() -> AsyncIterator[SimulatedGitHub]:
    """A GitHub without repositories."""
    async with SimulatedGitHub() as github:
        yield github


@pytest.fixture
async def shop(github: SimulatedGitHub) -> AsyncIterator[Shop]:
    """Twenty lines on main; the pull request changes line 8, adds a binary file and a text."""
    repository = github.add_repository("acme/shop", private=True, files={"shop.py": numbered_lines(20)})
    installation = await github.install(github.app, [repository])
    changed = numbered_lines(20).replace("line 8\n", "line eight\n")
    await github.push(repository, "feature", {"shop.py": changed, "logo.png": b"\x00\x01", "notes.md": "New\n"})
    pull = await github.open_pull(repository, "feature", author="alice")
    token = github.token(installation)
    async with sign_in(github, token.value) as client:
        yield Shop(github=github, repository=repository, installation=installation, pull=pull, client=client)


def sign_in(github: SimulatedGitHub, token: str | None) -> httpx2.AsyncClient:
    """Make a client that sends this token (or none)."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.AsyncClient(base_url=github.url, headers=headers, verify=_tls(), trust_env=False, timeout=10)


def numbered_lines(count: int) -> str:
    """Write a file whose lines say their number."""
    return "".join(f"line {number}\n" for number in range(1, count + 1))


@cache
def _tls() -> ssl.SSLContext:
    """Load certificates once: each client would do it again, in 30 ms, to speak plain HTTP."""
    return ssl.create_default_context()
