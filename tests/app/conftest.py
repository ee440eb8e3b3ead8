"""Fixtures of the App's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.simulated_github.server import SimulatedGitHub
from tests.app.world import AppWorld, Time


@pytest.fixture
async def world(redis_url: str, tmp_path: Path) -> AsyncIterator[AppWorld]:
    """A simulated GitHub and an empty Redis; nobody works yet."""
    time = Time()
    async with SimulatedGitHub(now=time.now) as github:
        yield AppWorld(github=github, redis_url=redis_url, place=tmp_path, time=time)
