"""Told findings: what became of each finding, beside its line, since the last review and by somebody's word.

Promises one line for a finding that stands beside its own, the whole of any other; what is fixed struck, what nobody
looked at again and what was dismissed one click away, with who dismissed it and why. Long lists are cut and counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.review.finding_text import Link, finding_text, linked, name, place, short, short_id
from pipeline.review.findings import Finding
from pipeline.review.fitting import Block, Section
from pipeline.review.markdown import code, inline
from pipeline.review.page_blocks import WORTH
from pipeline.review.pull.dismissals import Dismissal
from pipeline.review.pull.follow_up import FIRST, FollowUp
from pipeline.review.redact import redact

LISTED_MAX: Final = 20
"""Findings of a list of what is fixed, not looked at again or dismissed that are named; the rest is counted."""

LISTED_OPEN_MAX: Final = 3
"""A longer list of what is fixed is folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threads:
    """What became of findings beside their lines, and since the last review."""

    inline: Mapping[str, str | None]
    """Fingerprints that stand beside their line, with the comment's https address if it is known."""
    follow_up: FollowUp = FIRST
    dismissed: Sequence[tuple[Finding, Dismissal]] = ()
    """Found again, and not told any more; the summary is without them."""


NO_THREADS: Final = Threads(inline={})


def tell_finding(finding: Finding, threads: Threads, link: Link) -> str:
    """Tell a finding whole, or in a line if it stands beside its own."""
    state = _state(finding, threads.follow_up)
    if finding.fingerprint not in threads.inline:
        return finding_text(finding, link, state=state)
    beside = linked("beside the line", threads.inline[finding.fingerprint])
    return _line(finding, link, *filter(None, [state, beside]))


def blocks_of_unseen(follow_up: FollowUp, link: Link) -> Iterator[Block]:
    """List what is still open for all that is known: nobody looked at its file this time."""
    lines = [_line(finding, link) for finding in follow_up.unseen]
    words = f"Still open, not looked at again ({len(lines)})"
    yield from _listed(Section(name="unseen", folded=words), lines, "list of what was not looked at again")


def blocks_of_fixed(follow_up: FollowUp) -> Iterator[Block]:
    """Strike what is gone."""
    fixed = [f"- ~~{_title(finding)}~~ {name(finding.path)}" for finding in follow_up.fixed]
    outside = "no longer part of the change"
    gone = [f"- ~~{_title(finding)}~~ {name(finding.path)} · {outside}" for finding in follow_up.gone]
    words = f"Fixed since the last review ({len(fixed) + len(gone)})"
    is_short = len(fixed) + len(gone) <= LISTED_OPEN_MAX
    section = Section(name="fixed", heading=f"**{words}**") if is_short else Section(name="fixed", folded=f"✅ {words}")
    yield from _listed(section, [*fixed, *gone], "list of what was fixed")


def blocks_of_dismissed(dismissed: Sequence[tuple[Finding, Dismissal]], link: Link) -> Iterator[Block]:
    """Say what is not told any more, who wanted that, and why."""
    lines = [_dismissal(finding, said, link) for finding, said in dismissed]
    yield from _listed(
        Section(name="dismissed", folded=f"Dismissed ({len(lines)})"), lines, "list of what is dismissed"
    )


def _state(finding: Finding, follow_up: FollowUp) -> str:
    if follow_up.since is None:
        return ""
    return "still open" if finding.fingerprint in follow_up.known else "new"


def _line(finding: Finding, link: Link, *more: str) -> str:
    """Tell a finding in one line."""
    where = place(finding.path, finding.line, finding.line_end, link)
    parts = [f"**{_title(finding)}** {where}", *more, f"Id {code(short_id(finding))}"]
    return f"- {' · '.join(parts)}"


def _title(finding: Finding) -> str:
    return inline(finding.title) or "Untitled"


def _dismissal(finding: Finding, said: Dismissal, link: Link) -> str:
    who = f"dismissed by {name(f'@{said.by}')}" if said.by else "dismissed"
    why = short(redact(said.reason).text)
    return _line(finding, link, f"{who}{f': {why}' if why else ''}")


def _listed(section: Section, lines: Sequence[str], noun: str) -> Iterator[Block]:
    more = [f"- and {len(lines) - LISTED_MAX:,} more"] if len(lines) > LISTED_MAX else []
    if lines:
        yield Block(section=section, text="\n".join([*lines[:LISTED_MAX], *more]), value=WORTH["low"], noun=noun)
