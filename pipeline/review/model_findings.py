"""Model findings: what a model claims about a change becomes findings, if it stands where it says.

Promises that no finding names a file or a line that the model was not shown, that each quotes code that stands there
(or stood there, if the change removes it), that a suggestion goes exactly onto the lines of its finding, that texts are
bounded and free of secrets of known form, and that what is dropped is counted with its reason. A line that is wrong is
put right by the quotation. Does not promise that a claim is true.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, Field

from pipeline.review.evidence import LINES_NEAR, Ground, distance
from pipeline.review.findings import (
    CLAIM_CHARACTERS_MAX,
    EVIDENCE_CHARACTERS_MAX,
    TITLE_CHARACTERS_MAX,
    Finding,
    Severity,
)
from pipeline.review.redact import redact
from pipeline.review.replacement import Unfit, check_replacement
from pipeline.review.visible import visible

SOURCE: Final = "model"
"""Who says so, in a finding."""

FINDINGS_MAX: Final = 30
"""Taken from one answer; the prompt asks for half as many."""

LINES_MAX: Final = 60
"""A remark on more lines is cut: it is about a place, not about a file."""

WALKTHROUGH_CHARACTERS_MAX: Final = 2_000

Category: TypeAlias = Literal[
    "bug", "security", "performance", "concurrency", "error-handling", "tests", "docs", "maintainability"
]


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _known(value: object) -> object:
    """Put what is called by a name of the model's own under the broadest heading."""
    lower = _lower(value)
    return lower if lower in get_args(Category) else "maintainability"


def _share(value: object) -> object:
    """Read 85 as 85 percent."""
    return value / 100 if isinstance(value, int | float) and 1 < value <= 100 else value  # noqa: PLR2004 - percent.


class ModelFinding(BaseModel):
    """One remark. What has a default here may be missing, though the schema for servers asks for it."""

    path: str
    line: int
    line_end: int = 0
    severity: Annotated[Severity, BeforeValidator(_lower)]
    category: Annotated[Category, BeforeValidator(_known)] = "maintainability"
    title: str
    claim: str
    evidence: str = ""
    confidence: Annotated[float, BeforeValidator(_share), Field(allow_inf_nan=False)] = 0.5
    suggestion: str | None = None


class AnalyzeAnswer(BaseModel):
    """A review of a group of files."""

    walkthrough: str
    findings: list[ModelFinding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What of an answer may be shown."""

    walkthrough: str
    findings: tuple[Finding, ...]
    dropped: Mapping[str, int]
    """How many remarks were dropped, by reason; the reason is a clause that can follow `remark`."""
    suggestions_dropped: Mapping[str, int]
    """How many suggestions of remarks that were kept, by reason; a clause that can follow `suggestion`."""


def check_answer(answer: AnalyzeAnswer, grounds: Mapping[str, Ground]) -> Checked:
    """Keep the remarks that stand on lines the model was shown, by what they quote.

    Args:
        answer: What the model says.
        grounds: What a remark may stand on, by path; see `grounds_of`.
    """
    judged = [_checked(claimed, grounds) for claimed in answer.findings[:FINDINGS_MAX]]
    dropped = Counter(reason for reason in judged if isinstance(reason, str))
    dropped["beyond the number that is taken from one answer"] = len(answer.findings[FINDINGS_MAX:])
    kept = [one for one in judged if isinstance(one, _Kept)]
    return Checked(
        walkthrough=_clean(answer.walkthrough, WALKTHROUGH_CHARACTERS_MAX),
        findings=tuple(one.finding for one in kept),
        dropped={reason: count for reason, count in dropped.items() if count},
        suggestions_dropped=Counter(one.unfit.why for one in kept if one.unfit),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A finding, and what was wrong with its suggestion."""

    finding: Finding
    unfit: Unfit | None


def _checked(claimed: ModelFinding, grounds: Mapping[str, Ground]) -> _Kept | str:
    """Turn a claim into a finding, or say why not."""
    path = next((name for name in spellings(claimed.path) if name in grounds), None)
    if path is None:
        return "on a file that is not in the change"
    ground = grounds[path]
    stood = _lines(claimed, ground)
    if stood is None:
        return "without evidence that stands in the code"
    lines = _shown_lines(*stood, ground.anchors)
    if lines is None:
        return "on a line that is not in the change"
    title, claim = _clean(claimed.title, TITLE_CHARACTERS_MAX), _clean(claimed.claim, CLAIM_CHARACTERS_MAX)
    if not title or not claim:
        return "without a title or a claim"
    suggestion = _suggestion(claimed, path, lines, ground)
    finding = Finding(
        path=path,
        line=lines[0],
        line_end=lines[1],
        severity=claimed.severity,
        category=claimed.category,
        title=" ".join(title.split()),
        claim=claim,
        source=SOURCE,
        confidence=min(max(claimed.confidence, 0.0), 1.0),
        evidence=_clean(claimed.evidence, EVIDENCE_CHARACTERS_MAX),
        suggestion=None if isinstance(suggestion, Unfit) else suggestion,
    )
    return _Kept(finding=finding, unfit=suggestion if isinstance(suggestion, Unfit) else None)


def _lines(claimed: ModelFinding, ground: Ground) -> tuple[int, int] | None:
    """Say where the remark stands: where it claims to, if that is where the code is that it quotes, else there."""
    first = claimed.line
    last = min(max(claimed.line_end, first), first + LINES_MAX - 1)
    quoted = ground.near(claimed.evidence, first, last)
    if quoted is None or distance(quoted, (first, last)) == 0:
        return quoted and (first, last)
    is_shown = any(number in ground.anchors for number in range(quoted[0], quoted[1] + 1))
    is_near = distance(quoted, (first, last)) <= LINES_NEAR
    return (first, last) if is_near and not is_shown else quoted


def spellings(path: str) -> tuple[str, ...]:
    """The ways a model writes a path: as given, as in a diff, as on a command line."""
    return (path, path.strip().strip("`"), re.sub(r"^(?:[ab]|\.)/", "", path.strip()))


def _shown_lines(first: int, last: int, shown: Collection[int]) -> tuple[int, int] | None:
    """Cut lines to the first unbroken run of them that the diff shows."""
    start = next((number for number in range(first, last + 1) if number in shown), None)
    if start is None:
        return None
    end = start
    while end < last and end + 1 in shown:
        end += 1
    return start, end


def _suggestion(claimed: ModelFinding, path: str, lines: tuple[int, int], ground: Ground) -> str | Unfit | None:
    """Keep a replacement only if it goes onto the lines of the finding; lines put right may have been meant so."""
    if not claimed.suggestion:
        return None
    if lines[1] - lines[0] != max(claimed.line_end, claimed.line) - claimed.line:
        return Unfit("for other lines than those of its remark")
    return check_replacement(
        claimed.suggestion, path=path, first=lines[0], last=lines[1], known=ground.lines, head=ground.head
    )


def _clean(text: str, characters_max: int) -> str:
    """Bound a text and take secrets and hidden characters out; it stays the renderer's task to make it inert."""
    return redact(visible(text[: 2 * characters_max]).strip()).text[:characters_max]
