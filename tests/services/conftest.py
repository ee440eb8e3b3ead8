"""Fixtures for what fetches from a git server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.repository import RepositoryBuilder
from tests.services.git_server import GitServer, served_at


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    """A git server without repositories."""
    yield from served_at(tmp_path / "server")


@pytest.fixture
def shop(server: GitServer) -> RepositoryBuilder:
    """A repository that it serves."""
    return server.make_repository()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where mirrors go."""
    return tmp_path / "mirrors"
