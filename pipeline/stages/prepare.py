"""Stage prepare: what is to be reviewed, by which rules, or why not at all.

Runs before the five stages, in the process that reads what strangers wrote, with a token that reads one repository.
Promises a plan in which every setting comes from the base branch or the operator and none from the pull request, and
which says in words what it decided. Nobody without the right spends the key: what comes from a fork by somebody who may
not write waits for a maintainer's `/onceover review`.

A webhook outruns GitHub's own API: a pull request that is not there yet, or still shows the head before, is looked at
again a little later. When the head has truly moved on, this run is not wanted: the new head has one of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.configuration.ceilings import Ceilings
from pipeline.review.configuration.decision import Decision, PullFacts, asks_for_paths, decide
from pipeline.review.configuration.model import Configuration
from pipeline.review.configuration.reading import PATH_IN_REPOSITORY, ReadConfiguration, read_configuration
from pipeline.review.plan import Plan, PlanProblem
from pipeline.review.visible import visible
from pipeline.services.configuration_files import read_configuration_files
from pipeline.services.github.client import GitHub
from pipeline.services.github.errors import NotYet
from pipeline.services.github.models import Pull
from pipeline.services.github.pulls import Pulls
from pipeline.services.github.repositories import Repositories
from pipeline.services.pull_request import ASKED_NOTE, PullParams, Trigger

VERSION: Final = 1
"""Raised when the plan for the same pull request changes."""

READS: Final = ("pull",)
"""Parameters that the result depends on."""

CONTEXT: Final = ("place", "trigger")
"""Parameters that it needs besides: how to reach the repository today, and who asked."""

HEAD_LOOKS: Final = 4
"""Tries in which a pull request that shows another head is not believed yet; seconds pass between two of them."""

ASKED: Final = "command"
"""The trigger of a head that somebody who may write has asked for."""

MOVED_ON: Final = "the pull request has moved on to another commit, which has a review of its own"

NOT_WRITERS: Final = (
    "it comes from a fork, and its author may not write to this repository; a maintainer starts the review with"
    " `/onceover review`"
)


class Params(PullParams):
    """What this stage reads of the run's parameters."""

    trigger: Trigger = Trigger()


class Notes(Protocol):
    """What people said of a pull request as a whole."""

    async def notes(self, subject: str) -> Mapping[str, JsonValue]:
        """Read it, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What the operator decides."""

    ceilings: Ceilings
    params: Callable[[Configuration], Mapping[str, JsonValue]]
    """Writes the parameters of the five stages: which model, which analysers, which limits."""


