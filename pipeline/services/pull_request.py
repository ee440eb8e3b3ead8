"""Pull request: which one a run is about, and how to reach it today, as the run's parameters tell it.

The door writes these parameters and the stages read them; both sides' tests hold the form. Ids name things, names are
only how to reach them: a renamed repository keeps its runs.
"""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.services.github.place import Place
from pipeline.services.repository import Sha


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
        return f"github/{self.host}/{self.repository_id}/{self.number}"


class PullHead(PullNumber):
    """One head of a pull request."""

    head: Sha

    @property
    def topic(self) -> str:
        """What is said of this head reaches its runs by."""
        return f"github/{self.host}/{self.repository_id}/{self.head}"


class PlaceNow(BaseModel):
    """How to reach the repository today."""

    model_config = ConfigDict(frozen=True)

    installation: int
    repository: str

    def of(self, repository_id: int) -> Place:
        """Say where calls to GitHub go."""
        return Place(installation=self.installation, repository=self.repository, repository_id=repository_id)


class PullParams(BaseModel):
    """What every stage that speaks with GitHub reads of the run's parameters."""

    model_config = ConfigDict(frozen=True)

    pull: PullHead
    place: PlaceNow

    @property
    def at(self) -> Place:
        """Where calls to GitHub go."""
        return self.place.of(self.pull.repository_id)
