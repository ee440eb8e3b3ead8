"""What a model claims becomes a finding only where it was shown something."""

import json
from typing import Any

import pytest

from pipeline.review.evidence import Ground
from pipeline.review.findings import Finding, Severity
from pipeline.review.model_findings import FINDINGS_MAX, AnalyzeAnswer, Checked, check_answer
from pipeline.review.structured import Fits, ModelAnswer, read_answer, strict_schema

CART = [
    "def mean(",
    "    items,",
    "):",
    "    count = len(items)",
    "    return sum(items) / count",
    "",
    "",
    "",
    "x = 1",
    "y = 2",
]
GROUNDS = {
    "shop/cart.py": Ground(anchors={3, 4, 5, 9}, head=CART, shown={}),
    "a.py": Ground(anchors={1}, shown={1: "a = 1"}),
}
TOKEN = "gh" + "p_" + "aB3dE6gH9jK2" * 3


def remark(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - as free as a model's words.
    return {
        "path": "shop/cart.py",
        "line": 4,
        "line_end": 4,
        "severity": "high",
        "category": "bug",
        "title": "Divides by zero",
        "claim": "An empty cart raises.",
        "evidence": "count = len(items)",
        "confidence": 0.8,
        "suggestion": None,
        **changes,
    }


def checked(*remarks: dict[str, Any], walkthrough: str = "It does.") -> Checked:
    answer = AnalyzeAnswer.model_validate({"walkthrough": walkthrough, "findings": list(remarks)})
    return check_answer(answer, GROUNDS)


def only(**changes: Any) -> Finding:  # noqa: ANN401 - as free as a model's words.
    [finding] = checked(remark(**changes)).findings
    return finding


def test_a_remark_on_a_shown_line_becomes_a_finding() -> None:
    assert only() == Finding(
        path="shop/cart.py",
        line=4,
        line_end=4,
        severity=Severity.HIGH,
        category="bug",
        title="Divides by zero",
        claim="An empty cart raises.",
        source="model",
        confidence=0.8,
        evidence="count = len(items)",
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"path": "../etc/passwd"}, "on a file that is not in the change"),
        ({"path": ""}, "on a file that is not in the change"),
        ({"path": "cart.py"}, "on a file that is not in the change"),
        ({"line": 10, "line_end": 10, "evidence": "y = 2"}, "on a line that is not in the change"),
        ({"line": 10**30, "line_end": 10**30, "evidence": "y = 2"}, "on a line that is not in the change"),
        ({"line": 14, "line_end": 20, "evidence": "y = 2"}, "on a line that is not in the change"),
        ({"evidence": "count = len(basket)"}, "without evidence that stands in the code"),
        ({"evidence": ""}, "without evidence that stands in the code"),
        ({"title": " \n"}, "without a title or a claim"),
        ({"claim": ""}, "without a title or a claim"),
    ],
)
def test_a_remark_on_what_was_not_shown_is_dropped_and_counted(changes: dict[str, Any], reason: str) -> None:
    result = checked(remark(), remark(**changes))

    assert len(result.findings) == 1
    assert result.dropped == {reason: 1}


@pytest.mark.parametrize(
    "path", ["shop/cart.py", " shop/cart.py", "b/shop/cart.py", "./shop/cart.py", "`shop/cart.py`"]
)
def test_the_usual_spellings_of_a_path_are_understood(path: str) -> None:
    assert only(path=path).path == "shop/cart.py"


@pytest.mark.parametrize(
    ("line", "line_end", "kept"),
    [(3, 5, (3, 5)), (1, 4, (3, 4)), (4, 9, (4, 5)), (4, 2, (4, 4)), (4, 0, (4, 4)), (3, 10**30, (3, 5))],
)
def test_lines_are_cut_to_those_that_were_shown(line: int, line_end: int, kept: tuple[int, int]) -> None:
    finding = only(line=line, line_end=line_end)

    assert (finding.line, finding.line_end) == kept


