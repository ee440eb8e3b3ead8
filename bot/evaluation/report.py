"""Report: an evaluation as a table for people and as JSON for programs."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from rich.table import Table
from rich.text import Text

from bot.evaluation.evaluate import CaseResult
from bot.evaluation.scoring import Score, total
from pipeline.review.reports import Spend
from pipeline.review.visible import visible
from pipeline.review.wording import count

Json: TypeAlias = Any  # A free JSON value.

VERSION: Final = 1
"""Of the JSON; raised when a field changes its meaning or goes."""

NONE: Final = "-"
"""Where a share has nothing to be a share of."""


def spend_of(results: Iterable[CaseResult]) -> Spend:
    """Add up what the model calls cost."""
    return sum((one.spend for one in results), Spend())


def table_of(results: Sequence[CaseResult]) -> Table:
    """Lay out a line for each case."""
    table = Table(box=None, pad_edge=False)
    for heading in ("case", "language", "expected", "found", "noise", "tokens", "seconds"):
        table.add_column(heading, justify="left" if heading in {"case", "language"} else "right", no_wrap=True)
    for one in results:
        score = one.score
        wanted = score.found + score.missed
        style = "red" if score.missed or (one.case.is_clean and score.noise) else None
        table.add_row(
            Text(visible(one.case.name, lines=False), style=style or ""),
            visible(one.case.language, lines=False),
            str(wanted) if wanted else "clean",
            str(score.found) if wanted else NONE,
            str(score.noise),
            f"{one.spend.prompt_tokens + one.spend.completion_tokens:,}",
            f"{one.seconds:.1f}",
        )
    return table


def lines_of(results: Sequence[CaseResult]) -> list[str]:
    """Say in sentences what it comes to."""
    score, spend = total(one.score for one in results), spend_of(results)
    wanted = score.found + score.missed
    kinds = ", ".join(
        f"{kind} {score.found_by_kind.get(kind, 0)} of {number}"
        for kind, number in sorted(score.wanted_by_kind.items())
    )
    findings = count(score.anchors, "finding")
    defects = f"{score.found} of {count(wanted, 'defect')}"
    lines = [
        f"Recall {_percent(score.recall)} ({defects}), precision {_percent(score.precision)}, F1 {_percent(score.f1)}.",
        f"By kind: {kinds}." if kinds else "",
        f"Clean changes: nothing was said about {score.clean_silent} of {score.clean_cases}.",
        f"Of {findings}, {score.anchors_valid} stand on lines that there are; {score.noise} were not expected.",
        _read_by(results),
        _cost(spend),
    ]
    problems = [f"{one.case.name}: {problem}" for one in results for problem in one.problems]
    return [visible(line) for line in (*filter(None, lines), *problems)]


def json_of(results: Sequence[CaseResult], *, depth: str, tolerance: int) -> Json:
    """Give all of it as a JSON value."""
    spend = spend_of(results)
    return {
        "version": VERSION,
        "depth": depth,
        "tolerance_lines": tolerance,
        "models": sorted({one.model for one in results if one.model}),
        "analyzers": sorted({tool for one in results for tool in one.analyzers}),
        "score": _score_json(total(one.score for one in results)),
        "spend": spend.model_dump() | {"usd": spend.usd},
        "cases": [_case_json(one) for one in results],
    }


def _case_json(one: CaseResult) -> Json:
    return {
        "name": one.case.name,
        "language": one.case.language,
        "run": one.run_id,
        "verdict": one.verdict.value,
        "seconds": one.seconds,
        "score": _score_json(one.score),
        "spend": one.spend.model_dump() | {"usd": one.spend.usd},
        "expected": [
            {"path": wanted.path, "line": one.case.line_of(wanted), "kind": wanted.kind, "what": wanted.what}
            for wanted in one.case.expected
        ],
        "findings": [finding.model_dump(mode="json") for finding in one.findings],
        "problems": list(one.problems),
    }


def _score_json(score: Score) -> Json:
    return {
        "found": score.found,
        "missed": score.missed,
        "noise": score.noise,
        "repeated": score.repeated,
        "recall": score.recall,
        "precision": score.precision,
        "f1": score.f1,
        "clean_cases": score.clean_cases,
        "clean_silent": score.clean_silent,
        "anchors": score.anchors,
        "anchors_valid": score.anchors_valid,
        "found_by_kind": dict(score.found_by_kind),
        "wanted_by_kind": dict(score.wanted_by_kind),
    }


def _read_by(results: Sequence[CaseResult]) -> str:
    models = sorted({one.model for one in results if one.model})
    tools = ", ".join(sorted({tool for one in results for tool in one.analyzers})) or "no analyser"
    if models:
        return f"Read by {', '.join(models)}; analysers: {tools}."
    return f"No model: these are the remarks of {tools} and of the rules about documentation alone."


def _cost(spend: Spend) -> str:
    if not spend.calls:
        return "No model call was made."
    money = f"${spend.usd:.2f}" if spend.usd is not None else "at a price that is not known"
    tokens = f"{spend.prompt_tokens:,} tokens read and {spend.completion_tokens:,} written"
    return f"{count(spend.calls, 'model call')}: {tokens}, {money}."


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{share:.0%}"
