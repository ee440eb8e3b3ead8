"""The doctor's line about the sandbox."""

from pathlib import Path

from bot.doctor.check import examine
from bot.doctor.outcome import Failed, Outcome, Skipped
from bot.doctor.sandbox_checks import sandbox_checks
from bot.settings_tree import SandboxSettings, Settings, StorageSettings


async def outcome_of(place: Path, backend: str, path: str) -> Outcome:
    """Ask the check."""
    settings = Settings(
        storage=StorageSettings(state_dir=place),
        sandbox=SandboxSettings.model_validate({"backend": backend}),
    )
    (examined,) = await examine(sandbox_checks(settings, {"PATH": path}))
    return examined.outcome


async def test_a_sandbox_that_is_off_is_said_to_be(tmp_path: Path) -> None:
    outcome = await outcome_of(tmp_path, "off", "/usr/bin:/bin")

    assert isinstance(outcome, Skipped)
    assert "ONCEOVER_SANDBOX=bubblewrap" in outcome.next_step


async def test_a_sandbox_that_does_not_hold_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: no namespaces here' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)

    outcome = await outcome_of(tmp_path, "bubblewrap", f"{tmp_path}:/usr/bin:/bin")

    assert isinstance(outcome, Failed)
    assert "nothing is run in it" in outcome.said
