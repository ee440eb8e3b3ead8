"""Suggestion: lines that a reader can take over with one click, where that is safe, and shows as a diff elsewhere.

Promises a `suggestion` block only for exactly the lines that the comment stands on, without deleted lines between, to
the letter of the finding, fenced so that nothing in it ends the block; never one with hidden characters, with secrets
cut out, with a command to another bot, or for a file that CI runs (security case 89: a click is all that hostile code
needs there). What is not safe is still shown, as a diff that nobody can take over by accident.
Rules: a range over deleted lines is refused; lines around the range that are repeated in the block are doubled.
"""

import re
from typing import Final

from pipeline.review.diff import Line, LineKind
from pipeline.review.finding_text import lines_of
from pipeline.review.findings import Finding
from pipeline.review.markdown import commands_bots, fence, verbatim
from pipeline.review.pull.anchors import Anchored
from pipeline.review.pull.patch_lines import PatchLines
from pipeline.review.redact import redact
from pipeline.review.visible import visible

SUGGESTION_CHARACTERS_MAX: Final = 4_000
"""Of a block that can be taken over; nobody reads a longer one before the click."""

_RUNS_IN_CI: Final = re.compile(
    r"(?:^|/)(?:\.github|\.gitlab|\.circleci|\.ci|\.buildkite|\.husky|\.devcontainer)/"
    r"|(?:^|/)(?:[^/]*\.(?:sh|bash|zsh|ps1|bat|cmd|mk|gradle|gradle\.kts|tf|nix)|\.[^/]*\.ya?ml|[^/]*pipelines?\.ya?ml"
    r"|(?:Make|Docker|Container|Jenkins|Rake|Gem|Pip|Vagrant|Brew|Tilt|Just|Task)file[^/]*|GNUmakefile"
    r"|package\.json|[^/]*requirements[^/]*|pyproject\.toml|setup\.(?:py|cfg)|tox\.ini|noxfile\.py|conftest\.py"
    r"|build\.rs|Cargo\.toml|go\.mod|pom\.xml|BUILD|WORKSPACE|[^/]*\.bzl)$",
    re.IGNORECASE,
)
"""Files that a machine with rights executes, or takes its commands or packages from, when the branch is tested."""


def suggestion_text(finding: Finding, place: Anchored, lines: PatchLines, *, takeable: bool) -> str:
    """Set a finding's suggestion; empty if it has none.

    Args:
        finding: Its suggestion replaces all its lines.
        place: Where the comment stands.
        lines: The patch of that file.
        takeable: Whether a reader may take suggestions over with a click.
    """
    if finding.suggestion is None:
        return ""
    wanted = finding.suggestion.removesuffix("\n") if finding.suggestion.strip() else ""
    if takeable and _is_safe(wanted, place, lines):
        return verbatim(wanted, language="suggestion")
    what = "Suggestion" if wanted else "Suggestion: remove"
    head = f"{what} {'for ' if wanted else ''}{lines_of(finding)}"
    shown = _as_diff(redact(wanted).text, lines.between(place.first, place.line) if place.is_exact else ())
    return f"{head}:\n\n{shown}" if shown else f"{head}."


def runs_in_ci(path: str) -> bool:
    """Whether a file of this name is likely to be executed, or to say what is, when the branch is tested."""
    return _RUNS_IN_CI.search(path) is not None


def _is_safe(wanted: str, place: Anchored, lines: PatchLines) -> bool:
    replaced = lines.between(place.first, place.line)
    return (
        place.is_exact
        and bool(replaced)
        and all(line.kind is not LineKind.REMOVED and not line.text.endswith("\r") for line in replaced)
        and len(wanted) <= SUGGESTION_CHARACTERS_MAX
        and visible(wanted) == wanted
        and redact(wanted).text == wanted
        and not commands_bots(wanted)
        and not runs_in_ci(place.path)
        and not _doubles(wanted, place, lines)
    )


def _doubles(wanted: str, place: Anchored, lines: PatchLines) -> bool:
    """Whether the text repeats the line above its range or the one below."""
    first, *_, last = [*wanted.split("\n"), *wanted.split("\n")[-1:]]
    above = lines.between(place.first - 1, place.first - 1)
    below = lines.between(place.line + 1, place.line + 1)
    return any(
        bool(near) and bool(end.strip()) and near[0].text == end for near, end in ((above, first), (below, last))
    )


def _as_diff(wanted: str, replaced: tuple[Line, ...]) -> str:
    """Show what goes and what comes."""
    old = [f"-{line.text}" for line in replaced if line.kind is not LineKind.REMOVED]
    new = [f"+{line}" for line in wanted.split("\n")] if wanted else []
    return fence(redact("\n".join([*old, *new])).text, language="diff") if old or new else ""
