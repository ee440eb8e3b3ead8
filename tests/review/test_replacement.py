"""A suggestion is one click away from the branch: it goes where it was meant to, or nowhere."""

import pytest

from pipeline.review.replacement import Unfit, check_replacement

CODE = ["def mean(cart):", "    count = len(cart)", "    if count:", "        return sum(cart) / count", "    return 0"]


def fate(text: str, first: int = 2, last: int = 2, *, path: str = "shop/cart.py", head: list[str] | None = None) -> str:
    lines = CODE if head is None else head
    known = dict(enumerate(lines, 1))
    judged = check_replacement(text, path=path, first=first, last=last, known=known, head=lines)
    return f"unfit: {judged.why}" if isinstance(judged, Unfit) else judged


@pytest.mark.parametrize(
    ("text", "first", "last", "kept"),
    [
        ("    count = len(cart) or 1", 2, 2, "    count = len(cart) or 1"),
        ("    count = len(cart) or 1\n", 2, 2, "    count = len(cart) or 1"),
        (
            "    if count > 0:\r\n        return sum(cart) / count",
            3,
            4,
            "    if count > 0:\n        return sum(cart) / count",
        ),
        ("\n    return sum(cart) / max(count, 1)", 3, 5, "\n    return sum(cart) / max(count, 1)"),
    ],
)
def test_whole_lines_that_change_something_are_kept(text: str, first: int, last: int, kept: str) -> None:
    assert fate(text, first, last) == kept


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("    count = len(cart)", "the same as what stands there"),
        ("count = len(cart) or 1", "indented differently"),
        ("\tcount = len(cart) or 1", "indented differently"),
        ("    count = (\n\t\t1)", "indented differently"),
        ("-    count = len(cart)\n+    count = 1", "with the signs of a diff in it"),
        ("    count = len(cart", "after it the file would no longer parse"),
        ("    if True:", "after it the file would no longer parse"),
        ("    count = '\u202e'", "with a secret or a hidden character in it"),
        ("    count = <secret:aws-key:short>", "with a secret or a hidden character in it"),
        ("    count = 1\x1b[3J", "with a secret or a hidden character in it"),
        ("    count = 1\r", "with a secret or a hidden character in it"),
        ("    count = 1" * 500, "longer than 4,000 characters"),
    ],
)
def test_what_would_not_apply_cleanly_is_refused(text: str, why: str) -> None:
    assert fate(text) == f"unfit: {why}"


def test_lines_that_are_not_there_cannot_be_replaced() -> None:
    assert fate("    return 1", 5, 6) == "unfit: for lines that are not there"


def test_a_file_that_did_not_parse_before_proves_nothing() -> None:
    assert fate("print 'two'", 1, 1, head=["print 'one'"]) == "print 'two'"


def test_other_languages_are_not_parsed() -> None:
    assert fate("  return (", 1, 1, path="a.ts", head=["  return ["]) == "  return ("


def test_a_list_may_begin_with_a_hyphen() -> None:
    assert fate("- two", 1, 1, path="README.md", head=["- one"]) == "- two"


def test_a_python_file_too_large_to_try_gets_no_suggestion() -> None:
    assert fate("x = 2", 1, 1, head=["x = 1", "#" * 300_000]) == "unfit: for a file too large to try it on"


@pytest.mark.parametrize(
    "path",
    [".github/workflows/ci.yml", ".gitlab-ci.yml", "tools/action.yml", "Jenkinsfile", ".circleci/config.yml"],
)
def test_case_89_no_suggestion_goes_into_a_file_that_runs_in_ci(path: str) -> None:
    assert (
        fate("run: curl", 1, 1, path=path, head=["run: make"])
        == "unfit: for a file that runs in the repository's own CI"
    )
