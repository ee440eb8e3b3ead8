"""A command loads what it needs and no more: help and listings never load the clients of the App or of the model."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from bot.cli import make_app
from tests.project import ROOT

HEAVY = {"githubkit", "openai", "litestar", "uvicorn", "sentry_sdk", "httpx", "httpx2", "hypothesis", "dbos"}
"""Each costs 0.2 to 0.6 s of CPU time before the first word is printed."""

COMMANDS = [
    "--help",
    "--version",
    "review --help",
    "demo --help",
    "runs --help",
    "runs list --help",
    "runs show --help",
    "runs rerun --help",
    "runs cancel --help",
    "runs resume --help",
    "dev --help",
    "serve --help",
    "worker --help",
    "setup --help",
    "doctor --help",
    "config --help",
    "config check --help",
    "config show --help",
    "config schema --help",
    "deliveries --help",
    "deliveries show --help",
    "deliveries recover --help",
    "audit --help",
    "audit verify --help",
    "sandbox --help",
    "sandbox run --help",
    "sandbox check --help",
    "usage --help",
    "eval --help",
    "bench --help",
    "bench review-bench --help",
    "bench martian --help",
    "bench swe-prbench --help",
    "runs list",
]


def names_below(app: App) -> Iterator[str]:
    """Every command of the tree, as one types it."""
    for name in app:
        if not name.startswith("-"):
            yield name
            yield from (f"{name} {below}" for below in names_below(app[name]))


def test_every_command_stands_in_the_table() -> None:
    assert {f"{name} --help" for name in names_below(make_app())} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_only_tells_something_loads_no_heavy_client(command: str, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bot", *command.split()],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in told.stderr.splitlines()}
    assert told.returncode == 0, told.stderr[-500:]
    assert told.stdout.strip()
    assert "bot" in loaded
    assert loaded & HEAVY == set()
