"""Pull request: which one a run is about, and how to reach it today, as the run's parameters tell it.

The door writes these parameters and the stages read them; both sides' tests hold the form. Ids name things, names are
only how to reach them: a renamed repository keeps its runs.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.engine.request import RunRequest
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


class Trigger(BaseModel):
    """Who or what asked for a review; nothing that it finds depends on it."""

    model_config = ConfigDict(frozen=True)

    by: str = ""
    """A login; empty if nobody did."""
    why: str = ""
    """Event and action, as `pull_request.opened`; `command`; `recovered`."""
    delivery: str = ""


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


def review_request(
    pull: PullHead,
    place: PlaceNow,
    trigger: Trigger,
    *,
    updated_at: datetime | None,
    again: Sequence[str] = (),
    fresh: bool = False,
) -> RunRequest:
    """Ask for a review of one head; whoever asks for the same head asks for the same run.

    Args:
        pull: Which head.
        place: How to reach its repository today.
        trigger: Who asks.
        updated_at: When this head was the newest, by GitHub's clock.
        again: Stages that look anew if this head was reviewed before.
        fresh: Do everything anew, even what is done.
    """
    return RunRequest(
        subject=pull.subject,
        revision=pull.head,
        params={
            "pull": pull.model_dump(mode="json"),
            "place": place.model_dump(mode="json"),
            "trigger": trigger.model_dump(mode="json"),
        },
        order=round(updated_at.timestamp() * 1000) if updated_at else 0,
        fresh=fresh,
        again=tuple(again),
        topics=(pull.topic,),
    )
