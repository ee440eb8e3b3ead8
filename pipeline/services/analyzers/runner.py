"""Runner: every tool over every file that is its kind, whatever becomes of the others.

Promises that a tool which hangs, crashes, prints rubbish or too much costs its own remarks only, and that each file
which a tool was to read and did not is named or counted with the reason.
Does not promise that a tool is free of bugs that a hostile file can use: tools run with our rights, though without
our environment. Where that is not enough, the reviewer belongs in a container of its own.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.engine.errors import AskPerson
from pipeline.services import process
from pipeline.services.analyzers.remark import Answer, Remark, Unread, visible
from pipeline.services.analyzers.settings import AnalyzerSettings
from pipeline.services.analyzers.toolbox import Installed, Toolbox, clean_environment
from pipeline.services.analyzers.workspace import Workspace, make_workspace

COMPLAINT_CHARACTERS_MAX: Final = 200
"""How much of a failed tool's last words is quoted."""

LONE_CARRIAGE_RETURN: Final = re.compile(rb"\r(?!\n)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What the tools said of the files."""

    remarks: tuple[Remark, ...] = ()
    tools: tuple[str, ...] = ()
    """Tools that read at least one file, as `ruff 0.17.6`."""
    unread: tuple[Unread, ...] = ()
    """Missing tools, failed calls and files that were not read, gathered by reason."""


async def run_analyzers(files: Mapping[str, bytes], *, toolbox: Toolbox, settings: AnalyzerSettings) -> Analysis:
    """Run the tools over copies of the files.

    Args:
        files: Content by path in the repository, the most important first; the limits cut the end.
        toolbox: The tools, from `open_toolbox`.
        settings: Limits.
    """
    wanted = [path for path in files if any(item.tool.wants(path, files[path]) for item in toolbox.installed)]
    refusals = _refusals({path: files[path] for path in wanted}, settings)
    readable = {path: files[path] for path in wanted if path not in refusals}
    slots = asyncio.Semaphore(settings.processes_max)
    async with make_workspace(readable) as workspace, asyncio.TaskGroup() as tasks:
        runs = [
            (item, tasks.create_task(_run_tool(item, readable, workspace, slots, settings)))
            for item in toolbox.installed
        ]
    answers = [(item, run.result()) for item, run in runs]
    left_out = [Unread(what=path, why=why, gap=True) for path, why in refusals.items()]
    return Analysis(
        remarks=tuple(remark for _, answer in answers for remark in answer.remarks),
        tools=tuple(item.label for item, answer in answers if answer.has_read),
        unread=(
            *toolbox.missing,
            *_gathered("analysers", left_out, settings),
            *(entry for item, answer in answers for entry in _gathered(item.tool.name, answer.unread, settings)),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToolAnswer:
    """All answers of one tool."""

    remarks: tuple[Remark, ...]
    unread: tuple[Unread, ...]
    has_read: bool


def _refusals(files: Mapping[str, bytes], settings: AnalyzerSettings) -> dict[str, str]:
    """Say which files no tool gets, and why."""
    refusals: dict[str, str] = {}
    bytes_left, files_left = settings.total_bytes_max, settings.files_max
    for path, content in files.items():
        why = _refusal(content, bytes_left, files_left, settings)
        if why is not None:
            refusals[path] = why
            continue
        bytes_left -= len(content)
        files_left -= 1
    return refusals


def _refusal(content: bytes, bytes_left: int, files_left: int, settings: AnalyzerSettings) -> str | None:
    if len(content) > settings.file_bytes_max:
        return f"larger than {settings.file_bytes_max:,} bytes, the limit for analysers"
    if files_left <= 0:
        return f"beyond the first {settings.files_max:,} files"
    if len(content) > bytes_left:
        return f"beyond the first {settings.total_bytes_max:,} bytes of changed files"
    if LONE_CARRIAGE_RETURN.search(content):
        # Git counts line feeds, the tools count carriage returns too: a remark would stand on a wrong line.
        return "has carriage returns without line feeds, so its lines cannot be numbered alike"
    return None


async def _run_tool(
    item: Installed,
    files: Mapping[str, bytes],
    workspace: Workspace,
    slots: asyncio.Semaphore,
    settings: AnalyzerSettings,
) -> _ToolAnswer:
    """Call one tool for batch after batch, within its time."""
    wanted = [path for path, content in files.items() if item.tool.wants(path, content)]
    seconds_left = settings.tool_seconds_max
    answers: list[Answer] = []
    for paths in _batches(wanted, item.tool.files_per_call_max):
        if seconds_left <= 0:
            answers.append(_not_read(paths, f"its {settings.tool_seconds_max:g} s were over"))
            continue
        async with slots:
            answer, seconds = await _call(
                item, paths, workspace, min(seconds_left, settings.call_seconds_max), settings
            )
        seconds_left -= seconds
        answers.append(answer)
    unread = tuple(entry for answer in answers for entry in answer.unread)
    return _ToolAnswer(
        remarks=tuple(remark for answer in answers for remark in answer.remarks),
        unread=unread,
        has_read=len({entry.what for entry in unread}) < len(wanted),
    )


async def _call(
    item: Installed, paths: Sequence[str], workspace: Workspace, seconds_max: float, settings: AnalyzerSettings
) -> tuple[Answer, float]:
    """Call a tool once; return its answer and the seconds it took."""
    try:
        completed = await process.run(
            [str(item.program), *item.tool.arguments, *(workspace.copies[path] for path in paths)],
            cwd=workspace.files,
            env=clean_environment(workspace.home),
            seconds_max=seconds_max,
            output_bytes_max=settings.output_bytes_max,
        )
    except AskPerson as error:
        return _not_read(paths, visible(error.message, COMPLAINT_CHARACTERS_MAX)), 0.0
    if completed.exit_code == item.tool.code_not_its_kind:
        return _not_read(paths, f"nothing that {item.tool.name} understands"), completed.seconds
    why = _failure(item, completed, workspace, seconds_max)
    if why is not None:
        return _not_read(paths, why), completed.seconds
    return await asyncio.to_thread(_read, item, completed.stdout, paths, workspace), completed.seconds


def _failure(item: Installed, completed: process.Completed, workspace: Workspace, seconds_max: float) -> str | None:
    if completed.timed_out:
        return f"no answer within {seconds_max:g} s"
    if completed.truncated:
        return f"said more than {len(completed.stdout):,} bytes"
    if completed.exit_code not in item.tool.exit_codes:
        words = completed.stderr.decode("utf-8", "replace").replace(str(workspace.files), "").strip()
        complaint = visible(words[-COMPLAINT_CHARACTERS_MAX:], COMPLAINT_CHARACTERS_MAX)
        return f"ended with code {completed.exit_code}" + (f": {complaint}" if complaint else "")
    return None


def _read(item: Installed, stdout: bytes, paths: Sequence[str], workspace: Workspace) -> Answer:
    """Read what it said, with paths of the repository; a single strange path makes all of it untrustworthy."""
    try:
        answer = item.tool.read(stdout)
        return Answer(
            remarks=tuple(replace(remark, path=_original(remark.path, workspace)) for remark in answer.remarks),
            unread=tuple(replace(entry, what=_original(entry.what, workspace)) for entry in answer.unread),
        )
    except ValueError:  # Pydantic's ValidationError is one.
        return _not_read(paths, f"{item.label} said something that is not its output format")


def _original(written: str, workspace: Workspace) -> str:
    path = workspace.original(written)
    if path is None:
        raise ValueError(f"No file of ours: {written!a}.")
    return path


def _not_read(paths: Iterable[str], why: str) -> Answer:
    return Answer(unread=tuple(Unread(what=path, why=why, gap=True) for path in paths))


def _gathered(who: str, unread: Iterable[Unread], settings: AnalyzerSettings) -> Iterator[Unread]:
    """Name the first files of each reason and count the others: 5,000 files make a few lines."""
    reasons: dict[tuple[str, bool], dict[str, None]] = {}
    for entry in unread:
        reasons.setdefault((entry.why, entry.gap), {})[entry.what] = None
    for (why, gap), files in reasons.items():
        named = [visible(path) for path in files][: settings.unread_named_max]
        more = len(files) - len(named)
        for what in [*named, f"{more:,} more files"] if more else named:
            yield Unread(what=f"{who}: {what}", why=why, gap=gap)


def _batches(paths: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (paths[start : start + size] for start in range(0, len(paths), size))
