"""Living names: which of the names that a change took away the head still has somewhere.

Promises to err on the side of life: a definition, an import or an alias keeps a function's name, any word of code that
is not a comment keeps a variable's, and any quoted one a flag's or a route's. Documents and tests keep nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.review.documents import is_test
from pipeline.review.interface_names import INTERFACE_KINDS, python_interfaces
from pipeline.review.names import ChangedName, defines, has_names

_COMMENT: Final = re.compile(rb"\s*(?:#(?![\[!])|//|/?\*|--\s|<!--)")


def may_keep_names(path: str) -> bool:
    """Whether a file of this name is looked through."""
    return has_names(path) and not is_test(path)


@dataclass(frozen=True, slots=True)
class LivingNames:
    """What is looked for; made by `look_for`."""

    defined: re.Pattern[bytes] | None
    interface: Mapping[str, re.Pattern[bytes]]

    def found_in(self, path: str, content: bytes) -> set[str]:
        """Return those of the names that live on in a file of the head."""
        found: set[str] = set()
        if self.defined is not None:
            found |= {_text(match[1]) for match in self.defined.finditer(content)}
        spoken = {name for name, pattern in self.interface.items() if _is_spoken(pattern, content)}
        if spoken and path.endswith((".py", ".pyi")) and (parsed := python_interfaces(content)) is not None:
            return found | (spoken & parsed.keys())  # Docstrings and comments speak of names too.
        return found | spoken


def look_for(names: Iterable[ChangedName]) -> LivingNames:
    """Prepare to look for names that are gone from where they were."""
    names = tuple(names)
    declared = sorted({one.name for one in names if one.kind not in INTERFACE_KINDS})
    return LivingNames(
        defined=defines(declared),
        interface={one.name: _pattern(one) for one in names if one.kind in INTERFACE_KINDS},
    )


def _pattern(one: ChangedName) -> re.Pattern[bytes]:
    name = one.name.encode("utf-8", "surrogateescape")
    if one.kind == "flag":
        bare = re.escape(name.removeprefix(b"--"))
        return re.compile(
            rb"[\"'`](?:-\w[\"'`]?,\s*[\"'`]?)?(?:--)?" + bare + rb"(?=[\"'`=\s,\[])|--" + bare + rb"(?=[|)=])"
        )
    if one.kind == "route":
        return re.compile(rb"[\"'`](?:[A-Z]{3,7} )?/?" + re.escape(name.removeprefix(b"/")) + rb"[\"'`]")
    return re.compile(rb"(?<!\w)" + re.escape(name) + rb"(?!\w)")


def _is_spoken(pattern: re.Pattern[bytes], content: bytes) -> bool:
    """Whether a line that is no comment has the name."""
    for match in pattern.finditer(content):
        start = content.rfind(b"\n", 0, match.start()) + 1
        if not _COMMENT.match(content[start : match.start()]):
            return True
    return False


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
