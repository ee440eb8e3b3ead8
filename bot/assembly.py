"""Assembly: the one place that builds real clients and joins them to the stages.

What a stage's result depends on is declared beside it (`READS`, `CONTEXT`, `VERSION`); here stand roles and limits.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from bot.embeddings import EmbeddingsOnDemand, embeddings_of
from bot.model_catalogue import open_catalogue
from bot.settings_tree import Settings
from pipeline.engine.graph import Graph, StageSpec
from pipeline.engine.retry import RetryPolicy
from pipeline.engine.stage import JsonValue, StageFunction
from pipeline.engine.store import Store
from pipeline.review.depth import Depth
from pipeline.services.analyzers.settings import AnalyzerSettings, search_path
from pipeline.services.analyzers.toolbox import TOOLS, at_hand
from pipeline.services.git import Git, open_git
from pipeline.services.kept_results import KeptResults
from pipeline.services.trial import SETTLE_SECONDS_MAX
from pipeline.stages import analyze, comment, docs, summarize, test
from pipeline.stages.compared import compared
from pipeline.stages.planned import PlannedContext

if TYPE_CHECKING:
    from pipeline.services.llm import Listener, OpenAiModel
    from pipeline.services.llm_notes import Notes

REVIEWER: Final = "reviewer"
"""Reads what strangers wrote; may ask the model, may not write to the outside."""

PUBLISHER: Final = "publisher"
"""Writes to the outside; deterministic code, sees checked results only."""

LOCAL: Final = "local"
"""Does all of a local review, and nothing of anybody else's."""

ANALYZE_SECONDS_MAX: Final = 1_800.0
"""One attempt: analysers over a large change, and some twenty model calls, three at a time."""

FAST_SECONDS_MAX: Final = 300.0
"""One attempt of a stage that computes and asks at most once."""

INDEXES_NAME: Final = "docs"
"""Directory in the state directory with the indexes of documentation, one file for each repository."""

PASSAGES_MAX: Final = 12
"""Passages of documentation that a review cites."""

FINDINGS_MAX: Final = 50
"""Findings that a review tells; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Clients and places that a process has opened."""

    settings: Settings
    store: Store
    model: "OpenAiModel | None" = None
    readings: analyze.Readings | None = None
    """Where it is kept what the model said of a change; None: each run pays for all."""
    listener: "Listener | None" = None
    """Told of every call of an embedding model; the model has been told its own."""
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    @property
    def analyzers(self) -> AnalyzerSettings:
        """Limits of the analysers, and where they are looked for: beside this Python, then on PATH."""
        return AnalyzerSettings(directories=search_path(self.environ.get("PATH", "")))

    @property
    def state_directory(self) -> Path:
        """Where local state is kept."""
        return self.settings.storage.state_dir

    @property
    def embeddings(self) -> EmbeddingsOnDemand | None:
        """The embedding model that the settings name."""
        return embeddings_of(self.settings.model, self.listener)

    def documentation(self, git: Git, commit: str) -> docs.HeadDocumentation:
        """Open the documents of a commit."""
        return docs.HeadDocumentation(git, commit, indexes=self.state_directory / INDEXES_NAME)


@contextlib.asynccontextmanager
async def open_model(
    settings: Settings, *, notes: "Notes | None" = None, listener: "Listener | None" = None
) -> AsyncIterator["OpenAiModel | None"]:
    """Open a client for the model that the settings name; none is named, none is loaded.

    Args:
        settings: Which model, and where.
        notes: Where it is kept what the server can do; without, it is found out anew by each process.
        listener: Told of every call.

    Raises:
        AskPerson: The address or the key is no such thing, or the file with prices cannot be used.
    """
    chosen = settings.model
    if chosen.name is None:
        yield None
        return
    # Here and not above: it loads the openai package, 0.6 s that a review without a model need not wait for.
    from pipeline.services.llm import ModelSettings, OpenAiModel  # noqa: PLC0415

    asked = ModelSettings(
        model=chosen.name,
        api_key=chosen.api_key or SecretStr(""),
        base_url=str(chosen.base_url) if chosen.base_url else None,
        fallback_models=chosen.fallback_names,
        seconds_max=chosen.timeout_seconds,
        connect_seconds_max=chosen.connect_seconds,
        silence_seconds_max=chosen.read_seconds or chosen.timeout_seconds,
        catalogue=open_catalogue(chosen.models_file),
    )
    async with OpenAiModel(asked, notes=notes, listener=listener) as model:
        yield model


