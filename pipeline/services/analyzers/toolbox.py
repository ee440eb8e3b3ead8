"""Toolbox: which analysers are here, and in which version.

A tool that is not installed, or does not even say its version, is named with what to do; it is never an error.
"""

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.engine.errors import AskPerson
from pipeline.services import process
from pipeline.services.analyzers.bandit import BANDIT
from pipeline.services.analyzers.remark import Unread
from pipeline.services.analyzers.ruff import RUFF
from pipeline.services.analyzers.settings import AnalyzerSettings
from pipeline.services.analyzers.shellcheck import SHELLCHECK
from pipeline.services.analyzers.tool import Tool
from pipeline.services.analyzers.typos import TYPOS
from pipeline.services.analyzers.zizmor import ZIZMOR

TOOLS: Final = {tool.name: tool for tool in (RUFF, BANDIT, SHELLCHECK, ZIZMOR, TYPOS)}
"""Every analyser there is, in the order in which they are told."""

VERSION: Final = re.compile(rb"\d+(?:\.\d+){1,3}")

VERSION_BYTES_MAX: Final = 10_000
"""ShellCheck adds its licence, bandit its Python; nobody says more."""

INSTALL: Final = "pip install 'onceover[analyzers]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A tool with its program."""

    tool: Tool
    program: Path
    version: str

    @property
    def label(self) -> str:
        """Name and version, as `ruff 0.17.6`."""
        return f"{self.tool.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """The tools at hand, and those that were asked for and are not."""

    installed: tuple[Installed, ...]
    missing: tuple[Unread, ...]


async def open_toolbox(names: Sequence[str], settings: AnalyzerSettings) -> Toolbox:
    """Find the tools of these names and ask each for its version."""
    found = await asyncio.gather(*(_find(name, settings) for name in dict.fromkeys(names)))
    return Toolbox(
        installed=tuple(item for item in found if isinstance(item, Installed)),
        missing=tuple(item for item in found if isinstance(item, Unread)),
    )


def at_hand(settings: AnalyzerSettings) -> tuple[str, ...]:
    """Name the tools that have a program, without starting any."""
    return tuple(name for name in TOOLS if _program(name, settings.directories) is not None)


def clean_environment(home: Path) -> dict[str, str]:
    """Make the whole environment of an analyser: nothing of ours is in it, no key, no proxy, no setting."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "TMPDIR": str(home),
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",
    }


async def _find(name: str, settings: AnalyzerSettings) -> Installed | Unread:
    tool = TOOLS.get(name)
    if tool is None:
        return Unread(what=name, why=f"no analyser of that name; there are {', '.join(TOOLS)}", gap=True)
    program = _program(name, settings.directories)
    if program is None:
        return Unread(what=name, why=f"not installed: {INSTALL}", gap=False)
    version = await _version(program, settings)
    if version is None:
        return Unread(what=name, why=f"{program} did not say its version: {INSTALL}", gap=True)
    return Installed(tool=tool, program=program, version=version)


def _program(name: str, directories: Sequence[Path]) -> Path | None:
    candidates = (directory / name for directory in directories)
    return next((path for path in candidates if path.is_file() and os.access(path, os.X_OK)), None)


async def _version(program: Path, settings: AnalyzerSettings) -> str | None:
    try:
        completed = await process.run(
            [str(program), "--version"],
            cwd=Path("/"),
            env=clean_environment(Path("/nonexistent")),
            seconds_max=settings.version_seconds_max,
            output_bytes_max=VERSION_BYTES_MAX,
        )
    except AskPerson:
        return None
    found = VERSION.search(completed.stdout)
    return found[0].decode("ascii") if found and completed.exit_code == 0 and not completed.timed_out else None
