"""Finding text: one finding as Markdown, the same in the summary and beside the line.

Promises what `markdown` promises, and that only addresses given by the caller become links.
"""

from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import quote

from pipeline.review.findings import Finding
from pipeline.review.markdown import clip, code, fence, indent, inline, prose
from pipeline.review.visible import visible
from pipeline.review.wording import capitalised

Link: TypeAlias = Callable[[str, int, int], str | None]
"""Path, first and last line to the https address of these lines, or None when there is none."""

SENTENCE_CHARACTERS_MAX: Final = 300
"""A risk, a reason, the message of a test: more belongs into the log."""

NAME_CHARACTERS_MAX: Final = 300
"""A path, a branch; git allows 4,096, nobody reads them."""

ID_CHARACTERS: Final = 7
"""Of a fingerprint, shown beside a finding and taken by commands: two of 200 findings share one in 1 of 13,000 reviews,
and a command about such a pair answers with both."""

_URL_SAFE: Final = ":/?#@!$&'*+,;=%~-._"
"""What stays as it is in an address: no bracket, blank or quotation mark that could end it."""


def no_link(path: str, line: int, line_end: int) -> str | None:
    """Link nothing: a local review has no pages to point to."""
    del path, line, line_end
    return None


def link_to(repository_url: str | None, head: str) -> Link:
    """Link lines of files as they are at a commit.

    Args:
        repository_url: The https address of the repository's page, as the host gives it; None links nothing.
        head: The commit.
    """

    def link(path: str, line: int, line_end: int) -> str | None:
        if repository_url is None or ".." in path.split("/"):
            return None
        lines = f"L{line}-L{line_end}" if line_end > line else f"L{line}"
        return f"{repository_url}/blob/{head}/{quote(path)}#{lines}"

    return link


def finding_text(finding: Finding, link: Link = no_link, *, state: str = "") -> str:
    """Set a finding as a list item: title and place, claim, suggestion, and who says so.

    Args:
        finding: Which.
        link: Gives the address of its lines.
        state: What became of it since the last review, in words of ours.
    """
    title = inline(finding.title) or "Untitled"
    claim = "" if repeats_title(finding) else indent(prose(finding.claim))
    parts = [
        f"- **{title}** {place(finding.path, finding.line, finding.line_end, link)}{f' · {state}' if state else ''}",
        claim,
        _suggestion(finding),
        f"  {source_text(finding)}",
    ]
    return "\n\n".join(filter(None, parts))


def repeats_title(finding: Finding) -> bool:
    """Whether the claim says nothing that the title does not."""
    return finding.claim.strip() == finding.title.strip()


def source_text(finding: Finding) -> str:
    """Say what kind of finding it is, who found it and how one names it."""
    sure = "" if finding.confidence == 1 else f", {finding.confidence:.0%} sure"
    kind = capitalised(short(finding.category))
    return f"{kind}, found by {name(finding.source)}{sure}. Id {code(short_id(finding))}."


def short_id(finding: Finding) -> str:
    """Give the beginning of its fingerprint, by which a person names it."""
    return finding.fingerprint[:ID_CHARACTERS]


def place(path: str, line: int, line_end: int, link: Link = no_link) -> str:
    """Name lines of a file, linked if they have an address."""
    lines = f"{line}-{line_end}" if line_end > line else f"{line}"
    shown = code(f"{_one_line(path)}:{lines}")
    return linked(shown, link(path, line, line_end))


def linked(words: str, address: str | None) -> str:
    """Make a link of our own words or of a code span; only an https address makes one."""
    if address is None or not address.startswith("https://"):
        return words
    return f"[{words}]({quote(address, safe=_URL_SAFE)})"


def lines_of(finding: Finding) -> str:
    """Name the lines: `line 3`, `lines 3 to 5`."""
    is_one = finding.line_end <= finding.line
    return f"line {finding.line}" if is_one else f"lines {finding.line} to {finding.line_end}"


def name(text: str) -> str:
    """Set a path or another name; a line end in it is shown."""
    return code(_one_line(text))


def short(text: str) -> str:
    """Set a sentence, cut if it is a page."""
    return inline(clip(text, SENTENCE_CHARACTERS_MAX))


def _one_line(text: str) -> str:
    return clip(visible(text[:NAME_CHARACTERS_MAX], lines=False), NAME_CHARACTERS_MAX)


def _suggestion(finding: Finding) -> str:
    if finding.suggestion is None:
        return ""
    lines = lines_of(finding)
    if not finding.suggestion.strip():
        return f"  Suggestion: remove {lines}."
    return f"  Suggestion for {lines}:\n\n{fence(finding.suggestion)}"
