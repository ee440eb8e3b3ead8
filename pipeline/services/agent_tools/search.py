"""Search: text in the files of the commit, as a tool.

Promises that a search is no way to a secret: what matched has to be in the redacted line still, so that a pattern that
guesses at a token finds nothing whether the guess is right or wrong. Does not promise so for files that are too large
to read: that they match is told, and where is not.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Final

from pydantic import Field

from pipeline.services.agent_tools.commit_files import CommitFiles, File
from pipeline.services.agent_tools.grep import Match, Matches, Pattern, check_regex, grep
from pipeline.services.agent_tools.reading import PATH_CHARACTERS_MAX
from pipeline.services.agent_tools.result import Page, Refused, ToolResult
from pipeline.services.agent_tools.tool import Arguments, Tool

PATTERN_CHARACTERS_MAX: Final = 200
PATHS_MAX: Final = 20


class Search(Arguments):
    """Something to look for."""

    pattern: Annotated[
        str, Field(min_length=1, max_length=PATTERN_CHARACTERS_MAX, description="Text on one line, case matters.")
    ]
    paths: Annotated[
        tuple[Annotated[str, Field(max_length=PATH_CHARACTERS_MAX)], ...],
        Field(max_length=PATHS_MAX, description="Files or directories; empty: everywhere."),
    ] = ()
    is_regex: Annotated[bool, Field(description="The pattern is a POSIX extended expression, without \\d and \\s.")] = (
        False
    )


def make_search(files: CommitFiles) -> Tool[Search]:
    """Make the tool that searches text."""

    async def search(asked: Search) -> ToolResult:
        if refused := _check(asked):
            return refused.as_result()
        paths: list[str] = []
        for path in asked.paths:
            if path.strip("/") in {"", "."}:
                continue
            entry = await files.find(path)
            if isinstance(entry, Refused):
                return entry.as_result()
            paths.append(entry.path)
        pattern = Pattern(expressions=(asked.pattern,), is_regex=asked.is_regex)
        matches = await grep(files.git, files.commit, pattern, files.limits, paths=paths)
        return matches.as_result() if isinstance(matches, Refused) else await tell(files, matches)

    return Tool(
        name="search",
        description=(
            f"Find text in files; at most {files.limits.matches_max} lines. For names of code, find_definition and "
            "find_references tell more."
        ),
        arguments=Search,
        answer=search,
    )


def _check(asked: Search) -> Refused | None:
    if not asked.pattern.isprintable() and set(asked.pattern) & set("\n\r\0"):
        return Refused("The pattern is one line: no line end, no NUL.")
    return check_regex(asked.pattern) if asked.is_regex else None


async def tell(files: CommitFiles, matches: Matches) -> ToolResult:
    """Show the lines that match, file by file."""
    limits = files.limits
    chosen = matches.found[: limits.matches_max]
    loaded = await files.load_all(match.path for match in chosen)
    page = Page(limits.result_characters_max)
    told = sum(
        _tell_file(files, page, loaded.get(path), tuple(group))
        for path, group in groupby(chosen, key=lambda match: match.path)
    )
    page.add(_summary(told, matches, len(chosen)))
    return page.result()


def _tell_file(files: CommitFiles, page: Page, file: File | Refused | None, matches: Sequence[Match]) -> int:
    """Show the matches of one file, and return how many there was room for."""
    if isinstance(file, Refused):
        page.add(f"It matches in a file that is not shown: {file.why}")
    if not isinstance(file, File):
        return 0
    clear = [(match.line, text) for match in matches if (text := clear_match(file, match)) is not None]
    if not clear or not page.add(f"{file.shown}:"):
        return 0
    width = files.limits.line_characters_max
    return sum(
        page.add(f"{line}| {files.screen.shown(file.lines[line - 1], width, around=text)}", file.reading(line))
        for line, text in clear
    )


def clear_match(file: File, match: Match) -> str | None:
    """Return what matched and is no secret; None if nothing is left, or the file ends lines differently."""
    line = file.lines[match.line - 1] if match.line <= len(file.lines) else ""
    return next((text for text in match.texts if text and text in line), None)


def _summary(told: int, matches: Matches, chosen: int) -> str:
    if not told:
        return "No matching line to show."
    rest = len(matches.found) - chosen
    if not rest and matches.is_whole:
        return f"That is all: {told}."
    more = f"{rest:,}{'' if matches.is_whole else ' or more'}"
    return f"{more} further lines match; name `paths` or a longer pattern to see them."
