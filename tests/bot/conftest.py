"""Fixtures for tests of commands."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.bot.command_world import CommandWorld, TestGate


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[CommandWorld]:
    """A state directory of one's own, and processes that end with the test."""
    async with CommandWorld(tmp_path) as world:
        yield world


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[TestGate]:
    """A test command that waits."""
    gate = TestGate(tmp_path)
    yield gate
    gate.close()
