"""Grep: `git grep` on the tree of a commit, with an end to its time and its output.

Promises matches by path and line in the order of the tree; that a pattern of a model cannot keep a processor busy
(security case 43): fixed strings, or POSIX extended expressions without back-references, which need backtracking, and
without large repetitions, which need memory, and a killed process when that was not enough. Binary files are left out;
no attribute of the repository is asked which those are.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.services.agent_tools.limits import ToolLimits
from pipeline.services.agent_tools.result import Refused
from pipeline.services.git import Git
from pipeline.services.git_command import failure, text
from pipeline.services.process import Completed

REPEATS_MAX: Final = 200
"""Product of all upper bounds in a pattern: the automaton grows with it."""

BOUND_DIGITS_MAX: Final = 6
"""Of a bound this much is read; it is too large by then."""

FLAGS: Final = (
    "--line-number",
    "--only-matching",
    "--null",
    "--full-name",
    "--no-color",
    "--no-column",
    "--no-textconv",
    "--no-recurse-submodules",
    "-I",
)
"""Only what matched is told, so that a line of 5 MB does not use up the answer."""

_RECORD: Final = re.compile(rb"([^\0]+)\0(\d+)\0([^\n]*)\n")
_BOUND: Final = re.compile(r"\{(\d*),?(\d*)\}", re.ASCII)
_COMPLAINT: Final = re.compile(rb"(?:command line|-e option), '")
"""How git begins to complain of an expression."""
_BACK_REFERENCE: Final = re.compile(r"\\[1-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """What is looked for; any of the expressions is enough."""

    expressions: Sequence[str]
    is_regex: bool = False
    is_word: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A line that matches."""

    path: str
    """As git has it."""
    line: int
    texts: tuple[str, ...]
    """What matched there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """All matches, or those up to a limit."""

    found: tuple[Match, ...]
    is_whole: bool


def check_regex(expression: str) -> Refused | None:
    """Refuse what would make matching slow or large."""
    if _BACK_REFERENCE.search(expression):
        return Refused("Back-references such as `\\1` are not supported; use a plain POSIX extended expression.")
    size = 1
    for low, high in _BOUND.findall(expression):
        size *= max(1, int((high or low or "1")[:BOUND_DIGITS_MAX]))
    if size > REPEATS_MAX:
        return Refused(f"The repetitions in braces multiply to more than {REPEATS_MAX}; use `*` or `+`.")
    return None


async def grep(
    git: Git, commit: str, pattern: Pattern, limits: ToolLimits, *, paths: Sequence[str] = ()
) -> Matches | Refused:
    """Look for a pattern in the text files of a commit.

    Args:
        git: The repository.
        commit: Full SHA.
        pattern: What is looked for.
        limits: How long and how much.
        paths: Files and directories to look in, as git has them; none means everywhere.
    """
    flags = ["--extended-regexp" if pattern.is_regex else "--fixed-strings", *["--word-regexp"] * pattern.is_word]
    wanted = [part for expression in pattern.expressions for part in ("-e", expression)]
    done = await git.command.try_run(
        *("grep", *FLAGS, f"--max-count={limits.grep_lines_per_file_max}", *flags, *wanted, commit, "--", *paths),
        bytes_max=limits.grep_bytes_max,
        seconds_max=limits.git_seconds_max,
    )
    if done.timed_out:
        return Refused(
            f"The search was not done after {limits.git_seconds_max:g} s. Use a simpler pattern, or name `paths`."
        )
    if not done.truncated and done.exit_code not in {0, 1}:
        if _COMPLAINT.search(done.stderr):
            return Refused(
                "The pattern is no valid POSIX extended expression. Set `is_regex` to false to take it as it is."
            )
        raise failure("grep", done)
    found = _read(done, commit)
    most = max(Counter(match.path for match in found).values(), default=0)
    return Matches(found=found, is_whole=not done.truncated and most < limits.grep_lines_per_file_max)


def _read(done: Completed, commit: str) -> tuple[Match, ...]:
    """Read what git told; a record that was cut in the middle is none."""
    found: dict[tuple[str, int], list[str]] = {}
    at = 0
    while record := _RECORD.match(done.stdout, at):  # Not `findall`: it would look for a half record everywhere.
        at = record.end()
        place = (text(record[1]).removeprefix(f"{commit}:"), int(record[2]))
        found.setdefault(place, []).append(record[3].decode("utf-8", "replace"))
    return tuple(Match(path=path, line=line, texts=tuple(texts)) for (path, line), texts in found.items())
