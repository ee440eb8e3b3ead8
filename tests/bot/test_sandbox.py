"""What a worker says of the sandbox when it starts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.sandbox import first_look, limits_of, sandbox_of
from bot.settings_tree import SandboxSettings, Settings, StorageSettings
from tests.services.sandbox.chamber import open_place, why_no_namespaces


def settings_with(place: Path, **sandbox: object) -> Settings:
    """Make settings."""
    return Settings(storage=StorageSettings(state_dir=place), sandbox=SandboxSettings.model_validate(sandbox))


@pytest.fixture
def broken_bubblewrap() -> Iterator[str]:
    """Install a bubblewrap that the kernel refuses, where all users can start it; answer the PATH."""
    with open_place() as place:
        (place / "bwrap").write_text("#!/bin/sh\necho 'bwrap: no namespaces here' >&2\nexit 1\n")
        (place / "bwrap").chmod(0o755)
        yield f"{place}:/usr/bin:/bin"


async def test_a_sandbox_that_is_off_is_not_spoken_of_and_offered_to_nobody(tmp_path: Path) -> None:
    settings = settings_with(tmp_path)

    assert await first_look(settings, {}) is None
    assert sandbox_of(settings, {}) is None


async def test_one_that_does_not_hold_is_told_with_its_reason(tmp_path: Path, broken_bubblewrap: str) -> None:
    settings = settings_with(tmp_path, backend="bubblewrap")

    told = await first_look(settings, {"PATH": broken_bubblewrap})

    assert told
    assert told.startswith("warning: the sandbox does not hold, so nothing is run in it.")
    assert "no namespaces here" in told


async def test_one_that_holds_is_told_too(tmp_path: Path) -> None:
    if why := why_no_namespaces():
        pytest.skip(why)

    told = await first_look(settings_with(tmp_path, backend="bubblewrap"), {"PATH": "/usr/bin:/bin"})

    assert told == "the sandbox held against 12 attacks."


def test_the_operators_limits_are_those_of_a_run(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, memory_mb=64, pids=8, tmp_mb=3, work_mb=4, output_kb=5)

    limits = limits_of(settings)

    assert (limits.memory_mb, limits.pids, limits.tmp_mb, limits.work_mb, limits.output_kb) == (64, 8, 3, 4, 5)
    assert limits.seconds == settings.trial.seconds_max
