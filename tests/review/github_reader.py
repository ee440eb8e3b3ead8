"""Reads Markdown with GitHub's own parser, raw HTML let through, and lists what of it a page would bring to life.

Written apart from our escaper and from the parser that it knows: what both of these overlook is seen here.
Rules: cmark-gfm with GitHub's extensions; mentions, references, commits and mathematics are found after it, in text.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

import cmarkgfm  # type: ignore[import-untyped]  # It has no types.
from cmarkgfm.cmark import Options  # type: ignore[import-untyped]  # The same.

OUR_TAGS = {
    *("h2", "h3", "p", "ul", "li", "strong", "em", "del", "code", "pre", "blockquote", "hr", "a"),
    *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "sub"),
}
"""Elements of our pages; `em` comes of our own words alone."""

EMPTY_TAGS = {"br", "hr", "img"}

ALIVE = re.compile(
    r"(?<![A-Za-z0-9])@[A-Za-z0-9]"  # Somebody, some team.
    r"|(?:^|[\s(\[:,])#[0-9]|[\w.-]+/[\w.-]+#[0-9]|\bGH-[0-9]"  # Issues and pull requests.
    r"|(?<![0-9a-z])[0-9a-f]{7,40}(?![0-9a-z])"  # Commits.
    r"|\$\S",  # Mathematics.
    re.IGNORECASE,
)
COMMAND = re.compile(r"^[ \t]*(?:/[a-z][\w-]*(?:\s|$)|bors r|@\S*bot )", re.IGNORECASE)
"""What some bot takes for a command at the beginning of a line of the source; ours are in code."""


@dataclass
class Shown(HTMLParser):
    """What a page brings to life."""

    tags: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    comments: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)
    unbalanced: bool = False

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and where it leads."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs} - {"align", "lang"}
        self.hosts |= {urlsplit(value or "").netloc or f"no host: {value}" for name, value in attrs if name == "href"}
        if tag not in EMPTY_TAGS:
            self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note whether it closes what was opened last."""
        if tag not in EMPTY_TAGS and (not self.open_tags or self.open_tags.pop() != tag):
            self.unbalanced = True

    def handle_comment(self, data: str) -> None:
        """Note a hidden text."""
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        """Note a text outside code."""
        if "code" not in self.open_tags:
            self.text.append(data)


def shown(markdown: str) -> Shown:
    """Render a page as GitHub's parser does and read it."""
    html = cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
    page = Shown()
    page.feed(html)
    page.close()
    return page


def alive(markdown: str, *, hosts: frozenset[str] = frozenset()) -> list[str]:
    """List what acts in a page: elements and links that are not ours, mentions, references, hidden texts, commands.

    Args:
        markdown: The page.
        hosts: Where its links may lead.
    """
    page = shown(markdown)
    found = [match[0] for text in page.text for match in ALIVE.finditer(text)]
    commands = [line for line in markdown.splitlines() if COMMAND.match(line)]
    hidden = [text for text in page.comments[1:] if text]
    is_marked = not page.comments or markdown.startswith(f"<!--{page.comments[0]}-->")
    return [
        *sorted(page.tags - OUR_TAGS),
        *sorted(page.attributes - {"href"}),
        *sorted(page.hosts - hosts),
        *found,
        *commands,
        *hidden,
        *([] if is_marked else ["a hidden text that is not the first line"]),
        *(["what is open is not closed"] if page.unbalanced or page.open_tags else []),
    ]