@pytest.mark.parametrize(("line", "line_end"), [(2, 2), (-1, 0), (10**30, 10**30), (6, 8)])
def test_a_wrong_line_is_put_right_by_what_is_quoted(line: int, line_end: int) -> None:
    finding = only(line=line, line_end=line_end)

    assert (finding.line, finding.line_end) == (4, 4)


def test_a_remark_near_its_evidence_stays_where_it_is_if_the_evidence_is_on_no_shown_line() -> None:
    finding = only(line=3, line_end=3, evidence="items,")

    assert (finding.line, finding.line_end) == (3, 3)


def test_a_suggestion_goes_onto_the_lines_of_its_remark() -> None:
    finding = only(suggestion="    count = len(items) or 1\r\n")

    assert finding.suggestion == "    count = len(items) or 1"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"suggestion": "    count = 1", "line": 4, "line_end": 9}, "for other lines than those of its remark"),
        ({"suggestion": "x" * 5_000}, "longer than 4,000 characters"),
        ({"suggestion": f"    token = '{TOKEN}'"}, "with a secret or a hidden character in it"),
    ],
)
def test_a_suggestion_that_does_not_fit_costs_itself_and_not_its_remark(changes: dict[str, Any], reason: str) -> None:
    result = checked(remark(**changes))

    assert [finding.suggestion for finding in result.findings] == [None]
    assert (result.dropped, result.suggestions_dropped) == ({}, {reason: 1})


def test_texts_are_bounded_and_clean() -> None:
    finding = only(title="a\u202eb\n" + "t" * 5_000, claim=f"{TOKEN} " + "\x1b[31m" + "c" * 5_000)

    assert finding.title.startswith("a<U+202E>b ttt")
    assert finding.claim.startswith("<secret:github-token:medium> cc")
    assert (len(finding.title), len(finding.claim)) == (200, 2_000)


def test_the_walkthrough_is_clean_too() -> None:
    assert checked(walkthrough=f" Adds {TOKEN}\x00. ").walkthrough == "Adds <secret:github-token:medium><U+0000>."


def test_a_flood_of_remarks_is_cut_and_counted() -> None:
    result = checked(*(remark(title=str(number)) for number in range(FINDINGS_MAX + 7)))

    assert len(result.findings) == FINDINGS_MAX
    assert result.dropped == {"beyond the number that is taken from one answer": 7}


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"severity": " High"}, "severity", "high"),
        ({"category": "Security"}, "category", "security"),
        ({"category": "naming"}, "category", "maintainability"),
        ({"confidence": 85}, "confidence", 0.85),
        ({"confidence": 900}, "confidence", 1.0),
        ({"confidence": -1}, "confidence", 0.0),
        ({"confidence": "0.5"}, "confidence", 0.5),
        ({"line": "4"}, "line", 4),
    ],
)
def test_what_a_model_clearly_means_is_understood(changes: dict[str, Any], field: str, value: object) -> None:
    assert getattr(only(**changes), field) == value


@pytest.mark.parametrize("changes", [{"severity": "dire"}, {"line": None}, {"confidence": float("nan")}, {"title": 3}])
def test_what_is_not_clear_is_left_out_of_a_repaired_answer(changes: dict[str, Any]) -> None:
    text = json.dumps({"walkthrough": "w", "findings": [remark(), remark(**changes)]})

    fits = read_answer(ModelAnswer(text=text), AnalyzeAnswer, forgiving=True)

    assert isinstance(fits, Fits)
    assert len(fits.value.findings) == 1


def test_servers_are_told_a_strict_schema() -> None:
    schema = strict_schema(AnalyzeAnswer)

    remark_schema = schema["$defs"]["ModelFinding"]
    assert schema["required"] == ["walkthrough", "findings"]
    assert remark_schema["required"] == list(remark())
    assert remark_schema["additionalProperties"] is False
    assert remark_schema["properties"]["title"] == {"type": "string"}
