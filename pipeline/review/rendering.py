"""Rendering: a summary as the Markdown of the comment.

Promises that the hidden marker is the first line, that nothing from a repository or a model acts in the page
(see `markdown`), that GitHub's limit is kept (see `fitting`), and that the page ends with what the reader can do next.
A good day is a few lines; the rest is folded. Same summary, same text.
"""

import re
from dataclasses import dataclass
from typing import Final

from pipeline.review.finding_text import NAME_CHARACTERS_MAX, Link, finding_text, name, no_link, short
from pipeline.review.fitting import COMMENT_CHARACTERS_MAX, fit
from pipeline.review.markdown import clip, inline
from pipeline.review.outcome_blocks import blocks_of_tests
from pipeline.review.page_blocks import (
    HEADLINE_CHARACTERS_MAX,
    blocks_of_change,
    blocks_of_findings,
    blocks_of_gaps,
    blocks_of_passages,
    blocks_of_stages,
    table_of_stages,
)
from pipeline.review.phrases import TITLES, next_step
from pipeline.review.reports import Summary, Verdict

SYMBOLS: Final = {
    Verdict.CLEAN: "✅",
    Verdict.REMARKS: "💬",
    Verdict.CHANGES_NEEDED: "❌",
    Verdict.PARTIAL: "🟡",
    Verdict.NOT_REVIEWED: "⚪",
}

SHA_CHARACTERS: Final = 12
"""Enough of a commit for a person; the marker has all of it."""

_NOT_IN_MARKER: Final = re.compile(r"[^A-Za-z0-9_.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the page says of the run itself."""

    run_id: str
    head: str
    base_ref: str
    head_ref: str
    title: str = ""
    """Subject of the head commit or title of the pull request."""


def render(
    summary: Summary, facts: Facts, *, link: Link = no_link, characters_max: int = COMMENT_CHARACTERS_MAX
) -> str:
    """Write the comment.

    Args:
        summary: The review.
        facts: Which run, which commit.
        link: Gives the address of lines in the head's version.
        characters_max: The host's limit for a comment.
    """
    title = f"## {SYMBOLS[summary.verdict]} Onceover: {TITLES[summary.verdict]}"
    first = f"{marker(facts)}\n{title}\n\n{inline(clip(summary.headline, HEADLINE_CHARACTERS_MAX))}"
    blocks = [
        *blocks_of_change(summary),
        *blocks_of_findings(summary.findings, lambda finding: finding_text(finding, link)),
        *blocks_of_tests(summary.tests, link),
        *blocks_of_gaps(summary.not_reviewed),
        *blocks_of_passages(summary.docs.passages if summary.docs else (), link),
        *blocks_of_stages(table_of_stages(summary.stages), summary),
    ]
    return fit(first, blocks, _footer(summary, facts), characters_max=characters_max) + "\n"


def marker(facts: Facts) -> str:
    """Write the hidden first line by which our own comment is found again; it counts only on content by our App."""
    run, head = (_NOT_IN_MARKER.sub("_", part[:NAME_CHARACTERS_MAX]) for part in (facts.run_id, facts.head))
    return f"<!-- onceover:summary v=1 run={run} head={head} -->"


def _footer(summary: Summary, facts: Facts) -> str:
    subject = short(facts.title)
    commit = f"{name(facts.head[:SHA_CHARACTERS])}{f' ({subject})' if subject else ''}"
    refs = f"{name(facts.head_ref)} against {name(facts.base_ref)}"
    return f"---\n\n**Next:** {next_step(summary)}\n\nCommit {commit} of {refs}, run {name(facts.run_id)}."
