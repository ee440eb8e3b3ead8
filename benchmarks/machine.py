"""Machine: the class of machine and the versions that figures belong to."""

import asyncio
import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

from bot.redis_server import find_server

PACKAGES: Final = ("arq", "redis", "hiredis", "dbos", "psycopg", "uvloop")


def describe() -> list[str]:
    """Describe the machine, in a few lines."""
    return [
        f"{os.cpu_count()} CPUs, {_processor()}, {_memory()} of memory, {platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}, event loop {type(asyncio.new_event_loop()).__name__} for all sides",
        f"{find_server()}" + (f"; {_first_line([postgres, '--version'])}" if (postgres := _postgres()) else ""),
        ", ".join(f"{name} {version}" for name in PACKAGES if (version := _version(name))),
        f"load when it began: {os.getloadavg()[0]:.2f}",
    ]


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB"


def _postgres() -> str | None:
    return shutil.which("postgres")


def _first_line(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout.strip()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
