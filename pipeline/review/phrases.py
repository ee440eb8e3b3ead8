"""Phrases: the sentences that the comment and the terminal share, so that both say the same."""

from typing import Final

from pipeline.review.reports import Skipped, Spend, Summary, Verdict
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
    return f"{count(spend.calls, 'model call')}, {count(tokens, 'token')} ({parts})."


def by_reason(skipped: tuple[Skipped, ...], *, gap: bool) -> dict[str, list[str]]:
    """Group what was not reviewed by the reason.

    Args:
        skipped: All of it.
        gap: What could not be done; else what was left out on purpose.
    """
    groups: dict[str, list[str]] = {}
    for one in skipped:
        if one.gap == gap:
            groups.setdefault(one.why, []).append(one.what)
    return groups
