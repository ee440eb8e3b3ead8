"""Usage page: what model calls cost, as a table, as JSON and as metrics.

Pure. A call without a price is counted and never called free.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from rich.table import Table
from rich.text import Text

from bot.usage_ledger import Sum
from pipeline.review.reports import NANODOLLARS_PER_DOLLAR, Spend
from pipeline.review.visible import visible
from pipeline.review.wording import count

METRICS: Final = {
    "calls": "calls_total",
    "prompt_tokens": "prompt_tokens_total",
    "cached_tokens": "cached_tokens_total",
    "completion_tokens": "completion_tokens_total",
    "priced_calls": "priced_calls_total",
}
"""Names of the metrics, after `onceover_model_`; the cost has one more, in dollars."""


def usage_table(by: str, sums: Sequence[Sum]) -> Table:
    """Make a table with a line for each, and their total."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=len(sums) > 1, footer_style="bold")
    total = sum((one.spend for one in sums), start=Spend())
    cells = _cells(total)
    table.add_column(by.upper(), "total", overflow="fold")
    for name, footer in zip(("CALLS", "READ", "CACHED", "WRITTEN", "COST (USD)"), cells, strict=True):
        table.add_column(name, footer, justify="right")
    for one in sums:
        table.add_row(Text(visible(one.shown, lines=False)), *_cells(one.spend))
    return table


def usage_json(by: str, sums: Sequence[Sum], *, since: date, until: date) -> dict[str, object]:
    """Write it for programs; keys are only ever added."""
    total = sum((one.spend for one in sums), start=Spend())
    return {
        "by": by,
        "since": since.isoformat(),
        "until": until.isoformat(),
        "rows": [{"id": one.whom, "name": one.shown} | _spend_json(one.spend) for one in sums],
        "total": _spend_json(total),
    }


def usage_metrics(by_model: Iterable[Sum]) -> list[str]:
    """Write it in Prometheus' text format, by model; sums that only grow."""
    sums = sorted(by_model, key=lambda one: one.whom)
    lines = []
    for field, name in METRICS.items():
        lines.append(f"# TYPE onceover_model_{name} counter")
        lines += [f'onceover_model_{name}{{model="{_label(one.whom)}"}} {getattr(one.spend, field)}' for one in sums]
    lines.append("# TYPE onceover_model_cost_dollars_total counter")
    lines += [f'onceover_model_cost_dollars_total{{model="{_label(one.whom)}"}} {_usd(one.spend):.9f}' for one in sums]
    return lines


def cost_of(spend: Spend) -> str:
    """Say the cost as far as it is known."""
    if not spend.calls or spend.usd is not None:
        return f"{_usd(spend):.4f}"
    if not spend.priced_calls:
        return "unknown"
    return f"{_usd(spend):.4f} + {count(spend.calls - spend.priced_calls, 'call')} without a price"


def _cells(spend: Spend) -> tuple[str, ...]:
    return (
        f"{spend.calls:,}",
        f"{spend.prompt_tokens:,}",
        f"{spend.cached_tokens:,}",
        f"{spend.completion_tokens:,}",
        cost_of(spend),
    )


def _spend_json(spend: Spend) -> dict[str, object]:
    return spend.model_dump(exclude={"cost_nanodollars"}) | {
        "cost_usd": spend.usd,
        "priced_cost_usd": _usd(spend),
    }


def _usd(spend: Spend) -> float:
    return spend.cost_nanodollars / NANODOLLARS_PER_DOLLAR


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
