"""Sample repository: a small project with a branch worth reviewing.

Planted on the branch: a discount that is none (integer division), an off-by-one, a shell command built from a name, a
mutable default, an unquoted shell variable, a test that fails, and a page of documentation that tells the old name.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, Literal

GIT_SECONDS_MAX: Final = 30.0
"""One git command; each takes milliseconds."""

BASE: Final = "main"
BRANCH: Final = "coupons"
FIRST_TITLE: Final = "Sell things"
TITLE: Final = "Take coupons off the price, and archive orders"

_SUFFIX: Final = ".sample"
_WHEN: Final = "2026-01-05T09:00:00+00:00"
"""Fixed, so that the same sample has the same commits everywhere."""


def sample_files(part: Literal["base", "head"]) -> dict[str, bytes]:
    """Read what the first commit holds, or what the branch changes, by path."""
    return dict(_read(resources.files("bot.demo") / "sample" / part, ""))


def build_sample(place: Path) -> None:
    """Make the repository at a path that does not exist yet; its branch is checked out."""
    place.mkdir(parents=True)
    _git(place, "init", "--quiet", "--initial-branch", BASE)
    _commit(place, sample_files("base"), FIRST_TITLE)
    _git(place, "switch", "--quiet", "--create", BRANCH)
    _commit(place, sample_files("head"), TITLE)


def _commit(place: Path, files: Mapping[str, bytes], message: str) -> None:
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    _git(place, "add", "--all")
    _git(place, "commit", "--quiet", "--message", message)


def _read(folder: Traversable, under: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{under}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield under + entry.name.removesuffix(_SUFFIX), entry.read_bytes()


def _git(place: Path, *arguments: str) -> None:
    who = {"NAME": "Onceover demo", "EMAIL": "demo@onceover.invalid", "DATE": _WHEN}
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
