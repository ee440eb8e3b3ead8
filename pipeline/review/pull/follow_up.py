"""Follow-up: what became of the findings that an earlier review of this pull request told.

Promises that a finding is called fixed only if it is gone *and* whoever found it looked at its file again; one that
nobody looked at again is still open, and told so. Findings are known again by their fingerprint, which survives moved
lines; those that people dismissed are neither.
Does not promise that a fixed finding is mended rather than hidden: it is no longer found, and nothing more is known.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.review.findings import Finding, rank
from pipeline.review.left_out import MORE_FILES, MORE_FINDINGS
from pipeline.review.reports import AnalysisReport, DocsReport, Summary

DOCS_SOURCE: Final = "docs"
MODEL_SOURCE: Final = "model"
"""Who found something, as `Finding.source` begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """How this review stands to the one before."""

    since: str | None = None
    """The head that the review before was about; None if this is the first one."""
    known: frozenset[str] = frozenset()
    """Fingerprints that were told before and are found again."""
    fixed: tuple[Finding, ...] = ()
    """Told before, looked for again, and gone."""
    gone: tuple[Finding, ...] = ()
    """Told before; the pull request no longer changes their file."""
    unseen: tuple[Finding, ...] = ()
    """Told before; nobody looked at their file this time."""


FIRST: Final = FollowUp()


def compare(
    before: Sequence[Finding], now: Summary, *, since: str | None, dismissed: Collection[str] = frozenset()
) -> FollowUp:
    """Compare a review with what was told before.

    Args:
        before: All that earlier reviews of this pull request told and nobody has seen fixed.
        now: The review of the present head.
        since: The head that the last of them was about; None if there was none.
        dismissed: Fingerprints that people do not want to be told.
    """
    if since is None:
        return FIRST
    told = {finding.fingerprint: finding for finding in before if not finding.known_among(dismissed)}
    again = {finding.fingerprint: name for finding in now.findings if (name := finding.known_among(told))}
    found = set(again.values())
    missing = [finding for fingerprint, finding in told.items() if fingerprint not in found]
    gone = [finding for finding in missing if _is_outside(finding, now.analysis)]
    rest = [finding for finding in missing if not _is_outside(finding, now.analysis)]
    return FollowUp(
        since=since,
        known=frozenset(again),
        fixed=rank([finding for finding in rest if _was_looked_for(finding, now)]),
        gone=rank(gone),
        unseen=rank([finding for finding in rest if not _was_looked_for(finding, now)]),
    )


def _is_outside(finding: Finding, analysis: AnalysisReport | None) -> bool:
    """Whether the pull request no longer changes the file, for certain."""
    if analysis is None or finding.source == DOCS_SOURCE or len(analysis.files) != analysis.files_total:
        return False
    return all(finding.path != file.path for file in analysis.files)


def _was_looked_for(finding: Finding, now: Summary) -> bool:
    """Whether the one who found it looked at its file again, as far as the reports tell."""
    if finding.source == DOCS_SOURCE:
        return now.docs is not None and _is_whole(now.docs)
    if now.analysis is None:
        return False
    reader = finding.source.partition(":")[0]
    return _took_part(reader, now.analysis) and not _may_be_left_out(finding, reader, now.analysis)


def _is_whole(docs: DocsReport) -> bool:
    return not any(skipped.gap for skipped in docs.skipped)


def _took_part(reader: str, analysis: AnalysisReport) -> bool:
    if reader == MODEL_SOURCE:
        return analysis.model is not None
    return any(tool.split()[:1] == [reader] for tool in analysis.tools)


def _may_be_left_out(finding: Finding, reader: str, analysis: AnalysisReport) -> bool:
    """Whether the file is named among what was not read, or may be among what was only counted."""
    names = {one.what for one in analysis.skipped}
    gaps = {one.what for one in analysis.skipped if one.gap}
    is_cut = any(MORE_FINDINGS.fullmatch(name) for name in names)
    is_counted = any(MORE_FILES.fullmatch(gap) for gap in gaps)
    names_files = reader == MODEL_SOURCE and any(file.path in gaps for file in analysis.files)
    return finding.path in names or is_cut or is_counted or (reader in gaps and not names_files)
