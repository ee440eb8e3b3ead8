"""Reading: files and directories, as tools."""

import fnmatch
from typing import Annotated, Final

from pydantic import Field

from pipeline.services.agent_tools.commit_files import SUBMODULE, CommitFiles
from pipeline.services.agent_tools.result import Page, Refused, ToolResult
from pipeline.services.agent_tools.tool import Arguments, Tool
from pipeline.services.git_objects import Tree, TreeEntry

PATH_CHARACTERS_MAX: Final = 2_000
GLOB_CHARACTERS_MAX: Final = 200

NOTES: Final = {"120000": " (symbolic link)", SUBMODULE: " (submodule)", "100755": " (executable)"}
"""What a listing says of odd entries."""


class ReadFile(Arguments):
    """A range of a file."""

    path: Annotated[str, Field(max_length=PATH_CHARACTERS_MAX, description="From the repository's root.")]
    line_start: Annotated[int, Field(ge=1, description="From 1.")] = 1
    line_end: Annotated[int | None, Field(description="null: as many as fit.")] = None


class ListFiles(Arguments):
    """Part of the tree."""

    directory: Annotated[
        str, Field(max_length=PATH_CHARACTERS_MAX, description="From the repository's root; empty: the root.")
    ] = ""
    pattern: Annotated[
        str | None,
        Field(
            max_length=GLOB_CHARACTERS_MAX,
            description="Names to find at any depth below, such as `*_test.go`; null: what stands right there.",
        ),
    ] = None


def make_read_file(files: CommitFiles) -> Tool[ReadFile]:
    """Make the tool that reads a range of a file."""
    limits = files.limits

    async def read_file(asked: ReadFile) -> ToolResult:
        file = await files.load(asked.path)
        if isinstance(file, Refused):
            return file.as_result()
        count = len(file.lines)
        if asked.line_start > max(count, 1) or (asked.line_end or asked.line_start) < asked.line_start:
            return Refused(f"`{file.shown}` has {count:,} lines; the range is not in it.").as_result()
        end = min(asked.line_end or count, asked.line_start + limits.read_lines_max - 1, count)
        page = Page(limits.result_characters_max)
        page.add(f"{file.shown}, lines {asked.line_start} to {end} of {count}:")
        for line in range(asked.line_start, end + 1):
            shown = files.screen.shown(file.lines[line - 1], limits.line_characters_max)
            if not page.add(f"{line}| {shown}", file.reading(line)):
                break
        return page.result()

    return Tool(
        name="read_file",
        description=(
            f"Read lines of a text file of the new version, at most {limits.read_lines_max}; each as `number| text`."
        ),
        arguments=ReadFile,
        answer=read_file,
    )


def make_list_files(files: CommitFiles) -> Tool[ListFiles]:
    """Make the tool that lists a directory, or finds files by name."""

    async def list_files(asked: ListFiles) -> ToolResult:
        at: list[str] = []
        if directory := asked.directory.rstrip("/"):
            entry = await files.find(directory)
            if isinstance(entry, Refused):
                return entry.as_result()
            if entry.kind != "tree":
                return Refused(f"`{files.screen.name(entry.path)}` is no directory.").as_result()
            at = [f"{entry.path}/"]
        listed = await files.listing(at, is_deep=asked.pattern is not None)
        chosen = _matching(listed, at[0] if at else "", asked.pattern)
        return _told(files, listed, chosen)

    return Tool(
        name="list_files",
        description="List a directory, or find files below it by name.",
        arguments=ListFiles,
        answer=list_files,
    )


def _matching(tree: Tree, prefix: str, pattern: str | None) -> list[TreeEntry]:
    """Choose by name: a pattern without `/` is held against the last part of a path, else against what is below."""
    if pattern is None:
        return list(tree.entries)
    below = [(entry, entry.path.removeprefix(prefix)) for entry in tree.entries]
    if "/" not in pattern:
        below = [(entry, path.rpartition("/")[2]) for entry, path in below]
    return [entry for entry, path in below if fnmatch.fnmatchcase(path, pattern)]


def _told(files: CommitFiles, tree: Tree, chosen: list[TreeEntry]) -> ToolResult:
    most = files.limits.entries_max
    page = Page(files.limits.result_characters_max)
    told = "1 entry" if len(chosen) == 1 else f"{len(chosen):,} entries"
    page.add(f"{told}{'' if tree.is_whole else ' in the part of the tree that was looked at'}:")
    for entry in chosen[:most]:
        size = "" if entry.size is None else f" {entry.size:,} bytes"
        slash = "/" if entry.kind == "tree" else ""
        if not page.add(f"- {files.screen.name(entry.path)}{slash}{size}{NOTES.get(entry.mode, '')}"):
            break
    if len(chosen) > most:
        page.add(f"… and {len(chosen) - most:,} more. Name a directory or a pattern.")
    return page.result()
