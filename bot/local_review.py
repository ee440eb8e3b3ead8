"""Local review: a branch of a repository on this machine, by the same engine and stages as the App.

Promises that the same command continues what was interrupted, answers from checkpoints what is done, and follows what
another process is doing, without paying for any step twice. Touches neither the work tree nor the branches.

The run's subject is repository, branch and base: a newer commit on the branch supersedes the review of an older one.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bot.assembly import LOCAL, Resources, make_graph, review_params
from bot.run_view import RunView, view_of
from pipeline.engine.errors import Bug
from pipeline.engine.graph import Graph
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.owner import Owner
from pipeline.engine.records import Outcome, RunRecord
from pipeline.engine.request import RunRequest
from pipeline.engine.stage import JsonValue
from pipeline.engine.store import Store
from pipeline.engine.wakeup import LocalWakeUps
from pipeline.engine.worker import Worker
from pipeline.review.depth import Depth
from pipeline.review.read_summary import read_summary
from pipeline.review.redact import redact
from pipeline.review.rendering import Facts
from pipeline.review.reports import CommentReport, Summary
from pipeline.review.visible import visible
from pipeline.review.wording import listed
from pipeline.services.git import Git, open_git
from pipeline.services.stage_results import read_stored, stage_result

TITLE_CHARACTERS_MAX: Final = 200
"""Of a commit's first line; a longer one is no title."""

FOLLOW_SECONDS: Final = 0.5
"""How often the view is made anew while nothing happens."""