def make_graph(resources: Resources) -> Graph:
    """Join the five stages of a local review."""
    trial = resources.settings.trial
    seconds_max = trial.seconds_max + trial.base_seconds_max + 3 * SETTLE_SECONDS_MAX
    return Graph(
        (
            StageSpec(
                name="analyze",
                role=LOCAL,
                run=analyze.make_analyze(
                    git=open_git,
                    analyzers=resources.analyzers,
                    model=resources.model,
                    readings=resources.readings,
                    documentation=resources.documentation,
                ),
                reads=analyze.READS,
                context=analyze.CONTEXT,
                version=analyze.VERSION,
                seconds_max=ANALYZE_SECONDS_MAX,
                total_seconds_max=2 * ANALYZE_SECONDS_MAX,
                retry=RetryPolicy(tries_max=analyze.MODEL_TRIES_MAX + 1, first_seconds=2.0),
            ),
            StageSpec(
                name="test",
                role=LOCAL,
                run=with_base(
                    resources,
                    test.make_test(
                        git=open_git, trials=resources.state_directory / "trials", environ=resources.environ
                    ),
                ),
                reads=(*test.READS, "merge_base"),
                context=test.CONTEXT,
                version=int(test.VERSION),
                seconds_max=seconds_max,
                total_seconds_max=2 * seconds_max,
            ),
            StageSpec(
                name="docs",
                role=LOCAL,
                run=docs.make_docs(
                    git=open_git,
                    indexes=resources.state_directory / INDEXES_NAME,
                    model=resources.model,
                    embeddings=resources.embeddings,
                ),
                reads=docs.READS,
                context=docs.CONTEXT,
                version=docs.VERSION,
                seconds_max=FAST_SECONDS_MAX,
            ),
            StageSpec(
                name="summarize",
                role=LOCAL,
                run=summarize.make_summarize(model=resources.model),
                needs=("analyze", "test", "docs"),
                reads=summarize.READS,
                context=summarize.CONTEXT,
                version=summarize.VERSION,
                seconds_max=FAST_SECONDS_MAX,
                closes=True,
            ),
            StageSpec(
                name="comment",
                role=LOCAL,
                run=comment.make_comment(),
                needs=("summarize",),
                reads=comment.READS,
                context=comment.CONTEXT,
                version=comment.VERSION,
                seconds_max=FAST_SECONDS_MAX,
                closes=True,
            ),
        )
    )


def with_base(resources: Resources, stage: StageFunction) -> StageFunction:
    """Let a stage that runs tests tell what failed before the change already."""
    return compared(
        stage,
        kept=KeptResults(directory=resources.state_directory / "test-results"),
        with_params=PlannedContext,
        base_seconds_max=resources.settings.trial.base_seconds_max,
    )


def review_params(
    resources: Resources, *, test_command: list[JsonValue] | None, junit: str | None, fail_on: str, depth: Depth
) -> dict[str, JsonValue]:
    """Write the parameters that come from settings and options and not from the commits."""
    settings, model = resources.settings, resources.settings.model
    return {
        "analysis": {
            "analyzers": list(TOOLS),
            "at_hand": list(at_hand(resources.analyzers)),
            "ignore": [],
            "findings_max": FINDINGS_MAX,
            "depth": depth.value,
            "model": model.name,
            "fallback_models": list(model.fallback_names),
            "base_url": str(model.base_url) if model.base_url else None,
        },
        "testing": {"command": test_command, "junit": junit, "seconds_max": settings.trial.seconds_max},
        "docs": docs_params(resources, passages_max=PASSAGES_MAX, paths=(), depth=depth),
        "comment": {"fail_on": fail_on},
    }


def docs_params(resources: Resources, *, passages_max: int, paths: Sequence[str], depth: Depth) -> dict[str, JsonValue]:
    """Write what the stage docs reads; at the shallowest depth no model is asked."""
    model = resources.settings.model
    is_checked = depth is not Depth.QUICK
    return {
        "passages_max": passages_max,
        "paths": list(paths),
        "model": model.name if is_checked else None,
        "fallback_models": list(model.fallback_names) if is_checked else [],
        "base_url": str(model.base_url) if model.base_url and is_checked else None,
        "embedding_model": model.embedding_name if is_checked else None,
    }
