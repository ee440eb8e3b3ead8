"""Changes: pull requests of any size, the same on every machine, in a repository of their own.

Python of an ordinary shape: functions of some twelve lines, 31 characters a line on average, changed half by new
functions and half by lines that are written anew, in two or three places of a file.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FUNCTIONS: Final = 12
"""In a file before it is changed."""

LINES_OF_A_FUNCTION: Final = 14
FILES_OF_A_DIRECTORY: Final = 8
WORDS: Final = ("order", "price", "stock", "parcel", "refund", "basket", "coupon", "invoice", "ledger", "tariff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How large a pull request is."""

    files: int
    lines: int
    """Added and removed, in all files together."""

    @property
    def name(self) -> str:
        """Say how large."""
        return f"{self.files:,} files, {self.lines:,} lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository without a work tree, whose branch `main` is the base."""

    path: Path

    def commit(self, branch: str, files: Mapping[str, str], *, parent: str | None) -> str:
        """Commit files on top of a parent, and let the branch point there."""
        said = [f"commit refs/heads/{branch}\n", "committer B <b@example.com> 1700000000 +0000\n", _data("Change")]
        said += [f"from {parent}\n"] if parent else []
        said += [f"M 100644 inline {path}\n{_data(text)}" for path, text in files.items()]
        self.git("fast-import", "--quiet", "--force", given="".join(said))
        return self.git("rev-parse", f"refs/heads/{branch}").strip()

    def git(self, *arguments: str, given: str | None = None) -> str:
        """Run git there."""
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.path)}
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, input=given, text=True, capture_output=True, check=True, env=environment
        )
        return done.stdout


def make_repository(path: Path) -> Repository:
    """Make an empty one."""
    path.mkdir(parents=True)
    repository = Repository(path=path)
    repository.git("init", "--quiet", "--bare", "--initial-branch=main", ".")
    return repository


def base_of(change: Change) -> dict[str, str]:
    """Write the files before they are changed."""
    return {path: _text(_functions(path, FUNCTIONS)) for path in _paths(change)}


def head_of(change: Change) -> dict[str, str]:
    """Write the files after the change."""
    each, more = divmod(change.lines, change.files)
    return {path: _changed(path, each + (number < more)) for number, path in enumerate(_paths(change))}


def small_push(files: Mapping[str, str]) -> dict[str, str]:
    """Write what one more small commit changes: three lines of one function, in the middle of the change."""
    path = sorted(files)[len(files) // 2]
    lines = files[path].split("\n")
    first = next(number for number, line in enumerate(lines) if "rewritten" in line)
    lines[first : first + 1] = ["    # Checked once more.", "    if value is None:", "        return 0", lines[first]]
    return {path: "\n".join(lines)}


def _paths(change: Change) -> Iterator[str]:
    for number in range(change.files):
        word = WORDS[number % len(WORDS)]
        yield f"shop/part_{number // FILES_OF_A_DIRECTORY:02}/{word}_{number:04}.py"


def _functions(path: str, number: int, name: str = "step") -> list[list[str]]:
    word = path.rpartition("/")[2].partition("_")[0]
    return [
        [
            f"def {name}_{word}_{place}(value, quantity, rates):",
            f'    """Work out the {word} of a customer."""',
            "    if quantity <= 0:",
            f'        raise ValueError("a {word} needs a quantity")',
            *(f"    {word}_{line} = rates[{line}] * value + {place}" for line in range(LINES_OF_A_FUNCTION - 8)),
            "    return sum(rates) * quantity",
            "",
            "",
        ]
        for place in range(number)
    ]


def _text(functions: list[list[str]]) -> str:
    return "\n".join(line for function in functions for line in function)


def _changed(path: str, lines: int) -> str:
    """Write half of the lines into new functions, and spend the other half on lines that are written anew."""
    functions = _functions(path, FUNCTIONS)
    anew = lines // 4
    for place in range(anew):
        function = functions[(3 + place // 5) % len(functions)]
        line = 4 + place % 5
        function[line] = f"    rewritten_{line} = max(rates[{line}], 0) * value * {place}"
    new = [line for function in _functions(path, 1 + lines // 8, "new") for line in function][: lines - 2 * anew]
    return _text([*functions[:8], new, *functions[8:]])


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"
