"""Names: what a change takes away from those who use the code by name.

Promises to tell only names that are gone, have another name now, or mean something else (another parameter, another
default, another value): a body that changed is no reason to read the manual again.
Python is read as a whole, before and after. Other languages are read line by line from the diff, by the few forms
in which they declare what is public; flags, environment variables and routes by `pipeline.review.interface_names`.
Does not promise to see everything, and whoever calls has to check that a name that is gone here does not live on
elsewhere (`pipeline.review.living_names`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from pipeline.review.documents import is_test
from pipeline.review.interface_names import (
    INTERFACE_KINDS,
    Sighting,
    is_settings,
    line_interfaces,
    python_interfaces,
)
from pipeline.review.python_names import Altered, Definition, Difference, compare, definitions

NAMES_MAX: Final = 200
"""Changed names of one diff that are followed up; a change with more is a rewrite."""

LINE_CHARACTERS_MAX: Final = 1_000
"""Of a changed line this much is looked at."""


class Change(StrEnum):
    """What happened to a name."""

    REMOVED = "removed"
    RENAMED = "renamed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedName:
    """A public name that is not what it was."""

    name: str
    """As one writes it: `apply_discount`, `--retry-max`, `SHOP_TOKEN`, `/api/cart`."""
    kind: str
    """function, class, constant, flag, variable, route or name."""
    change: Change
    path: str
    """Where it was changed: the new path, the old one if the file is gone."""
    line: int
    """In the head's version; in the old one if it is removed."""
    new_name: str = ""
    detail: str = ""
    """For changed ones: what is different, as a clause."""
    hints: tuple[str, ...] = ()
    """For changed ones: the old words (a parameter, a default) without which a mention is not stale."""
    subjects: tuple[str, ...] = ()
    """For each of them, the parameter that has to stand beside it if it is a word that stands everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCode:
    """One file of a diff, as far as this module reads it."""

    path: str
    old_path: str
    removed: Sequence[tuple[int, str]] = ()
    """Line number in the old version, and text."""
    added: Sequence[tuple[int, str]] = ()
    """Line number in the new version, and text."""
    before: bytes | None = None
    """The whole old version, of Python files."""
    after: bytes | None = None
    """The whole new version, of Python files; None if it was deleted."""


def changed_names(files: Iterable[ChangedCode]) -> tuple[ChangedName, ...]:
    """List the public names that a diff removes, renames or gives another meaning, each once."""
    found: dict[tuple[str, str], ChangedName] = {}
    arrived: set[str] = set()
    for file in files:
        if has_names(file.path) and not is_test(file.path):
            for account in (_declared(file), _interface(file)):
                arrived |= account.arrived
                for changed in account.changed:
                    found.setdefault((changed.kind, changed.name), changed)
    kept = [name for name in found.values() if name.change is Change.CHANGED or name.name not in arrived]
    return tuple(kept[:NAMES_MAX])


def is_code(path: str) -> bool:
    """Whether names are looked for in a file of this name."""
    return _suffix(path) in _DECLARATIONS or _suffix(path) in _SHELL


def has_names(path: str) -> bool:
    """Whether a file of this name is code, or sets variables for it."""
    return is_code(path) or is_settings(path)


def defines(names: Sequence[str]) -> "re.Pattern[bytes] | None":
    """Make a pattern that finds definitions of the names, or flags and the like in quotes, in any code file.

    The name is group 1. None without names.
    """
    if not names:
        return None
    either = b"|".join(
        re.escape(name.encode("utf-8", "surrogateescape")) for name in sorted(names, key=len, reverse=True)
    )
    return re.compile(
        rb"(?:\b(?:def|class|func|function|fn|struct|enum|trait|interface|type|const|let|var|static|record|module)\s+"
        rb"(?:\([^()\n]{0,80}\)\s*)?"
        rb"|\b(?:import|require)\b[^;\n]{0,200}?[\s,{(.]"
        rb"|^[ \t]*(?=[\w.]+[ \t]*(?::[^=\n]{0,80})?=[^=])|[\"'`])"
        rb"(" + either + rb")(?![\w-])",
        re.MULTILINE,
    )


_PYTHON_LINE: Final = re.compile(r"^\s*(?:async\s+)?(?:(?P<function>def)|(?P<class>class))\s+(?P<name>[^\W_]\w*)")
"""For files that this Python cannot parse."""

_JS: Final = re.compile(
    r"^\s*export\s+(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?"
    r"(?:(?P<function>function\*?)|(?P<class>class|interface|type|enum)|(?P<constant>const|let|var))\s+(?P<name>[\w$]+)"
)
_GO: Final = re.compile(
    r"^(?:(?P<function>func)\s+(?:\([^)]{0,80}\)\s*)?|(?P<class>type)\s+|(?P<constant>const|var)\s+)(?P<name>[A-Z]\w*)"
)
_RUST: Final = re.compile(
    r"^\s*pub\s+(?:(?:async|unsafe|const)\s+){0,2}(?:(?P<function>fn)|(?P<class>struct|enum|trait|type)|(?P<constant>const|static))"
    r"\s+(?P<name>\w+)"
)
_JVM: Final = re.compile(
    r"^\s*(?:public\s+)(?:(?:static|final|abstract|sealed|async|override|virtual|readonly)\s+){0,4}"
    r"(?:(?P<class>class|interface|enum|record|struct)\s+|(?P<function>(?:[\w<>\[\],.?]+\s+){1,2}(?=\w+\s*\())"
    r"|(?P<constant>[\w<>\[\],.?]+\s+(?=[A-Z_0-9]+\s*=)))(?P<name>\w+)"
)
_KOTLIN: Final = re.compile(
    r"^\s*(?!private|internal|protected)(?:(?:public|open|data|sealed|abstract|suspend|override|inline)\s+){0,4}"
    r"(?:(?P<function>fun)|(?P<class>class|interface|object|enum class)|(?P<constant>const val))\s+(?P<name>\w+)"
)
_RUBY: Final = re.compile(r"^\s*(?:(?P<function>def)\s+(?:self\.)?|(?P<class>class|module)\s+)(?P<name>\w+[?!]?)")
_PHP: Final = re.compile(
    r"^\s*(?:(?:abstract|final|public|static)\s+){0,3}(?:(?P<function>function)|(?P<class>class|interface|trait|enum)|(?P<constant>const))"
    r"\s+(?P<name>\w+)"
)
_DECLARATIONS: Final = {
    **dict.fromkeys(("py", "pyi"), _PYTHON_LINE),
    **dict.fromkeys(("js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte"), _JS),
    "go": _GO,
    "rs": _RUST,
    **dict.fromkeys(("java", "cs", "scala"), _JVM),
    **dict.fromkeys(("kt", "kts"), _KOTLIN),
    "rb": _RUBY,
    "php": _PHP,
}

_SHELL: Final = frozenset({"sh", "bash"})
"""Here only flags and variables are names that people use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """What one file tells."""

    changed: tuple[ChangedName, ...]
    arrived: frozenset[str]
    """Names that the file has and had not, so that one that only moved there is not called removed."""


