"""Marker: the hidden first line by which a text of ours is found again on a pull request.

    <!-- onceover:KIND:HOST:REPOSITORY_ID:NUMBER[:HEAD][:ATTEMPT] -->
    <!-- onceover:finding:FINGERPRINT -->

Promises that what was written is read back the same, and that nothing else is read: only the first line counts, and
only as a whole. Ids name a repository, so a rename changes nothing.
Does not promise that the writer was we: anybody can paste a marker (security case 88). Whoever reads one asks for the
author's id first.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

SUMMARY: Final = "summary"
"""The one comment that stands on a pull request and is edited; its marker names no head."""

REVIEW: Final = "review"
"""A review with inline comments; its marker names the head."""

ANSWER: Final = "answer"
"""The answer to a command; the rest of the kind names the comment, `answer-comment-7`."""

LINE_CHARACTERS_MAX: Final = 600
"""A longer first line is none of ours: a host name has at most 253 characters."""

_KIND: Final = r"[a-z][a-z0-9-]{0,60}"
_MARKER: Final = re.compile(
    rf"<!-- onceover:(?P<kind>{_KIND}):(?P<host>[A-Za-z0-9.%_~-]{{1,400}})"
    r":(?P<repository_id>[0-9]{1,19}):(?P<number>[0-9]{1,19})"
    r"(?::(?P<head>[0-9a-f]{40}|[0-9a-f]{64}))?(?::(?P<attempt>[0-9]{1,9}))? -->",
    re.ASCII,
)
_FINDING: Final = re.compile(r"<!-- onceover:finding:(?P<fingerprint>[0-9a-f]{16}) -->")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What a text of ours is, and what it is about."""

    kind: str
    """`summary`, `review`, `answer-SOURCE`: small letters, digits, hyphens."""
    host: str
    """Network location of the API's address, perhaps with a port."""
    repository_id: int
    number: int
    """Of the pull request."""
    head: str | None = None
    """The full SHA."""
    attempt: int | None = None


def write_marker(marker: Marker) -> str:
    """Write the hidden line.

    Raises:
        ValueError: A field holds what no such field holds; nothing of a stranger belongs into one.
    """
    host = quote(marker.host, safe="").replace("--", "%2D%2D")  # Two hyphens may end a comment, a colon a field.
    optional = [str(part) for part in (marker.head, marker.attempt) if part is not None]
    fields = ["onceover", marker.kind, host, str(marker.repository_id), str(marker.number), *optional]
    line = f"<!-- {':'.join(fields)} -->"
    if read_marker(line) != marker:
        raise ValueError(f"{marker} cannot be written as a marker.")
    return line


def read_marker(body: str) -> Marker | None:
    """Read the marker of a text; None if its first line is none."""
    found = _MARKER.fullmatch(_first_line(body))
    if found is None:
        return None
    return Marker(
        kind=found["kind"],
        host=unquote(found["host"]),
        repository_id=int(found["repository_id"]),
        number=int(found["number"]),
        head=found["head"],
        attempt=None if found["attempt"] is None else int(found["attempt"]),
    )


def write_finding_marker(fingerprint: str) -> str:
    """Write the hidden line of an inline comment."""
    return f"<!-- onceover:finding:{fingerprint} -->"


def read_finding_marker(body: str) -> str | None:
    """Read the fingerprint that an inline comment is about; None if its first line is no marker."""
    found = _FINDING.fullmatch(_first_line(body))
    return None if found is None else found["fingerprint"]


def _first_line(body: str) -> str:
    """Give the first line; GitHub may give back CRLF for the LF that it was sent."""
    return body[:LINE_CHARACTERS_MAX].partition("\n")[0].removesuffix("\r")
