"""Documents: what of a tree is documentation, cut into sections with headings and line numbers.

Promises that any bytes give sections of bounded size whose lines are the file's own, counted as git counts them (by
LF). Does not promise to understand every corner of the markup: a heading that is missed makes a longer section, not
a wrong line.

Sources: CommonMark 0.31 (ATX and setext headings, fences), docutils' section titles, AsciiDoc's section titles.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.review.python_source import Documented, parse_python, scopes

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
    PYTHON = "python"  # Its docstrings.


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
}
_PLAIN_NAME: Final = re.compile(r"^(readme|contributing|install|usage|hacking|security|notice)(\.txt)?$", re.IGNORECASE)
_DOCS_FOLDER: Final = re.compile(r"(^|/)(docs?|documentation|manual|guides?|adrs?|decisions)/", re.IGNORECASE)
_FOREIGN_FOLDER: Final = re.compile(
    r"(^|/)(node_modules|vendor|vendored|_vendor|third_party|site-packages|\.venv|venv|dist|build|fixtures|testdata)/"
)
_TEST_PLACE: Final = re.compile(r"(^|/)(tests?|__tests__|spec)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.pyi?$")
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
    if kind is Kind.PYTHON:
        return None if _TEST_PLACE.search(path) else kind
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
    if kind_of(path) is Kind.PYTHON:
        importance = 3
    elif _INSTRUCTIONS.search(path):
        importance = 0
    else:
        importance = 1 if _DOCS_FOLDER.search(path) else 2
    return importance, path.count("/"), path


def split(kind: Kind, content: bytes) -> tuple[Section, ...]:
    """Cut a document into its sections, at most `SECTIONS_MAX`."""
    if kind is Kind.PYTHON:
        sections = _docstrings(content)
    else:
        lines = _lines(content)
        sections = _cut(lines, _HEADINGS[kind](lines))
    return tuple(section for section, _ in zip(sections, range(SECTIONS_MAX), strict=False))


@dataclass(frozen=True, slots=True)
class _Heading:
    level: int
    title: str


def _lines(content: bytes) -> list[str]:
    text = content.decode("utf-8-sig", "replace").replace("\0", "\ufffd")
    return [line[:LINE_CHARACTERS_MAX].rstrip("\r") for line in text.split("\n")]


def _cut(lines: Sequence[str], headings: Mapping[int, _Heading], *, first: int = 1) -> Iterator[Section]:
    """Cut at headings, and at blank lines where a section is long enough; `first` is the number of the first line."""
    trail: list[_Heading] = []
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


def _section(lines: Sequence[str], start: int, end: int, trail: list[_Heading], first: int) -> Iterator[Section]:
    """Make a section of the lines without the blank ones around them; none if all are blank."""
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    if start < end:
        heading = " > ".join(heading.title for heading in trail[-HEADING_DEPTH_MAX:])[:HEADING_CHARACTERS_MAX]
        yield Section(line=first + start, line_end=first + end - 1, heading=heading, text="\n".join(lines[start:end]))


_ATX: Final = re.compile(r"^ {0,3}(?P<marks>#{1,6})[ \t]+(?P<title>\S.*)$")
_SETEXT: Final = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_NO_SETEXT_TITLE: Final = re.compile(r"^\s*([-*+>#|]|\d+[.)]|$)")


def _markdown_headings(lines: Sequence[str]) -> dict[int, _Heading]:
    headings: dict[int, _Heading] = {}
    fence = ""
    for index in range(_front_matter_lines(lines), len(lines)):
        line = lines[index]
        if fence:
            fence = "" if line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence
        elif opened := _FENCE.match(line):
            fence = opened[1]
        elif atx := _ATX.match(line):
            headings[index] = _Heading(len(atx["marks"]), _without_closing_marks(atx["title"].rstrip()))
        elif (
            index and _SETEXT.match(line) and index - 1 not in headings and not _NO_SETEXT_TITLE.match(lines[index - 1])
        ):
            headings[index - 1] = _Heading(1 if "=" in line else 2, lines[index - 1].strip())
    return headings


def _without_closing_marks(title: str) -> str:
    before, _, last = title.rpartition(" ")
    return before.rstrip() if before and not last.strip("#") else title


def _front_matter_lines(lines: Sequence[str]) -> int:
    """Count the lines of a YAML block at the top, whose `---` underlines no heading."""
    if not lines or lines[0].rstrip() != "---":
        return 0
    return next((index + 1 for index in range(1, min(len(lines), 200)) if lines[index].rstrip() == "---"), 0)


_REST_LINE: Final = re.compile(r"^([!-/:-@[-`{-~])\1{2,}\s*$")


def _rest_headings(lines: Sequence[str]) -> dict[int, _Heading]:
    """Find titles with a line under them; the levels are numbered as the characters first appear."""
    headings: dict[int, _Heading] = {}
    styles: list[tuple[str, bool]] = []
    for index in range(1, len(lines)):
        title, under = lines[index - 1], lines[index].rstrip()
        if (
            not _REST_LINE.match(under)
            or not title.strip()
            or _REST_LINE.match(title)
            or len(under) < len(title.strip())
        ):
            continue
        style = (under[0], index > 1 and lines[index - 2].rstrip() == under)
        if style not in styles:
            styles.append(style)
        headings[index - 1] = _Heading(styles.index(style) + 1, title.strip())
    return headings


_ASCIIDOC_TITLE: Final = re.compile(r"^(?P<marks>={1,6}|#{1,6})[ \t]+(?P<title>\S.*)$")
_ASCIIDOC_BLOCK: Final = re.compile(r"^(-{4,}|\.{4,}|={4,}|\*{4,}|`{3,}|_{4,}|/{4,}|\+{4,})\s*$")


def _asciidoc_headings(lines: Sequence[str]) -> dict[int, _Heading]:
    headings: dict[int, _Heading] = {}
    block = ""
    for index, line in enumerate(lines):
        if block:
            block = "" if line.rstrip() == block else block
        elif _ASCIIDOC_BLOCK.match(line):
            block = line.rstrip()
        elif title := _ASCIIDOC_TITLE.match(line):
            headings[index] = _Heading(len(title["marks"]), title["title"].strip())
    return headings


def _no_headings(_: Sequence[str]) -> dict[int, _Heading]:
    return {}


_HEADINGS: Final = {
    Kind.MARKDOWN: _markdown_headings,
    Kind.REST: _rest_headings,
    Kind.ASCIIDOC: _asciidoc_headings,
    Kind.PLAIN: _no_headings,
}


def _docstrings(content: bytes) -> Iterator[Section]:
    module = parse_python(content)
    if module is None:
        return
    lines = _lines(content)
    for name, scope in scopes(module):
        if place := _docstring_place(scope):
            start, end = place
            yield from _cut(lines[start - 1 : end], {0: _Heading(1, name)} if name else {}, first=start)


def _docstring_place(scope: Documented) -> tuple[int, int] | None:
    """Return the first and last line of a docstring, quotes included."""
    match scope.body:
        case [ast.Expr(value=ast.Constant(value=str()) as text), *_]:
            return text.lineno, text.end_lineno or text.lineno
        case _:
            return None
