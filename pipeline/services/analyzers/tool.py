"""Tool: how to call one analyser and how to read its answer.

A tool's module fills in this record; the runner knows no tool by name.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from pipeline.services.analyzers.remark import Answer

SHEBANG: Final = re.compile(rb"#![ \t]*(?:\S*/)?(?:env[ \t]+(?:-S[ \t]+)?)?(?:\S*/)?(?P<interpreter>[A-Za-z]+)")
"""The interpreter's name without its version: `python` of `#!/usr/bin/env -S python3.11 -O`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One analyser."""

    name: str
    """Name of its program, and of its distribution in the extra `analyzers`."""
    wants: Callable[[str, bytes], bool]
    """Whether a file, by its path in the repository and its content, is for this tool."""
    arguments: tuple[str, ...]
    """Everything between the program and the files; ends with `--` where the tool knows it."""
    exit_codes: frozenset[int]
    """Codes of a run that worked, with or without remarks."""
    read: Callable[[bytes], Answer]
    """Read its stdout; paths are those of the workspace. Raises ValueError for anything but its own format."""
    files_per_call_max: int
    """What one crash or hang can take down; fewer for a tool that is slow on hostile input."""
    code_not_its_kind: int | None = None
    """Exit code that says that nothing given was its kind of file."""


def suffix_of(path: str) -> str:
    """Return the last suffix of a path, lower case, with its dot."""
    return PurePosixPath(path).suffix.lower()


def interpreter_of(content: bytes) -> str:
    """Return the interpreter that the first line asks for, without path and version; empty if none."""
    found = SHEBANG.match(content[:200])
    return found["interpreter"].decode("ascii") if found else ""


def is_python(path: str, content: bytes) -> bool:
    """Tell a Python module or script from all else; notebooks are not, since their lines are not the diff's."""
    suffix = suffix_of(path)
    return suffix in {".py", ".pyi"} or (not suffix and interpreter_of(content) == "python")
