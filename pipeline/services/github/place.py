"""Place: one repository, seen through one installation of the App."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.engine.errors import GiveUp

_REPOSITORY: Final = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9_.-]{1,100}/(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,100}")


class Purpose(StrEnum):
    """What a token is for; narrower than what the App may."""

    READ = "read"
    """Held by the process that reads the pull request's text."""
    WRITE = "write"
    """Held by the publisher alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a call goes.

    Raises:
        GiveUp: `repository` is not of the form `owner/name`; it ends up in addresses.
    """

    installation: int
    repository: str
    """`owner/name` as GitHub last told it; a renamed repository redirects."""
    repository_id: int
    """What stays when the repository is renamed or transferred."""

    def __post_init__(self) -> None:
        if not _REPOSITORY.fullmatch(self.repository):
            raise GiveUp(f"{self.repository[:210]!r} is not the name of a repository, `owner/name`.")

    @property
    def owner(self) -> str:
        """The account that the repository belongs to."""
        return self.repository.partition("/")[0]

    @property
    def name(self) -> str:
        """The repository's own name."""
        return self.repository.partition("/")[2]
