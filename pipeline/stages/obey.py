"""Stage obey: what somebody asked for by a comment or a button is done, or refused.

A command is a run of its own, so it survives what a review survives and is obeyed once, however often it is delivered.
Promises that nothing is done before GitHub has said that the sender may write to the repository; that a clear answer
is needed for that, and any other refuses; and that who may not is answered by a reaction alone. What a command is
about is the head that GitHub names after the permission was checked, not the one that the writer may have seen.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from pipeline.engine.delivery import Delivery
from pipeline.engine.effects import Effects
from pipeline.engine.lifecycle import RunState
from pipeline.engine.records import RunRecord
from pipeline.engine.request import RunRequest
from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.configuration.ceilings import Ceilings
from pipeline.review.configuration.effective import effective
from pipeline.review.configuration.reading import PATH_IN_REPOSITORY, read_configuration
from pipeline.review.findings import Finding
from pipeline.review.pull import replies
from pipeline.review.pull.command import FOR_EVERYBODY, Command
from pipeline.review.pull.marker import ANSWER, Marker, read_marker
from pipeline.review.pull.replies import Reply, answer_body
from pipeline.review.pull.run_rows import done_fingerprint, next_attempt_ms, read_stored, stage_rows
from pipeline.review.reports import Summary
from pipeline.services.configuration_files import read_configuration_files
from pipeline.services.github.client import GitHub
from pipeline.services.github.comments import Comments
from pipeline.services.github.errors import Gone
from pipeline.services.github.models import Pull
from pipeline.services.github.place import Place
from pipeline.services.github.pulls import Pulls
from pipeline.services.github.repositories import Repositories
from pipeline.services.projection.sticky import Sticky
from pipeline.services.projection.written import Author
from pipeline.services.pull_request import ASKED_NOTE, PlaceNow, PullHead, PullNumber, Trigger, review_request

VERSION: Final = 1
"""Raised when the same command does something else."""

READS: Final = ("pull", "sender", "command", "answer_to")
"""Parameters that the result depends on."""

CONTEXT: Final = ("place",)
"""Parameters that it needs besides: how to reach the repository today."""

ALOUD: Final = frozenset({"help", "status", "config", "explain", "dismiss"})
"""Verbs that are answered in words; of the others the check run shows what they did."""


class Sender(BaseModel):
    """Who asks."""

    model_config = ConfigDict(frozen=True)

    id: int
    login: str


class Asked(BaseModel):
    """What for, as the door read it."""

    model_config = ConfigDict(frozen=True)

    verb: str
    arguments: tuple[str, ...] = ()
    fresh: bool = False
    problem: str | None = None


class AnswerTo(BaseModel):
    """Where it was asked."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["issue_comment", "review_comment", "check_run", "check_suite"]
    id: int


class Params(BaseModel):
    """What this stage reads of the run's parameters."""

    model_config = ConfigDict(frozen=True)

    pull: PullNumber
    place: PlaceNow
    sender: Sender
    command: Asked
    answer_to: AnswerTo

    @property
    def at(self) -> Place:
        """Where calls to GitHub go."""
        return self.place.of(self.pull.repository_id)


