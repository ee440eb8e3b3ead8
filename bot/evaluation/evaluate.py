"""Evaluate: each case is reviewed as a branch on this machine is, and what came of it is scored.

Promises that an evaluation is as durable as the reviews that it is made of: interrupted, the same command answers from
checkpoints what is done, goes on where a review stopped, and pays for nothing twice. A case that could not be reviewed
is told and scored as if nothing had been found, never left out. Does not promise the same score from a model twice.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.assembly import Resources, open_model
from bot.bookkeeper import bookkeeper_of
from bot.evaluation.cases import Case, Change, build
from bot.evaluation.scoring import TOLERANCE_LINES, Score, Spot, Wanted, score
from bot.local_review import LocalReview, ReviewOptions, find_target, problems_of, read_result, review_locally
from bot.model_notes import RedisNotes
from bot.opened_store import open_store
from bot.settings_tree import Settings
from pipeline.review.depth import Depth
from pipeline.review.findings import Finding
from pipeline.review.reports import Skipped, Spend, Summary, Verdict

AT_ONCE: Final = 2
"""Cases at the same time: each may ask a model several things at once."""

PLACE: Final = "evaluation"
"""Directory of the repositories, in the state directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What came of one case."""

    case: Case
    run_id: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    score: Score
    spend: Spend
    seconds: float
    """Of the stages added up, each from its first start to its end; what was answered from checkpoints included."""
    analyzers: tuple[str, ...] = ()
    """Analysers that ran, with their versions."""
    model: str | None = None
    """The model that read it, if one did."""
    problems: tuple[str, ...] = ()
    """Why a stage could not do its part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What is evaluated, and how."""

    cases: Sequence[Case]
    depth: Depth = Depth.STANDARD
    fresh: bool = False
    tolerance: int = TOLERANCE_LINES
    at_once: int = AT_ONCE


async def evaluate(
    options: EvaluationOptions, resources: Resources, *, on_result: Callable[[CaseResult], None]
) -> list[CaseResult]:
    """Review all cases, some at a time; answer in the order of the cases.

    Args:
        options: What is evaluated.
        resources: Clients and places.
        on_result: Told of each case as it ends.

    Raises:
        OnceoverError: Redis is away, or git is not there; what is done is kept.
    """
    place = resources.state_directory / PLACE
    slots = asyncio.Semaphore(options.at_once)

    async def one(case: Case) -> CaseResult:
        async with slots:
            result = await _evaluate_case(case, options, resources, place)
        on_result(result)
        return result

    async with asyncio.TaskGroup() as together:
        tasks = [together.create_task(one(case), name=case.name) for case in options.cases]
    return [task.result() for task in tasks]


async def _evaluate_case(case: Case, options: EvaluationOptions, resources: Resources, place: Path) -> CaseResult:
    change = await asyncio.to_thread(build, case, place)
    done, summary = await review_change(change, resources, depth=options.depth, fresh=options.fresh)
    spots = [Spot(path=one.path, line=one.line, line_end=one.line_end) for one in summary.findings]
    analysis = summary.analysis
    return CaseResult(
        case=case,
        run_id=done.run.run_id,
        verdict=summary.verdict,
        findings=summary.findings,
        score=score(wanted_of(case), spots, lengths_of(case), tolerance=options.tolerance),
        spend=summary.spend,
        seconds=sum(stage.seconds or 0.0 for stage in done.run.stages.values()),
        analyzers=analysis.tools if analysis else (),
        model=analysis.model if analysis else None,
        problems=(*problems_of(done.run), *_gaps(summary)),
    )


async def review_change(
    change: Change, resources: Resources, *, depth: Depth = Depth.STANDARD, fresh: bool = False
) -> tuple[LocalReview, Summary]:
    """Review commits of a repository, or continue, or answer from checkpoints.

    Raises:
        OnceoverError: Redis is away; there is no such repository or commit.
    """
    options = ReviewOptions(repository=change.repository, base=change.base, head=change.head, depth=depth, fresh=fresh)
    target = await find_target(options)
    done = await review_locally(options, target, resources, on_start=lambda _: None, on_view=lambda _: None)
    return done, (await read_result(done, resources.store)).summary


@contextlib.asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open what reviews need; without readings of earlier pushes, for each case is read for itself.

    Raises:
        OnceoverError: Redis or the model's settings need a person.
    """
    async with open_store(settings) as opened:
        notes = RedisNotes(opened.redis, opened.store.settings.prefix)
        async with open_model(settings, notes=notes, listener=bookkeeper_of(opened)) as model:
            yield Resources(settings=settings, store=opened.store, model=model)


def was_read(summary: Summary) -> bool:
    """Say whether the change was read by whoever was to read it, so that no finding means that there is none.

    Tests that did not run, or an analyser that does not understand a file, are no reason against it.
    """
    return summary.analysis is not None and not any(one.gap and one.what == "model" for one in summary.not_reviewed)


def wanted_of(case: Case) -> list[Wanted]:
    """Say where remarks are expected."""
    return [
        Wanted(spot=Spot(path=one.path, line=line, line_end=line), kind=one.kind)
        for one in case.expected
        for line in (case.line_of(one),)
    ]


def lengths_of(case: Case) -> dict[str, int]:
    """Count the lines of each file of the head."""
    return {path: len(text.splitlines()) for path, text in case.head_files.items()}


def _gaps(summary: Summary) -> tuple[str, ...]:
    """Tell what was wanted and could not be done; that no model is there was no gap, but asked for so."""
    return tuple(_told(one) for one in summary.not_reviewed if one.gap)


def _told(one: Skipped) -> str:
    return f"{one.what}: {one.why}"
