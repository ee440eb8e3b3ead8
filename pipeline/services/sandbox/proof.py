"""Proof: a sandbox attacks itself before anything else runs in it.

Promises that a sandbox passes only if every attack was made and held: an attack that could not be made, since there is
no Python in the sandbox or its answer makes no sense, counts as one that got through. A sandbox that silently does not
work is the commonest real failure; so this, and not the version of bubblewrap, decides.
Does not promise that there is no attack besides. The numbers are those of the cases in docs/sandbox.md.
"""

import asyncio
import contextlib
import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.services.sandbox.contract import Limit, NotRun, Outcome, Ran, Sandbox, Stopped
from pipeline.services.sandbox.limits import KIBIBYTE, MEBIBYTE, SHARED_MEMORY_MB, Limits

PROBE: Final = Path(__file__).parent / "probe"
"""What is copied into the sandbox."""

SMALL: Final = Limits(seconds=60.0, memory_mb=64, pids=16, tmp_mb=8, work_mb=8, output_kb=64)
"""Limits that an attack reaches in a moment; the time is for a busy machine."""

SHORT_SECONDS: Final = 0.5
"""How long the attack that never ends may try."""

FORKS_TRIED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attack and its outcome."""

    case: int
    """Its number in docs/sandbox.md."""
    attack: str
    """What was tried, as a few words."""
    held: bool
    detail: str
    """What was seen, as a clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """All attacks."""

    attempts: tuple[Attempt, ...]

    @property
    def holds(self) -> bool:
        """Whether every one of them was made and held."""
        return bool(self.attempts) and all(one.held for one in self.attempts)

    @property
    def fault(self) -> str:
        """Name the first that did not, as a sentence; empty if all held."""
        return next((f"Case {one.case} ({one.attack}): {one.detail}." for one in self.attempts if not one.held), "")


WALLS: Final[Mapping[str, tuple[int, str]]] = {
    "disk": (60, "fill the disk, /tmp and /dev/shm"),
    "environment": (64, "read environments, open files and stdin"),
    "files": (65, "read /root, /etc/shadow and the checkout on the host"),
    "writing": (66, "write outside of the copy"),
    "network": (68, "connect to the host, out, by abstract and other sockets"),
    "rights": (69, "gain capabilities, mounts, namespaces, devices"),
    "others": (70, "signal, trace, bpf, io_uring, keyctl, type into the terminal"),
}
"""Attacks that tell at once, by the name of what makes them."""


async def prove(sandbox: Sandbox) -> Proof:
    """Make all attacks, at the same time.

    Args:
        sandbox: What is to prove itself.
    """
    token = f"onceover-proof-{secrets.token_hex(8)}"
    with _listening(token) as host:
        ends, stays = {"token": token, "waits": False}, {"token": token, "waits": True}
        walls, processes, memory, output, daemon, sleeper = await asyncio.gather(
            _attack(sandbox, "walls", host),
            _attack(sandbox, "processes", {"tries": FORKS_TRIED}),
            _attack(sandbox, "memory", {}),
            _attack(sandbox, "output", {}),
            _attack(sandbox, "stay", ends),
            _attack(sandbox, "stay", stays, replace(SMALL, seconds=SHORT_SECONDS)),
        )
    left = await asyncio.to_thread(_processes_with, token)
    attempts = (
        _judge_processes(processes),
        _judge_stop(59, "take memory without end", memory, Limit.MEMORY),
        *_judge_walls(walls),
        _judge_stop(61, "write output without end", output, Limit.OUTPUT),
        _judge_stop(62, "ignore every signal and sleep", sleeper, Limit.TIME),
        _judge_daemon(daemon, left),
    )
    return Proof(attempts=tuple(sorted(attempts, key=lambda one: one.case)))


async def _attack(sandbox: Sandbox, name: str, host: Mapping[str, object], limits: Limits = SMALL) -> Outcome:
    return await sandbox.run(("python3", "-I", "attacks.py", name, json.dumps(host)), PROBE, limits)


