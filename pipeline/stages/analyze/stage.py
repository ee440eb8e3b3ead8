"""Stage: analysers and model put together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.depth import limits_of
from pipeline.review.duplicates import merged
from pipeline.review.findings import Finding
from pipeline.review.hidden_text import hidden_text
from pipeline.review.left_out import beyond
from pipeline.review.reports import AnalysisReport
from pipeline.services.analyzers.settings import AnalyzerSettings
from pipeline.services.git import Git
from pipeline.services.prospects import ForeseenModel
from pipeline.stages.analyze.change import Change, read_change
from pipeline.stages.analyze.checked import check_files
from pipeline.stages.analyze.desk import OpenDocumentation
from pipeline.stages.analyze.memory import Readings
from pipeline.stages.analyze.parameters import Params
from pipeline.stages.analyze.reading import read_with_model

VERSION: Final = 3
"""Raised when the report for the same input changes."""

FILES_TOLD_MAX: Final = 2_000
"""Changed files that the report lists one by one; it counts all."""


def make_analyze(
    *,
    git: Callable[[Path], Awaitable[Git]],
    analyzers: AnalyzerSettings | None = None,
    model: ForeseenModel | None = None,
    readings: Readings | None = None,
    documentation: OpenDocumentation | None = None,
) -> StageFunction:
    """Make the stage.

    Args:
        git: Opens the repository at a path.
        analyzers: Limits of the analysers.
        model: The client for the model that the parameters name; None if none is configured.
        readings: Where it is kept what the model said; None: nothing is, and each run pays for all.
        documentation: Opens the documents of a commit for the model to read in; None: it has no such tool.
    """
    settings = analyzers or AnalyzerSettings()

    async def analyze(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        objects = await git(params.repository.path)
        ctx.progress("reading the diff")
        change = await read_change(objects, params)
        checked = await check_files(ctx, objects, params, change.readable, settings)
        read = await read_with_model(
            ctx, params, change.readable, objects, model=model, readings=readings, documentation=documentation
        )
        findings_max = min(params.analysis.findings_max, limits_of(params.analysis.depth).findings_max)
        hidden = await asyncio.to_thread(hidden_text, change.diff.files)
        return _report(change, (*hidden, *checked.findings, *read.findings), checked, read, findings_max).model_dump(
            mode="json"
        )

    return analyze


def _report(
    change: Change, found: Iterable[Finding], checked: AnalysisReport, read: AnalysisReport, findings_max: int
) -> AnalysisReport:
    """Put the parts together, the worst findings first and no more than asked for."""
    findings = merged(found)
    return AnalysisReport(
        files=tuple(file.report() for file in change.diff.files[:FILES_TOLD_MAX]),
        files_total=len(change.diff.files),
        lines_added=change.diff.added,
        lines_removed=change.diff.removed,
        findings=findings[:findings_max],
        tools=checked.tools,
        model=read.model,
        walkthrough=read.walkthrough,
        instructions=read.instructions,
        files_known=read.files_known,
        skipped=(*change.skipped, *checked.skipped, *read.skipped, *beyond(len(findings), findings_max)),
        spend=read.spend,
    )
