"""Graphs: what the App does, as stages with their roles and limits.

A process builds only the stages of its roles; the others stand in its graphs by name, so that every process accepts,
moves and reads every run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

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
"""The tests may run, or wait for the repository's own checks, so long; settings and configuration say how long."""

OUTAGE_SECONDS_MAX: Final = 6 * 3_600.0
"""How long an outage of GitHub is waited out before a stage needs a person."""

PATIENT: Final = RetryPolicy(
    tries_max=200, first_seconds=1.0, wait_seconds_max=300.0, total_seconds_max=OUTAGE_SECONDS_MAX
)
"""For what only speaks with GitHub: cheap to try again, and worth waiting for."""

MODEL: Final = RetryPolicy(tries_max=analyze.MODEL_TRIES_MAX + 1, first_seconds=2.0)
"""For what pays a model."""


async def _elsewhere(ctx: StageContext) -> JsonValue:
    raise Bug(f"Run {ctx.run_id} reached a process that does not hold the role of this stage.")


READING: Final = StageSpec(
    name="reading",
    run=_elsewhere,
    role=REVIEWER,
    needs=("prepare",),
    reads=PULL,
    context=PLACE,
    seconds_max=ANALYZE_SECONDS_MAX,
    total_seconds_max=2 * ANALYZE_SECONDS_MAX,
)
"""What works on what the plan says, and may take its time."""

SPEAKING: Final = StageSpec(
    name="speaking",
    run=_elsewhere,
    role=PUBLISHER,
    seconds_max=FAST_SECONDS_MAX,
    total_seconds_max=OUTAGE_SECONDS_MAX,
    retry=PATIENT,
)
"""What does little but speak with GitHub, and waits for it as long as an outage may last."""


@dataclass(frozen=True, kw_only=True)
class Graphs:
    """What a run can be, by kind."""

    by_kind: Mapping[Kind, Graph]

    def __getitem__(self, kind: Kind) -> Graph:
        return self.by_kind[kind]

    @cached_property
    def all(self) -> Graph:
        """All stages of all kinds in one graph: what a worker knows."""
        return Graph(tuple(spec for graph in self.by_kind.values() for spec in graph))


def make_graphs(stages: Mapping[str, StageFunction] | None = None) -> Graphs:
    """Make the graphs.

    Args:
        stages: What the stages of this process's roles do, by name; none for a process that only accepts runs.
    """
    functions = stages or {}

    def made(like: StageSpec, name: str, version: int, **more: Any) -> StageSpec:  # noqa: ANN401 - fields of StageSpec.
        return replace(like, name=name, run=functions.get(name, _elsewhere), version=version, **more)

    return Graphs(
        by_kind={
            "review": Graph(_review(made), mirror=PUBLISHER),
            "command": Graph((made(SPEAKING, "obey", obey.VERSION, reads=obey.READS, context=obey.CONTEXT),)),
            "merge_group": Graph((made(SPEAKING, "queue", queue.VERSION, reads=queue.READS, context=queue.CONTEXT),)),
            "upkeep": Graph((made(SPEAKING, "upkeep", upkeep.VERSION, reads=upkeep.READS, context=upkeep.CONTEXT),)),
        }
    )


def _review(made: Callable[..., StageSpec]) -> tuple[StageSpec, ...]:
    read = ("prepare", "analyze", "test", "docs")
    return (
        made(SPEAKING, "prepare", prepare.VERSION, role=REVIEWER, reads=prepare.READS, context=prepare.CONTEXT),
        made(READING, "analyze", analyze.VERSION, retry=MODEL),
        made(
            READING,
            "test",
            checks.VERSION,
            retry=PATIENT,
            seconds_max=WAIT_SECONDS_MAX,
            total_seconds_max=WAIT_SECONDS_MAX,
        ),
        made(READING, "docs", docs.VERSION),
        made(READING, "summarize", summarize.VERSION, needs=read, closes=True),
        made(
            SPEAKING,
            "comment",
            publish.VERSION,
            reads=publish.READS,
            context=publish.CONTEXT,
            needs=("prepare", "summarize"),
            closes=True,
        ),
    )
