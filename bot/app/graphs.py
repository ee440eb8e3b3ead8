"""Graphs: what the App does, as stages with their roles and limits.

A process builds only the stages of its roles; the others stand in its graphs by name, so that every process accepts,
moves and reads every run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.assembly import ANALYZE_SECONDS_MAX, FAST_SECONDS_MAX, PUBLISHER, REVIEWER
from pipeline.engine.errors import Bug
from pipeline.engine.graph import Graph, StageSpec
from pipeline.engine.retry import RetryPolicy
from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.stages import analyze, checks, docs, obey, prepare, publish, queue, summarize, upkeep
from webhooks.inbox import Kind

PULL: Final = ("pull",)
"""What every stage of a review depends on, besides the plan."""

PLACE: Final = ("place",)
"""What it needs besides."""

WAIT_SECONDS_MAX: Final = 24 * 3_600.0
"""The tests may wait so long for the repository's own checks; the configuration says how long they do."""

OUTAGE_SECONDS_MAX: Final = 6 * 3_600.0
"""How long an outage of GitHub is waited out before a stage needs a person."""

PATIENT: Final = RetryPolicy(
    tries_max=200, first_seconds=1.0, wait_seconds_max=300.0, total_seconds_max=OUTAGE_SECONDS_MAX
)
"""For what only speaks with GitHub: cheap to try again, and worth waiting for."""

MODEL: Final = RetryPolicy(tries_max=analyze.MODEL_TRIES_MAX + 1, first_seconds=2.0)
"""For what pays a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graphs:
    """What a run can be, by kind."""

    by_kind: Mapping[Kind, Graph]

    def __getitem__(self, kind: Kind) -> Graph:
        return self.by_kind[kind]

    @property
    def all(self) -> Graph:
        """All stages of all kinds in one graph: what a worker knows."""
        return Graph(tuple(spec for graph in self.by_kind.values() for spec in graph))


async def _elsewhere(ctx: StageContext) -> JsonValue:
    raise Bug(f"Run {ctx.run_id} reached a process that does not hold the role of this stage.")


def make_graphs(stages: Mapping[str, StageFunction] | None = None) -> Graphs:
    """Make the graphs.

    Args:
        stages: What the stages of this process's roles do, by name; none for a process that only accepts runs.
    """
    run = dict(stages or {})

    def of(name: str) -> StageFunction:
        return run.get(name, _elsewhere)

    return Graphs(
        by_kind={
            "review": Graph(_review(of("prepare"), run), mirror=PUBLISHER),
            "command": Graph((_publishing("obey", of("obey"), obey.READS, obey.CONTEXT, obey.VERSION),)),
            "merge_group": Graph((_publishing("queue", of("queue"), queue.READS, queue.CONTEXT, queue.VERSION),)),
            "upkeep": Graph((_publishing("upkeep", of("upkeep"), upkeep.READS, upkeep.CONTEXT, upkeep.VERSION),)),
        }
    )


def _publishing(
    name: str, run: StageFunction, reads: tuple[str, ...], context: tuple[str, ...], version: int
) -> StageSpec:
    return StageSpec(
        name=name,
        role=PUBLISHER,
        run=run,
        reads=reads,
        context=context,
        version=version,
        seconds_max=FAST_SECONDS_MAX,
        total_seconds_max=OUTAGE_SECONDS_MAX,
        retry=PATIENT,
    )


def _review(prepared: StageFunction, run: Mapping[str, StageFunction]) -> tuple[StageSpec, ...]:
    def reading(
        name: str, version: int, *, needs: tuple[str, ...], retry: RetryPolicy, closes: bool = False
    ) -> StageSpec:
        return StageSpec(
            name=name,
            role=REVIEWER,
            run=run.get(name, _elsewhere),
            needs=needs,
            reads=PULL,
            context=PLACE,
            version=version,
            seconds_max=ANALYZE_SECONDS_MAX,
            total_seconds_max=WAIT_SECONDS_MAX if name == "test" else 2 * ANALYZE_SECONDS_MAX,
            retry=retry,
            closes=closes,
        )

    return (
        StageSpec(
            name="prepare",
            role=REVIEWER,
            run=prepared,
            reads=prepare.READS,
            context=prepare.CONTEXT,
            version=prepare.VERSION,
            seconds_max=FAST_SECONDS_MAX,
            total_seconds_max=OUTAGE_SECONDS_MAX,
            retry=PATIENT,
        ),
        reading("analyze", analyze.VERSION, needs=("prepare",), retry=MODEL),
        reading("test", checks.VERSION, needs=("prepare",), retry=PATIENT),
        reading("docs", docs.VERSION, needs=("prepare",), retry=RetryPolicy()),
        reading(
            "summarize",
            summarize.VERSION,
            needs=("prepare", "analyze", "test", "docs"),
            retry=RetryPolicy(),
            closes=True,
        ),
        StageSpec(
            name="comment",
            role=PUBLISHER,
            run=run.get("comment", _elsewhere),
            needs=("prepare", "summarize"),
            reads=publish.READS,
            context=publish.CONTEXT,
            version=publish.VERSION,
            seconds_max=FAST_SECONDS_MAX,
            total_seconds_max=OUTAGE_SECONDS_MAX,
            retry=PATIENT,
            closes=True,
        ),
    )
