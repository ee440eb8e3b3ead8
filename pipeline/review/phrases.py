"""Phrases: the sentences that the comment and the terminal share, so that both say the same."""

from dataclasses import dataclass
from typing import Final

from pipeline.review.left_out import named_and_counted
from pipeline.review.reports import NANODOLLARS_PER_DOLLAR, Skipped, Spend, Summary, Verdict
from pipeline.review.wording import count

TITLES: Final = {
    Verdict.CLEAN: "no remarks",
    Verdict.REMARKS: "some remarks",
    Verdict.CHANGES_NEEDED: "changes needed",
    Verdict.PARTIAL: "partly reviewed",
    Verdict.NOT_REVIEWED: "not reviewed",
}
NEXT_STEPS: Final = {
    Verdict.CLEAN: "Nothing to do. `onceover review` looks at the next commit.",
    Verdict.REMARKS: "Take what helps. `onceover review` looks at the next commit.",
    Verdict.CHANGES_NEEDED: "Fix what is listed above, commit, and run `onceover review` again.",
    Verdict.PARTIAL: "See above what could not be done and why. Then run `onceover review` again.",
    Verdict.NOT_REVIEWED: "See above what stood in the way. Then run `onceover review` again.",
}
NEXT_STEP_IF_EMPTY: Final = "Commit something, or compare with another branch: `onceover review --base REF`."


def next_step(summary: Summary) -> str:
    """Say what the reader can do now."""
    is_empty = summary.analysis is not None and summary.analysis.files_total == 0
    return NEXT_STEP_IF_EMPTY if is_empty and summary.verdict is Verdict.NOT_REVIEWED else NEXT_STEPS[summary.verdict]


def spent(spend: Spend) -> str:
    """Say what the model calls cost."""
    if not spend.calls:
        return "No model was used."
    tokens = spend.prompt_tokens + spend.completion_tokens
    parts = f"{spend.prompt_tokens:,} read, {spend.completion_tokens:,} written"
    return f"{count(spend.calls, 'model call')}, {count(tokens, 'token')} ({parts}){_money(spend)}."


def spent_in_short(spend: Spend) -> str:
    """Say it in three words, for a line that one clicks on."""
    if not spend.calls:
        return "no model was used"
    tokens = count(spend.prompt_tokens + spend.completion_tokens, "token")
    return f"{count(spend.calls, 'model call')}, {tokens}{_money(spend)}"


def _money(spend: Spend) -> str:
    """Say the cost as far as it is known; of what has no price nothing is said, least of all that it was free."""
    if not spend.priced_calls:
        return ""
    known = f"{spend.cost_nanodollars / NANODOLLARS_PER_DOLLAR:.4f} USD"  # GitHub reads `$` as mathematics.
    return f", {known}" if spend.usd is not None else f", {known} for the {count(spend.priced_calls, 'priced call')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason, and all that was not reviewed for it."""

    why: str
    names: tuple[str, ...]
    uncounted: int = 0
    """How many more there are, of which a stage has told only the number."""


def by_reason(skipped: tuple[Skipped, ...], *, gap: bool) -> tuple[Reason, ...]:
    """Group what was not reviewed by the reason.

    Args:
        skipped: All of it.
        gap: What could not be done; else what was left out on purpose.
    """
    names: dict[str, list[str]] = {}
    for one in skipped:
        if one.gap == gap:
            names.setdefault(one.why, []).append(one.what)
    return tuple(_reason(why, whats) for why, whats in names.items())


def _reason(why: str, whats: list[str]) -> Reason:
    """Take `40 more files` as the number that it is, unless it stands alone."""
    named, uncounted = named_and_counted(whats)
    return Reason(why=why, names=tuple(named), uncounted=uncounted)
