"""Fixtures of the tests of the App's processes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.simulated_github.server import SimulatedGitHub
from tests.app.world import AppWorld


@pytest.fixture
async def app(redis_url: str, tmp_path: Path) -> AsyncIterator[AppWorld]:
    """A simulated GitHub and an empty Redis; nobody works yet."""
    async with SimulatedGitHub() as github:
        yield AppWorld(github=github, redis_url=redis_url, place=tmp_path)