class Engine(Protocol):
    """What a command can do."""

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

    async def cancel(self, run_id: str, why: str) -> str:
        """Stop a run."""

    async def newest(self, subject: str) -> RunRecord | None:
        """Read the newest run of a subject."""

    async def checkpoint(self, run_id: str, stage: str, fingerprint: str) -> str | None:
        """Read a checkpoint as JSON text."""

    async def note(self, subject: str, name: str, value: JsonValue) -> None:
        """Keep what somebody said of a subject."""

    async def notes(self, subject: str) -> Mapping[str, JsonValue]:
        """Read what was said of a subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Servant:
    """Who obeys."""

    github: GitHub
    engine: Engine
    effects: Callable[[str], Effects]
    author: Author
    ceilings: Ceilings
    now_ms: Callable[[], int]


def make_obey(servant: Servant) -> StageFunction:
    """Make the stage."""

    async def obey(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        work = _Work(ctx=ctx, params=params, servant=servant, command=_command(params.command))
        reply = await work.answer()
        await work.tell(reply)
        return {"reaction": reply.reaction, "answered": reply.text is not None}

    return obey


def _command(asked: Asked) -> Command:
    return Command(verb=asked.verb, arguments=asked.arguments, fresh=asked.fresh, problem=asked.problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One execution."""

    ctx: StageContext
    params: Params
    servant: Servant
    command: Command

    async def answer(self) -> Reply:
        """Do what is asked, if the sender may."""
        command = self.command
        is_for_everybody = command.verb in FOR_EVERYBODY and command.problem is None
        if not is_for_everybody and not await self._may_write():
            await self.ctx.decide(f"refused: {self.params.sender.login} may not write to this repository")
            return replies.refused()
        if command.problem is not None:
            return replies.not_understood(command)
        if command.verb == "help":
            return replies.helped()
        pull = Pull.model_validate(await self.ctx.step("pull request", self._pull))
        if pull.state != "open" and command.verb not in {"status", "config", "explain"}:
            return replies.cannot_now("the pull request is closed.")
        return await self._acts[command.verb](self, pull)

    async def tell(self, reply: Reply) -> None:
        """React to what was written, and answer in words where words help."""
        await self._react(reply)
        is_aloud = self.command.verb in ALOUD or reply.reaction == "confused"
        source = f"{ANSWER}-{self.params.answer_to.kind.replace('_', '-')}-{self.params.answer_to.id}"
        pull = self.params.pull
        marker = Marker(kind=source, host=pull.host, repository_id=pull.repository_id, number=pull.number)
        body = answer_body(marker, reply) if is_aloud else None
        if body is None:
            return
        sticky = Sticky(
            effects=self.servant.effects(self.ctx.lease_mark),
            comments=self._comments,
            number=pull.number,
            author=self.servant.author,
            is_ours=lambda text: text is not None and read_marker(text) == marker,
            name=source,
        )
        await sticky.show(body)

    async def _react(self, reply: Reply) -> None:
        where, number = self.params.answer_to, self.params.pull.number
        try:
            if where.kind == "issue_comment":
                await self._comments.react(number, where.id, reply.reaction)
            elif where.kind == "review_comment":
                await self._comments.react_inline(number, where.id, reply.reaction)
        except Gone:
            await self.ctx.decide("no reaction: the comment was deleted meanwhile, or the conversation is locked")

    # What is looked at ----------------------------------------------------------------------------------------------

    @property
    def _comments(self) -> Comments:
        return Comments(github=self.servant.github, place=self.params.at)

    @property
    def _repository(self) -> Repositories:
        return Repositories(github=self.servant.github, place=self.params.at)

    async def _may_write(self) -> bool:
        """Ask anew at every try: between two of them hours may pass, and a right may be taken back."""
        sender = self.params.sender
        permission = await self._repository.permission(sender.login)
        is_sender = permission.user is None or permission.user.id == sender.id  # A login may pass to somebody else.
        return permission.may_write and is_sender

    async def _pull(self) -> JsonValue:
        pull = await Pulls(github=self.servant.github, place=self.params.at).pull(self.params.pull.number)
        told: JsonValue = pull.model_dump(mode="json", exclude={"body"})
        return told

    async def _run_of(self, pull: Pull) -> RunRecord | None:
        run = await self.servant.engine.newest(self.params.pull.subject)
        return run if run is not None and run.revision == pull.head.sha else None

    async def _summary(self, run: RunRecord) -> Summary | None:
        fingerprint = done_fingerprint(run, "summarize")
        if fingerprint is None:
            return None
        return read_stored(await self.servant.engine.checkpoint(run.run_id, "summarize", fingerprint), Summary)

    async def _finding(self, pull: Pull, fingerprint: str) -> Finding | None:
        run = await self._run_of(pull)
        summary = await self._summary(run) if run else None
        found = (one for one in (summary.findings if summary else ()) if one.fingerprint == fingerprint)
        return next(found, None)

    # What can be asked ----------------------------------------------------------------------------------------------

    @property
    def _why(self) -> str:
        return f"{self.params.sender.login} asked for it"

    @property
    def _delivery(self) -> Delivery:
        """Name this command: what it does to another run happens once, also if we die right after."""
        return Delivery(id=f"command:{self.ctx.run_id}", event="command")

    async def _review(self, pull: Pull) -> Reply:
        outcome = await self._ask_for_review(pull)
        if outcome == "stale":  # GitHub still shows the head before the one that its webhook told.
            newest = await self.servant.engine.newest(self.params.pull.subject)
            return replies.stale(pull.head.sha, newest.revision if newest else pull.head.sha)
        return (replies.nothing_to_do if outcome == "answered" else replies.accepted)(self.command, pull.head.sha)

    async def _ask_for_review(self, pull: Pull) -> str:
        await self._note_asked(pull)
        request = review_request(
            PullHead(**self.params.pull.model_dump(), head=pull.head.sha),
            self.params.place,
            Trigger(by=self.params.sender.login, why="command", delivery=self.ctx.run_id),
            updated_at=pull.updated_at,
            again=("prepare",),
            fresh=self.command.fresh,
        )
        return await self.servant.engine.ask_for_review(request, self._delivery)

    async def _note_asked(self, pull: Pull) -> None:
        """Remember that this head was asked for: a label that comes later must not take its review back."""
        await self.servant.engine.note(self.params.pull.subject, ASKED_NOTE, pull.head.sha)

    async def _rerun(self, pull: Pull) -> Reply:
        what = self.command.arguments[0] if self.command.arguments else "failed"
        run = await self._run_of(pull)
        if run is None or run.state is RunState.SUPERSEDED:
            await self._ask_for_review(pull)
            return replies.accepted(self.command, pull.head.sha)
        await self._note_asked(pull)
        stages: Sequence[str] | Literal["all", "failed"]
        stages = "all" if what == "all" else "failed" if what == "failed" else [what]
        outcome = await self.servant.engine.rerun(
            run.run_id, stages, fresh=self.command.fresh, why=self._why, delivery=self._delivery
        )
        done = outcome == "reopened"
        return (replies.accepted if done else replies.nothing_to_do)(self.command, pull.head.sha)

    async def _cancel(self, pull: Pull) -> Reply:
        run = await self.servant.engine.newest(self.params.pull.subject)
        if run is None:
            return replies.nothing_to_do(self.command, pull.head.sha)

        async def cancel() -> str:
            return await self.servant.engine.cancel(run.run_id, self._why)

        is_cancelled = await self.ctx.step("cancel", cancel) == "cancelled"
        return (replies.accepted if is_cancelled else replies.nothing_to_do)(self.command, run.revision)

    async def _pause(self, pull: Pull) -> Reply:
        is_paused = await self.ctx.step("is it paused", self._is_paused)
        await self.servant.engine.note(self.params.pull.subject, "paused", self.params.sender.login)
        return (replies.nothing_to_do if is_paused else replies.accepted)(self.command, pull.head.sha)

    async def _resume(self, pull: Pull) -> Reply:
        if not await self.ctx.step("is it paused", self._is_paused):
            return replies.nothing_to_do(self.command, pull.head.sha)
        await self.servant.engine.note(self.params.pull.subject, "paused", None)
        await self._ask_for_review(pull)
        return replies.accepted(self.command, pull.head.sha)

    async def _is_paused(self) -> bool:
        """Look; in a step, so that a later try of this command does not take its own doing for somebody else's."""
        return "paused" in await self.servant.engine.notes(self.params.pull.subject)

    async def _status(self, pull: Pull) -> Reply:
        run = await self._run_of(pull)
        summary = await self._summary(run) if run else None
        words = summary.headline if summary else f"the review is {run.state}" if run else ""
        return replies.status(
            stage_rows(run) if run else (),
            head=pull.head.sha,
            words=words,
            now_ms=self.servant.now_ms(),
            next_attempt_ms=next_attempt_ms(run) if run else None,
        )

    async def _config(self, pull: Pull) -> Reply:
        files = await read_configuration_files(
            self.servant.github, self.params.at, PATH_IN_REPOSITORY, base_ref=pull.base.ref
        )
        source = f"{PATH_IN_REPOSITORY} of {pull.base.ref}"
        read = read_configuration(
            files.repository, source=source, organisation=files.organisation, ceilings=self.servant.ceilings
        )
        lines = "\n".join(f"{one.name}: {json.dumps(one.value)}  # {one.origin}" for one in effective(read))
        return replies.config_seen(lines, source=source, problems=[str(problem) for problem in read.problems])

    async def _explain(self, pull: Pull) -> Reply:
        finding = await self._finding(pull, self.command.arguments[0])
        return replies.explained(finding) if finding else self._unknown(pull)

    async def _dismiss(self, pull: Pull) -> Reply:
        finding = await self._finding(pull, self.command.arguments[0])
        if finding is None:
            return self._unknown(pull)
        reason = " ".join(self.command.arguments[1:])
        said: JsonValue = {"by": self.params.sender.login, "reason": reason}
        await self.servant.engine.note(self.params.pull.subject, f"dismissed {finding.fingerprint}", said)
        if run := await self._run_of(pull):
            await self.servant.engine.rerun(
                run.run_id, ["comment"], fresh=False, why=self._why, delivery=self._delivery
            )
        return replies.dismissed(finding, reason)

    def _unknown(self, pull: Pull) -> Reply:
        return replies.no_such_finding(self.command.arguments[0], pull.head.sha)

    @property
    def _acts(self) -> "Mapping[str, Callable[[_Work, Pull], Awaitable[Reply]]]":
        return {
            "review": _Work._review,
            "rerun": _Work._rerun,
            "cancel": _Work._cancel,
            "pause": _Work._pause,
            "resume": _Work._resume,
            "status": _Work._status,
            "config": _Work._config,
            "explain": _Work._explain,
            "dismiss": _Work._dismiss,
        }
