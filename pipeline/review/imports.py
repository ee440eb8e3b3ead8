"""Imports: which of the changed files use which others, as far as their first lines tell.

Promises links between files of one change, found by the forms in which the languages in use name other files: by module
(Python, Java, Kotlin, C#, Rust), by path (JavaScript, TypeScript, Ruby, C, PHP) and by directory (Go). Does not
promise to find all: no language is parsed, and a link that is missed or made up costs some context and nothing else.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

Parts: TypeAlias = tuple[str, ...]
"""A file or module by the parts of its name: `shop/cart.py` and `shop.cart` are both `("shop", "cart")`."""

HEAD_CHARACTERS_MAX: Final = 8_000
"""Of a file; imports stand at its top."""

REFERENCES_MAX: Final = 200
"""Followed up for one file."""

_BY_MODULE: Final = re.compile(
    r"[ \t]*(?:from[ \t]+(?P<package>\.*[\w.]*)[ \t]+import[ \t]+\(?(?P<names>[\w, \t]*)"
    r"|(?:import|using|use|pub use|mod|pub mod)[ \t]+(?:static[ \t]+|type[ \t]+)?(?P<module>\.*\w[\w.:]*))"
    r"(?![\w \t]*[\"'{*])"  # Then it is a path that is imported, or one that begins another line.
)
_BY_PATH: Final = re.compile(
    r"[ \t]*(?:import\b|export\b|#[ \t]*include\b|require\w*\b|include\w*\b|.{0,200}?\brequire\(|\}[ \t]*from\b"
    r"|(?:[\w.]+[ \t]+)?(?=\"))"
    r"[^\"'<\n]{0,200}[\"'<](?P<path>[\w@./+-]{1,200})[\"'>]"
)
_NOT_A_PART: Final = frozenset({"", "crate", "self", "super", "src", "lib"})
_OF_DIRECTORY: Final = frozenset({"__init__", "index", "mod", "main"})
"""Names of files that stand for their directory."""


def links(texts: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Say for each file which of the others it names.

    Args:
        texts: Files of the head, by path; all links are between these.
    """
    by_name: defaultdict[str, list[tuple[Parts, str]]] = defaultdict(list)
    for path in sorted(texts):
        for parts in _names_of(path):
            by_name[parts[-1]].append((parts, path))
    return {
        path: tuple(dict.fromkeys(target for target in _targets(path, text, by_name) if target != path))
        for path, text in texts.items()
    }


def _names_of(path: str) -> Iterator[Parts]:
    """List what a file may be called: by its own name, and by its directory where it stands for that."""
    *directory, name = path.split("/")
    stem = name.partition(".")[0] or name
    if stem not in _OF_DIRECTORY or not directory:
        yield (*directory, stem)
    if directory and (stem in _OF_DIRECTORY or name.endswith(".go")):
        yield tuple(directory)


def _targets(path: str, text: str, by_name: Mapping[str, Sequence[tuple[Parts, str]]]) -> Iterator[str]:
    here = tuple(path.split("/")[:-1])
    for number, (parts, is_relative) in enumerate(_references(text)):
        if number == REFERENCES_MAX:
            return
        yield from (found for known, found in by_name.get(parts[-1], ()) if _fits(parts, known, here, is_relative))


def _fits(parts: Parts, known: Parts, here: Parts, is_relative: bool) -> bool:  # noqa: FBT001 - one of four facts.
    """Whether a reference means a file: by two parts of its name at least, or as one beside or above."""
    if known[-len(parts) :] != parts[-len(known) :]:
        return False
    is_near = here[: len(known) - 1] == known[:-1]
    return is_near if len(parts) == 1 else is_relative or len(known) > 1


def _references(text: str) -> Iterator[tuple[Parts, bool]]:
    """List what a file names, and whether it names it as seen from itself."""
    for line in text[:HEAD_CHARACTERS_MAX].split("\n"):
        if match := _BY_MODULE.match(line):
            yield from _of_module(match)
        elif ('"' in line or "'" in line or "<" in line) and (match := _BY_PATH.match(line)):
            path = match["path"]
            stem = re.sub(r"(?<=\w)\.\w{1,4}$", "", path)
            yield from _reference(stem, "/+", path.startswith(".") or "/" not in path)


def _of_module(match: re.Match[str]) -> Iterator[tuple[Parts, bool]]:
    """Take the module, what it is in, and what is imported from it: any of them may be a file."""
    package, module = match["package"], match["module"]
    name = package if package is not None else module
    outer = re.sub(r"[.:]+\w+$", "", name) if module else name
    inner = (f"{name}.{last.strip()}" for last in (match["names"] or "").split(","))
    for whole in (name, outer, *inner):
        yield from _reference(whole, "[.:]+", name.startswith("."))


def _reference(name: str, between: str, is_relative: bool) -> Iterator[tuple[Parts, bool]]:  # noqa: FBT001
    parts = tuple(part for part in re.split(between, name) if part not in _NOT_A_PART and part.strip("."))
    if parts:
        yield parts, is_relative or len(parts) == 1
