"""Dismissals: findings of a pull request that somebody with the right to it does not want to be told again.

Kept among the notes of the pull request, by fingerprint, so one holds on every later head and when code moves. Promises
that a dismissed finding asks for no changes, here and in the check run, and that who dismissed it, and why, stays told.
Does not promise that the reason is true: it is a person's words.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from pipeline.review.findings import Finding
from pipeline.review.plan import Plan
from pipeline.review.reports import Summary
from pipeline.review.summary import Asked, judged_without
from pipeline.review.verdict import read_fail_on

_NOTE: Final = "dismissed "
"""What the name of such a note begins with; the fingerprint follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismissal:
    """What somebody said of a finding."""

    by: str = ""
    """A login."""
    reason: str = ""


NO_DISMISSALS: Final[Mapping[str, Dismissal]] = {}


def note_name(fingerprint: str) -> str:
    """Name the note that dismisses a finding."""
    return f"{_NOTE}{fingerprint}"


def note_value(dismissal: Dismissal) -> JsonValue:
    """Write what is kept."""
    return {"by": dismissal.by, "reason": dismissal.reason}


def read_dismissals(notes: Mapping[str, JsonValue]) -> Mapping[str, Dismissal]:
    """Read them from all that people said of a pull request, by fingerprint."""
    return {name.removeprefix(_NOTE): _read(value) for name, value in notes.items() if name.startswith(_NOTE)}


def without_dismissed(summary: Summary, plan: Plan | None, dismissed: Collection[str]) -> Summary:
    """Judge the review anew without them.

    Args:
        summary: The review as its stage left it.
        plan: By whose level it is judged; without one there is no review.
        dismissed: Fingerprints.
    """
    if plan is None or not dismissed:
        return summary
    asked = Asked(base_ref=plan.base_ref, head_ref=plan.head_ref, fail_on=read_fail_on(plan.fail_on))
    return judged_without(summary, dismissed, asked)


def dismissed_of(
    findings: Iterable[Finding], dismissals: Mapping[str, Dismissal]
) -> tuple[tuple[Finding, Dismissal], ...]:
    """Give those that are dismissed, each with what was said of it, under whichever of its names that was."""
    named = ((finding, finding.known_among(dismissals)) for finding in findings)
    return tuple((finding, dismissals[name]) for finding, name in named if name is not None)


def _read(value: JsonValue) -> Dismissal:
    if not isinstance(value, dict):
        return Dismissal()
    return Dismissal(by=_text(value.get("by")), reason=_text(value.get("reason")))


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
