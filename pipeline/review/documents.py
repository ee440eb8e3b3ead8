"""Documents: what of a tree is documentation, cut into sections with headings and line numbers.

Promises that any bytes give sections of bounded size whose lines are the file's own, counted as git counts them (by
LF). Does not promise to understand every corner of the markup: a heading that is missed makes a longer section, not
a wrong line.

`pipeline.review.headings` knows the markups, `pipeline.review.doc_comments` the comments of code.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.review.doc_comments import COMMENTED_SUFFIXES, doc_comments
from pipeline.review.headings import (
    Heading,
    asciidoc_headings,
    markdown_headings,
    no_headings,
    openapi_headings,
    rest_headings,
)
from pipeline.review.python_source import parse_python, scopes

SECTION_CHARACTERS_MIN: Final = 900
"""A section goes on over blank lines until it has about this length, so that a hit brings its context."""

SECTION_LINES_MAX: Final = 60
"""A section ends here even without a blank line."""

SECTIONS_MAX: Final = 4_000
"""Sections of one document; a file with more is a table or a log."""

LINE_CHARACTERS_MAX: Final = 2_000
"""Rest of a longer line is left out: nobody wrote it by hand."""

HEADING_CHARACTERS_MAX: Final = 160
HEADING_DEPTH_MAX: Final = 3
"""Headings that are told: the section's own and those above it."""


class Kind(StrEnum):
    """How a document is written."""

    MARKDOWN = "markdown"
    REST = "rest"
    ASCIIDOC = "asciidoc"
    PLAIN = "plain"
    OPENAPI = "openapi"
    PYTHON = "python"  # Its docstrings.
    COMMENTS = "comments"  # Those of code that describe what follows them.

    @property
    def is_code(self) -> bool:
        """Whether the document is part of a program, and its text describes what stands beside it."""
        return self in {Kind.PYTHON, Kind.COMMENTS}


