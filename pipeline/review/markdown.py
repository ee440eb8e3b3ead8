"""Markdown: text of a stranger, placed into a comment so that it stays text.

Promises that nothing in it acts: no mention, reference, link, image, markup or HTML, no command to another bot, no
fence that closes early, no hidden character. What GitHub would bring to life (`@name`, `#1`, a URL, a commit SHA, `$`)
is set as code, which it leaves alone and a reader can still copy. Code spans and fences of the text itself are kept.
Does not promise a length: whoever calls clips first (`clip`), for cut Markdown is broken Markdown.
Rules: GitHub Flavored Markdown spec 0.29, GitHub's "Autolinked references and URLs"; cases 36 and 83 to 87.
"""

import re
from collections.abc import Iterator
from typing import Final

from pipeline.review.visible import visible

FENCE_LINES_MAX: Final = 60
"""Lines of one quoted block; more belongs into the file itself, one click away."""

FENCE_CHARACTERS_MAX: Final = 6_000
"""Characters of one quoted block, against the file that is a single line."""

_INDENT: Final = "  "
"""Before every line of a fence. Markdown takes it away again; bots that look for `/command` at a line start do not."""

_CODE_SPAN: Final = re.compile(r"(?<!`)(`{1,3})(?!`)([^`\n]+)(?<!`)\1(?!`)")

_BEFORE_WORD: Final = "(\"'{"
_AFTER_WORD: Final = ".,;:!?)\"'}"
"""Punctuation around a word, so that a full stop does not end up inside the code."""

_ALIVE: Final = re.compile(
    r"@|#\d|(?<![a-z0-9])(?:gh|ghsa|cve)-\w"  # Mentions, e-mail, owner/repo@sha; issues and advisories.
    r"|://|www\.|(?:mailto|xmpp):"  # Whatever GitHub makes a link of without being asked.
    r"|(?<![0-9a-z])[0-9a-f]{7,64}(?![0-9a-z])"  # Commits.
    r"|\$"  # Mathematics.
    r"|^[/!.][a-z]|^bors$",  # Commands to other bots.
    re.IGNORECASE,
)
_MARKUP: Final = re.compile(r"[\\`*\[~]|<(?=[A-Za-z/!?])|&(?=[#A-Za-z])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_BLOCK_START: Final = re.compile(r"^(?:[#>+=-]|(?P<number>\d{1,9})(?=[.)](?:\s|$)))")
_COMMAND_LINE: Final = re.compile(
    r"^(?=[ \t]*(?:[/!.][a-z][\w-]*(?:\s|$)|@?bors\s|@\S{0,40}bot\S*\s))", re.IGNORECASE | re.MULTILINE
)
_FENCE_LINE: Final = re.compile(r"^\s{0,9}(?P<marker>`{3,}|~{3,})(?P<language>[^`]*)$")
_BULLET: Final = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+(?=\S)")


def clip(text: str, characters_max: int) -> str:
    """Cut a text, hidden characters already shown, and say so with an ellipsis."""
    shown = visible(text[:characters_max])
    return shown if len(text) <= characters_max and len(shown) <= characters_max else shown[: characters_max - 1] + "…"


def inline(text: str) -> str:
    """Set a text in one line, for a heading, a list item or a sentence; its code spans stay code."""
    flat = " ".join(visible(text).split())
    pieces: list[str] = []
    end = 0
    for span in _CODE_SPAN.finditer(flat):
        pieces += [_words(flat[end : span.start()]), code(span[2])]
        end = span.end()
    return _BLOCK_START.sub(_escape_block_start, _join([*pieces, _words(flat[end:])]))


def cell(text: str) -> str:
    """Set a text in one cell of a table."""
    return inline(text.replace("|", "¦"))


def code(text: str) -> str:
    """Set a text as a code span in one line; what holds back-ticks is fenced by more of them."""
    flat = " ".join(visible(text).split()) or "(empty)"
    fence = "`" * (_longest_run(flat, "`") + 1)
    padding = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{padding}{flat}{padding}{fence}"


def fence(text: str, *, language: str = "") -> str:
    """Set a text as an indented code block that nothing in it can close; a long one is cut and says so."""
    content = _COMMAND_LINE.sub("· ", clip(text, FENCE_CHARACTERS_MAX)).strip("\n")
    lines = content.split("\n")
    cut = [f"… {len(lines) - FENCE_LINES_MAX} more lines"] if len(lines) > FENCE_LINES_MAX else []
    marker = "`" * max(3, _longest_run(content, "`") + 1)
    whole = [marker + language, *lines[:FENCE_LINES_MAX], *cut, marker]
    return "\n".join(f"{_INDENT}{line}".rstrip() for line in whole)


def verbatim(text: str, *, language: str) -> str:
    """Set a text as a code block that nothing in it can close, to the letter: for what a click puts into a file.

    Does not promise what `fence` does besides: whoever calls has looked for hidden characters and for commands.
    """
    marker = "`" * max(3, _longest_run(text, "`") + 1)
    return "\n".join([marker + language, *([text] if text else []), marker])


def commands_bots(text: str) -> bool:
    """Whether some line of it, set as it is, may be a command to another bot."""
    return _COMMAND_LINE.search(text) is not None


def prose(text: str) -> str:
    """Set a text of several paragraphs; its lists and code blocks stay what they are."""
    blocks: list[str] = []
    paragraph: list[str] = []
    lines = iter([*visible(text).split("\n"), ""])
    for line in lines:
        opening, bullet = _FENCE_LINE.match(line), _BULLET.match(line)
        if not opening and not bullet and line.strip():
            paragraph.append(line)
            continue
        blocks.append(inline(" ".join(paragraph)))
        paragraph.clear()
        if opening:
            blocks.append(fence("\n".join(_until_closed(lines, opening["marker"]))))
        elif bullet:
            blocks.append(f"- {inline(line[bullet.end() :])}")
    return "\n\n".join(filter(None, blocks)).replace("\n\n- ", "\n- ")


def indent(text: str) -> str:
    """Move a text under a list item; the lines of a fence are there already."""
    return "\n".join(line if not line or line.startswith(_INDENT) else f"{_INDENT}{line}" for line in text.split("\n"))


def _words(text: str) -> str:
    """Defuse word by word; the blanks at both ends tell whether it touches the code beside it."""
    return re.sub(r"\S+", lambda word: _word(word[0]), text)


def _word(word: str) -> str:
    if not _ALIVE.search(word):
        return _MARKUP.sub(r"\\\g<0>", word)
    bare = word.lstrip(_BEFORE_WORD)
    bare = bare.rstrip(_AFTER_WORD if "(" not in bare else _AFTER_WORD.replace(")", ""))
    core = bare if _ALIVE.search(bare) else word
    before, _, after = word.partition(core)
    return before + code(core) + after


def _join(pieces: list[str]) -> str:
    """Join; a blank parts code spans that would otherwise melt into one."""
    joined = ""
    for piece in filter(None, pieces):
        joined += f" {piece}" if joined.endswith("`") and piece.startswith("`") else piece
    return joined


def _escape_block_start(start: re.Match[str]) -> str:
    return f"{start['number']}\\" if start["number"] else f"\\{start[0]}"


def _until_closed(lines: Iterator[str], marker: str) -> Iterator[str]:
    """Take the lines of a code block off the text; one that is never closed goes to the end."""
    for line in lines:
        if line.strip().startswith(marker) and not line.strip(f"{marker[0]} "):
            return
        yield line


def _longest_run(text: str, character: str) -> int:
    return max((len(run) for run in re.findall(f"{re.escape(character)}+", text)), default=0)
