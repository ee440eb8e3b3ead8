"""A review is written as SARIF that other tools can read."""

from typing import Any

import pytest

from pipeline.review.findings import Finding, Severity
from pipeline.review.reports import Skipped, Summary, Verdict
from pipeline.review.sarif import sarif_of


def finding(**change: object) -> Finding:
    known: dict[str, object] = {
        "path": "shop/a b#1.py",
        "line": 3,
        "line_end": 4,
        "severity": Severity.HIGH,
        "category": "security",
        "title": "A query is made of input.",
        "claim": "The name is not escaped.",
        "source": "bandit:B608",
        "confidence": 0.5,
    }
    return Finding.model_validate(known | change)


def run_of(*findings: Finding, **change: object) -> dict[str, Any]:
    summary = Summary(verdict=Verdict.CHANGES_NEEDED, headline="x", findings=findings).model_copy(update=change)
    log = sarif_of(summary, head="a" * 40, version="1.2.3")
    assert log["version"] == "2.1.0"
    run: dict[str, Any]
    (run,) = log["runs"]
    return run


def test_a_finding_is_a_result_with_place_words_level_and_fingerprint() -> None:
    one = finding()

    (result,) = run_of(one)["results"]

    assert result["ruleId"] == "bandit:B608"
    assert result["level"] == "error"
    assert result["message"]["text"] == "A query is made of input. The name is not escaped."
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "shop/a%20b%231.py", "uriBaseId": "SRCROOT"}
    assert place["region"] == {"startLine": 3, "endLine": 4}
    assert result["partialFingerprints"] == {"onceover/v1": one.fingerprint}
    assert result["rank"] == 50.0


def test_case_84_a_link_in_a_finding_is_words_to_a_viewer_of_sarif() -> None:
    """SARIF 2.1.0, section 3.11.6: plain text has links too, unless their bracket is escaped."""
    (result,) = run_of(finding(title="[See](https://evil.example)", claim="`a[0](x)` and [1]."))["results"]

    assert result["message"]["text"] == r"\[See](https://evil.example). `a\[0](x)` and [1]."


def test_each_rule_that_is_used_is_described_once_and_security_has_its_number() -> None:
    run = run_of(finding(), finding(line=9, line_end=9), finding(source="model", category="bug"))

    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert set(rules) == {result["ruleId"] for result in run["results"]} == {"bandit:B608", "model:bug"}
    assert rules["bandit:B608"]["properties"]["security-severity"] == "8.0"
    assert "security-severity" not in rules["model:bug"]["properties"]


@pytest.mark.parametrize(
    ("severity", "level"), [("critical", "error"), ("high", "error"), ("medium", "warning"), ("low", "note")]
)
def test_severities_become_levels(severity: str, level: str) -> None:
    (result,) = run_of(finding(severity=Severity(severity)))["results"]

    assert result["level"] == level
    assert result["properties"]["severity"] == severity


def test_a_suggestion_replaces_whole_lines() -> None:
    (result,) = run_of(finding(suggestion="    a\n    b"))["results"]

    (change,) = result["fixes"][0]["artifactChanges"]
    (replacement,) = change["replacements"]
    assert replacement["deletedRegion"] == {"startLine": 3, "startColumn": 1, "endLine": 5, "endColumn": 1}
    assert replacement["insertedContent"]["text"] == "    a\n    b\n"


def test_what_was_not_reviewed_is_told_so_that_silence_is_no_all_clear() -> None:
    run = run_of(verdict=Verdict.NOT_REVIEWED, not_reviewed=(Skipped(what="model", why="it is away", gap=True),))

    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"] == [
        {"level": "warning", "message": {"text": "Not reviewed: model: it is away"}}
    ]
