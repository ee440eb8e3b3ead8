"""Order: what a worker process is told, and how it speaks with whoever measures it.

The pipe is the same for all sides, so that seeing a run end costs all of them the same: the worker writes `ready`,
reads `go`, and then writes the id of each run whose end is durable, one a line. Nobody polls for results.
"""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import Final, Literal, Self, TypeAlias

CHECKPOINT_BYTES: Final = 2048
"""Size of what each stage leaves, as JSON text."""

POLL_SECONDS: Final = 0.01
"""How often arq asks for jobs, on all sides that use it."""

STAGES: Final = ("analyze", "test", "docs", "summarize", "comment")

Shape: TypeAlias = Literal["review", "chain", "steps"]
"""review: three stages at once, then two in a row, as the product's graph; chain: five in a row; steps: one stage of
many steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What one worker process does."""

    kind: str
    url: str
    """Where its Redis or its database is."""
    at_once: int = 10
    """Runs that it moves at the same time."""
    shape: Shape = "review"
    steps: int = 0
    stage_seconds: float = 0.0
    ledger: str = ""
    """File that tells which stages were begun and recorded; empty: none is kept."""
    lease_seconds: float = 30.0
    host: str = ""
    """Name of the host that the worker claims to be on; empty: the real one."""

    def to_wire(self) -> str:
        """Write it for the worker's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_wire(cls, text: str) -> Self:
        """Read what `to_wire` wrote."""
        return cls(**json.loads(text))


class Ledger:
    """What happened outside, kept through kill -9 (the page cache outlives a process)."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if path else None

    def note(self, what: str, run: str, stage: str) -> None:
        """Append one line."""
        if self._file is not None:
            os.write(self._file, f"{what} {run} {stage}\n".encode())


def tell(line: str) -> None:
    """Write a line to whoever measures."""
    os.write(1, f"{line}\n".encode())


async def open_stdin() -> asyncio.StreamReader:
    """Read lines from whoever measures."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def checkpoint_value(stage: str) -> dict[str, str]:
    """Make what a stage leaves."""
    return {"stage": stage, "text": "x" * (CHECKPOINT_BYTES - 30)}
