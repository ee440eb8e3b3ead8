"""Checked: what the analysers say of the changed lines, as their share of the report."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from pipeline.engine.fingerprint import fingerprint
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.changed_lines import touched
from pipeline.review.diff import FileDiff
from pipeline.review.findings import CLAIM_CHARACTERS_MAX, TITLE_CHARACTERS_MAX, Finding, Severity, rank
from pipeline.review.left_out import beyond, left_out
from pipeline.review.redact import redact
from pipeline.review.reports import AnalysisReport, Skipped
from pipeline.review.visible import visible
from pipeline.services.analyzers.remark import Remark
from pipeline.services.analyzers.runner import run_analyzers
from pipeline.services.analyzers.settings import AnalyzerSettings
from pipeline.services.analyzers.suppressions import suppressed_lines
from pipeline.services.analyzers.toolbox import Toolbox, open_toolbox
from pipeline.services.git_objects import NotRead
from pipeline.stages.analyze.change import Objects
from pipeline.stages.analyze.parameters import FINDINGS_STORED_MAX, Params, Reported

SILENCED: Final = "the change itself silences an analyser here (`noqa`, `nosec` or the like)"


async def check_files(
    ctx: StageContext, objects: Objects, params: Params, files: Sequence[FileDiff], settings: AnalyzerSettings
) -> AnalysisReport:
    """Run the analysers over the head's version of the files, once for the same blobs and tools.

    What other tools said of the change is added.
    """
    own = await _run_own(ctx, objects, params, files, settings)
    return await asyncio.to_thread(_with_reported, own, files, params.analysis.reported)


def _with_reported(own: AnalysisReport, files: Sequence[FileDiff], reported: Sequence[Reported]) -> AnalysisReport:
    """Add the remarks of other tools that are about the change."""
    by_path = {file.path: file for file in files}
    remarks = [Remark(**one.model_dump()) for one in reported if one.path in by_path]
    return own.model_copy(
        update={
            "findings": rank([*own.findings, *_on_changed_lines(by_path, remarks)])[:FINDINGS_STORED_MAX],
            "tools": (*own.tools, *sorted({f"{one.tool} (SARIF)" for one in reported})),
        }
    )


async def _run_own(
    ctx: StageContext, objects: Objects, params: Params, files: Sequence[FileDiff], settings: AnalyzerSettings
) -> AnalysisReport:
    if not files or not params.analysis.analyzers:
        return AnalysisReport()
    toolbox = await open_toolbox(params.analysis.analyzers, settings)
    ctx.progress(f"running {', '.join(item.tool.name for item in toolbox.installed) or 'no analyser'}")
    return AnalysisReport.model_validate(
        await ctx.step(
            "analysers",
            partial(_analyze_files, objects, params.head, files, toolbox, settings),
            [item.label for item in toolbox.installed],
            [entry.what for entry in toolbox.missing],
            fingerprint([[file.path, file.old_sha, file.new_sha] for file in files]),
        )
    )


async def _analyze_files(
    objects: Objects,
    head: str,
    files: Sequence[FileDiff],
    toolbox: Toolbox,
    settings: AnalyzerSettings,
    *_identity: JsonValue,
) -> JsonValue:
    contents = await objects.cat_files(head, [file.path for file in files], bytes_max=settings.file_bytes_max)
    readable = {path: content for path, content in contents.items() if isinstance(content, bytes)}
    unread = [(visible(path, lines=False), one.why) for path, one in contents.items() if isinstance(one, NotRead)]
    analysis = await run_analyzers(readable, toolbox=toolbox, settings=settings)
    by_path = {file.path: file for file in files}
    findings = await asyncio.to_thread(_on_changed_lines, by_path, analysis.remarks)
    return AnalysisReport(
        findings=findings[:FINDINGS_STORED_MAX],
        tools=analysis.tools,
        skipped=(
            *(Skipped(what=entry.what, why=entry.why, gap=entry.gap) for entry in analysis.unread),
            *left_out(((f"analysers: {path}", why) for path, why in unread), gap=True),
            *await asyncio.to_thread(_silenced, by_path, readable),
            *beyond(len(findings), FINDINGS_STORED_MAX),
        ),
    ).model_dump(mode="json")


def _on_changed_lines(files: Mapping[str, FileDiff], remarks: Iterable[Remark]) -> tuple[Finding, ...]:
    """Keep the remarks that are about the change, the worst first."""
    changed = {path: sorted(files[path].changed_lines) for path in {remark.path for remark in remarks}}
    return rank(
        [
            _finding(remark, files[remark.path].shown_path, lines)
            for remark in remarks
            if (lines := touched(changed[remark.path], remark.line, remark.line_end))
        ]
    )


def _finding(remark: Remark, shown_path: str, lines: tuple[int, int]) -> Finding:
    return Finding(
        path=shown_path,
        line=lines[0],
        line_end=lines[1],
        severity=Severity(remark.level),
        category=remark.category,
        title=redact(remark.title).text[:TITLE_CHARACTERS_MAX],
        claim=redact(remark.message).text[:CLAIM_CHARACTERS_MAX],
        source=f"{remark.tool}:{remark.rule}",
        confidence=remark.confidence,
    )


def _silenced(files: Mapping[str, FileDiff], contents: Mapping[str, bytes]) -> tuple[Skipped, ...]:
    """Tell where the change itself makes an analyser keep silent."""
    found = ((files[path], line) for path, content in contents.items() for line in suppressed_lines(content))
    return left_out(
        ((f"{file.shown_path}:{line}", SILENCED) for file, line in found if line in file.changed_lines), gap=False
    )
