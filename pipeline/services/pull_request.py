"""Pull request: which one a run is about, and how to reach it today, as the run's parameters tell it.

Whoever asks for a run writes these parameters (`review/pull/asking.py`), and the stages read them. Ids name things,
names are only how to reach them: a renamed repository keeps its runs.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.engine.request import name_in_repository
from pipeline.services.github.place import Place
from pipeline.services.repository import Sha

ASKED_NOTE: Final = "asked"
"""The note that says which head of a pull request somebody who may write has asked to be reviewed."""


class PullNumber(BaseModel):
    """A pull request."""

    model_config = ConfigDict(frozen=True)

    host: str
    """Network location of the API's address."""
    repository_id: int
    number: int = Field(ge=1)

    @property
    def subject(self) -> str:
        """What its runs are about."""
        return name_in_repository(self.host, self.repository_id, self.number)


class PullHead(PullNumber):
    """One head of a pull request."""

    head: Sha


class PlaceNow(BaseModel):
    """How to reach the repository today."""

    model_config = ConfigDict(frozen=True)

    installation: int
    repository: str

    def of(self, repository_id: int) -> Place:
        """Say where calls to GitHub go."""
        return Place(installation=self.installation, repository=self.repository, repository_id=repository_id)


class Trigger(BaseModel):
    """Who or what asked for a review; nothing that it finds depends on it."""

    model_config = ConfigDict(frozen=True)

    by: str = ""
    """A login; empty if nobody did."""
    why: str = ""
    """Event and action, as `pull_request.opened`; `command`; `recovered`."""


class NumberParams(BaseModel):
    """What every stage that speaks with GitHub about a pull request reads of the run's parameters."""

    model_config = ConfigDict(frozen=True)

    pull: PullNumber
    place: PlaceNow

    @property
    def at(self) -> Place:
        """Where calls to GitHub go."""
        return self.place.of(self.pull.repository_id)


class PullParams(NumberParams):
    """What every stage of a review, which is one head's, reads of them."""

    pull: PullHead
