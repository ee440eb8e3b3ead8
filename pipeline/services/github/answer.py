"""Answer: what came back from GitHub, as plain values that hold no request and so no token."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

WORDS_CHARACTERS_MAX: Final = 500
"""How much of GitHub's words an error keeps."""

_SECRET: Final = re.compile(r"(gh[a-z]_|github_pat_|eyJ)[A-Za-z0-9_.\-]{8,}|(?<=Bearer )\S+")
_NEXT: Final = re.compile(r'<([^<>]{1,4000})>[^<>,]{0,200}?;\s*rel="?next"?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response that arrived whole."""

    status: int
    url: str
    """Where it came from in the end."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in small letters."""
    content: bytes = field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """Whether GitHub did what was asked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def next_url(self) -> str | None:
        """The next page of a list (RFC 8288)."""
        found = _NEXT.search(self.headers.get("link", ""))
        return found[1] if found else None

    @property
    def words(self) -> str:
        """What GitHub says, for an error: cut, without secrets and without what a terminal would obey."""
        return harmless(_words(self.content))

    @property
    def date(self) -> datetime | None:
        """GitHub's own time."""
        try:
            date = parsedate_to_datetime(self.headers.get("date", ""))
        except ValueError:
            return None
        return date if date.tzinfo else None

    def number(self, header: str) -> float | None:
        """Read a header that should be a finite number."""
        try:
            number = float(self.headers.get(header, ""))
        except ValueError:
            return None
        return number if math.isfinite(number) else None


class Lost(StrEnum):
    """How a call can end without an answer."""

    UNSENT = "unsent"
    """It never reached GitHub: no connection."""
    UNKNOWN = "unknown"
    """It may have: the connection broke or stayed silent."""
    TOO_LONG = "too long"
    """GitHub acted, but its answer is longer than we read."""
    UNTRUSTED = "untrusted"
    """The certificate is not trusted, so nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """A call without an answer."""

    lost: Lost
    cause: str
    """In a few words."""


Outcome: TypeAlias = Answer | NoAnswer


class _Said(BaseModel):
    """The body of an error, as far as GitHub keeps to one form."""

    model_config = ConfigDict(extra="ignore")

    message: str = ""
    errors: list[object] | str = ""


def _words(content: bytes) -> str:
    try:
        said = _Said.model_validate_json(content[: 64 * 2**10])
    except ValidationError:
        return content[: 4 * WORDS_CHARACTERS_MAX].decode(errors="replace")
    details = [said.errors] if isinstance(said.errors, str) else said.errors
    return "; ".join([said.message, *(_detail(one) for one in details if one)])


def _detail(error: object) -> str:
    if isinstance(error, dict):
        return str(error.get("message") or " ".join(str(error.get(key, "")) for key in ("resource", "field", "code")))
    return str(error)


def harmless(text: str) -> str:
    """Cut foreign text to one line, mask what looks like a token, replace what does not print."""
    masked = _SECRET.sub("***", text[: 8 * WORDS_CHARACTERS_MAX])
    line = " ".join(masked.split())[:WORDS_CHARACTERS_MAX]
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)
