"""SARIF: a review's findings as other tools read them.

SARIF 2.1.0 (OASIS). Promises one result a finding, with its place by line, a fingerprint that survives moved code, and
the replacement where there is one; and that what was not reviewed is told as a notification, so that an empty list of
results is not taken for "all good". Pure.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from pipeline.review.findings import Finding, Severity
from pipeline.review.reports import Skipped, Summary, Verdict

Json: TypeAlias = Any  # A free JSON value.

VERSION: Final = "2.1.0"
SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

FINGERPRINT: Final = "onceover/v1"
"""Name of our fingerprint among others."""

_LINK_START: Final = re.compile(r"\[(?=[^\]]{0,2000}\]\()")

LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
SECURITY_SEVERITY: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.5",
    Severity.INFO: "0.5",
}
"""A number that GitHub sorts security alerts by; ours stand in the middle of its ranges."""


def sarif_of(summary: Summary, *, head: str, version: str) -> Json:
    """Write a review as a SARIF log.

    Args:
        summary: The review.
        head: SHA of the commit that was reviewed.
        version: Ours.
    """
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {"driver": {"name": "Onceover", "version": version, "rules": _rules(summary.findings)}},
                "automationDetails": {"id": f"onceover/{head}"},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": summary.verdict is not Verdict.NOT_REVIEWED,
                        "toolExecutionNotifications": [_notification(one) for one in summary.not_reviewed],
                    }
                ],
                "results": [_result(one) for one in summary.findings],
            }
        ],
    }


def _rules(findings: Sequence[Finding]) -> list[Json]:
    """Describe each kind of finding once."""
    worst: dict[str, Finding] = {}
    for one in findings:
        rule = _rule_id(one)
        if rule not in worst or one.severity.is_at_least(worst[rule].severity):
            worst[rule] = one
    return [_rule(rule, one) for rule, one in sorted(worst.items())]


def _rule(rule: str, worst: Finding) -> Json:
    told: Json = {"id": rule, "shortDescription": {"text": f"{worst.category} ({worst.source})"}}
    tags = {"tags": [worst.category]}
    if worst.category == "security":
        told["properties"] = tags | {"security-severity": SECURITY_SEVERITY[worst.severity]}
    else:
        told["properties"] = tags
    return told


def _rule_id(one: Finding) -> str:
    """Name what kind of remark it is: an analyser's own name for it, or the model and its heading."""
    return one.source if ":" in one.source else f"{one.source}:{one.category}"


def _result(one: Finding) -> Json:
    result: Json = {
        "ruleId": _rule_id(one),
        "level": LEVELS[one.severity],
        "message": {"text": _plain(f"{one.title.rstrip('.')}. {one.claim}")},
        "locations": [{"physicalLocation": _place(one)}],
        "partialFingerprints": {FINGERPRINT: one.fingerprint},
        "rank": round(one.confidence * 100, 1),
        "properties": {"severity": one.severity.value, "category": one.category},
    }
    if one.suggestion is not None:
        result["fixes"] = [_fix(one, one.suggestion)]
    return result


def _plain(text: str) -> str:
    """Write a text so that no viewer makes a link of it: SARIF 2.1.0 has links in plain text (section 3.11.6)."""
    return _LINK_START.sub(r"\\[", text)


def _place(one: Finding) -> Json:
    return {"artifactLocation": _file(one), "region": {"startLine": one.line, "endLine": one.line_end}}


def _file(one: Finding) -> Json:
    return {"uri": quote(one.path), "uriBaseId": "SRCROOT"}


def _fix(one: Finding, suggestion: str) -> Json:
    """Replace whole lines, from the first column to that of the line after."""
    region = {"startLine": one.line, "startColumn": 1, "endLine": one.line_end + 1, "endColumn": 1}
    replacement = {"deletedRegion": region, "insertedContent": {"text": suggestion.rstrip("\n") + "\n"}}
    changes = [{"artifactLocation": _file(one), "replacements": [replacement]}]
    return {"description": {"text": "Suggested by the review."}, "artifactChanges": changes}


def _notification(one: Skipped) -> Json:
    return {
        "level": "warning" if one.gap else "note",
        "message": {"text": _plain(f"Not reviewed: {one.what}: {one.why}")},
    }
