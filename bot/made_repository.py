"""Made repository: a git repository from files that we hold, with the same commits everywhere.

Promises the same SHAs for the same files and messages, whoever runs it and when; and that no configuration of the
user's and no hook takes part. Used for what we show and measure, never on a repository of somebody's own.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

GIT_SECONDS_MAX: Final = 30.0
"""One git command; each takes milliseconds."""

WHEN: Final = "2026-01-05T09:00:00+00:00"
"""Of every commit: what is fixed makes SHAs fixed."""


def make_repository(place: Path, branch: str, files: Mapping[str, bytes], message: str) -> None:
    """Make a repository with one commit, at a path that does not exist yet.

    Raises:
        FileExistsError: Something is there.
        subprocess.SubprocessError: git is not there, or failed.
    """
    place.mkdir(parents=True)
    _git(place, "init", "--quiet", "--initial-branch", branch)
    _commit(place, files, message)


def add_branch(
    place: Path, branch: str, files: Mapping[str, bytes], message: str, *, removed: Iterable[str] = ()
) -> None:
    """Begin a branch where the repository stands, with one commit; it is checked out."""
    _git(place, "switch", "--quiet", "--create", branch)
    for path in removed:
        (place / path).unlink()
    _commit(place, files, message)


def _commit(place: Path, files: Mapping[str, bytes], message: str) -> None:
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    _git(place, "add", "--all", "--force")
    _git(place, "commit", "--quiet", "--message", message)


def _git(place: Path, *arguments: str) -> None:
    who = {"NAME": "Onceover demo", "EMAIL": "demo@onceover.invalid", "DATE": WHEN}
    author = {f"GIT_{part}_{name}": value for part in ("AUTHOR", "COMMITTER") for name, value in who.items()}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(
        ["git", *arguments],
        cwd=place,
        env={"PATH": os.environ.get("PATH", os.defpath)} | author | quiet,
        stdin=subprocess.DEVNULL,
        timeout=GIT_SECONDS_MAX,
        check=True,
    )
