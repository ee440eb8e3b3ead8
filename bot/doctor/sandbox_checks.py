"""Sandbox checks: whether the sandbox that the operator turned on holds."""

from collections.abc import Mapping
from typing import Final

from bot.doctor.check import Check
from bot.doctor.outcome import Failed, Ok, Outcome, Skipped
from bot.sandbox import open_sandbox
from bot.settings_tree import Settings
from pipeline.services.sandbox.proven import MissingSandbox

PROOF_SECONDS_MAX: Final = 90.0
"""All attacks at once take a second; a busy machine may need many."""


def sandbox_checks(settings: Settings, environ: Mapping[str, str]) -> tuple[Check, ...]:
    """List the checks of the sandbox."""
    return (Check(name="sandbox", ask=lambda: _proof(settings, environ), seconds_max=PROOF_SECONDS_MAX),)


async def _proof(settings: Settings, environ: Mapping[str, str]) -> Outcome:
    if settings.sandbox.backend == "off":
        return Skipped(
            said="The sandbox is off: no repository's own test command is run.",
            next_step="To offer `test.source: sandbox`, set ONCEOVER_SANDBOX=bubblewrap.",
        )
    sandbox = open_sandbox(settings, environ)
    if isinstance(sandbox, MissingSandbox):
        return Failed(said=sandbox.detail, next_step=sandbox.next_step)
    proof = await sandbox.proof()
    if not proof.holds:
        return Failed(
            said=f"The sandbox does not hold, so nothing is run in it. {proof.fault}",
            next_step="`onceover sandbox check` shows every attack; docs/sandbox.md says what each one needs.",
        )
    return Ok(said=f"The sandbox held against {len(proof.attempts)} attacks.")
