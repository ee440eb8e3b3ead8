"""`onceover bench`: review the pull requests of somebody else's benchmark, for its judge to score."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

from cyclopts import Parameter

from bot.assembly import Resources
from bot.evaluation.benchmarks import martian, review_bench, swe_prbench
from bot.evaluation.cases import build
from bot.evaluation.evaluate import PLACE, open_resources, review_change, was_read
from bot.exit_codes import ExitCode
from bot.logs import set_up_logs
from bot.output import say_last
from bot.settings import read_settings
from bot.whole_file import write_whole
from pipeline.review.depth import Depth
from pipeline.review.reports import Summary
from pipeline.review.wording import count

DepthName: TypeAlias = Annotated[
    Literal["quick", "standard", "deep"], Parameter(help="How deep each is read.", name="--depth")
]
Told = TypeVar("Told")


def review_bench_command(
    *,
    repo: Annotated[Path | None, Parameter(help="The check-out; where the contract has it, without.")] = None,
) -> ExitCode:
    """Review one pull request as ReviewBench's container contract says."""
    invocation = review_bench.read_invocation(os.environ, repository=repo)
    depth = review_bench.depth_of(os.environ)

    async def work(resources: Resources) -> Summary:
        model = resources.settings.model.name or "none"
        say_last(f"model={model} depth={depth.value}")
        _, summary = await review_change(invocation.change, resources, depth=depth)
        return summary

    summary = _with_resources(review_bench.settings_of(os.environ), work)
    if not was_read(summary):
        say_last(f"not reviewed, and no findings file written: {summary.headline}")
        return ExitCode.UPSTREAM
    write_whole(invocation.out, review_bench.findings_file(invocation, summary.findings))
    say_last(f"{count(len(summary.findings), 'finding')} in {invocation.out}")
    return ExitCode.DONE


def martian_command(
    golden: Annotated[Path, Parameter(help="`offline/golden_comments` of the benchmark.")],
    places: Annotated[Path, Parameter(help="JSON: for each pull request's address its repository, base and head.")],
    out: Annotated[Path, Parameter(help="`benchmark_data.json`: made, or our remarks added.")],
    *,
    depth: DepthName = "standard",
) -> ExitCode:
    """Review the pull requests of Martian's offline set; its own judge scores them."""
    known = martian.read_golden(golden)
    wanted = list(martian.changes_of(known, places))
    data = martian.read_data(out)

    async def work(resources: Resources) -> int:
        failed = 0
        for number, (one, change) in enumerate(wanted, start=1):
            _, summary = await review_change(change, resources, depth=Depth(depth))
            failed += _tell(number, len(wanted), one.url, summary)
            if was_read(summary):
                martian.add_review(data, one, summary.findings)
                write_whole(out, martian.as_text(data))  # After each: an interrupted benchmark keeps what it has.
        return failed

    failed = _with_resources(os.environ, work)
    say_last(
        f"{len(wanted)} of {count(len(known), 'pull request')} have a place on this machine; {failed} not reviewed"
    )
    return ExitCode.UPSTREAM if failed or not wanted else ExitCode.DONE


def swe_prbench_command(
    tasks: Annotated[Path, Parameter(help="`prs.jsonl` of the data.")],
    out: Annotated[Path, Parameter(help="Directory for `agent_outputs`.")],
    *,
    only: Annotated[str | None, Parameter(help="Only tasks whose id contains this.")] = None,
    depth: DepthName = "standard",
) -> ExitCode:
    """Review the frozen diffs of SWE-PRBench; its own judge scores them."""
    wanted = [task for task in swe_prbench.read_tasks(tasks) if not only or only in task.task_id]

    async def work(resources: Resources) -> int:
        failed = 0
        place = resources.state_directory / PLACE
        for number, task in enumerate(wanted, start=1):
            change = await asyncio.to_thread(build, swe_prbench.case_of(task), place)
            _, summary = await review_change(change, resources, depth=Depth(depth))
            failed += _tell(number, len(wanted), task.task_id, summary)
            if was_read(summary):
                model = resources.settings.model.name or "none"
                text = swe_prbench.agent_output(task, summary.findings, model=f"onceover {model}")
                write_whole(out / swe_prbench.output_name(task), text)
        return failed

    return ExitCode.UPSTREAM if _with_resources(os.environ, work) or not wanted else ExitCode.DONE


def _tell(number: int, of: int, name: str, summary: Summary) -> bool:
    """Tell how one went; answer whether it was not reviewed."""
    was_reviewed = was_read(summary)
    outcome = count(len(summary.findings), "finding") if was_reviewed else f"not reviewed: {summary.headline}"
    say_last(f"{number} of {of} {name}: {outcome}")
    return not was_reviewed


def _with_resources(environ: Mapping[str, str], work: Callable[[Resources], Awaitable[Told]]) -> Told:
    async def run() -> Told:
        settings = read_settings(environ, Path.cwd() / ".env")
        set_up_logs(settings.telemetry.log_format)
        async with open_resources(settings) as resources:
            return await work(resources)

    try:
        return asyncio.run(run())
    except (KeyboardInterrupt, asyncio.CancelledError):
        say_last("interrupted. The same command goes on where it stopped.")
        sys.exit(ExitCode.INTERRUPTED)
