"""Servers: a Redis of our own, and a PostgreSQL where its programs are on PATH; on local disk, gone afterwards."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from bot.embedded_redis import EmbeddedRedis
from bot.redis_client import make_client

Fsync: TypeAlias = Literal["everysec", "always"]

POSTGRES_START_SECONDS_MAX: Final = 30.0
POSTGRES_USER: Final = "nobody"
"""PostgreSQL refuses to run as root; then this user runs it."""


@contextlib.asynccontextmanager
async def open_redis(fsync: Fsync) -> AsyncIterator[str]:
    """Start the Redis that the product would start, and answer its URL."""
    with tempfile.TemporaryDirectory(prefix="onceover-bench-") as directory:
        async with EmbeddedRedis(Path(directory), fsync=fsync) as server:
            yield server.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A PostgreSQL server on a unix socket."""

    directory: Path

    def url(self, database: str) -> str:
        """Write the URL of a database that is made at first use."""
        return f"postgresql://bench@/{database}?host={self.directory}"


@contextlib.contextmanager
def open_postgres(fsync: Fsync) -> Iterator[Postgres | None]:
    """Start a PostgreSQL, or answer None where there is none.

    `everysec` becomes `synchronous_commit=off`, which likewise confirms before it syncs, within 0.6 s.
    """
    programs = [shutil.which(name) for name in ("initdb", "postgres")]
    initdb, postgres = programs
    if initdb is None or postgres is None:
        yield None
        return
    directory = Path(tempfile.mkdtemp(prefix="onceover-bench-pg-", dir="/tmp"))
    user = POSTGRES_USER if os.geteuid() == 0 else None
    if user:
        account = pwd.getpwnam(user)
        os.chown(directory, account.pw_uid, account.pw_gid)
    try:
        cluster = directory / "data"
        _run([initdb, "-D", str(cluster), "-U", "bench", "-A", "trust", "--no-locale", "-E", "UTF8"], user)
        commit = "on" if fsync == "always" else "off"
        place = ["-D", str(cluster), "-k", str(directory), "-h", "", "-c", f"synchronous_commit={commit}"]
        with (directory / "log").open("wb") as log:
            server = subprocess.Popen(
                [postgres, *place, "-c", "max_connections=200"], stdout=log, stderr=log, user=user, group=_group(user)
            )
        try:
            _wait_for(directory / ".s.PGSQL.5432", server)
            yield Postgres(directory=directory)
        finally:
            server.terminate()
            server.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def drop_all(url: str) -> None:
    """Forget every key."""
    async with make_client(url) as redis:
        await redis.flushall()


def _run(command: list[str], user: str | None) -> None:
    subprocess.run(
        command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, user=user, group=_group(user), cwd="/"
    )


def _group(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None


def _wait_for(socket: Path, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + POSTGRES_START_SECONDS_MAX
    while not socket.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {(socket.parent / 'log').read_text()}")
        time.sleep(0.05)
