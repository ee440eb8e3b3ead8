"""Model findings: what a model claims about a change becomes findings, if it stands where it says.

Promises that no finding names a file or a line that the model was not shown, that texts are bounded and free of
secrets of known form, and that what is dropped is counted with its reason. Does not promise that a claim is true.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, Field

from pipeline.review.findings import CLAIM_CHARACTERS_MAX, TITLE_CHARACTERS_MAX, Finding, Severity
from pipeline.review.redact import redact
from pipeline.review.visible import visible

SOURCE: Final = "model"
"""Who says so, in a finding."""

FINDINGS_MAX: Final = 30
"""Taken from one answer; the prompt asks for half as many."""

LINES_MAX: Final = 60
"""A remark on more lines is cut: it is about a place, not about a file."""

SUGGESTION_CHARACTERS_MAX: Final = 4_000
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


def check_answer(answer: AnalyzeAnswer, anchors: Mapping[str, Collection[int]]) -> Checked:
    """Keep the remarks that stand on lines the model was shown.

    Args:
        answer: What the model says.
        anchors: Lines of the head's side on which a remark may stand, by path; see `anchors_of`.
    """
    dropped: Counter[str] = Counter()
    findings = [_checked(claimed, anchors) for claimed in answer.findings[:FINDINGS_MAX]]
    dropped.update(reason for reason in findings if isinstance(reason, str))
    dropped["beyond the number that is taken from one answer"] = len(answer.findings[FINDINGS_MAX:])
    return Checked(
        walkthrough=_clean(answer.walkthrough, WALKTHROUGH_CHARACTERS_MAX),
        findings=tuple(finding for finding in findings if isinstance(finding, Finding)),
        dropped={reason: count for reason, count in dropped.items() if count},
    )


def _checked(claimed: ModelFinding, anchors: Mapping[str, Collection[int]]) -> Finding | str:
    """Turn a claim into a finding, or say why not."""
    path = next((name for name in _spellings(claimed.path) if name in anchors), None)
    if path is None:
        return "on a file that is not in the change"
    lines = _shown_lines(claimed, anchors[path])
    if lines is None:
        return "on a line that is not in the change"
    title, claim = _clean(claimed.title, TITLE_CHARACTERS_MAX), _clean(claimed.claim, CLAIM_CHARACTERS_MAX)
    if not title or not claim:
        return "without a title or a claim"
    return Finding(
        path=path,
        line=lines[0],
        line_end=lines[1],
        severity=claimed.severity,
        category=claimed.category,
        title=" ".join(title.split()),
        claim=claim,
        source=SOURCE,
        confidence=min(max(claimed.confidence, 0.0), 1.0),
        suggestion=_suggestion(claimed, lines),
    )


def _spellings(path: str) -> tuple[str, ...]:
    """The ways a model writes a path: as given, as in a diff, as on a command line."""
    return (path, path.strip().strip("`"), re.sub(r"^(?:[ab]|\.)/", "", path.strip()))


def _shown_lines(claimed: ModelFinding, shown: Collection[int]) -> tuple[int, int] | None:
    """Cut the claimed lines to the first unbroken run of them that the diff shows."""
    last = min(max(claimed.line_end, claimed.line), claimed.line + LINES_MAX - 1)
    first = next((number for number in range(claimed.line, last + 1) if number in shown), None)
    if first is None:
        return None
    end = first
    while end < last and end + 1 in shown:
        end += 1
    return first, end


def _suggestion(claimed: ModelFinding, lines: tuple[int, int]) -> str | None:
    """Keep a replacement only if it replaces exactly the lines it was written for, and needs no cleaning."""
    text = claimed.suggestion
    if (
        not text
        or len(text) > SUGGESTION_CHARACTERS_MAX
        or lines != (claimed.line, max(claimed.line_end, claimed.line))
    ):
        return None
    is_altered = redact(text).kinds or "<secret:" in text or visible(text).count("<U+") != text.count("<U+")
    return None if is_altered else visible(text)


def _clean(text: str, characters_max: int) -> str:
    """Bound a text and take secrets and hidden characters out; it stays the renderer's task to make it inert."""
    return redact(visible(text[: 2 * characters_max]).strip()).text[:characters_max]
