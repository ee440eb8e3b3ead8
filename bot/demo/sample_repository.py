"""Sample repository: a small project with a branch worth reviewing.

Planted on the branch: a discount that is none (integer division), an off-by-one, a shell command built from a name, a
mutable default, an unquoted shell variable, a test that fails, and a page of documentation that tells the old name.
"""

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, Literal

from bot.made_repository import add_branch, make_repository

BASE: Final = "main"
BRANCH: Final = "coupons"
FIRST_TITLE: Final = "Sell things"
TITLE: Final = "Take coupons off the price, and archive orders"

_SUFFIX: Final = ".sample"


def sample_files(part: Literal["base", "head"]) -> dict[str, bytes]:
    """Read what the first commit holds, or what the branch changes, by path."""
    return dict(_read(resources.files("bot.demo") / "sample" / part, ""))


def build_sample(place: Path) -> None:
    """Make the repository at a path that does not exist yet; its branch is checked out."""
    make_repository(place, BASE, sample_files("base"), FIRST_TITLE)
    add_branch(place, BRANCH, sample_files("head"), TITLE)


def _read(folder: Traversable, under: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{under}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield under + entry.name.removesuffix(_SUFFIX), entry.read_bytes()
