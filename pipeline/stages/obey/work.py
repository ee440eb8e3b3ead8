"""Work: one execution of one command, and what every verb may look at.

Promises reads only; what a verb changes, it changes by the engine's own calls, under the command's own name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from pipeline.engine.delivery import Delivery
from pipeline.engine.effects import Effects
from pipeline.engine.journal import JournalEntry
from pipeline.engine.records import RunRecord
from pipeline.engine.request import RunRequest
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.configuration.ceilings import Ceilings
from pipeline.review.pull.asking import order_of, review_request
from pipeline.review.pull.command import Command
from pipeline.review.reports import Summary
from pipeline.services.github.client import GitHub
from pipeline.services.github.comments import Comments
from pipeline.services.github.models import Pull
from pipeline.services.github.pulls import Pulls
from pipeline.services.github.repositories import Repositories
from pipeline.services.projection.written import Author
from pipeline.services.pull_request import ASKED_NOTE, NumberParams
from pipeline.services.stage_results import read_stored, stage_result

VERSION: Final = 1
"""Raised when the same command does something else."""

READS: Final = ("pull", "sender", "command", "answer_to")
"""Parameters that the result depends on."""

CONTEXT: Final = ("place",)
"""Parameters that it needs besides: how to reach the repository today."""


class Sender(BaseModel):
    """Who asks."""

    model_config = ConfigDict(frozen=True)

    id: int
    login: str


class AnswerTo(BaseModel):
    """Where it was asked."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["issue_comment", "review_comment", "check_run", "check_suite"]
    id: int


class Params(NumberParams):
    """What this stage reads of the run's parameters."""

    sender: Sender
    command: Command
    """As the door read it."""
    answer_to: AnswerTo


class Engine(Protocol):
    """What a command asks of the workers."""

    async def ask_for_review(self, request: RunRequest, delivery: Delivery) -> str:
        """Ask for a review and wake its workers; answer what became of it."""

    async def rerun(
        self,
        run_id: str,
        stages: Sequence[str] | Literal["all", "failed"],
        *,
        fresh: bool,
        why: str,
        delivery: Delivery,
    ) -> str:
        """Do stages again and wake their workers; answer what became of it."""


class Records(Protocol):
    """What is on record of runs and pull requests, and what a command writes there."""

    async def cancel(self, run_id: str, why: str) -> str:
        """Stop a run."""

    async def newest(self, subject: str) -> RunRecord | None:
        """Read the newest run of a subject."""

    async def checkpoint(self, run_id: str, stage: str, fingerprint: str) -> str | None:
        """Read a checkpoint as JSON text."""

    async def journal(self, run_id: str) -> Sequence[JournalEntry]:
        """Read what happened to a run."""

    async def effects(self, subject: str) -> Mapping[str, Mapping[str, JsonValue]]:
        """Read what was written for a subject."""

    async def note(self, subject: str, name: str, value: JsonValue) -> None:
        """Keep what somebody said of a subject."""

    async def notes(self, subject: str) -> Mapping[str, JsonValue]:
        """Read what was said of a subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Servant:
    """Who obeys."""

    github: GitHub
    engine: Engine
    records: Records
    effects: Callable[[str], Effects]
    author: Author
    ceilings: Ceilings
    now_ms: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One execution."""

    ctx: StageContext
    params: Params
    servant: Servant

    @property
    def command(self) -> Command:
        """What is asked."""
        return self.params.command

    @property
    def engine(self) -> Engine:
        """What can be asked of the workers."""
        return self.servant.engine

    @property
    def records(self) -> Records:
        """What is on record."""
        return self.servant.records

    @property
    def subject(self) -> str:
        """What the runs of this pull request are about."""
        return self.params.pull.subject

    @property
    def why(self) -> str:
        """Why something is done, for the journal of another run."""
        return f"{self.params.sender.login} asked for it"

    @property
    def delivery(self) -> Delivery:
        """Name this command: what it does to another run happens once, also if we die right after."""
        return Delivery(id=f"command:{self.ctx.run_id}", event="command")

    @property
    def comments(self) -> Comments:
        """The comments of the repository."""
        return Comments(github=self.servant.github, place=self.params.at)

    async def may_write(self) -> bool:
        """Ask anew at every try: between two of them hours may pass, and a right may be taken back."""
        sender = self.params.sender
        permission = await Repositories(github=self.servant.github, place=self.params.at).permission(sender.login)
        is_sender = permission.user is None or permission.user.id == sender.id  # A login may pass to somebody else.
        return permission.may_write and is_sender

    async def pull(self) -> Pull:
        """Read the pull request, once."""

        async def read() -> JsonValue:
            pull = await Pulls(github=self.servant.github, place=self.params.at).pull(self.params.pull.number)
            told: JsonValue = pull.model_dump(mode="json", exclude={"body"})
            return told

        return Pull.model_validate(await self.ctx.step("pull request", read))

    async def run_of(self, pull: Pull) -> RunRecord | None:
        """Find the run of the newest head."""
        run = await self.records.newest(self.subject)
        return run if run is not None and run.revision == pull.head.sha else None

    async def summary(self, run: RunRecord) -> Summary | None:
        """Read the review that a run left, if there is one."""
        return read_stored(await stage_result(self.records, run, "summarize"), Summary)

    async def ask_for_review(self, pull: Pull) -> str:
        """Ask for a review of the newest head; answer what became of it."""
        await self.note_asked(pull)
        request = review_request(
            host=self.params.pull.host,
            repository_id=self.params.pull.repository_id,
            number=self.params.pull.number,
            head=pull.head.sha,
            installation=self.params.place.installation,
            repository=self.params.place.repository,
            by=self.params.sender.login,
            why="command",
            order=order_of(pull.updated_at),
            again=("prepare",),
            fresh=self.command.fresh,
        )
        return await self.engine.ask_for_review(request, self.delivery)

    async def note_asked(self, pull: Pull) -> None:
        """Remember that this head was asked for: a label that comes later must not take its review back."""
        await self.records.note(self.subject, ASKED_NOTE, pull.head.sha)