def _declared(file: ChangedCode) -> _Account:
    """Tell changed declarations: by the parsed versions of Python, else by the lines of the diff."""
    before, after = _versions(file)
    if before is None or after is None:
        old, new = _declarations(file.path, file.removed), _declarations(file.path, file.added)
        return _Account(changed=tuple(_changed_lines(file, old, new)), arrived=frozenset(new))
    difference = compare(before, after)
    return _Account(
        changed=tuple(_changed_definitions(file, difference)),
        arrived=frozenset(one.name for one in difference.added),
    )


def _changed_definitions(file: ChangedCode, difference: Difference) -> Iterator[ChangedName]:
    for one in difference.removed:
        yield _changed(file, one, Change.REMOVED, line=one.line)
    for pair in difference.renamed:
        yield _changed(file, pair.before, Change.RENAMED, line=pair.after.line, new_name=pair.after.name)
    by_name: dict[str, list[Altered]] = {}
    for altered in difference.altered:
        by_name.setdefault(altered.after.name, []).append(altered)
    for alterations in by_name.values():
        yield _altered(file, alterations)


def _versions(file: ChangedCode) -> tuple[Mapping[str, Definition] | None, Mapping[str, Definition] | None]:
    """Parse both versions; a file that was not there defines nothing."""
    if _suffix(file.path) not in {"py", "pyi"} or (file.before is None and file.after is None):
        return None, None
    return definitions(file.before or b""), definitions(file.after or b"")


