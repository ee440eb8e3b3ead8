"""Fixtures for the engine's tests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from pipeline.engine.graph import StageSpec
from pipeline.engine.settings import EngineSettings
from tests.engine.workshop import MakeWorkshop, Workshop
from tests.engine.world import World


@pytest.fixture
async def world(redis: Redis) -> AsyncIterator[World]:
    """A world in which each stage does one thing outside."""
    async with World(redis) as world:
        yield world


@pytest.fixture
async def make_workshop(redis: Redis) -> AsyncIterator[MakeWorkshop]:
    """Make worlds with stages of the test's own."""
    async with AsyncExitStack() as worlds:

        async def make(*stages: StageSpec, settings: EngineSettings | None = None) -> Workshop:
            return await worlds.enter_async_context(Workshop(redis, *stages, settings=settings))

        yield make
