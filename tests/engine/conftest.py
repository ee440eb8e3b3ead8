"""Fixtures for the engine's tests."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.engine.world import World


@pytest.fixture
async def world(redis: Redis) -> AsyncIterator[World]:
    """A world in which each stage does one thing outside."""
    async with World(redis) as world:
        yield world
