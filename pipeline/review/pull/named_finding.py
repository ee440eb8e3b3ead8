"""Named finding: which finding somebody means by the beginning of its id.

Promises that a beginning of two findings names neither: nobody dismisses what he did not mean.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from pydantic import JsonValue, ValidationError

from pipeline.review.findings import Finding

NEAREST_MAX: Final = 5
"""Findings that are offered to who named none."""


def unique(findings: Sequence[Finding], beginning: str) -> Finding | None:
    """Give the one finding whose fingerprint begins so; None if there is none, or more than one."""
    found = [finding for finding in findings if finding.fingerprint.startswith(beginning)]
    return found[0] if len(found) == 1 else None


def nearest_to(findings: Sequence[Finding], beginning: str) -> tuple[Finding, ...]:
    """Give the findings that may be meant: those that begin so, else those of a similar id, most similar first."""

    def unlike(finding: Finding) -> float:
        return -SequenceMatcher(None, finding.fingerprint[: len(beginning)], beginning).ratio()

    found = [finding for finding in findings if finding.fingerprint.startswith(beginning)]
    return tuple(found or sorted(findings, key=unlike))[:NEAREST_MAX]


def read_told(stored: JsonValue) -> tuple[Finding, ...]:
    """Read findings as the ledger of a summary keeps them; what another version wrote is left out."""
    read = (_read(one) for one in (stored if isinstance(stored, list) else ()))
    return tuple(finding for finding in read if finding is not None)


def _read(stored: JsonValue) -> Finding | None:
    try:
        return Finding.model_validate(stored)
    except ValidationError:
        return None
