"""`onceover eval`: measure how good the review is."""

import asyncio
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bot.demo.scripted_llm import ScriptedLlm
from bot.evaluation.cases import Case, cases_in, own_cases
from bot.evaluation.evaluate import AT_ONCE, CaseResult, EvaluationOptions, evaluate, open_resources
from bot.evaluation.oracle import asking, oracle
from bot.evaluation.report import json_of, lines_of, table_of
from bot.evaluation.scoring import TOLERANCE_LINES
from bot.exit_codes import ExitCode
from bot.opened_store import settings_of_process
from bot.output import NewsConsole, result_page, write_json
from bot.settings_tree import Settings
from pipeline.engine.errors import AskPerson
from pipeline.review.depth import Depth
from pipeline.review.visible import visible

AT_ONCE_MAX = 32
"""Cases at the same time: more would wait for the model all the same."""


class BadOption(AskPerson):
    """An option's value cannot be used."""

    code = "usage"


def evaluate_cases(  # noqa: PLR0913 - each is an option of the command line.
    *,
    cases: Annotated[
        Path | None, Parameter(help="A directory with cases of your own; the set that we ship, without.")
    ] = None,
    only: Annotated[str | None, Parameter(help="Only cases whose name contains this.")] = None,
    depth: Annotated[Literal["quick", "standard", "deep"], Parameter(help="How deep each is read.")] = "standard",
    tolerance: Annotated[int, Parameter(help="Lines that a finding may be off.")] = TOLERANCE_LINES,
    at_once: Annotated[int, Parameter(help=f"Cases at the same time, 1 to {AT_ONCE_MAX}.")] = AT_ONCE,
    scripted: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="Ask a pretended model that knows the answers: tries the measure."
        ),
    ] = False,
    fresh: Annotated[
        bool, Parameter(negative="", show_default=False, help="Review all anew, even what is done.")
    ] = False,
    as_json: Annotated[
        bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON instead of text.")
    ] = False,
) -> ExitCode:
    """Measure how good the review is; `bot.cli` tells the user more."""
    if not 1 <= at_once <= AT_ONCE_MAX:
        raise BadOption(f"--at-once is {at_once}; expected 1 to {AT_ONCE_MAX}.")
    if tolerance < 0:
        raise BadOption(f"--tolerance is {tolerance}; expected 0 or more lines.")
    options = EvaluationOptions(
        cases=_chosen(cases, only), depth=Depth(depth), fresh=fresh, tolerance=tolerance, at_once=at_once
    )
    try:
        results = asyncio.run(_evaluate_scripted(options) if scripted else _evaluate(options, settings_of_process()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        _say("interrupted. The same command goes on where it stopped.")
        return ExitCode.INTERRUPTED
    _print(results, options, as_json=as_json)
    return ExitCode.UPSTREAM if any(one.problems for one in results) else ExitCode.DONE


def _chosen(directory: Path | None, only: str | None) -> list[Case]:
    found = own_cases() if directory is None else cases_in(directory)
    chosen = [case for case in found if not only or only in case.name]
    if not chosen:
        names = ", ".join(case.name for case in found[:5])
        raise BadOption(f"No case has `{only}` in its name.", next_step=f"There are {names} and more.")
    return chosen


async def _evaluate_scripted(options: EvaluationOptions) -> list[CaseResult]:
    async with ScriptedLlm(oracle(options.cases)) as llm:
        return await _evaluate(options, asking(settings_of_process(), llm.url))


async def _evaluate(options: EvaluationOptions, settings: Settings) -> list[CaseResult]:
    done = 0

    def tell(result: CaseResult) -> None:
        nonlocal done
        done += 1
        score = result.score
        outcome = f"{score.found} of {score.found + score.missed} found, {score.noise} besides"
        _say(f"{done} of {len(options.cases)} {result.case.name}: {outcome}")

    async with open_resources(settings) as resources:
        return await evaluate(options, resources, on_result=tell)


def _print(results: list[CaseResult], options: EvaluationOptions, *, as_json: bool) -> None:
    if as_json:
        write_json(json_of(results, depth=options.depth.value, tolerance=options.tolerance))
        return
    with result_page() as page:
        page.print(table_of(results))
        page.print()
        for line in lines_of(results):
            page.print(line, markup=False, highlight=False, soft_wrap=True)


def _say(text: str) -> None:
    NewsConsole().print(visible(f"onceover: {text}"), markup=False, highlight=False, soft_wrap=True)
