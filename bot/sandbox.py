"""Sandbox: the one that the operator chose, with the limits that the operator set."""

from collections.abc import Mapping

from bot.settings_tree import Settings
from pipeline.services.process import Hear
from pipeline.services.sandbox.contract import Sandbox
from pipeline.services.sandbox.limits import Limits
from pipeline.services.sandbox.proven import MissingSandbox, ProvenSandbox, open_bubblewrap


def limits_of(settings: Settings) -> Limits:
    """Read the limits of one run."""
    chosen = settings.sandbox
    return Limits(
        seconds=settings.trial.seconds_max,
        memory_mb=chosen.memory_mb,
        pids=chosen.pids,
        tmp_mb=chosen.tmp_mb,
        work_mb=chosen.work_mb,
        output_kb=chosen.output_kb,
    )


def open_sandbox(
    settings: Settings, environ: Mapping[str, str], *, hear: Hear | None = None
) -> ProvenSandbox | MissingSandbox:
    """Open the sandbox of this machine, whether the App may use it or not.

    Args:
        settings: The operator's.
        environ: The variables of the process, for its PATH.
        hear: Is told of a command's output as it comes.
    """
    chosen = settings.sandbox
    return open_bubblewrap(environ.get("PATH", ""), cgroup=chosen.cgroup, readable=chosen.readable, hear=hear)


def sandbox_of(settings: Settings, environ: Mapping[str, str]) -> Sandbox | None:
    """Open the sandbox that the App runs tests in; None if the operator offers none."""
    return None if settings.sandbox.backend == "off" else open_sandbox(settings, environ)


async def first_look(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """Have the sandbox prove itself when a worker starts; answer what to tell the operator, None if it is off.

    What runs in it proves itself again on its first use: this one is for whoever reads the first lines of a log.
    """
    if settings.sandbox.backend == "off":
        return None
    sandbox = open_sandbox(settings, environ)
    if isinstance(sandbox, MissingSandbox):
        return f"warning: {sandbox.detail} {sandbox.next_step}"
    proof = await sandbox.proof()
    if proof.holds:
        return f"the sandbox held against {len(proof.attempts)} attacks."
    return f"warning: the sandbox does not hold, so nothing is run in it. {proof.fault} See `onceover sandbox check`."