@contextlib.contextmanager
def _listening(token: str) -> Iterator[dict[str, object]]:
    """Be on the host what an attack would like to reach."""
    with socket.create_server(("127.0.0.1", 0)) as loopback, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0{token}")
        abstract.listen()
        yield {
            "port": loopback.getsockname()[1],
            "abstract": f"\0{token}",
            "paths": [str(PROBE), os.path.expanduser("~")],  # noqa: PTH111  It answers even without a home.
            "pid": os.getpid(),
            "sizes": {
                "/tmp": SMALL.tmp_mb * MEBIBYTE,  # noqa: S108  The sandbox's own.
                "/build": SMALL.work_mb * MEBIBYTE,
                "/dev/shm": SHARED_MEMORY_MB * MEBIBYTE,  # noqa: S108  Same.
            },
        }


def _judge_walls(outcome: Outcome) -> Iterator[Attempt]:
    found = _answer(outcome)
    for name, (case, attack) in WALLS.items():
        breaches = found.get(name) if isinstance(found, dict) else None
        if not isinstance(breaches, list):
            yield _not_made(case, attack, outcome)
        elif breaches:
            yield Attempt(case=case, attack=attack, held=False, detail=f"it got: {', '.join(map(str, breaches))}")
        else:
            yield Attempt(case=case, attack=attack, held=True, detail="nothing got through")


def _judge_processes(outcome: Outcome) -> Attempt:
    case, attack = 58, "fork without end"
    found = _answer(outcome)
    count = found.get("processes") if isinstance(found, dict) else None
    if isinstance(outcome, Stopped) and outcome.limit is Limit.PROCESSES:
        return Attempt(case=case, attack=attack, held=True, detail="stopped at the limit")
    if not isinstance(count, int):
        return _not_made(case, attack, outcome)
    held = count <= SMALL.pids + 2
    return Attempt(case=case, attack=attack, held=held, detail=f"{count} of {FORKS_TRIED}, limit {SMALL.pids}")


def _judge_stop(case: int, attack: str, outcome: Outcome, limit: Limit) -> Attempt:
    if isinstance(outcome, NotRun):
        return _not_made(case, attack, outcome)
    held = isinstance(outcome, Stopped) and outcome.limit is limit
    if held and len(outcome.stdout) > SMALL.output_kb * KIBIBYTE:
        return Attempt(case=case, attack=attack, held=False, detail=f"{len(outcome.stdout):,} bytes came out")
    return Attempt(case=case, attack=attack, held=held, detail=_told(outcome))


def _judge_daemon(outcome: Outcome, left: Sequence[int]) -> Attempt:
    case, attack = 62, "leave daemons of sessions of their own behind"
    if not isinstance(outcome, Ran) or outcome.stdout != b"stays\n":
        return _not_made(case, attack, outcome)
    detail = f"processes {', '.join(map(str, left))} are still there" if left else "none is left"
    return Attempt(case=case, attack=attack, held=not left, detail=detail)


def _not_made(case: int, attack: str, outcome: Outcome) -> Attempt:
    return Attempt(case=case, attack=attack, held=False, detail=f"the attack could not be made: {_told(outcome)}")


def _told(outcome: Outcome) -> str:
    if isinstance(outcome, Ran):
        said = " ".join((outcome.stderr or outcome.stdout).decode(errors="replace").split())
        return (
            f"it ended by itself with {outcome.exit_code} ({said[-300:]})"
            if said
            else f"it ended by itself with {outcome.exit_code}"
        )
    if isinstance(outcome, Stopped):
        return f"stopped: {outcome.detail.rstrip('.')}"
    return outcome.detail.rstrip(".")


def _answer(outcome: Outcome) -> object:
    try:
        return json.loads(outcome.stdout) if isinstance(outcome, Ran) and outcome.exit_code == 0 else None
    except ValueError:
        return None


def _processes_with(token: str) -> list[int]:
    """Find the processes on the host whose command line has the token."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdecimal() and token.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found
