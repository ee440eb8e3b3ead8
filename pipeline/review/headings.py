"""Headings: where the parts of a document begin, by the markup that it is written in.

Promises an answer for any lines, in one pass over them, and that no document makes us read another: a directive
(`include`, `raw`), a macro or an alias is text here. Does not promise to understand every corner of the markup: a
heading that is missed makes a longer section, not a wrong line.

Sources: CommonMark 0.31 (ATX and setext headings, fences), docutils' section titles, AsciiDoc's section titles,
OpenAPI 3.1 (paths, operations, components).

Why no parser: markdown-it takes some twenty times as long as these lines and its tree is thrown away; docutils runs
directives that read files and runs on for minutes on hostile tables; there is none for AsciiDoc in Python. YAML is
read as PyYAML's events, which build nothing and expand no alias.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

EVENTS_MAX: Final = 400_000
"""Keys and values of an OpenAPI description that are looked at; the largest published ones have about as many."""

DEPTH_MAX: Final = 100
"""Lists and mappings within each other; the deepest published schemas have some 40."""

OPENAPI_DEPTH: Final = 3
"""`paths`, `/cart`, `get`: deeper keys belong to the operation."""

TITLE_CHARACTERS_MAX: Final = 160


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading."""

    level: int
    """1 is the outermost."""
    title: str


_ATX: Final = re.compile(r"^ {0,3}(?P<marks>#{1,6})[ \t]+(?P<title>\S.*)$")
_SETEXT: Final = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_NO_SETEXT_TITLE: Final = re.compile(r"^\s*([-*+>#|]|\d+[.)]|$)")


def markdown_headings(lines: Sequence[str]) -> dict[int, Heading]:
    """Find ATX and setext headings outside of fences and front matter."""
    headings: dict[int, Heading] = {}
    fence = ""
    for index in range(_front_matter_lines(lines), len(lines)):
        line = lines[index]
        if fence:
            fence = "" if line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence
        elif opened := _FENCE.match(line):
            fence = opened[1]
        elif atx := _ATX.match(line):
            headings[index] = Heading(len(atx["marks"]), _without_closing_marks(atx["title"].rstrip()))
        elif (
            index and _SETEXT.match(line) and index - 1 not in headings and not _NO_SETEXT_TITLE.match(lines[index - 1])
        ):
            headings[index - 1] = Heading(1 if "=" in line else 2, lines[index - 1].strip())
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


def rest_headings(lines: Sequence[str]) -> dict[int, Heading]:
    """Find titles with a line under them; the levels are numbered as the characters first appear."""
    headings: dict[int, Heading] = {}
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
        headings[index - 1] = Heading(styles.index(style) + 1, title.strip())
    return headings


_ASCIIDOC_TITLE: Final = re.compile(r"^(?P<marks>={1,6}|#{1,6})[ \t]+(?P<title>\S.*)$")
_ASCIIDOC_BLOCK: Final = re.compile(r"^(-{4,}|\.{4,}|={4,}|\*{4,}|`{3,}|_{4,}|/{4,}|\+{4,})\s*$")


def asciidoc_headings(lines: Sequence[str]) -> dict[int, Heading]:
    """Find section titles outside of delimited blocks."""
    headings: dict[int, Heading] = {}
    block = ""
    for index, line in enumerate(lines):
        if block:
            block = "" if line.rstrip() == block else block
        elif _ASCIIDOC_BLOCK.match(line):
            block = line.rstrip()
        elif title := _ASCIIDOC_TITLE.match(line):
            headings[index] = Heading(len(title["marks"]), title["title"].strip())
    return headings


def no_headings(_: Sequence[str]) -> dict[int, Heading]:
    """Plain text has none."""
    return {}


def openapi_headings(lines: Sequence[str]) -> dict[int, Heading]:
    """Find paths, operations, schemas and the like of an OpenAPI description, in YAML or JSON."""
    headings: dict[int, Heading] = {}
    try:
        for line, keys in _keys("\n".join(lines)):
            if _is_heading(keys):
                title = keys[-1].upper() if keys[-1] in _METHODS else keys[-1]
                headings.setdefault(line, Heading(len(keys), title[:TITLE_CHARACTERS_MAX]))
    except (yaml.YAMLError, ValueError, RecursionError):
        pass  # Broken from there on; what stands before is known.
    return headings


def _is_heading(keys: tuple[str, ...]) -> bool:
    """Whether a key begins a path, an operation, a schema or a list of them."""
    if keys[0] in {"paths", "webhooks"}:
        return len(keys) <= len(("paths", "/cart")) or (len(keys) == OPENAPI_DEPTH and keys[-1] in _METHODS)
    return keys[0] in {"components", "definitions"} and len(keys) <= OPENAPI_DEPTH - (keys[0] == "definitions")


_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's scanner where there is one: ten times as fast."""


@dataclass(slots=True)
class _Open:
    """A list or mapping that has not ended."""

    is_mapping: bool
    key: str | None = None
    """The key whose value comes next; None if a key comes next."""


def _keys(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """List the keys of nested mappings down to some depth, each with its line (from 0) and the keys above it."""
    around: list[_Open] = []
    for event, _ in zip(yaml.parse(text, Loader=_LOADER), range(EVENTS_MAX), strict=False):
        match event:
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if around and around[-1].key is None:
                    around[-1].key = ""  # A list or mapping for a key: nobody's heading.
                around.append(_Open(isinstance(event, yaml.MappingStartEvent)))
                if len(around) > DEPTH_MAX:
                    return  # The scanner takes time with the square of the depth.
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                around.pop()
                if around:
                    around[-1].key = None
            case yaml.ScalarEvent() | yaml.AliasEvent() if around and around[-1].is_mapping:
                is_key = around[-1].key is None
                around[-1].key = str(getattr(event, "value", "")) if is_key else None
                if (
                    is_key
                    and len(around) <= OPENAPI_DEPTH + 1
                    and all(one.is_mapping for one in around)
                    and event.start_mark
                ):
                    yield event.start_mark.line, tuple(one.key or "" for one in around)
            case _:
                pass
