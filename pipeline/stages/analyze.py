"""Stage analyze: the diff, read by analysers and by a model.

Promises a report in every case but one that git cannot tell: analysers that are missing or fail, a model that is not
configured, refuses, or answers rubbish cost their own remarks, and the report names what was not read and why.
Findings stand on changed lines only. Each run of the analysers and each model call is a step, so a second try pays
for nothing twice. Does not promise that a quiet report means good code.

A model that may answer later is asked again by the engine (`RetryLater`) until `MODEL_TRIES_MAX`; then the stage goes
on without it. Groups that were answered are kept, so each try asks only what is still open. What the model has not read
is worth doing again: the report is partial then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

from pipeline.engine.errors import AskPerson, OnceoverError, RetryLater
from pipeline.engine.fingerprint import fingerprint
from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.changed_lines import touched
from pipeline.review.diff import Diff, FileDiff, FileStatus, parse_diff
from pipeline.review.excerpts import FileExcerpt, Grouping, excerpt_of, group_files
from pipeline.review.findings import CLAIM_CHARACTERS_MAX, TITLE_CHARACTERS_MAX, Finding, Severity, rank
from pipeline.review.group_review import GroupReview, review_group
from pipeline.review.importance import by_importance, choose_for_model
from pipeline.review.left_out import left_out
from pipeline.review.model_findings import AnalyzeAnswer
from pipeline.review.model_reading import GroupUnread, tell_reading
from pipeline.review.reports import AnalysisReport, Skipped
from pipeline.review.skip import MARKER_CHARACTERS_MAX, BaseKnowledge, SkipRules
from pipeline.review.structured import Message, strict_schema
from pipeline.review.visible import visible
from pipeline.review.wording import count
from pipeline.services.analyzers.remark import Remark
from pipeline.services.analyzers.runner import run_analyzers
from pipeline.services.analyzers.settings import AnalyzerSettings
from pipeline.services.analyzers.suppressions import suppressed_lines
from pipeline.services.analyzers.toolbox import Toolbox, open_toolbox
from pipeline.services.git_diff import DiffParts
from pipeline.services.git_objects import Content, NotRead
from pipeline.services.questions import ChosenModel, Model, Questions
from pipeline.services.repository import Repository, Sha

VERSION: Final = 1
"""Raised when the report for the same input changes."""

READS: Final = ("head", "merge_base", "title", "analysis")
"""Parameters that the result depends on."""

CONTEXT: Final = ("repository",)
"""Parameters that it needs besides: where things are on this host."""

MODEL_TRIES_MAX: Final = 3
"""Attempts of the stage in which a model that may answer later is waited for; fewer than the engine would grant."""

RETRY_AFTER_SECONDS_MAX: Final = 300.0
"""A model that asks for a longer pause is gone on without: the engine would give the whole stage up."""

GROUPS_AT_ONCE_MAX: Final = 3
"""Model calls at the same time: small servers answer few, and a wall that all would hit is found before all have."""

LAST_FAILURES_MAX: Final = 3
"""In the last try, failed calls after which the others are not made: time-outs of twenty groups would take an hour."""

FINDINGS_STORED_MAX: Final = 2_000
"""Findings of the analysers that the step keeps; far more than any limit on those that are told."""

FILES_TOLD_MAX: Final = 2_000
"""Changed files that the report lists one by one; it counts all."""

ATTRIBUTES: Final = ".gitattributes"

HAS_BASE: Final = frozenset({FileStatus.MODIFIED, FileStatus.RENAMED, FileStatus.COPIED})

BASE_FILES_MAX: Final = 2_000
"""Files whose base version is asked whether they are generated; more than a review reads anyway."""

BASE_FILE_BYTES_MAX: Final = 1_000_000
"""Larger ones are skipped for their size."""

SILENCED: Final = "the change itself silences an analyser here (`noqa`, `nosec` or the like)"

NO_MODEL: Final = Skipped(
    what="model", why="no model is configured; set OPENAI_BASE_URL/OPENAI_API_KEY and ONCEOVER_LLM_MODEL"
)


class Analysis(ChosenModel):
    """Who is to read the change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    analyzers: tuple[str, ...] = ()
    at_hand: tuple[str, ...] = ()
    """Those with a program when the run was asked for: once one is installed, the same head is worth another look."""
    ignore: tuple[str, ...] = ()
    """Patterns as in `.gitignore`."""
    findings_max: Annotated[int, Field(ge=1, le=FINDINGS_STORED_MAX)] = 50


