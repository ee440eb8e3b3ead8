"""Group review: one group of changed files, asked about, checked, and told with its cost.

Promises that whatever the model answers becomes findings on lines that it was shown, or a reason why not, and that
every call is in the spend. Errors of the call itself pass through: whether to try again is the caller's to decide.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pipeline.review.excerpts import FileExcerpt
from pipeline.review.findings import Finding
from pipeline.review.guidance import NO_RULES, Rules
from pipeline.review.model_findings import AnalyzeAnswer, Checked
from pipeline.review.prompt import build_prompt
from pipeline.review.reports import Spend
from pipeline.review.structured import Call, Unusable, ask_structured, spend_of

Check: TypeAlias = Callable[[AnalyzeAnswer], Awaitable[Checked]]
"""Holds an answer against the code; reading the code is not this module's affair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReview:
    """What came of one group."""

    paths: tuple[str, ...]
    model: str
    """The one that answered last."""
    spend: Spend
    unusable: str | None = None
    """Why nothing could be made of the answer; None if something could."""
    walkthrough: str = ""
    findings: tuple[Finding, ...] = ()
    gaps: tuple[str, ...] = ()
    """What of the answer is missing, as clauses."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Remarks that were not taken, by reason."""
    suggestions_dropped: Mapping[str, int] = field(default_factory=dict)
    """Suggestions that were not taken, though their remarks were, by reason."""
    refuted: int = 0
    """Remarks that a second look took back."""
    unchecked: int = 0
    """Remarks that no second look could be had at."""
    secrets: Mapping[str, int] = field(default_factory=dict)
    """Secrets that the model did not get to see, by kind."""


async def review_group(
    call: Call,
    group: Sequence[FileExcerpt],
    *,
    title: str,
    nonce: str,
    check: Check,
    rules: Rules = NO_RULES,
) -> GroupReview:
    """Ask about a group and check the answer.

    Args:
        call: Makes one billed call.
        group: What is asked about.
        title: What the author calls the change.
        nonce: Makes the prompt's markers unforeseeable; the same for each try, so that a paid answer is found again.
        check: Holds the answer against the code.
        rules: What the repository's maintainers ask of a review.
    """
    prompt = build_prompt(group, title=title, nonce=nonce, rules=rules)
    paths = tuple(dict.fromkeys(file.path for file in group))
    secrets = Counter(prompt.secrets)
    outcome = await ask_structured(call, prompt.messages, AnalyzeAnswer)
    model, spend = outcome.answers[-1].model, spend_of(outcome.answers)
    if isinstance(outcome, Unusable):
        return GroupReview(paths=paths, model=model, spend=spend, unusable=outcome.reason, secrets=secrets)
    checked = await check(outcome.value)
    return GroupReview(
        paths=paths,
        model=model,
        spend=spend,
        walkthrough=checked.walkthrough,
        findings=checked.findings,
        gaps=outcome.gaps,
        dropped=checked.dropped,
        suggestions_dropped=checked.suggestions_dropped,
        secrets=secrets,
    )
