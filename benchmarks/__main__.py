"""`python -m benchmarks [NAME...]`: measure, and print what was measured."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import (
    app,
    checkpoint_cost,
    docs_index,
    door,
    groups,
    machine,
    prompt_tokens,
    recovery,
    start_up,
    step_gap,
    stored,
    throughput,
)
from benchmarks.figures import Table

BENCHMARKS: Final[dict[str, Callable[[int], Awaitable[list[Table]]]]] = {
    "start_up": start_up.run,
    "checkpoint_cost": checkpoint_cost.run,
    "step_gap": step_gap.run,
    "throughput": throughput.run,
    "recovery": recovery.run,
    "stored": stored.run,
    "door": door.run,
    "app": app.run,
    "docs_index": docs_index.run,
    "groups": groups.run,
    "prompt_tokens": prompt_tokens.run,
    "stored_100000": partial(stored.run, stored_max=100_000),
}

BY_DEFAULT: Final = tuple(name for name in BENCHMARKS if name != "stored_100000")
"""The rest takes some ten minutes and 3 GB."""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; none: all but the last")
    parser.add_argument("--rounds", type=int, default=5, help="times that each side is measured")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in BENCHMARKS]:
        parser.error(f"unknown benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    return asked


async def measure(asked: argparse.Namespace) -> list[Table]:
    """Run the benchmarks that were asked for, and print each when it is done."""
    tables = []
    for name in asked.names or BY_DEFAULT:
        for table in await BENCHMARKS[name](asked.rounds):
            print("\n".join(table.lines()), end="\n\n", flush=True)
            tables.append(table)
    return tables


def main() -> None:
    """Measure and print."""
    asked = parse_arguments()
    about = machine.describe()
    print("\n".join(about), end="\n\n", flush=True)
    tables = asyncio.run(measure(asked))
    if asked.json:
        figures = {"machine": about, "rounds": asked.rounds, "tables": [table.to_json() for table in tables]}
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
