"""SWE-PRBench: 350 pull requests with the remarks of their human reviewers, and contexts that are frozen.

Its first context is the diff and nothing else. We make of each diff two trees that hold what the diff shows, each line
at its number and nothing between, so that a review has no more to read than the context allows. Findings are written as
its `agent_outputs/*_agent.json`, which its harness judges. The forms are those of `eval_harness` in
github.com/FoundryHQ-AI/swe-prbench (MIT); the data is CC BY 4.0.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError
from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from bot.evaluation.cases import Case, CaseInvalid
from pipeline.review.findings import Finding, Severity

Json: TypeAlias = Any  # A free JSON value.

CONFIGURATION: Final = "config_A_diff_only"

LINE_MAX: Final = 200_000
"""A hunk beyond this line would make a file of nothing but empty lines."""

PRIORITY: Final = {Severity.CRITICAL: "P0", Severity.HIGH: "P1"}
"""Its word for a severity; P2 for the others."""


class Task(BaseModel):
    """One line of `prs.jsonl`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: str
    repo: str = ""
    pr_number: int = 0
    title: str = ""
    language: str = ""
    diff_patch: str


def read_tasks(path: Path) -> Iterator[Task]:
    """Read the pull requests.

    Raises:
        CaseInvalid: A line has another form.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CaseInvalid(f"{path} cannot be read: {error}.", next_step="Name `prs.jsonl` of the data.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield Task.model_validate_json(line)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                place = ".".join(map(str, first["loc"])) or "its beginning"
                raise CaseInvalid(f"{path.name}, line {number}, at {place}: {first['msg']}.") from error


def case_of(task: Task) -> Case:
    """Make two trees of a diff.

    Raises:
        CaseInvalid: It is no diff, or a hunk stands beyond `LINE_MAX`.
    """
    base: dict[str, str] = {}
    head: dict[str, str] = {}
    removed: list[str] = []
    try:
        files = PatchSet(task.diff_patch)
    except (UnidiffParseError, ValueError, AssertionError) as error:
        raise CaseInvalid(f"The diff of {task.task_id} cannot be read: {str(error)[:200]!a}.") from error
    for file in files:
        lines = [line for hunk in file for line in hunk]
        if not file.is_added_file:
            old = file.source_file.removeprefix("a/")
            base[old] = _spread(((line.source_line_no, line.value) for line in lines), task)
            if file.is_removed_file or old != file.path:
                removed.append(old)
        if not file.is_removed_file:
            head[file.path] = _spread(((line.target_line_no, line.value) for line in lines), task)
    return Case(
        name=task.task_id,
        title=task.title or task.task_id,
        language=task.language or "unknown",
        about=f"{task.repo}#{task.pr_number}",
        base=base or {"EMPTY": ""},
        head=head,
        removed=tuple(removed),
    )


def agent_output(task: Task, findings: Sequence[Finding], *, model: str) -> str:
    """Write the file that is judged."""
    comments = [_comment(task, number, one) for number, one in enumerate(findings)]
    return json.dumps(
        {
            "task_id": task.task_id,
            "config_name": CONFIGURATION,
            "model": model,
            "raw_response": "",
            "comments": comments,
            "parse_success": True,
            "parse_error": None,
        },
        indent=2,
    )


def output_name(task: Task) -> str:
    """Name that file as the harness looks for it."""
    return f"{task.task_id}_{CONFIGURATION}_agent.json"


def _comment(task: Task, number: int, one: Finding) -> Json:
    return {
        "comment_id": f"{task.task_id}_{CONFIGURATION}_{number}",
        "body": f"{one.title.rstrip('.')}. {one.claim}",
        "file_reference": one.path,
        "line_reference": one.line_end,
        "severity_claim": PRIORITY.get(one.severity, "P2"),
        "is_outside_diff": False,
    }


def _spread(numbered: Iterator[tuple[int | None, str]], task: Task) -> str:
    """Put lines at their numbers, and nothing between."""
    placed = {number: text.rstrip("\n") for number, text in numbered if number}
    last = max(placed, default=0)
    if last > LINE_MAX:
        raise CaseInvalid(f"A hunk of {task.task_id} stands on line {last:,}; the limit is {LINE_MAX:,}.")
    return "".join(f"{placed.get(number, '')}\n" for number in range(1, last + 1))