class Params(BaseModel):
    """What this stage reads of the run's parameters."""

    model_config = ConfigDict(frozen=True)

    repository: Repository
    head: Sha
    merge_base: Sha
    title: str = ""
    analysis: Analysis = Analysis()


class Objects(Protocol):
    """What is in a repository."""

    async def diff(self, base: str, head: str) -> DiffParts:
        """Compare two commits."""

    async def cat_files(self, commit: str, paths: Iterable[str], *, bytes_max: int) -> dict[str, Content]:
        """Read files of a commit."""


def make_analyze(
    *,
    git: Callable[[Path], Awaitable[Objects]],
    analyzers: AnalyzerSettings | None = None,
    model: Model | None = None,
) -> StageFunction:
    """Make the stage.

    Args:
        git: Opens the repository at a path.
        analyzers: Limits of the analysers.
        model: The client for the model that the parameters name; None if none is configured.
    """
    settings = analyzers or AnalyzerSettings()

    async def analyze(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        objects = await git(params.repository.path)
        ctx.progress("reading the diff")
        change = await _read_change(objects, params)
        checked = await _run_analyzers(ctx, objects, params, change.readable, settings)
        read = await _read_with_model(ctx, params, change.readable, model)
        return _report(change, checked, read, params.analysis.findings_max).model_dump(mode="json")

    return analyze


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """The diff, and what of it is read."""

    diff: Diff
    readable: tuple[FileDiff, ...]
    """The most important first."""
    skipped: tuple[Skipped, ...]


async def _read_change(objects: Objects, params: Params) -> _Change:
    """Read the diff and choose what is read of it; large ones take seconds, so both happen in a thread."""
    parts = await objects.diff(params.merge_base, params.head)
    diff = await asyncio.to_thread(
        parse_diff,
        raw=parts.raw,
        numstat=parts.numstat,
        patch=parts.patch,
        patch_is_whole=parts.patch_is_whole,
        sizes=parts.sizes,
    )
    rules = SkipRules(params.analysis.ignore, base=await _read_base(objects, params.merge_base, diff))
    return await asyncio.to_thread(_sort_out, diff, rules)


def _sort_out(diff: Diff, rules: SkipRules) -> _Change:
    decisions = [(file, rules.decide(file)) for file in diff.files]
    skips = [(file.shown_path, skip) for file, skip in decisions if skip]
    return _Change(
        diff=diff,
        readable=by_importance(file for file, skip in decisions if not skip),
        skipped=tuple(
            entry
            for gap in (True, False)
            for entry in left_out(((path, skip.why) for path, skip in skips if skip.gap is gap), gap=gap)
        ),
    )


async def _read_base(objects: Objects, base: str, diff: Diff) -> BaseKnowledge:
    """Read what the base's version says of its files, so that a change cannot declare itself unworthy of a review."""
    paths = [file.old_path or file.path for file in diff.files if file.status in HAS_BASE][:BASE_FILES_MAX]
    contents = await objects.cat_files(base, [ATTRIBUTES, *paths], bytes_max=BASE_FILE_BYTES_MAX)
    texts = {
        path: content[: 4 * MARKER_CHARACTERS_MAX].decode("utf-8", "replace")
        for path, content in contents.items()
        if path != ATTRIBUTES and isinstance(content, bytes)
    }
    attributes = contents[ATTRIBUTES]
    return BaseKnowledge(
        headers=texts, attributes=attributes.decode("utf-8", "replace") if isinstance(attributes, bytes) else ""
    )


async def _run_analyzers(
    ctx: StageContext, objects: Objects, params: Params, files: Sequence[FileDiff], settings: AnalyzerSettings
) -> AnalysisReport:
    """Run the analysers over the head's version of the files, once for the same blobs and tools."""
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
            *_beyond(len(findings), FINDINGS_STORED_MAX),
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
        title=remark.title[:TITLE_CHARACTERS_MAX],
        claim=remark.message[:CLAIM_CHARACTERS_MAX],
        source=f"{remark.tool}:{remark.rule}",
        confidence=remark.confidence,
    )


def _silenced(files: Mapping[str, FileDiff], contents: Mapping[str, bytes]) -> tuple[Skipped, ...]:
    """Tell where the change itself makes an analyser keep silent."""
    found = ((files[path], line) for path, content in contents.items() for line in suppressed_lines(content))
    return left_out(
        ((f"{file.shown_path}:{line}", SILENCED) for file, line in found if line in file.changed_lines), gap=False
    )


