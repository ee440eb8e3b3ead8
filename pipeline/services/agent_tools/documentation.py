"""Documentation: passages of the repository's own documents, as a tool.

Promises the lines as the commit has them, read from its objects again, so that a citation holds whatever the index was
made from. The query goes to the local index and nowhere else (security case 45).
"""

import asyncio
import re
import sqlite3
from collections.abc import Sequence
from typing import Annotated, Final, Protocol

from pydantic import Field

from pipeline.engine.errors import GiveUp
from pipeline.services.agent_tools.commit_files import CommitFiles, File
from pipeline.services.agent_tools.result import Page, Refused, ToolResult
from pipeline.services.agent_tools.tool import Arguments, Tool
from pipeline.services.docs_index import DocsIndex

QUERY_CHARACTERS_MAX: Final = 200
WORDS_MAX: Final = 16

_WORD: Final = re.compile(r"[\w][\w./-]*")


class Passage(Protocol):
    """Lines of a document."""

    @property
    def path(self) -> str:
        """Path of the document."""

    @property
    def line(self) -> int:
        """Its first line."""

    @property
    def line_end(self) -> int:
        """Its last line."""


class Documentation(Protocol):
    """Where passages are looked for."""

    async def search(self, phrases: Sequence[str], hits_max: int) -> Sequence[Passage]:
        """Return those that contain any of the phrases, best first."""


class DocumentationLost(GiveUp):
    """The index cannot be read."""

    code = "documentation_lost"


class IndexedDocumentation:
    """The full-text index, one question at a time.

    Args:
        index: Open, with the documents of the commit selected; opened with `check_same_thread` off, as ours is.
    """

    def __init__(self, index: DocsIndex) -> None:
        self._index: Final = index
        self._alone: Final = asyncio.Lock()

    async def search(self, phrases: Sequence[str], hits_max: int) -> Sequence[Passage]:
        """Return the sections that contain any of the phrases, best first.

        Raises:
            DocumentationLost: The index cannot be read.
        """
        async with self._alone:
            try:
                return await asyncio.to_thread(self._index.search, phrases, hits_max)
            except sqlite3.Error as error:
                raise DocumentationLost(f"The documentation index cannot be read: {error}.") from error


class ReadDocumentation(Arguments):
    """A question to the documents."""

    query: Annotated[str, Field(max_length=QUERY_CHARACTERS_MAX, description="A few words or names, no sentence.")]


def make_read_documentation(files: CommitFiles, documentation: Documentation) -> Tool[ReadDocumentation]:
    """Make the tool that reads passages of the documentation."""
    limits = files.limits

    async def read_documentation(asked: ReadDocumentation) -> ToolResult:
        words = list(dict.fromkeys(_WORD.findall(asked.query)))[:WORDS_MAX]
        if not words:
            return Refused("Give a few words or names to look for.").as_result()
        passages = await documentation.search(words, limits.passages_max)
        loaded = await files.load_all(passage.path for passage in passages)
        page = Page(limits.result_characters_max)
        for passage in passages:
            if isinstance(file := loaded.get(passage.path), File):
                _show(files, page, file, passage)
        result = page.result()
        return result if result.read else result.model_copy(update={"text": "The documentation says nothing of it."})

    return Tool(
        name="read_documentation",
        description=(
            f"Read passages of the repository's documentation that contain the words, at most {limits.passages_max}."
        ),
        arguments=ReadDocumentation,
        answer=read_documentation,
    )


def _show(files: CommitFiles, page: Page, file: File, passage: Passage) -> None:
    end = min(passage.line_end, passage.line + files.limits.passage_lines_max - 1, len(file.lines))
    if passage.line <= end and page.add(f"{file.shown}, lines {passage.line} to {end}:"):
        for line in range(passage.line, end + 1):
            shown = files.screen.shown(file.lines[line - 1], files.limits.line_characters_max)
            if not page.add(f"{line}| {shown}", file.reading(line)):
                break