def _changed(file: ChangedCode, one: Definition, change: Change, *, line: int, new_name: str = "") -> ChangedName:
    return ChangedName(name=one.name, kind=one.kind, change=change, path=file.path, line=line, new_name=new_name)


def _altered(file: ChangedCode, alterations: list[Altered]) -> ChangedName:
    after = alterations[0].after
    return ChangedName(
        name=after.name,
        kind=after.kind,
        change=Change.CHANGED,
        path=file.path,
        line=after.line,
        detail="; ".join(altered.difference for altered in alterations),
        hints=tuple(altered.old_word for altered in alterations),
        subjects=tuple(altered.subject for altered in alterations),
    )


_Declared: TypeAlias = Mapping[str, tuple[str, int]]
"""Name to kind and line."""


def _changed_lines(file: ChangedCode, old: _Declared, new: _Declared) -> Iterator[ChangedName]:
    """Tell what went; where one of a kind went and one came, it is taken for the same under another name."""
    gone = {name: place for name, place in old.items() if name not in new}
    come = {name: place for name, place in new.items() if name not in old}
    gone_kinds, come_kinds = (Counter(kind for kind, _ in names.values()) for names in (gone, come))
    for name, (kind, line) in gone.items():
        if any(_is_part(other, name) for other in come):
            continue  # The whole may be put together of the part while the program runs.
        if gone_kinds[kind] == come_kinds[kind] == 1:
            heir, line_now = next((other, line) for other, (other_kind, line) in come.items() if other_kind == kind)
            yield ChangedName(name=name, kind=kind, change=Change.RENAMED, path=file.path, line=line_now, new_name=heir)
        else:
            yield ChangedName(name=name, kind=kind, change=Change.REMOVED, path=file.path, line=line)


def _is_part(part: str, name: str) -> bool:
    return "_" in part and (name.endswith(f"_{part}") or name.startswith(f"{part}_"))


def _declarations(path: str, lines: Iterable[tuple[int, str]]) -> _Declared:
    pattern = _DECLARATIONS.get(_suffix(path))
    found: dict[str, tuple[str, int]] = {}
    for number, text in lines:
        if pattern and (match := pattern.match(text[:LINE_CHARACTERS_MAX])):
            kind = next((kind for kind in ("function", "class", "constant") if match.groupdict().get(kind)), "name")
            found.setdefault(match["name"], (kind, number))
    return found


def _interface(file: ChangedCode) -> _Account:
    """Tell flags, variables and routes that the file has no more, or whose default is another."""
    old, new = _sightings(file)
    changed: list[ChangedName] = []
    for kind in INTERFACE_KINDS:
        before, after = (
            {name: (kind, one.line) for name, one in sightings.items() if one.kind == kind} for sightings in (old, new)
        )
        changed += _changed_lines(file, before, after)
    changed += _changed_defaults(file, old, new)
    return _Account(changed=tuple(changed), arrived=frozenset(new))


def _sightings(file: ChangedCode) -> tuple[Mapping[str, Sighting], Mapping[str, Sighting]]:
    """List the names before and after: in whole files of Python, in the changed lines of others."""
    if _suffix(file.path) in {"py", "pyi"} and file.before is not None and file.after is not None:
        before, after = python_interfaces(file.before), python_interfaces(file.after)
        if before is not None and after is not None:
            return before, after
    return line_interfaces(file.old_path or file.path, file.removed), line_interfaces(file.path, file.added)


def _changed_defaults(
    file: ChangedCode, old: Mapping[str, Sighting], new: Mapping[str, Sighting]
) -> Iterator[ChangedName]:
    for name in (name for name in old if name in new and old[name].kind == new[name].kind):
        before, after = old[name].default, new[name].default
        if before and after and before != after:
            yield ChangedName(
                name=name,
                kind=new[name].kind,
                change=Change.CHANGED,
                path=file.path,
                line=new[name].line,
                detail=f"its default is `{after}` now, no longer `{before}`",
                hints=(before,),
            )


def _suffix(path: str) -> str:
    return path.rpartition(".")[2].lower()
