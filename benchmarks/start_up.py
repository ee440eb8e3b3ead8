"""Start-up: CPU time of `onceover --help`, beside a Python that does nothing."""

import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.figures import Table, alternate

SECONDS_MAX: Final = 30.0


async def run(rounds: int) -> list[Table]:
    """Measure both."""
    onceover = str(Path(sys.executable).with_name("onceover"))
    sides = {
        "python -c pass": partial(cpu_seconds, [sys.executable, "-c", "pass"]),
        "onceover --help": partial(cpu_seconds, [onceover, "--help"]),
    }
    table = Table(title="Start-up, CPU time", unit="s", baseline="python -c pass", digits=3)
    for measure in sides.values():
        await measure()  # Compiles, and caches what it compiled.
    return [await alternate(table, sides, rounds)]


async def cpu_seconds(command: list[str]) -> float:
    """Run a command and answer the CPU time that it took."""
    # An installed program has its bytecode, whatever this shell says about writing it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(  # noqa: ASYNC221 - nothing else runs while this is timed
        command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=SECONDS_MAX, env=environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
