"""Groups: a huge change, from git to the groups that a model reads, beside `git diff --stat` of the same commits."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.changes import Change, base_of, head_of, make_repository
from benchmarks.figures import Table

CHANGE: Final = Change(files=3_000, lines=200_000)
BASELINE: Final = "git diff --stat"
SECONDS_MAX: Final = 300

WEIGH: Final = """
import os, sys, time
begun = time.perf_counter()
nowhere = os.open(os.devnull, os.O_WRONLY)
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, nowhere, 1)])
_, status, used = os.wait4(child, 0)
assert status == 0
print(time.perf_counter() - begun, used.ru_maxrss)
"""
"""Starts a command from a small process: what Linux tells of a child's memory includes that of who started it."""


async def run(rounds: int) -> list[Table]:
    """Measure it."""
    with tempfile.TemporaryDirectory(prefix="onceover-bench-") as name:
        return list(_measure(Path(name), CHANGE, rounds))


def _measure(folder: Path, change: Change, rounds: int) -> Sequence[Table]:
    repository = make_repository(folder / f"{change.files}.git")
    base = repository.commit("main", base_of(change), parent=None)
    head = repository.commit("topic", head_of(change), parent=base)
    took = Table(title=f"A change cut for a model, {change.name}", unit="s", baseline=BASELINE, digits=2)
    weighs = Table(title=f"Memory at most, {change.name}", unit="MB", baseline=BASELINE, digits=0)
    said: Mapping[str, Any] = {}
    for _ in range(rounds):
        seconds, megabytes = _stat(repository.path, base, head)
        said = _cut(repository.path, base, head)
        for table, values in (
            (took, {BASELINE: seconds, "read and sorted out": said["read_seconds"], "grouped": said["group_seconds"]}),
            (weighs, {BASELINE: megabytes, "idle": said["idle_megabytes"], "onceover": said["megabytes"]}),
        ):
            for side, value in values.items():
                table.values.setdefault(side, []).append(value)
    took.notes.append(
        f"{said['files']:,} files and {said['lines']:,} changed lines, of which {said['groups']} groups of"
        f" {said['pieces']:,} pieces are read and {said['left_out']:,} files are left out by name"
    )
    return took, weighs


def _stat(path: Path, base: str, head: str) -> tuple[float, float]:
    """Time git, and weigh it."""
    command = ["git", "-C", str(path), "diff", "--stat", "--find-renames", base, head]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", WEIGH, *command], capture_output=True, text=True, check=True
    )
    seconds, kilobytes = done.stdout.split()
    return float(seconds), int(kilobytes) / 1024


def _cut(path: Path, base: str, head: str) -> Mapping[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.groups_process", str(path), base, head],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS_MAX,
    )
    told: Mapping[str, Any] = json.loads(done.stdout)
    return told