async def _read_with_model(
    ctx: StageContext, params: Params, files: Sequence[FileDiff], model: Model | None
) -> AnalysisReport:
    """Let the model read group after group; tell what it did not read."""
    name = params.analysis.model
    if name is None:
        return AnalysisReport(skipped=(NO_MODEL,))
    if model is None:
        ctx.partial()  # A worker that has one can read it another time.
        return AnalysisReport(skipped=(Skipped(what="model", why=f"there is no client for {name} here", gap=True),))
    room = choose_for_model(files)
    grouping = await asyncio.to_thread(_group, room.chosen)
    outcomes = await _review_groups(ctx, params, grouping.groups, model)
    without_room = (*grouping.left_out, *(file.shown_path for file in room.left_out))
    return tell_reading(
        [_told(*pair) for pair in zip(grouping.groups, outcomes, strict=True)], without_room=without_room
    )


def _group(files: Iterable[FileDiff]) -> Grouping:
    return group_files([excerpt_of(file) for file in files])


def _told(group: Sequence[FileExcerpt], outcome: GroupReview | OnceoverError) -> GroupReview | GroupUnread:
    if isinstance(outcome, GroupReview):
        return outcome
    return GroupUnread(paths=tuple(file.path for file in group), why=visible(str(outcome), lines=False))


async def _review_groups(
    ctx: StageContext, params: Params, groups: Sequence[Sequence[FileExcerpt]], model: Model
) -> list[GroupReview | OnceoverError]:
    """Ask about every group; what waiting may heal is raised, to be tried later, as long as there is a try left."""
    is_last_try = ctx.attempt >= MODEL_TRIES_MAX
    questions = Questions(
        model=model,
        schema=strict_schema(AnalyzeAnswer),
        schema_name="review",
        at_once_max=GROUPS_AT_ONCE_MAX,
        failures_max=LAST_FAILURES_MAX if is_last_try else 1,
    )

    async def ask(_who: JsonValue, messages: list[Message], name: str) -> dict[str, JsonValue]:
        return await questions.ask(messages, f"{ctx.run_id}/{name}")

    async def review(group: Sequence[FileExcerpt]) -> GroupReview | OnceoverError:
        async def call(messages: list[Message]) -> Mapping[str, JsonValue]:
            asked: JsonValue = [{**message} for message in messages]
            # A repair that failed is the one call worth paying for again when a person asks again.
            is_repair = any(message["role"] == "assistant" for message in messages)
            name = f"analyze/{fingerprint(asked)[:12]}"
            return await ctx.step("model", ask, params.analysis.identity, asked, name, observes=is_repair)

        try:
            return await review_group(call, group, title=params.title, nonce=ctx.run_id)
        except OnceoverError as error:
            if questions.met(error):
                return error
            raise  # The engine's, which knows what to do about it.

    ctx.progress(f"{params.analysis.model} reads {count(len(groups), 'group')} of files")
    async with asyncio.TaskGroup() as together:
        tasks = [together.create_task(review(group)) for group in groups]
    outcomes = [task.result() for task in tasks]
    if any(not isinstance(outcome, GroupReview) or outcome.unusable for outcome in outcomes):
        ctx.partial()
    if questions.walls:
        _raise_if_worth_a_try(questions.walls, is_last_try=is_last_try)
        await ctx.decide(f"gone on without the model for some files: {questions.walls[0]}")
    return outcomes


def _raise_if_worth_a_try(walls: Sequence[RetryLater | AskPerson], *, is_last_try: bool) -> None:
    if is_last_try or any(isinstance(wall, AskPerson) for wall in walls):
        return
    for wall in walls:
        if isinstance(wall, RetryLater) and (wall.retry_after_seconds or 0) <= RETRY_AFTER_SECONDS_MAX:
            raise wall


def _report(change: _Change, checked: AnalysisReport, read: AnalysisReport, findings_max: int) -> AnalysisReport:
    """Put the parts together, the worst findings first and no more than asked for."""
    findings = rank([*checked.findings, *read.findings])
    return AnalysisReport(
        files=tuple(file.report() for file in change.diff.files[:FILES_TOLD_MAX]),
        files_total=len(change.diff.files),
        lines_added=change.diff.added,
        lines_removed=change.diff.removed,
        findings=findings[:findings_max],
        tools=checked.tools,
        model=read.model,
        walkthrough=read.walkthrough,
        skipped=(*change.skipped, *checked.skipped, *read.skipped, *_beyond(len(findings), findings_max)),
        spend=read.spend,
    )


def _beyond(number: int, number_max: int) -> tuple[Skipped, ...]:
    if number <= number_max:
        return ()
    more = count(number - number_max, "finding")
    return (Skipped(what=more, why=f"the least severe ones, beyond the limit of {number_max:,}"),)
