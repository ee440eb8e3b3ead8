"""`onceover config`: check a configuration file before it is merged, and tell what can be set."""

import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.cells import cell_len

from bot.exit_codes import ExitCode
from bot.output import result_page, say_last, write_json, write_text
from pipeline.engine.errors import AskPerson
from pipeline.review.configuration.ceilings import Ceilings
from pipeline.review.configuration.effective import effective
from pipeline.review.configuration.problem import Problem
from pipeline.review.configuration.reading import PATH_IN_REPOSITORY, ReadConfiguration, read_configuration
from pipeline.review.configuration.schema import schema_text
from pipeline.review.configuration.yaml_tree import FILE_BYTES_MAX
from pipeline.review.visible import visible
from pipeline.review.wording import count

LINE_CHARACTERS_MAX: Final = 100
"""Of a source line that is shown; a longer one is cut around the column."""

AsJson = Annotated[bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON instead of text.")]
"""As other commands have it; those that own it load the client of Redis, 0.4 s that this one need not wait for."""

File = Annotated[
    Path | None, Parameter(show_default=False, help=f"A file; `{PATH_IN_REPOSITORY}` of this repository without.")
]


class NoConfiguration(AskPerson):
    """There is no such file, or none that can be read."""

    code = "usage"


def check(path: File = None, *, as_json: AsJson = False) -> ExitCode:
    """Check a configuration file and tell every problem with its line and column.

    Raises:
        NoConfiguration: There is no file, or none that can be read.
    """
    file = path or _find()
    if file is None:
        raise NoConfiguration(
            f"There is no `{PATH_IN_REPOSITORY}` in this directory or above it, within its repository.",
            next_step="Name a file, or write one: `onceover config show` tells what can be set.",
        )
    content = _read(file)
    read = _judge(content, file)
    if as_json:
        write_json({"file": _name(file), "problems": [asdict(one) for one in read.problems], "notes": list(read.notes)})
    else:
        _print(_told(read, content, file))
    return ExitCode.CONFIGURATION if read.problems else ExitCode.DONE


def schema() -> ExitCode:
    """Print the JSON Schema of the configuration file."""
    write_text(schema_text())
    return ExitCode.DONE


def show(path: File = None, *, as_json: AsJson = False) -> ExitCode:
    """Show every setting with the value that holds, and where it comes from."""
    file = path or _find()
    content = _read(file) if file else None
    read = _judge(content, file or Path(PATH_IN_REPOSITORY))
    if as_json:
        write_json([asdict(one) for one in effective(read)])
    else:
        _print(f"{one.name}: {json.dumps(one.value, ensure_ascii=False)}  # {one.origin}" for one in effective(read))
    for problem in read.problems:
        say_last(str(problem))
    return ExitCode.CONFIGURATION if read.problems else ExitCode.DONE


def _judge(content: bytes | None, file: Path) -> ReadConfiguration:
    """Read as the App would, whose operator may allow less."""
    return read_configuration(content, source=_name(file), ceilings=Ceilings(sandbox=True))


def _find() -> Path | None:
    """Look for the file from here upwards, to the top of the repository."""
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / PATH_IN_REPOSITORY).exists():
            return Path(os.path.relpath(directory / PATH_IN_REPOSITORY, here))
        if (directory / ".git").exists():
            break
    return None


def _read(file: Path) -> bytes:
    """Read no more than is needed to see that it is too much."""
    try:
        if stat.S_ISREG(file.stat().st_mode):  # A pipe would make us wait for whoever writes into it.
            with file.open("rb") as opened:
                return opened.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no name of a file"
        raise NoConfiguration(f"`{_name(file)}` cannot be read: {why}.", next_step="Name another file.") from error
    raise NoConfiguration(f"`{_name(file)}` is no file.", next_step="Name a file.")


def _told(read: ReadConfiguration, content: bytes, file: Path) -> Iterator[str]:
    lines = content.decode(errors="replace").split("\n")
    for problem in read.problems:
        yield str(problem)
        yield from _marked(problem, lines[problem.line - 1] if problem.line <= len(lines) else "")
    if read.problems:
        yield f"{count(len(read.problems), 'problem')}. While a file has one, the defaults apply instead of it."
    else:
        yield from (f"note: {note}" for note in read.notes)
        yield f"{_name(file)} is fine."


def _marked(problem: Problem, line: str) -> Iterator[str]:
    """Show the line, and a caret below the column."""
    line = line.removesuffix("\r")
    start = max(0, problem.column - 1 - LINE_CHARACTERS_MAX // 2)
    before = visible(line[start : problem.column - 1], lines=False)
    if not line.strip():
        return
    yield f"    {before}{visible(line[problem.column - 1 : start + LINE_CHARACTERS_MAX], lines=False)}"
    yield f"    {' ' * cell_len(before)}^"


def _name(file: Path) -> str:
    return visible(str(file), lines=False)


def _print(lines: Iterable[str]) -> None:
    with result_page() as page:
        for line in lines:
            page.print(visible(line, lines=False), markup=False, highlight=False, soft_wrap=True)