_KIND_BY_SUFFIX: Final[Mapping[str, Kind]] = {
    "md": Kind.MARKDOWN,
    "markdown": Kind.MARKDOWN,
    "mdx": Kind.MARKDOWN,
    "mdc": Kind.MARKDOWN,
    "rst": Kind.REST,
    "adoc": Kind.ASCIIDOC,
    "asciidoc": Kind.ASCIIDOC,
    "py": Kind.PYTHON,
    "pyi": Kind.PYTHON,
    **dict.fromkeys(COMMENTED_SUFFIXES, Kind.COMMENTS),
}
_OPENAPI_NAME: Final = re.compile(r"(^|[._-])(openapi|swagger)([._-][\w.-]*)?\.(ya?ml|json)$", re.IGNORECASE)
_PLAIN_NAME: Final = re.compile(r"^(readme|contributing|install|usage|hacking|security|notice)(\.txt)?$", re.IGNORECASE)
_DOCS_FOLDER: Final = re.compile(r"(^|/)(docs?|documentation|manual|guides?|adrs?|decisions)/", re.IGNORECASE)
_FOREIGN_FOLDER: Final = re.compile(
    r"(^|/)(node_modules|vendor|vendored|_vendor|third_party|site-packages|\.venv|venv|dist|build|fixtures|testdata)/"
)
_TEST_PLACE: Final = re.compile(
    r"(^|/)(tests?|__tests__|spec)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.pyi?$"
    r"|(_test\.go|[._](test|spec)\.[cm]?[jt]sx?|_(test|spec)\.rb|Tests?\.(java|kt|cs|php|scala))$"
)
_HISTORY: Final = re.compile(
    r"(^|/)(changelog|changes|history|news|releases?([-_ ]?notes)?|upgrad\w*|migrat\w*)[^/]*(/|$)"
    r"|(^|/)(adrs?|decisions|rfcs?|changelog\.d|newsfragments|\.changes?ets?)/",
    re.IGNORECASE,
)
_INSTRUCTIONS: Final = re.compile(
    r"(^|/)(readme|contributing|agents|claude|copilot-instructions)\b[^/]*$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Some lines of a document that belong together."""

    line: int
    """First line, from 1."""
    line_end: int
    heading: str
    """The headings above it, outermost first; for docstrings the name of what they describe."""
    text: str
    """The lines, overlong ones cut, joined by LF."""


def kind_of(path: str) -> Kind | None:
    """Say how a file is written if it is documentation, None if it is not."""
    if _FOREIGN_FOLDER.search(path):
        return None
    name = path.rpartition("/")[2]
    kind = _KIND_BY_SUFFIX.get(name.rpartition(".")[2].lower()) if "." in name else None
    if kind and kind.is_code:
        return None if is_test(path) else kind
    if _OPENAPI_NAME.search(name):
        return Kind.OPENAPI
    if kind is None and (_PLAIN_NAME.match(name) or (name.lower().endswith(".txt") and _DOCS_FOLDER.search(path))):
        return Kind.PLAIN
    return kind


def is_history(path: str) -> bool:
    """Whether a document tells what was, so that names that are gone belong there."""
    return _HISTORY.search(path) is not None


def is_test(path: str) -> bool:
    """Whether a file is part of the tests, whose names nobody documents."""
    return _TEST_PLACE.search(path) is not None


def reading_order(path: str) -> tuple[int, int, str]:
    """Order documents by how likely they matter, for when not all can be read."""
    kind = kind_of(path)
    if kind and kind.is_code:
        importance = 3
    elif _INSTRUCTIONS.search(path):
        importance = 0
    else:
        importance = 1 if _DOCS_FOLDER.search(path) else 2
    return importance, path.count("/"), path


def split(kind: Kind, content: bytes) -> tuple[Section, ...]:
    """Cut a document into its sections, at most `SECTIONS_MAX`."""
    lines = _lines(content)
    match kind:
        case Kind.PYTHON:
            sections = _described(_docstrings(content), lines)
        case Kind.COMMENTS:
            sections = _described(doc_comments(lines), lines)
        case _:
            sections = _cut(lines, _HEADINGS[kind](lines))
    return tuple(section for section, _ in zip(sections, range(SECTIONS_MAX), strict=False))


def _lines(content: bytes) -> list[str]:
    text = content.decode("utf-8-sig", "replace").replace("\0", "\ufffd")
    return [line[:LINE_CHARACTERS_MAX].rstrip("\r") for line in text.split("\n")]


def _cut(lines: Sequence[str], headings: Mapping[int, Heading], *, first: int = 1) -> Iterator[Section]:
    """Cut at headings, and at blank lines where a section is long enough; `first` is the number of the first line."""
    trail: list[Heading] = []
    start, characters = 0, 0
    for index, line in enumerate(lines):
        is_long = characters >= SECTION_CHARACTERS_MIN and not line.strip()
        if index in headings or is_long or index - start >= SECTION_LINES_MAX:
            yield from _section(lines, start, index, trail, first)
            start, characters = index, 0
        if heading := headings.get(index):
            trail = [above for above in trail if above.level < heading.level] + [heading]
        characters += len(line)
    yield from _section(lines, start, len(lines), trail, first)


def _section(lines: Sequence[str], start: int, end: int, trail: list[Heading], first: int) -> Iterator[Section]:
    """Make a section of the lines without the blank ones around them; none if all are blank."""
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    if start < end:
        heading = " > ".join(heading.title for heading in trail[-HEADING_DEPTH_MAX:])[:HEADING_CHARACTERS_MAX]
        yield Section(line=first + start, line_end=first + end - 1, heading=heading, text="\n".join(lines[start:end]))


_HEADINGS: Final = {
    Kind.MARKDOWN: markdown_headings,
    Kind.REST: rest_headings,
    Kind.ASCIIDOC: asciidoc_headings,
    Kind.OPENAPI: openapi_headings,
    Kind.PLAIN: no_headings,
}


def _described(blocks: Iterator[tuple[int, int, str]], lines: Sequence[str]) -> Iterator[Section]:
    """Make sections of docstrings or comments, each with the name of what it describes."""
    for start, end, name in blocks:
        yield from _cut(lines[start - 1 : end], {0: Heading(1, name)} if name else {}, first=start)


def _docstrings(content: bytes) -> Iterator[tuple[int, int, str]]:
    """List first and last line of each docstring, quotes included, and the dotted name of what it describes."""
    module = parse_python(content)
    for name, scope in scopes(module) if module else ():
        match scope.body:
            case [ast.Expr(value=ast.Constant(value=str()) as text), *_]:
                yield text.lineno, text.end_lineno or text.lineno, name
            case _:
                pass
