"""Inline: which findings are remarked beside their lines, and in what words.

Promises the worst first and at most so many (GitHub fails at about 32 in one review); nothing twice that was remarked
on an earlier push; only places that GitHub takes. Everything else is left for the summary, with the reason: no finding
is lost. Nothing in a comment acts but our own words, and each is found again by the finding's fingerprint.
Does not promise that a thread is closed when its finding is fixed: to resolve one, GitHub wants `contents: write`, and
no App that reads strangers' code should have that. The summary strikes what is fixed instead.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.review.finding_text import repeats_title, short_id, source_text
from pipeline.review.findings import CLAIM_CHARACTERS_MAX, TITLE_CHARACTERS_MAX, Finding, Severity, rank
from pipeline.review.fitting import Block, Section, fit
from pipeline.review.markdown import clip, inline, prose
from pipeline.review.pull.anchors import Anchored, PatchedFiles, Stray, anchor
from pipeline.review.pull.marker import Marker, write_finding_marker, write_marker
from pipeline.review.pull.suggestion import suggestion_text
from pipeline.review.redact import redact
from pipeline.review.visible import visible
from pipeline.review.wording import capitalised, count

INLINE_MAX: Final = 25
"""Comments of one review. GitHub names no limit; reviews with 32 and more were answered 502 although they stood."""

BODY_CHARACTERS_MAX: Final = 12_000
"""Of one inline comment, though GitHub takes 65,536: it stands in the middle of somebody's code."""

REMARKED: Final = "remarked beside its line before"
FULL: Final = "there is no more room for remarks beside lines"
TWIN: Final = "the same is remarked at another place of this file"

_CLAIM: Final = Section(name="claim")
_SUGGESTION: Final = Section(name="suggestion")


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineRules:
    """What the repository wants beside its lines."""

    inline_max: int = INLINE_MAX
    """More than `INLINE_MAX` is not kept."""
    severity_min: Severity = Severity.INFO
    """Findings below it stay in the summary."""
    suggestions: bool = True
    """Whether suggestions can be taken over with a click, where that is safe (security case 89)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineComment:
    """One comment of a review; the fields are those of GitHub's request, but the fingerprint."""

    fingerprint: str
    path: str
    line: int
    start_line: int | None
    side: Literal["RIGHT"]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A finding that is told in the summary only."""

    finding: Finding
    why: str
    """A clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What becomes of the findings."""

    comments: tuple[InlineComment, ...]
    left: tuple[Left, ...]

    @property
    def fingerprints(self) -> frozenset[str]:
        """The findings that are to be remarked."""
        return frozenset(comment.fingerprint for comment in self.comments)


def choose_inline(
    findings: Sequence[Finding], files: PatchedFiles, *, posted: Collection[str], rules: InlineRules
) -> Choice:
    """Choose what is remarked beside its lines.

    Args:
        findings: All of them, in any order.
        files: The files of the pull request at the head that was reviewed.
        posted: Fingerprints that were remarked before, on whatever head.
        rules: What the repository wants.
    """
    comments: dict[str, InlineComment] = {}
    left: list[Left] = []
    for finding in rank(tuple(findings)):
        place = _place(finding, files, posted, comments, rules)
        if isinstance(place, Stray):
            left.append(Left(finding=finding, why=place.why))
            continue
        comments[finding.fingerprint] = InlineComment(
            fingerprint=finding.fingerprint,
            path=place.path,
            line=place.line,
            start_line=place.start_line,
            side=place.side,
            body=comment_body(finding, place, files, rules),
        )
    return Choice(comments=tuple(comments.values()), left=tuple(left))


def comment_body(finding: Finding, place: Anchored, files: PatchedFiles, rules: InlineRules) -> str:
    """Write one inline comment; its first line is the finding's marker."""
    title = inline(redact(clip(finding.title, TITLE_CHARACTERS_MAX)).text) or "Untitled"
    first = f"{write_finding_marker(finding.fingerprint)}\n**{capitalised(finding.severity)}: {title}**"
    identity = short_id(finding)
    next_step = f"Not right? `/onceover dismiss {identity}` and a reason. Not clear? `/onceover explain {identity}`."
    last = f"{source_text(finding)}\n\n{next_step}"
    return fit(first, list(_parts(finding, place, files, rules)), last, characters_max=BODY_CHARACTERS_MAX)


def review_body(marker: Marker, choice: Choice) -> str:
    """Write the few words above the inline comments of a review; its first line is the marker."""
    elsewhere = f" {count(len(choice.left), 'more is', 'more are')} in the summary." if choice.left else ""
    remarks = count(len(choice.comments), "remark")
    return f"{write_marker(marker)}\n{remarks} beside the lines.{elsewhere} The summary comment has the whole review."


def _place(
    finding: Finding,
    files: PatchedFiles,
    posted: Collection[str],
    comments: Collection[str],
    rules: InlineRules,
) -> Anchored | Stray:
    """Find the place of a finding, or say why it is not remarked."""
    if finding.known_among(posted):
        return Stray(why=REMARKED)
    if finding.fingerprint in comments:
        return Stray(why=TWIN)
    if not finding.severity.is_at_least(rules.severity_min):
        return Stray(why=f"only {rules.severity_min} and worse is remarked beside lines")
    place = anchor(finding, files)
    is_full = len(comments) >= min(rules.inline_max, INLINE_MAX)
    return Stray(why=FULL) if is_full and isinstance(place, Anchored) else place


def _parts(finding: Finding, place: Anchored, files: PatchedFiles, rules: InlineRules) -> Iterator[Block]:
    if not repeats_title(finding):
        claim = prose(redact(clip(finding.claim, CLAIM_CHARACTERS_MAX)).text)
        yield Block(section=_CLAIM, text=claim, value=2, noun="account of the finding")
    lines = files[visible(place.path, lines=False)].lines
    suggestion = suggestion_text(finding, place, lines, takeable=rules.suggestions)
    if suggestion:
        yield Block(section=_SUGGESTION, text=suggestion, value=1, noun="suggestion")
