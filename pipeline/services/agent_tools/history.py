"""History: the commits that touched a line, as a tool.

Promises subjects and dates, and no names of people: who wrote a line has no part in judging it. A shallow clone, such
as every mirror of a code host, has no history, and the tool says so instead of telling that one commit wrote it all.
"""

from typing import Annotated, Final

from pydantic import Field

from pipeline.services.agent_tools.commit_files import CommitFiles
from pipeline.services.agent_tools.reading import PATH_CHARACTERS_MAX
from pipeline.services.agent_tools.result import Page, Refused, ToolResult
from pipeline.services.agent_tools.tool import Arguments, Tool
from pipeline.services.git_command import text

LINE_HISTORY: Final = "line_history"
SUBJECT_CHARACTERS_MAX: Final = 160
SHA_CHARACTERS: Final = 12


class LineHistory(Arguments):
    """A line of a file."""

    path: Annotated[str, Field(max_length=PATH_CHARACTERS_MAX, description="From the repository's root.")]
    line: Annotated[int, Field(ge=1, description="Its number in the new version.")]


def make_line_history(files: CommitFiles) -> Tool[LineHistory]:
    """Make the tool that tells the commits which touched a line."""
    limits = files.limits

    async def line_history(asked: LineHistory) -> ToolResult:
        if files.git.is_shallow:
            return Refused("This clone is shallow: there is no history here. Judge by the code itself.").as_result()
        file = await files.load(asked.path)
        if isinstance(file, Refused):
            return file.as_result()
        if asked.line > len(file.lines):
            return Refused(f"`{file.shown}` has {len(file.lines):,} lines only.").as_result()
        done = await files.git.command.run(
            *("log", f"-L{asked.line},{asked.line}:{file.path}", "--no-patch", "--no-textconv", "--no-ext-diff"),
            *(f"--max-count={limits.commits_max}", "--encoding=UTF-8", "--format=%H %as %s", files.commit),
            seconds_max=limits.git_seconds_max,
        )
        page = Page(limits.result_characters_max)
        page.add(f"Commits that touched {file.shown}, line {asked.line}, the newest first:")
        for commit in text(done.stdout).split("\n")[:-1]:
            page.add(f"- {commit[:SHA_CHARACTERS]} {_told(files, commit.partition(' ')[2])}")
        return page.result()

    return Tool(
        name=LINE_HISTORY,
        description=(
            f"Tell the last commits, at most {limits.commits_max}, that touched a line: why odd code is as it is."
        ),
        arguments=LineHistory,
        answer=line_history,
    )


def _told(files: CommitFiles, written: str) -> str:
    clear = files.screen.redact(written.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    return files.screen.shown(clear, SUBJECT_CHARACTERS_MAX)
