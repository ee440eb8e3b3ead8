"""Machine checks: what this host must have: git, analysers, a server to start, room on the disk."""

import asyncio
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bot.doctor.check import Check
from bot.doctor.outcome import Failed, Ok, Outcome, Skipped, Warned
from bot.private_directory import check_is_no_repositorys, make_private
from bot.redis_server import NoRedisServer, find_server
from bot.settings_tree import Settings
from pipeline.services import process
from pipeline.services.analyzers.settings import AnalyzerSettings, search_path
from pipeline.services.analyzers.toolbox import INSTALL, TOOLS, open_toolbox
from pipeline.services.git import VERSION_MIN

ROOM_BYTES_WARNED: Final = 2 * 2**30
"""A mirror of a large repository and the AOF of a busy month fit."""

ROOM_BYTES_FAILED: Final = 200 * 2**20
"""One large check-out more fills it, and a full disk stops Redis."""

GIT_SECONDS_MAX: Final = 10.0
OUTPUT_BYTES_MAX: Final = 10_000


def machine_checks(settings: Settings, environ: Mapping[str, str]) -> tuple[Check, ...]:
    """List the checks of this host."""
    return (
        Check(name="state.directory", ask=lambda: asyncio.to_thread(_state_directory, settings, environ)),
        Check(name="state.room", ask=lambda: asyncio.to_thread(_room, settings)),
        Check(name="git", ask=lambda: _git(environ)),
        Check(name="analyzers", ask=lambda: _analyzers(environ), seconds_max=60.0),
        Check(name="redis.embedded", ask=lambda: asyncio.to_thread(_embedded, settings, environ), seconds_max=30.0),
    )


def _state_directory(settings: Settings, environ: Mapping[str, str]) -> Outcome:
    home = environ.get("HOME")
    check_is_no_repositorys(settings.storage.state_dir, home=Path(home) if home else None)
    directory = make_private(settings.storage.state_dir)
    probe = directory / f".doctor-{secrets.token_hex(8)}"
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, b"written by onceover doctor\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            probe.unlink(missing_ok=True)
    except OSError as error:
        return Failed(
            said=f"{directory} cannot be written: {error.strerror}.",
            next_step="Free space, or set ONCEOVER_STATE_DIR to a directory on a local disk.",
        )
    return Ok(said=f"{directory} is private and can be written.")


def _room(settings: Settings) -> Outcome:
    place = next(path for path in (settings.storage.state_dir, *settings.storage.state_dir.parents) if path.exists())
    free = shutil.disk_usage(place).free
    said = f"{free / 2**30:,.1f} GB are free where {settings.storage.state_dir} stands."
    next_step = "Free some, or set ONCEOVER_STATE_DIR to another disk."
    if free < ROOM_BYTES_FAILED:
        return Failed(said=said, next_step=next_step)
    return Warned(said=said, next_step=next_step) if free < ROOM_BYTES_WARNED else Ok(said=said)


async def _git(environ: Mapping[str, str]) -> Outcome:
    needed = ".".join(map(str, VERSION_MIN))
    done = await process.run(
        ["git", "--version"],
        cwd=Path("/"),
        env={"PATH": environ.get("PATH", "")},
        seconds_max=GIT_SECONDS_MAX,
        output_bytes_max=OUTPUT_BYTES_MAX,
    )
    said = done.stdout.decode(errors="replace").strip()
    version = _version(said)
    if version is None:
        return Failed(said="git does not tell its version.", next_step=f"Install git {needed} or newer.")
    if version < VERSION_MIN:
        return Failed(said=f"This is {said}.", next_step=f"Install git {needed} or newer.")
    return Ok(said=f"{said}.")


def _version(said: str) -> tuple[int, ...] | None:
    """Read `git version 2.39.5 (Apple Git-154)`."""
    words = said.split()
    parts = words[2].split(".")[:2] if len(words) > 2 else []  # noqa: PLR2004  The third word.
    return tuple(map(int, parts)) if len(parts) == len(VERSION_MIN) and all(map(str.isdecimal, parts)) else None


async def _analyzers(environ: Mapping[str, str]) -> Outcome:
    box = await open_toolbox(list(TOOLS), AnalyzerSettings(directories=search_path(environ.get("PATH", ""))))
    found = ", ".join(one.label for one in box.installed)
    if not box.installed:
        return Warned(said="No analyser is installed; reviews then rest on the model alone.", next_step=f"{INSTALL}.")
    if box.missing:
        absent = ", ".join(one.what for one in box.missing)
        return Warned(said=f"Found {found}; not found: {absent}.", next_step=f"{INSTALL}.")
    return Ok(said=f"{found}.")


def _embedded(settings: Settings, environ: Mapping[str, str]) -> Outcome:
    is_needed = settings.storage.redis_url is None
    try:
        program = find_server(environ.get("PATH"))
    except NoRedisServer as error:
        if is_needed:
            return Failed(said=error.message, next_step=error.next_step)
        return Skipped(said="There is no server program here, and none is needed: ONCEOVER_REDIS_URL names a server.")
    return Ok(said=f"{program} can be started{'' if is_needed else ', and is not needed'}.")
