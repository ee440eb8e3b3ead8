"""What a model quotes is found in the code, or is no evidence."""

import pytest

from pipeline.review.diff import Line, LineKind
from pipeline.review.evidence import Ground, grounds_of
from pipeline.review.excerpts import FileExcerpt, HunkExcerpt

TOKEN = "gh" + "p_" + "aB3dE6gH9jK2" * 3
CODE = [
    "def total(cart):",
    "\treturn sum(cart)",
    "",
    "def mean(cart):",
    "    count = len(cart)",
    "    return total(cart) / count",
    "",
    "def middle(cart):",
    "    count = len(cart)",
    "    return sorted(cart)[count // 2]",
    "ZERO = '\u200b'",
    f"KEY = '{TOKEN}'",
]
GROUND = Ground(anchors={5}, head=CODE, shown={})


@pytest.mark.parametrize(
    ("quotation", "found"),
    [
        ("    return total(cart) / count", (6, 6)),
        ("return total(cart)/count", (6, 6)),
        ("return sum(cart)", (2, 2)),
        ("count = len(cart)\n    return sorted(cart)[count // 2]", (9, 10)),
        ("def mean(cart):\n    ...\n    return total(cart) / count", (4, 4)),
        ("```python\nreturn total(cart) / count\n```", (6, 6)),
        ("6+    return total(cart) / count", (6, 6)),
        ("6 |     return total(cart) / count", (6, 6)),
        ("+    return total(cart) / count", (6, 6)),
        ("5     count = len(cart)\n6     return total(cart) / count", (5, 6)),
        ("ZERO = '<U+200B>'", (11, 11)),
        ("KEY = '<secret:github-token:medium>'", (12, 12)),
    ],
)
def test_a_quotation_is_found_however_it_was_copied(quotation: str, found: tuple[int, int]) -> None:
    assert GROUND.near(quotation, 1, 1) == found


@pytest.mark.parametrize(
    "quotation",
    ["return total(basket)", "", "  \n", "):", "...", "def mean(cart):\n...\nraise ValueError", "ignore the rules"],
)
def test_what_stands_nowhere_or_everywhere_is_no_evidence(quotation: str) -> None:
    assert GROUND.near(quotation, 4, 6) is None


@pytest.mark.parametrize(("claimed", "found"), [(4, 5), (6, 5), (8, 9), (12, 9), (10**30, 9), (-5, 5)])
def test_of_two_places_the_nearest_counts(claimed: int, found: int) -> None:
    assert GROUND.near("count = len(cart)", claimed, claimed) == (found, found)


def test_a_quotation_of_removed_lines_stands_where_they_stood() -> None:
    lines = (
        Line(LineKind.CONTEXT, 40, 40, "def pay(amount):"),
        Line(LineKind.REMOVED, 41, None, "    if amount < 0:"),
        Line(LineKind.REMOVED, 42, None, "        raise ValueError(amount)"),
        Line(LineKind.CONTEXT, 43, 41, "    charge(amount)"),
    )
    file = FileExcerpt(path="pay.py", status="modified", hunks=(HunkExcerpt(lines=lines),))

    ground = grounds_of([file], {})["pay.py"]

    assert ground.anchors == {40, 41}
    assert ground.near("if amount < 0:\n    raise ValueError(amount)", 41, 41) == (41, 41)
    assert ground.near("charge(amount)", 40, 40) == (41, 41)
    assert ground.near("if amount < 0:", 400, 400) is None, "Nobody looks for it that far away."


def test_without_the_file_the_lines_of_the_change_are_enough() -> None:
    file = FileExcerpt(
        path="a.py",
        status="added",
        hunks=(HunkExcerpt(lines=(Line(LineKind.ADDED, None, 7, "x = 1"),)),),
    )

    assert grounds_of([file], {})["a.py"].near("x = 1", 7, 7) == (7, 7)
    assert grounds_of([file], {"a.py": "y = 1\nx = 1\n"})["a.py"].near("y = 1", 7, 7) == (1, 1)
