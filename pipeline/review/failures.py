"""Failures: where a trace says that something went wrong, and which of these places the change has touched.

Promises linear time on any text, a bounded number of places, and that a place is tied only to a changed file that it
can mean: by its whole path, by a path that ends in it, or by a name that only one changed file has. What lies in a
library is never tied. Does not promise that the tied line is the cause: a trace tells where it was noticed.

The forms are those of Python, JavaScript, Go, Java and its kin, Rust, C#, TypeScript's compiler, and `path:line`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pipeline.review.reports import TiedLine
from pipeline.review.visible import visible

PLACES_MAX: Final = 200
"""Places of one text that are looked at; a trace has some dozens."""

TIES_MAX: Final = 10
"""Tied lines that one failure is told with."""

PATH_CHARACTERS_MAX: Final = 300

_PATH: Final = r"[^\s\"'`()<>|,;:*?\x00-\x1f]{1,300}"
_LINE: Final = r"(?P<line{0}>[1-9]\d{{0,6}})"

_TRACE: Final = re.compile(
    r'File "(?P<path0>[^"\n]{1,300})", line '
    + _LINE.format(0)  # Python.
    # C# ends a frame with the path, the word "line" and its number.
    + r"| in (?P<path1>[^\n\"]{1,300}?\.\w{1,8}):line "
    + _LINE.format(1)
    # Java and its kin: `at shop.cart.Cart.total(Cart.java:12)`; the package is part of the path.
    + r"|\bat (?P<frame>[\w$./@-]{1,300})\((?P<path2>[\w$-]{1,100}\.\w{1,8}):"
    + _LINE.format(2)
    + r"\)"
    # TypeScript's compiler and MSBuild: `src/cart.ts(12,5): error`.
    + rf"|(?<![^\s\"'])(?P<path3>{_PATH}\.\w{{1,8}})\("
    + _LINE.format(3)
    + r",\d{1,6}\)"
    # Everybody else: `path:line`, on Windows with a drive before it.
    + rf"|(?<![\w./\\@-])(?:file://)?(?P<path4>(?:[A-Za-z]:)?{_PATH}\.\w{{1,8}}):"
    + _LINE.format(4)
    + r"(?!\d)"
)

_WORKSPACE: Final = re.compile(
    r"^(?:/home/runner/work|/Users/runner/work|/__w|[A-Za-z]:/a)/[^/]+/[^/]+/|^/github/workspace/|^/build/"
)
"""Where GitHub's runners, and our own sandbox, put a repository."""

_FOREIGN: Final = re.compile(
    r"(?:^|/)(?:site-packages|dist-packages|node_modules|rustc|go/pkg/mod|\.cargo/registry|\.gradle|\.m2|gems"
    r"|hostedtoolcache)/|^(?:/usr/|/opt/|<)|^node:|^internal/(?:modules|process|timers|streams)/"
)
"""Libraries and tools, which no change of the repository touches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line that a trace names."""

    path: str
    """As the trace has it, with `/` between folders."""
    line: int


def places(text: str) -> tuple[Place, ...]:
    """Find the places that a trace names, in its order, each once."""
    return tuple(islice(dict.fromkeys(_places(text)), PLACES_MAX))


def tie(found: Sequence[Place], changed: Mapping[str, Sequence[int]]) -> tuple[TiedLine, ...]:
    """Tell which places lie in changed files; those on changed lines come first.

    Args:
        found: What the traces name.
        changed: Lines that were added or changed, by path in the head tree.
    """
    by_name: dict[str, list[str]] = {}
    for path in changed:
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    lines = {path: frozenset(numbers) for path, numbers in changed.items()}
    tied: dict[tuple[str, int], TiedLine] = {}
    for place in found:
        meant = _meant(place.path, by_name.get(place.path.rpartition("/")[2], ()))
        if meant is not None:
            tied[meant, place.line] = TiedLine(path=meant, line=place.line, changed=place.line in lines[meant])
    return tuple(sorted(tied.values(), key=lambda one: not one.changed)[:TIES_MAX])


def _places(text: str) -> Iterator[Place]:
    for match in _TRACE.finditer(text):
        groups = match.groupdict()
        at = next(number for number in range(5) if groups[f"path{number}"])
        path = (groups[f"path{at}"] or "").replace("\\", "/")
        if groups["frame"]:
            path = _in_package(groups["frame"], path)
        path = path.removeprefix("file://").removeprefix("./")
        if len(path) <= PATH_CHARACTERS_MAX and visible(path, lines=False) == path and not _FOREIGN.search(path):
            yield Place(path=_WORKSPACE.sub("", path), line=int(groups[f"line{at}"] or 0))


def _in_package(frame: str, name: str) -> str:
    """Write `shop.cart.Cart.total` and `Cart.java` as `shop/cart/Cart.java`; a module before a `/` is no package."""
    package = frame.rpartition("/")[2].split(".")[:-2]
    return "/".join([*package, name])


def _meant(path: str, candidates: Sequence[str]) -> str | None:
    """Choose the changed file that a path means; None if it can mean none, or several."""
    if path in candidates:
        return path
    within = [one for one in candidates if "/" in one and path.endswith(f"/{one}")]
    if within:  # A folder of somebody's machine stands before it; the longest is the most exact.
        return max(within, key=len)
    if path.startswith(("/", "~")) or path[1:2] == ":" or ".." in path.split("/"):
        return None
    below = [one for one in candidates if one.endswith(f"/{path}")]  # Told from within a folder of the repository.
    return below[0] if len(below) == 1 else None
