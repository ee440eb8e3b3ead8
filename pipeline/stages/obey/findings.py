"""Findings: the verbs about one finding, named by the beginning of its fingerprint.

A finding can be named as long as it is told: by the review of the newest head, or by the summary comment that stands.
`explain` asks no model; all that it says is in the run's own records.
"""

from collections.abc import Iterable, Sequence

from pipeline.engine.records import RunRecord
from pipeline.review.finding_text import link_to, no_link
from pipeline.review.findings import Finding
from pipeline.review.pull import replies
from pipeline.review.pull.command import UNDO
from pipeline.review.pull.dismissals import Dismissal, dismissed_of, note_name, note_value, read_dismissals
from pipeline.review.pull.explanation import Happened, Provenance
from pipeline.review.pull.named_finding import nearest_to, read_told, unique
from pipeline.review.pull.replies import Reply
from pipeline.review.reports import AnalysisReport
from pipeline.services.github.models import Pull
from pipeline.services.stage_results import read_stored, stage_result
from pipeline.stages.obey.work import Work


async def explain(work: Work, pull: Pull) -> Reply:
    """Tell a finding whole, with all that the run knows of how it came about."""
    run = await work.run_of(pull)
    told = await _told(work, run)
    found = unique(told, work.command.arguments[0])
    if found is None:
        return _unknown(work, pull, told)
    dismissals = read_dismissals(await work.records.notes(work.subject))
    dismissal = next((said for _, said in dismissed_of([found], dismissals)), None)
    summary = await work.summary(run) if run else None
    is_of_head = summary is not None and found in summary.findings  # Else its lines may have moved since.
    link = link_to(pull.html_url.rpartition("/pull/")[0] or None, pull.head.sha) if is_of_head else no_link
    return replies.explained(found, await _provenance(work, run), dismissal, link=link)


async def dismiss(work: Work, pull: Pull) -> Reply:
    """No longer tell a finding, or tell it again."""
    beginning, *words = work.command.arguments
    run = await work.run_of(pull)
    if words == [UNDO]:
        return await _undo(work, pull, run)
    told = await _told(work, run)
    found = unique(told, beginning)
    if found is None:
        return _unknown(work, pull, told)
    dismissal = Dismissal(by=work.params.sender.login, reason=" ".join(words))
    await work.records.note(work.subject, note_name(found.fingerprint), note_value(dismissal))
    await _write_anew(work, run)
    return replies.dismissed(found, dismissal.reason)


async def _undo(work: Work, pull: Pull, run: RunRecord | None) -> Reply:
    """Forget the dismissals that the beginning names; a finding that is gone meanwhile has one, too."""
    beginning = work.command.arguments[0]
    known = read_dismissals(await work.records.notes(work.subject))
    found = unique(await _told(work, run), beginning)
    name = found.known_among(known) if found else None
    wanted = [name] if name else [fingerprint for fingerprint in known if fingerprint.startswith(beginning)]
    if len(wanted) != 1:
        return replies.not_dismissed(beginning, [*known])
    await work.records.note(work.subject, note_name(wanted[0]), None)
    await _write_anew(work, run)
    return replies.undismissed(wanted[0], pull.head.sha)


async def _write_anew(work: Work, run: RunRecord | None) -> None:
    """Have the summary written again; it judges without what is dismissed."""
    if run is not None:
        await work.engine.rerun(run.run_id, ["comment"], fresh=False, why=work.why, delivery=work.delivery)


async def _told(work: Work, run: RunRecord | None) -> Sequence[Finding]:
    """Gather what the newest review found and what the summary comment tells, each once."""
    summary = await work.summary(run) if run else None
    standing = (await work.records.effects(work.subject)).get("summary", {})
    every: Iterable[Finding] = [*(summary.findings if summary else ()), *read_told(standing.get("told"))]
    return list({finding.fingerprint: finding for finding in reversed([*every])}.values())[::-1]


async def _provenance(work: Work, run: RunRecord | None) -> Provenance:
    if run is None:
        return Provenance()
    analysis = read_stored(await stage_result(work.records, run, "analyze"), AnalysisReport)
    journal = await work.records.journal(run.run_id)
    happened = [Happened(kind=one.kind, detail=one.detail) for one in journal if one.detail.get("stage") == "analyze"]
    return Provenance.of(analysis, happened)


def _unknown(work: Work, pull: Pull, told: Sequence[Finding]) -> Reply:
    beginning = work.command.arguments[0]
    return replies.no_such_finding(beginning, pull.head.sha, nearest_to(told, beginning))
