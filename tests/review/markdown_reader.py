"""Reads Markdown as GitHub would, and lists what in it is alive."""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

ALIVE_IN_TEXT = re.compile(
    r"(?<![A-Za-z0-9])@[A-Za-z0-9]|#\d|https?://|ftp://|www\.|\bGH-\d|[a-z0-9]@[a-z0-9]|\$|\b[0-9a-f]{40}\b",
    re.IGNORECASE,
)
"""What GitHub brings to life in plain text, written down apart from the escaper's own rule."""

SMALL = re.compile(r"</?sub>")
"""Our own element that stands in a line."""

OUR_HTML = re.compile(
    r"<details>|</details>|<summary>[\w ,.:()🟦✅-]*</summary>|<!-- onceover:(?:summary v=1 [\w=. -]*|[\w.:%-]+ )-->|\s"
)

COMMAND_LINE = re.compile(r"^(?:[/!][a-z][a-z-]*\s|bors r\+|@dependabot )", re.MULTILINE)


def tokens_of(markdown: str) -> Iterator[Token]:
    """Give all tokens, inline ones too."""
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        yield token
        yield from token.children or ()


def what_acts(markdown: str) -> list[str]:
    """List what would do something: images, links, HTML that is not ours, mentions, references, commands."""
    tokens = list(tokens_of(markdown))
    acting = [
        token.type
        for token in tokens
        if token.type in {"image", "link_open", "html_inline", "s_open"} and not SMALL.fullmatch(token.content)
    ]
    html = "".join(token.content for token in tokens if token.type == "html_block")
    foreign = OUR_HTML.sub("", html)
    alive = [found[0] for token in tokens if token.type == "text" for found in ALIVE_IN_TEXT.finditer(token.content)]
    return [*acting, *([foreign] if foreign else []), *alive, *COMMAND_LINE.findall(markdown)]


def text_of(markdown: str) -> str:
    """Give what a reader reads, without the markup."""
    return "".join(token.content for token in tokens_of(markdown) if token.type in {"text", "code_inline", "fence"})
