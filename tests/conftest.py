"""Fixtures for all tests: a real Redis, one per test process, empty at the start of each test that asks for it."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import TypeAlias

import hypothesis
import pytest
from redis.asyncio import Redis

from tests.real_redis import RealRedis

StartRedis: TypeAlias = Callable[..., RealRedis]

# How long an example takes says more of the machine's other work than of our code; pytest's own limit ends what hangs.
hypothesis.settings.register_profile("onceover", deadline=None)
hypothesis.settings.load_profile("onceover")


# A script that starts the tests in its background has Ctrl-C ignored by all that it starts, and tests send it to
# programs. What has a handler here has its default in a program that is started from here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_redis() -> Iterator[RealRedis]:
    """The server of this test process (each xdist worker has its own); without AOF, because that is faster."""
    with RealRedis("--appendonly", "no") as server:
        yield server


@pytest.fixture
def redis_url(real_redis: RealRedis) -> str:
    """A `unix://` URL of a server without keys and without scripts."""
    real_redis.flush()
    return real_redis.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty server; it answers bytes."""
    async with Redis.from_url(redis_url, decode_responses=False) as client:
        yield client


@pytest.fixture
def start_redis() -> Iterator[StartRedis]:
    """Start servers of one's own with any options, to kill and restart: `start_redis("--appendonly", "yes")`."""
    with ExitStack() as servers:
        yield lambda *options: servers.enter_context(RealRedis(*options))


@pytest.fixture
def aof_redis(start_redis: StartRedis) -> RealRedis:
    """A server of one's own that keeps what it confirmed: AOF, synced at every write."""
    return start_redis("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
