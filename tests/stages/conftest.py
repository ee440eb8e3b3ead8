"""Fixtures of the stages' tests."""

from collections.abc import AsyncIterator

import pytest

from tests.stages.github_world import GitHubWorld, open_github


@pytest.fixture
async def github() -> AsyncIterator[GitHubWorld]:
    """A GitHub with the repository `acme/shop`, where the App is installed."""
    async with open_github() as opened:
        yield opened
