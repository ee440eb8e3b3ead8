"""ADR 0004 speaks of every row of what arq does, and names only tests that are there."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
ADR: Final = (HERE.parents[1] / "docs" / "adr" / "0004-arq-carries-wake-ups-only.md").read_text("utf-8")
ROWS: Final = dict(re.findall(r"^\| (\d+) \|(.+)\|$", ADR, re.MULTILINE))
ISSUES: Final = dict(re.findall(r"^\| ((?:py|druks)#\d+) \|(.+)\|$", ADR, re.MULTILINE))


@cache
def all_tests() -> set[str]:
    """Find the names of all tests of the engine."""
    trees = [ast.parse(path.read_text("utf-8")) for path in HERE.glob("test_*.py")]
    functions = [
        node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return {function.name for function in functions if function.name.startswith("test_")}


def named(cells: str) -> list[str]:
    return re.findall(r"`(test_\w+)`", cells)


def test_every_row_is_there_once() -> None:
    assert list(ROWS) == [str(row) for row in range(1, 25)]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_its_tests_or_says_why_it_cannot_happen(row: str) -> None:
    names = named(ROWS[row])

    assert set(names) <= all_tests()
    assert all(name.startswith(f"test_row_{int(row):02}_") for name in names[:1])
    assert names or ROWS[row].rpartition("|")[2].strip().endswith(".")


@pytest.mark.parametrize(
    "issue", ["py#716", "py#742", "py#804", "py#805", "py#759", "py#769", "py#770", "py#453", "druks#619"]
)
def test_an_issue_names_its_test(issue: str) -> None:
    (name,) = named(ISSUES[issue])

    assert name in all_tests()
    assert name.startswith(f"test_{issue.replace('#', '')}_")


def test_every_test_of_a_row_or_an_issue_stands_in_the_decision() -> None:
    there = {name for name in all_tests() if re.match(r"test_(row_\d+|py\d+|druks\d+)_", name)}

    assert there <= set(named(ADR))
