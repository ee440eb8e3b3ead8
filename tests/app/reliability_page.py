"""Reliability page: the tables of `docs/reliability.md`, made from the cases of the tests so that they stay true.

Write them anew with `python -m tests.app.reliability_page`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from tests.app.fault_cases import EFFECTS, STRIKES
from tests.project import ROOT

PAGE: Final = ROOT / "docs" / "reliability.md"


def writes_table() -> str:
    """Make a Markdown table of the writes, and of what stands at the end."""
    rows = (f"| {one.name} | {one.stands} | {one.mechanism} |" for one in EFFECTS)
    return "\n".join(["| write | what stands at the end | what keeps it so |", "|---|---|---|", *rows])


def faults_table() -> str:
    """Make a Markdown table of the faults, and of what the App does about them."""
    rows = (f"| {one.name} | {one.known} | {one.does} |" for one in STRIKES)
    return "\n".join(["| fault | what the App knows | what it does |", "|---|---|---|", *rows])


def cases_table() -> str:
    """Make a Markdown table of every case that is tested."""
    heads = " | ".join(one.name for one in EFFECTS)
    rows = (f"| {strike.name} | {' | '.join(one.short for one in EFFECTS)} |" for strike in STRIKES)
    return "\n".join([f"| fault | {heads} |", f"|---|{'---|' * len(EFFECTS)}", *rows])


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "writes": writes_table,
    "faults": faults_table,
    "cases": cases_table,
}


def filled(page: str) -> str:
    """Put the tables where the page has room for them."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: made by tests/app/reliability_page.py -->", f"<!-- end of {name} -->"
        head, found, rest = page.partition(begin)
        _, is_closed, tail = rest.partition(end)
        assert all((found, is_closed)), f"{PAGE.name} has no room for {name}."
        page = f"{head}{begin}\n{table()}\n{end}{tail}"
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