class RunGone(Bug):
    """The run's record has disappeared while it was worked on."""

    code = "run_gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOptions:
    """What the user asked for."""

    repository: Path
    base: str | None = None
    head: str | None = None
    fresh: bool = False
    fail_on: str = "high"
    depth: Depth = Depth.STANDARD
    test_command: tuple[str, ...] | None = None
    junit: str | None = None
    reported: tuple[JsonValue, ...] = ()
    """What other tools said, as the stage analyze reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The commits that are compared, under the names that the user knows them by."""

    name: str
    path: Path
    subject: str
    head: str
    head_ref: str
    base: str
    base_ref: str
    merge_base: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What became of the request, before any work."""

    outcome: Outcome
    told: str
    """The same as a sentence for the user."""
    resumed: bool
    """Some of it had been done before this command."""
    now_ms: int
    """Redis's clock, Unix milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalReview:
    """A review that has ended, one way or another."""

    target: Target
    start: Start
    run: RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What there is to show."""

    summary: Summary
    facts: Facts
    markdown: str
    """The page; empty if the run ended without one."""


@dataclass(slots=True)
class _Notes:
    by_stage: dict[str, str] = field(default_factory=dict)

    def take(self, _run_id: str, stage: str, text: str) -> None:
        self.by_stage[stage] = text


async def find_target(options: ReviewOptions) -> Target:
    """Find out what is to be compared.

    Raises:
        AskPerson: Not a repository, an unknown ref, no merge base; each says the next step.
    """
    git = await open_git(options.repository)
    head_ref = await git.current_branch() or "HEAD" if options.head is None else options.head
    base_ref = await git.default_base() if options.base is None else options.base
    head = await git.resolve("HEAD" if options.head is None else options.head)
    base = await git.resolve(base_ref)
    return Target(
        name=visible(git.name, lines=False),
        path=options.repository.resolve(),
        subject=_subject(git, head_ref, base_ref),
        head=head,
        head_ref=visible(head_ref, lines=False),
        base=base,
        base_ref=visible(base_ref, lines=False),
        merge_base=await git.merge_base(base, head),
        title=redact(visible(await git.commit_subject(head), lines=False)).text[:TITLE_CHARACTERS_MAX],
    )


async def review_locally(
    options: ReviewOptions,
    target: Target,
    resources: Resources,
    *,
    on_start: Callable[[Start], None],
    on_view: Callable[[RunView], None],
) -> LocalReview:
    """Review, or continue, or follow, or answer at once.

    Args:
        options: What the user asked for.
        target: What is compared.
        resources: Clients and places.
        on_start: Told what became of the request, before any work.
        on_view: Told how the run stands, whenever that changes.

    Raises:
        OnceoverError: Redis is away or refuses.
    """
    graph, store, notes = make_graph(resources), resources.store, _Notes()
    params = review_parameters(options, target, resources)
    request = RunRequest(subject=target.subject, revision=target.head, params=params, fresh=options.fresh)
    submission = await store.submit(request, graph)
    run = await _read(store, submission.run_id)
    start = await _start(submission.outcome, run, store, target, now_ms=submission.now_ms)
    on_start(start)
    if not run.state.is_terminal:
        async with _working(resources, graph, params, run.run_id, notes) as worker:
            watched = _Watched(store=store, worker=worker, inputs=graph.inputs(params), graph=graph)
            run = await watched.until_end(run, lambda seen: on_view(view_of(seen, notes.by_stage)))
            while watched.is_of_others(run):  # Somebody asked for the same head with other options meanwhile.
                await store.submit(replace(request, fresh=False), graph)
                run = await _read(store, run.run_id)
                run = await watched.until_end(run, lambda seen: on_view(view_of(seen, notes.by_stage)))
        on_view(view_of(run, {}))
    return LocalReview(target=target, start=start, run=run)


async def read_result(review: LocalReview, store: Store) -> Result:
    """Read what a review came to; of one that was stopped, an honest summary and no page."""
    run, target = review.run, review.target
    facts = Facts(
        run_id=run.run_id,
        head=target.head,
        base_ref=target.base_ref,
        head_ref=target.head_ref,
        title=target.title,
    )
    summary = read_summary(await stage_result(store, run, "summarize"))
    page = read_stored(await stage_result(store, run, "comment"), CommentReport)
    markdown = page.markdown if page else ""
    return Result(summary=summary, facts=facts, markdown=markdown)


def problems_of(run: RunRecord) -> list[str]:
    """Tell why each stage that failed did, with the next step."""
    failed = [(stage.name, stage.error) for stage in run.stages.values() if stage.state is StageState.FAILED]
    return [
        f"{name}: {error.get('message', '')} {error.get('next_step', '')}".strip() for name, error in failed if error
    ]


def review_parameters(options: ReviewOptions, target: Target, resources: Resources) -> dict[str, JsonValue]:
    """Write what the stages of a local review read."""
    chosen: dict[str, JsonValue] = {
        "repository": {"path": str(target.path), "name": target.name},
        "subject": target.subject,
        "head": target.head,
        "base": target.base,
        "merge_base": target.merge_base,
        "head_ref": target.head_ref,
        "base_ref": target.base_ref,
        "title": target.title,
    }
    command: list[JsonValue] | None = list(options.test_command) if options.test_command else None
    params = review_params(
        resources, test_command=command, junit=options.junit, fail_on=options.fail_on, depth=options.depth
    )
    if options.reported and isinstance(analysis := params["analysis"], dict):
        analysis["reported"] = list(options.reported)
    return chosen | params


def _subject(git: Git, head_ref: str, base_ref: str) -> str:
    """Name what a newer head supersedes; the digits tell two repositories of one name apart."""
    place = hashlib.sha256(str(git.common_dir).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return visible(f"local/{git.name}-{place}/{head_ref}/{base_ref}", lines=False)


async def _start(outcome: Outcome, run: RunRecord, store: Store, target: Target, *, now_ms: int) -> Start:
    done = sum(stage.state is StageState.DONE for stage in run.stages.values())
    standing = f"{done} of {len(run.stages)} stages are done"
    resumed = outcome == "joined" and any(stage.attempt for stage in run.stages.values())
    match outcome:
        case "answered":
            told = f"answered from the checkpoints of run {run.run_id}; `--fresh` reviews anew."
        case "joined" if holder := await _live_holder(run, store):
            told = f"{holder} is at work on run {run.run_id}, {standing}; following it."
        case "joined":
            told = f"going on with run {run.run_id}, {standing}."
        case "reopened":
            again = listed(stage.name for stage in run.stages.values() if not stage.state.is_terminal)
            told = f"run {run.run_id} is there already; still to do: {again}."
        case _:
            told = f"reviewing {target.head_ref} at {target.head[:12]} against {target.base_ref}, run {run.run_id}."
    return Start(outcome=outcome, told=told, resumed=resumed, now_ms=now_ms)


async def _live_holder(run: RunRecord, store: Store) -> str | None:
    for text in await store.holders(run):
        owner = Owner.parse(text)
        if owner is not None and not owner.is_known_dead(store.owner):
            return owner.label
    return None


@contextlib.asynccontextmanager
async def _working(
    resources: Resources, graph: Graph, params: Mapping[str, JsonValue], run_id: str, notes: _Notes
) -> AsyncIterator["asyncio.Task[None]"]:
    wakeups = LocalWakeUps()
    worker = Worker(
        store=resources.store,
        graph=graph,
        wakeups=wakeups,
        roles=frozenset({LOCAL}),
        on_progress=notes.take,
        only=run_id,
        params=params,  # What is executed here comes from this command, not from what somebody wrote into Redis.
    )
    await wakeups.wake(run_id, LOCAL)
    task = asyncio.create_task(worker.run(), name="worker")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """A run that this command waits for."""

    store: Store
    worker: "asyncio.Task[None]"
    graph: Graph
    inputs: Mapping[str, str]
    """What this command asked for."""

    async def until_end(self, run: RunRecord, on_change: Callable[[RunRecord], None]) -> RunRecord:
        """Wait until the run has ended, or nobody is left to do what somebody else asked of it."""
        while not run.state.is_terminal:
            on_change(run)
            if self.worker.done():
                self.worker.result()  # It ends only by an error: say which.
            news = await self.store.follow(run.run_id, after=run.journal_length, wait_seconds=FOLLOW_SECONDS)
            run = await _read(self.store, run.run_id)
            if not news and self.is_of_others(run) and not await _live_holder(run, self.store):
                break
        return run

    def is_of_others(self, run: RunRecord) -> bool:
        """Whether the run, as it stands, was asked for with other options than this command's."""
        was_stopped = run.state in {RunState.CANCELLED, RunState.SUPERSEDED}
        return not was_stopped and self.graph.inputs(run.params) != self.inputs


async def _read(store: Store, run_id: str) -> RunRecord:
    run = await store.read_run(run_id)
    if run is None:
        raise RunGone(
            f"Run {run_id} has disappeared from Redis while it was worked on.",
            next_step="Was Redis flushed, or does it evict keys? Run the same command again.",
        )
    return run
