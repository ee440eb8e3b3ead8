"""Symbols: where a name of code is defined, and where it is used, as tools.

Promises Python by its syntax tree and other languages by the look of a line (`languages`); secrets are out of reach as
in `search`. Does not promise to resolve a name: what is told is every definition and every use of a name so written.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from pipeline.services.agent_tools import languages
from pipeline.services.agent_tools.commit_files import CommitFiles, File
from pipeline.services.agent_tools.grep import Matches, Pattern, grep
from pipeline.services.agent_tools.python_uses import Use, python_uses
from pipeline.services.agent_tools.result import Page, Refused, ToolResult
from pipeline.services.agent_tools.tool import Arguments, Tool

NAME_CHARACTERS_MAX: Final = 200

_NAME: Final = re.compile(r"(?:[\w$]+(?:\.|::|#))*(?P<last>[^\W\d][\w$]*|\$[\w$]+)[?!]?")


class Name(Arguments):
    """A name of code."""

    name: Annotated[str, Field(max_length=NAME_CHARACTERS_MAX, description="As code writes it: `total`, `Cart.total`.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A use in a file."""

    file: File
    use: Use


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was found, and whether everything was looked at."""

    places: Sequence[_Place]
    is_whole: bool


def make_find_definition(files: CommitFiles) -> Tool[Name]:
    """Make the tool that finds where a name is defined."""
    limits = files.limits

    async def find_definition(asked: Name) -> ToolResult:
        if isinstance(last := _last_part(asked.name), Refused):
            return last.as_result()
        pattern = Pattern(expressions=languages.expressions(last), is_regex=True)
        matches = await grep(files.git, files.commit, pattern, limits)
        if isinstance(matches, Refused):
            return matches.as_result()
        seen = await _look(files, matches, last)
        places = [place for place in seen.places if place.use.is_definition]
        chosen = _of_scope(places, asked.name) or places
        page = Page(limits.result_characters_max)
        page.add(_told(len(chosen), "definition", seen))
        for place in chosen[: limits.definitions_max]:
            _show_definition(files, page, place)
        if len(chosen) > limits.definitions_max:
            page.add(f"… and {len(chosen) - limits.definitions_max} more. Give a longer name, such as `Class.method`.")
        return page.result()

    return Tool(
        name="find_definition",
        description=("Find where a function, method, class or variable is defined; shows how it begins."),
        arguments=Name,
        answer=find_definition,
    )


def make_find_references(files: CommitFiles) -> Tool[Name]:
    """Make the tool that finds where a name is used."""
    limits = files.limits

    async def find_references(asked: Name) -> ToolResult:
        if isinstance(last := _last_part(asked.name), Refused):
            return last.as_result()
        matches = await grep(files.git, files.commit, Pattern(expressions=(last,), is_word=True), limits)
        if isinstance(matches, Refused):
            return matches.as_result()
        seen = await _look(files, matches, last)
        places = [place for place in seen.places if place.use.kind not in _DEFINED]
        page = Page(limits.result_characters_max)
        page.add(_told(len(places), "use", seen))
        for place in places[: limits.matches_max]:
            shown = files.screen.shown(place.file.lines[place.use.line - 1], limits.line_characters_max, around=last)
            within = f" in {files.screen.name(place.use.scope)}" if place.use.scope else ""
            about = f"{place.file.shown}:{place.use.line} ({place.use.kind}{within})"
            if not page.add(f"{about}| {shown}", place.file.reading(place.use.line)):
                break
        if len(places) > limits.matches_max:
            page.add(f"… and {len(places) - limits.matches_max} more; `search` with `paths` shows them by directory.")
        return page.result()

    return Tool(
        name="find_references",
        description=("Find where a name of code is used: calls, imports, attributes; comments are left out."),
        arguments=Name,
        answer=find_references,
    )


_DEFINED: Final = frozenset({"function", "class", "definition"})
"""What `find_definition` tells; an assignment is told by both."""


def _last_part(name: str) -> str | Refused:
    found = _NAME.fullmatch(name)
    return found["last"] if found else Refused("Give one name of code, such as `total` or `Cart.total`.")


async def _look(files: CommitFiles, matches: Matches, name: str) -> _Seen:
    """Look at the files that match, in order, as far as the limits on reading and parsing reach."""
    by_path: dict[str, list[int]] = {}
    code = [match for match in matches.found if languages.is_code(match.path)]
    for match in code[: files.limits.judged_lines_max]:
        by_path.setdefault(match.path, []).append(match.line)
    paths = list(by_path)[: files.limits.files_max]
    loaded = [file for file in (await files.load_all(paths)).values() if isinstance(file, File)]
    places = await asyncio.to_thread(lambda: list(_places(files, loaded, by_path, name)))
    is_whole = matches.is_whole and len(code) <= files.limits.judged_lines_max and len(loaded) == len(by_path)
    return _Seen(places=places, is_whole=is_whole)


def _places(files: CommitFiles, loaded: Sequence[File], by_path: dict[str, list[int]], name: str) -> Iterator[_Place]:
    room = files.limits.parsed_bytes_max
    for file in loaded:
        uses: Sequence[Use] | None = None
        if languages.is_python(file.path) and len(file.content) <= min(room, files.limits.parsed_file_bytes_max):
            room -= len(file.content)
            uses = python_uses(file.content, name)
        if uses is None:
            uses = _uses_by_line(file, by_path[file.path], name)
        for use in uses:
            if use.line <= len(file.lines) and name in file.lines[use.line - 1]:  # Else it is within a secret.
                yield _Place(file=file, use=use)


def _uses_by_line(file: File, lines: Sequence[int], name: str) -> list[Use]:
    """Judge by the line alone."""
    uses = []
    for line in lines:
        written = file.lines[line - 1] if line <= len(file.lines) else ""
        if languages.defines(file.path, written, name):
            uses.append(Use(line=line, line_end=line, kind="definition", scope="", is_definition=True))
        elif not languages.is_comment(written):
            uses.append(Use(line=line, line_end=line, kind="word", scope=""))
    return uses


def _of_scope(places: Sequence[_Place], asked: str) -> list[_Place]:
    """Keep those that stand where the asked name says, as much of it as fits: a module's name may come first."""
    parts = re.split(r"::|[.#]", asked)[:-1]
    for start in range(len(parts)):
        scope = ".".join(parts[start:])
        if kept := [place for place in places if f".{place.use.scope}".endswith(f".{scope}")]:
            return kept
    return []


def _told(count: int, what: str, seen: _Seen) -> str:
    where = "" if seen.is_whole else " in the part of the code that was looked at"
    if not count:
        return f"No {what} found{where or ' in the code of this commit'}."
    return f"{count:,} {what}{'s' * (count != 1)}{where}:"


def _show_definition(files: CommitFiles, page: Page, place: _Place) -> None:
    use, file = place.use, place.file
    within = f" in {files.screen.name(use.scope)}" if use.scope else ""
    where = f"line {use.line}" if use.line == use.line_end else f"lines {use.line} to {use.line_end}"
    page.add(f"{file.shown}, {where} ({use.kind}{within}):")
    last = len(file.lines) if use.kind == "definition" else use.line_end  # Told by its line, it has no known end.
    end = min(last, use.line + files.limits.definition_lines_max - 1)
    for line in range(use.line, end + 1):
        shown = files.screen.shown(file.lines[line - 1], files.limits.line_characters_max)
        if not page.add(f"{line}| {shown}", file.reading(line)):
            break
