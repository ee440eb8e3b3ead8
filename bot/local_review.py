"""Local review: a branch of a repository on this machine, by the same engine and stages as the App.

Promises that the same command continues what was interrupted, answers from checkpoints what is done, and follows what
another process is doing, without paying for any step twice. Touches neither the work tree nor the branches.

The run's subject is repository, branch and base: a newer commit on the branch supersedes the review of an older one.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.assembly import PUBLISHER, REVIEWER, Resources, make_graph, review_params
from bot.run_view import RunView, view_of
from pipeline.engine.errors import OnceoverError
from pipeline.engine.graph import Graph
from pipeline.engine.records import RunRecord, Submission
from pipeline.engine.request import RunRequest
from pipeline.engine.stage import JsonValue
from pipeline.engine.wakeup import LocalWakeUps
from pipeline.engine.worker import Worker
from pipeline.services.git import Git, open_git

FOLLOW_SECONDS: Final = 0.5
"""How often the view is made anew while nothing happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOptions:
    """What the user asked for."""

    repository: Path
    base: str | None = None
    head: str | None = None
    fresh: bool = False
    fail_on: str = "high"
    test_command: tuple[str, ...] | None = None
    junit: str | None = None


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
class LocalReview:
    """What a review came to."""

    target: Target
    submission: Submission
    run: RunRecord
    was_begun: bool
    """The run had been begun before this command, by another process or an interrupted one."""


@dataclass(slots=True)
class Notes:
    """What the stages say they are doing; shown live, kept nowhere."""

    by_stage: dict[str, str] = field(default_factory=dict)

    def take(self, _run_id: str, stage: str, text: str) -> None:
        """Keep the newest note of a stage."""
        self.by_stage[stage] = text


async def find_target(options: ReviewOptions) -> Target:
    """Find out what is to be compared.

    Raises:
        AskPerson: Not a repository, an unknown ref, no merge base; each says the next step.
    """
    git = await open_git(options.repository)
    head_ref = options.head or await git.current_branch() or "HEAD"
    base_ref = options.base or await git.default_base()
    head, base = await git.resolve(options.head or "HEAD"), await git.resolve(base_ref)
    return Target(
        name=git.name,
        path=options.repository.resolve(),
        subject=_subject(git, head_ref, base_ref),
        head=head,
        head_ref=head_ref,
        base=base,
        base_ref=base_ref,
        merge_base=await git.merge_base(base, head),
        title=await git.commit_subject(head),
    )


async def review(
    options: ReviewOptions,
    target: Target,
    resources: Resources,
    *,
    on_start: Callable[[Submission, RunRecord], None],
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
    store = resources.store
    notes = Notes()
    graph = make_graph(resources)
    request = RunRequest(
        subject=target.subject, revision=target.head, params=_params(options, target, resources), fresh=options.fresh
    )
    submission = await store.submit(request, graph)
    begun = await _read(resources, submission.run_id)
    on_start(submission, begun)
    async with _working(resources, graph, submission.run_id, notes) as worker:
        run = await _until_end(resources, submission.run_id, worker, lambda run: on_view(view_of(run, notes.by_stage)))
    on_view(view_of(run, {}))
    return LocalReview(target=target, submission=submission, run=run, was_begun=begun.journal_length > len(graph.names))


def _params(options: ReviewOptions, target: Target, resources: Resources) -> dict[str, JsonValue]:
    chosen: dict[str, JsonValue] = {
        "repository": {"path": str(target.path), "name": target.name},
        "head": target.head,
        "base": target.base,
        "merge_base": target.merge_base,
        "head_ref": target.head_ref,
        "base_ref": target.base_ref,
        "title": target.title,
    }
    command: list[JsonValue] | None = list(options.test_command) if options.test_command else None
    return chosen | review_params(
        resources.settings, test_command=command, junit=options.junit, fail_on=options.fail_on
    )


def _subject(git: Git, head_ref: str, base_ref: str) -> str:
    place = hashlib.sha256(str(git.common_dir).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"local/{place}/{head_ref}/{base_ref}"


@contextlib.asynccontextmanager
async def _working(
    resources: Resources, graph: Graph, run_id: str, notes: Notes
) -> AsyncIterator["asyncio.Task[None]"]:
    wakeups = LocalWakeUps()
    worker = Worker(
        store=resources.store,
        graph=graph,
        wakeups=wakeups,
        roles=frozenset({REVIEWER, PUBLISHER}),
        on_progress=notes.take,
        only=run_id,
    )
    await wakeups.wake(run_id, REVIEWER)
    task = asyncio.create_task(worker.run(), name="worker")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until_end(
    resources: Resources, run_id: str, worker: "asyncio.Task[None]", on_change: Callable[[RunRecord], None]
) -> RunRecord:
    run = await _read(resources, run_id)
    while not run.state.is_terminal:
        on_change(run)
        if worker.done():
            worker.result()  # It ends only by an error: say which.
        await resources.store.follow(run_id, after=run.journal_length, wait_seconds=FOLLOW_SECONDS)
        run = await _read(resources, run_id)
    return run


async def _read(resources: Resources, run_id: str) -> RunRecord:
    run = await resources.store.read_run(run_id)
    if run is None:
        raise OnceoverError(
            f"Run {run_id} has disappeared from Redis while it was worked on.",
            next_step="Was Redis flushed, or does it evict keys? Run the same command again.",
            code="run_gone",
        )
    return run


def problems_of(run: RunRecord) -> Sequence[str]:
    """Tell why each stage that failed did, with the next step."""
    failed = [stage for stage in run.stages.values() if stage.error is not None]
    return [
        f"{stage.name}: {stage.error.get('message', '')} {stage.error.get('next_step', '')}".strip()
        for stage in failed
        if stage.error is not None
    ]
