"""The `.env` file: `NAME=value` lines, read as data.

Promises not to expand `${...}`, not to touch the environment of this process, and to end soon, whatever the file is;
a fault names a line and never what stands on it. Does not promise that the file is the operator's own: see `settings`.
"""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream

FILE_BYTES_MAX: Final = 65_536
"""A private key takes 3 KB, a line 100 bytes; larger is some other file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DotenvFile:
    """What a `.env` says."""

    values: dict[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    """What could not be read, each a clause that can follow the file's name."""


def read_dotenv(path: Path | None) -> DotenvFile:
    """Read the file; none, or a directory of that name (some keep a virtual environment there), says nothing."""
    if path is None or path.is_dir() or not path.exists():
        return DotenvFile()
    if not path.is_file():
        return DotenvFile(faults=("is no regular file",))
    try:
        return _parse(_text_of(path))
    except OSError as error:
        return DotenvFile(faults=(f"cannot be read: {error.strerror}",))
    except UnicodeDecodeError:
        return DotenvFile(faults=("is not UTF-8",))
    except _TooLarge:
        return DotenvFile(faults=(f"is larger than {FILE_BYTES_MAX:,} bytes",))


class _TooLarge(Exception):
    """The file is some other file."""


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise _TooLarge
    return content.decode("utf-8-sig")


def _parse(text: str) -> DotenvFile:
    bindings = list(parse_stream(io.StringIO(text)))
    return DotenvFile(
        values={line.key: line.value for line in bindings if line.key and line.value is not None},
        faults=tuple(f"has no NAME=value on line {_line_number(line)}" for line in bindings if line.error),
    )


def _line_number(binding: Binding) -> int:
    """Count the blank lines that the parser puts before a statement."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
