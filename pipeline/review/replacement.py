"""Replacement: whether the lines that a model suggests can be put in the place of those it remarks on.

Promises that what is kept replaces exactly the lines it was written for, changes something, is indented as they are,
holds no secret, hidden character or sign of a diff, and leaves a Python file that parsed one that parses; so that
applying it by one click makes what was shown. Does not promise that it mends anything. Files that run in the
repository's own CI get no suggestion at all: a stranger's text should not come near them by a click (security case 89).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.review.python_source import parse_python
from pipeline.review.redact import redact
from pipeline.review.visible import visible

REPLACEMENT_CHARACTERS_MAX: Final = 4_000

PARSED_CHARACTERS_MAX: Final = 200_000
"""Longest Python file that a suggestion is tried on: the parser takes some 0.4 s for it."""

_RUNS_IN_CI: Final = re.compile(
    r"\.(?:github|gitlab|circleci|buildkite|woodpecker|drone)/.*|(?:.*/)?action\.ya?ml|\.gitlab-ci\.yml"
    r"|\.travis\.yml|\.drone\.yml|azure-pipelines\.yml|bitbucket-pipelines\.yml|(?:.*/)?Jenkinsfile"
)
_PYTHON: Final = (".py", ".pyi")
_DIFF_LINE: Final = re.compile(r"\s*\d*\s*[+-]|@@|\s*$")
_INDENTATION: Final = re.compile(r"[ \t]*")


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a suggestion is not taken, as a clause that can follow `suggestion not taken:`."""

    why: str


def check_replacement(
    text: str, *, path: str, first: int, last: int, known: Mapping[int, str], head: Sequence[str] | None
) -> str | Unfit:
    """Give the lines to put in the place of others, or say why they do not go there.

    Args:
        text: What the model suggests.
        path: Of the file, as shown.
        first: First line to replace, from 1.
        last: Last line to replace.
        known: Lines of the head's version by number, raw.
        head: All lines of it, raw; None if nobody could read it.
    """
    new = text.replace("\r\n", "\n").removesuffix("\n")
    if len(new) > REPLACEMENT_CHARACTERS_MAX:
        return Unfit(f"longer than {REPLACEMENT_CHARACTERS_MAX:,} characters")
    if _RUNS_IN_CI.fullmatch(path):
        return Unfit("for a file that runs in the repository's own CI")
    if redact(new).kinds or "<secret:" in new or visible(new) != new:
        return Unfit("with a secret or a hidden character in it")
    if any(number not in known for number in range(first, last + 1)):
        return Unfit("for lines that are not there")
    old = [known[number].removesuffix("\r") for number in range(first, last + 1)]
    lines = new.split("\n")
    return _misplaced(lines, old) or _broken(path, lines, first, last, head) or new


def _misplaced(lines: Sequence[str], old: Sequence[str]) -> Unfit | None:
    """Say what is wrong with new lines in the place of old ones."""
    if list(lines) == list(old):
        return Unfit("the same as what stands there")
    if any(line.strip() for line in lines) and all(_DIFF_LINE.match(line) for line in lines) and not _looks_so(old):
        return Unfit("with the signs of a diff in it")
    was, becomes = (next((line for line in some if line.strip()), "") for some in (old, lines))
    if was and becomes and _indentation(was) != _indentation(becomes):
        return Unfit("indented differently")
    if (
        old
        and not any("\t" in _indentation(line) for line in old)
        and any("\t" in _indentation(line) for line in lines)
    ):
        return Unfit("indented differently")
    return None


def _looks_so(old: Sequence[str]) -> bool:
    """Whether the code itself begins its lines as a diff does: lists of Markdown and YAML."""
    return all(_DIFF_LINE.match(line) for line in old)


def _indentation(line: str) -> str:
    found = _INDENTATION.match(line)
    return found[0] if found else ""


def _broken(path: str, lines: Sequence[str], first: int, last: int, head: Sequence[str] | None) -> Unfit | None:
    """Try the new lines in a Python file; one that did not parse before says nothing."""
    if not path.endswith(_PYTHON):
        return None
    if head is None or sum(map(len, head)) > PARSED_CHARACTERS_MAX:
        return Unfit("for a file too large to try it on")
    after = [*head[: first - 1], *lines, *head[last:]]
    is_broken = not _parses(after) and _parses(head)
    return Unfit("after it the file would no longer parse") if is_broken else None


def _parses(lines: Sequence[str]) -> bool:
    return parse_python("\n".join([*lines, ""]).encode(errors="replace")) is not None
