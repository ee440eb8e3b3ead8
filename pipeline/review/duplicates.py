"""Duplicates: what several readers say of one matter is told once.

Promises that only remarks on the same lines are joined, and only where both name the same thing in the code or say the
same in words; the worst severity stays, and an analyser's remark keeps its rule and takes over the model's explanation
and suggestion. Does not promise to know every pair: two that stay apart cost a reader seconds, two that are one by
mistake cost him a fault.
"""

import re
from collections.abc import Iterable
from typing import Final

from pipeline.review.findings import Finding, rank

MODEL: Final = "model"

ALIKE_MIN: Final = 0.5
"""Share of the words in two titles that are the same, from which on they say the same."""

NAME_CHARACTERS_MIN: Final = 4
"""A shorter name stands in every second remark."""

_NAME: Final = re.compile(r"`([^`\n]{1,80})`")
_WORD: Final = re.compile(r"[A-Za-z_]\w+")
_COMMON: Final = frozenset(
    ("the", "and", "not", "are", "was", "with", "that", "this", "from", "for", "has", "its", "can")
)


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Join what is said twice, in the order of `rank`."""
    kept: dict[str, list[Finding]] = {}
    for finding in rank(tuple(findings)):
        others = kept.setdefault(finding.path, [])
        place = next((place for place, other in enumerate(others) if _is_same(other, finding)), None)
        if place is None:
            others.append(finding)
        else:
            others[place] = _joined(others[place], finding)
    return rank([finding for others in kept.values() for finding in others])


def _is_same(one: Finding, other: Finding) -> bool:
    if one.line > other.line_end or other.line > one.line_end:
        return False
    if MODEL not in {one.source, other.source}:
        return _rule(one) == _rule(other)
    return bool(_names(one) & _names(other)) if one.source != other.source else _says_the_same(one, other)


def _rule(finding: Finding) -> str:
    """Name an analyser's rule; ruff's `S602` is bandit's `B602` (https://docs.astral.sh/ruff/rules/#flake8-bandit-s)."""
    tool, _, rule = finding.source.partition(":")
    return f"bandit:B{rule[1:]}" if tool == "ruff" and re.fullmatch(r"S\d{3}", rule) else finding.source


def _names(finding: Finding) -> set[str]:
    """List the names in the code that a remark is about."""
    quoted = _NAME.findall(f"{finding.title} {finding.claim}")
    return {word for text in quoted for word in _WORD.findall(text) if len(word) >= NAME_CHARACTERS_MIN}


def _says_the_same(one: Finding, other: Finding) -> bool:
    first, second = _words(one), _words(other)
    return len(first & second) >= ALIKE_MIN * max(len(first | second), 1)


def _words(finding: Finding) -> set[str]:
    return {word.lower() for word in _WORD.findall(finding.title)} - _COMMON


def _joined(worse: Finding, other: Finding) -> Finding:
    """Join two remarks, the first of which is the worse one; who always says the same gives it its name."""
    named, told = (other, worse) if worse.source == MODEL and other.source != MODEL else (worse, other)
    explained = told if told.source == MODEL else named
    update: dict[str, object] = {
        "severity": worse.severity,
        "confidence": max(worse.confidence, other.confidence),
        "claim": explained.claim,
        "evidence": explained.evidence or named.evidence,
    }
    if explained.suggestion and named.suggestion is None:
        update |= {"suggestion": explained.suggestion, "line": explained.line, "line_end": explained.line_end}
    return named.model_copy(update=update)
