"""Request: what somebody wants a run of."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.engine.stage import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A wish for one review of one head."""

    subject: str
    """What a newer revision supersedes: one pull request, one branch."""
    revision: str
    """The head SHA."""
    params: Mapping[str, JsonValue]
    """What the stages read."""
    order: int = 0
    """Which of two revisions of a subject is newer, whatever the order of arrival; 0 means by arrival."""
    fresh: bool = False
    """Do all stages and steps anew, even those that are done."""
    again: tuple[str, ...] = ()
    """Stages that look at the world anew, and all that depends on them, if the run is there already."""
    topics: tuple[str, ...] = ()
    """Names by which a signal finds the run, when its sender does not know the run's id."""

    @property
    def run_id(self) -> str:
        """Name the run: the same head of the same subject is the same run, whoever asks, however often."""
        return "r_" + hashlib.sha256(f"{self.subject}\0{self.revision}".encode()).hexdigest()[:16]


def name_in_repository(host: str, repository_id: int, what: int | str) -> str:
    """Name a subject or a topic: something in a repository, by ids, for a repository's name may change.

    Args:
        host: Network location of the API's address.
        repository_id: The repository, as its host numbers it.
        what: A pull request's number, a head's SHA, or a path of our own.
    """
    return f"github/{host}/{repository_id}/{what}"
