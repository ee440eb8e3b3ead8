"""What a model claims becomes a finding only where it was shown something."""

import json
from typing import Any

import pytest

from pipeline.review.findings import Finding, Severity
from pipeline.review.model_findings import FINDINGS_MAX, AnalyzeAnswer, Checked, check_answer
from pipeline.review.structured import Fits, ModelAnswer, read_answer, strict_schema

ANCHORS = {"shop/cart.py": {3, 4, 5, 9}, "a.py": {1}}
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
        "confidence": 0.8,
        "suggestion": None,
        **changes,
    }


def checked(*remarks: dict[str, Any], walkthrough: str = "It does.") -> Checked:
    answer = AnalyzeAnswer.model_validate({"walkthrough": walkthrough, "findings": list(remarks)})
    return check_answer(answer, ANCHORS)


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
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"path": "../etc/passwd"}, "on a file that is not in the change"),
        ({"path": ""}, "on a file that is not in the change"),
        ({"path": "cart.py"}, "on a file that is not in the change"),
        ({"line": 2, "line_end": 2}, "on a line that is not in the change"),
        ({"line": -1, "line_end": 0}, "on a line that is not in the change"),
        ({"line": 10**30, "line_end": 10**30}, "on a line that is not in the change"),
        ({"line": 6, "line_end": 8}, "on a line that is not in the change"),
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


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"suggestion": "\tx = 1\r\n"}, "\tx = 1\n"),
        ({"suggestion": ""}, None),
        ({"suggestion": "x" * 5_000}, None),
        ({"suggestion": "x = 1", "line": 4, "line_end": 9}, None),
        ({"suggestion": f"token = '{TOKEN}'"}, None),
        ({"suggestion": "token = '<secret:github-token:medium>'"}, None),
        ({"suggestion": "x = '\u202e'"}, None),
    ],
)
def test_a_suggestion_is_kept_only_as_it_was_meant(changes: dict[str, Any], kept: str | None) -> None:
    assert only(**changes).suggestion == kept


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