def make_prepare(*, github: Callable[[str], GitHub], notes: Notes, operator: Operator) -> StageFunction:
    """Make the stage.

    Args:
        github: Makes the client that reads on behalf of a run, with a token of its repository.
        notes: Reads what people said of the pull request.
        operator: Limits and parameters.
    """

    async def prepare(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        client = github(ctx.run_id)
        ctx.progress("reading the pull request")
        is_patient = ctx.attempt < HEAD_LOOKS
        pull = Pull.model_validate(await ctx.step("pull request", _pull(client, params, is_patient), observes=True))
        if pull.head.sha != params.pull.head:
            await ctx.decide(f"not reviewed: {MOVED_ON}")
            return _of(pull, params, not_wanted=MOVED_ON).model_dump(mode="json")
        ctx.progress("reading the configuration")
        files, said = await asyncio.gather(
            ctx.step("configuration", _configuration(client, params), pull.base.ref, observes=True),
            ctx.step("notes", _said(notes, params), observes=True),
        )
        read = read_configuration(
            _bytes(files["repository"]),
            source=f"{params.place.repository}/{PATH_IN_REPOSITORY}",
            organisation=_bytes(files["organisation"]),
            ceilings=operator.ceilings,
        )
        facts = _facts(pull, params, said)
        if asks_for_paths(read.configuration):
            names = await ctx.step("changed paths", _paths(client, params), pull.number, params.pull.head)
            facts = replace(facts, paths=tuple(str(name) for name in names))
        decision = decide(read.configuration, facts)
        not_wanted = decision.not_wanted or _paused(said)
        if not_wanted is None and await _needs_leave(ctx, client, params, pull, facts):
            not_wanted = NOT_WRITERS
        if not_wanted:
            await ctx.decide(f"not reviewed: {not_wanted}")
            plan = _of(pull, params, not_wanted=not_wanted)
        else:
            base = await ctx.step("merge base", _merge_base(client, params), pull.base.sha, params.pull.head)
            plan = _of(pull, params, not_wanted=None, merge_base=base)
        return _by_rules(plan, read, decision, operator).model_dump(mode="json")

    return prepare


def _pull(github: GitHub, params: Params, is_patient: bool) -> Callable[[], Awaitable[JsonValue]]:  # noqa: FBT001
    async def look() -> JsonValue:
        """Look; what shows another head fails, so that the next try looks again and does not remember it."""
        pull = await Pulls(github=github, place=params.at).pull(params.pull.number, is_new=True)
        if pull.head.sha != params.pull.head and is_patient:
            raise NotYet(f"Pull request {params.pull.number} still shows the head {pull.head.sha[:12]}.")
        told: JsonValue = pull.model_dump(mode="json", exclude={"body"})
        return told

    return look


def _merge_base(github: GitHub, params: Params) -> Callable[[str, str], Awaitable[str]]:
    async def find(base: str, head: str) -> str:
        return await Repositories(github=github, place=params.at).merge_base(base, head)

    return find


def _configuration(github: GitHub, params: Params) -> Callable[[str], Awaitable[dict[str, JsonValue]]]:
    """Read both files as text of which each character is a byte: they may be anything."""

    async def read(base_ref: str) -> dict[str, JsonValue]:
        found = await read_configuration_files(github, params.at, PATH_IN_REPOSITORY, base_ref=base_ref)
        return {"repository": _text(found.repository), "organisation": _text(found.organisation)}

    return read


def _paths(github: GitHub, params: Params) -> Callable[[int, str], Awaitable[list[JsonValue]]]:
    async def read(number: int, _head: str) -> list[JsonValue]:
        return [file.filename for file in await Pulls(github=github, place=params.at).files(number)]

    return read


def _said(notes: Notes, params: Params) -> Callable[[], Awaitable[dict[str, JsonValue]]]:
    async def read() -> dict[str, JsonValue]:
        return dict(await notes.notes(params.pull.subject))

    return read


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("latin-1")


def _bytes(text: JsonValue) -> bytes | None:
    return text.encode("latin-1") if isinstance(text, str) else None


def _paused(said: Mapping[str, JsonValue]) -> str | None:
    paused = said.get("paused")
    return f"{paused} paused its reviews; `/onceover resume` goes on" if paused else None


async def _needs_leave(ctx: StageContext, github: GitHub, params: Params, pull: Pull, facts: PullFacts) -> bool:
    """Whether somebody who may write has to start this review: it spends the key of this repository's owner."""
    if not facts.head_is_fork or facts.is_asked:
        return False
    if pull.user is None:
        return True
    login = pull.user.login

    async def ask(login: str) -> bool:
        return (await Repositories(github=github, place=params.at).permission(login)).may_write

    return not await ctx.step("permission of the author", ask, login, observes=True)


def _is_fork(pull: Pull) -> bool:
    return pull.head.repo is None or pull.base.repo is None or pull.head.repo.id != pull.base.repo.id


def _facts(pull: Pull, params: Params, said: Mapping[str, JsonValue]) -> PullFacts:
    """Join what the decision depends on; a head that was asked for stays so, whatever event comes after."""
    is_asked = said.get(ASKED_NOTE) == params.pull.head
    return PullFacts(
        draft=pull.draft,
        state=pull.state,
        labels=tuple(label.name for label in pull.labels),
        author_login=pull.user.login if pull.user else "",
        author_is_bot=pull.user is not None and pull.user.type == "Bot",
        base_ref=pull.base.ref,
        head_is_fork=_is_fork(pull),
        trigger=ASKED if is_asked else params.trigger.why,
        paths=None,
    )


def _of(pull: Pull, params: Params, *, not_wanted: str | None, merge_base: str = "") -> Plan:
    return Plan(
        not_wanted=not_wanted,
        number=pull.number,
        title=visible(pull.title, lines=False),
        author=visible(pull.user.login, lines=False) if pull.user else "",
        is_fork=_is_fork(pull),
        head=params.pull.head,
        head_ref=visible(pull.head.ref, lines=False),
        base_ref=visible(pull.base.ref, lines=False),
        merge_base=merge_base,
        html_url=pull.html_url,
    )


def _by_rules(plan: Plan, read: ReadConfiguration, decision: Decision, operator: Operator) -> Plan:
    review = read.configuration.review
    return plan.model_copy(
        update={
            "off": dict(decision.off),
            "params": dict(operator.params(read.configuration)),
            "fail_on": review.fail_on,
            "severity_min": review.severity_min,
            "inline_max": review.inline_max,
            "problems": tuple(
                PlanProblem(source=one.source, line=one.line, column=one.column, message=one.message)
                for one in read.problems
            ),
            "notes": read.notes,
        }
    )
