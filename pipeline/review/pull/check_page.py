"""Check page: the check run `Onceover`, as a mirror of the run.

Promises that success and failure are said only of what was reviewed: partly reviewed, or not wanted, is neutral; what
could not be reviewed asks for action, with the reason and the time of the next attempt. Never green for nothing. Same
state, same text. Limits are GitHub's ("Update a check run"): 255 characters of title, 65,535 of summary and text; three
buttons of 20, 40 and 20 characters, which GitHub shows once the run is completed.
Does not promise annotations: inline comments are the review's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, assert_never

from pipeline.engine.lifecycle import RunState, StageState
from pipeline.review.finding_text import SENTENCE_CHARACTERS_MAX, linked, name
from pipeline.review.fitting import Block, Section, fit
from pipeline.review.markdown import clip, inline, prose
from pipeline.review.page_blocks import HEADLINE_CHARACTERS_MAX
from pipeline.review.phrases import TITLES
from pipeline.review.pull.stage_table import StageRow, moment, stage_table
from pipeline.review.redact import redact
from pipeline.review.rendering import SHA_CHARACTERS
from pipeline.review.reports import Verdict
from pipeline.review.wording import capitalised, listed

CHECK_NAME: Final = "Onceover"
"""What people see of it, and what a branch may require."""

TITLE_CHARACTERS_MAX: Final = 255
SUMMARY_CHARACTERS_MAX: Final = 65_535
"""Of the summary and of the text, each."""

ERROR_CHARACTERS_MAX: Final = 2_000
"""Of what a stage says of its failure, in the text below the summary."""

Status: TypeAlias = Literal["queued", "in_progress", "completed"]
Conclusion: TypeAlias = Literal["success", "failure", "neutral", "action_required", "cancelled"]

OF_VERDICT: Final[dict[Verdict, Conclusion]] = {
    Verdict.CLEAN: "success",
    Verdict.REMARKS: "success",
    Verdict.CHANGES_NEEDED: "failure",
    Verdict.PARTIAL: "neutral",
    Verdict.NOT_REVIEWED: "action_required",
}
"""A failed test, or a finding as bad as the fail-on level, is `CHANGES_NEEDED`; see `verdict`."""

NEXT_OF_VERDICT: Final = {
    Verdict.CLEAN: "Nothing to do.",
    Verdict.REMARKS: "Take what helps; nothing here asks for changes.",
    Verdict.CHANGES_NEEDED: "Fix what the summary lists and push. Once its cause is gone, this check passes.",
    Verdict.PARTIAL: "The button `Re-run failed`, or `/onceover rerun failed`, does what is missing.",
    Verdict.NOT_REVIEWED: "Once the cause is gone, the button `Re-run failed` or `/onceover rerun failed` tries again.",
}

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,.:;%()'/_-]*")
"""Words for the title, which is no Markdown: what could be more than words there is left to the summary."""

_STAGES: Final = Section(name="stages")
_FAILURES: Final = Section(name="failures")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the check run tells of a run."""

    run_id: str
    head: str
    state: RunState
    stages: tuple[StageRow, ...]
    now_ms: int
    """Unix milliseconds; decides only whether a moment needs its date."""
    verdict: Verdict | None = None
    """None as long as there is no summary."""
    headline: str = ""
    """The verdict as a sentence."""
    is_empty: bool = False
    """The pull request changes nothing."""
    skipped_why: str | None = None
    """Why it is not wanted, as a clause: a filter, a pause."""
    next_attempt_ms: int | None = None
    """When it is tried again by itself, Unix milliseconds."""
    summary_url: str | None = None
    """Where the summary comment stands."""
    forecast: str = ""
    """What the model at work will cost, as a clause; empty if none is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button on the check run."""

    label: str
    description: str
    identifier: str


RERUN_FAILED: Final = Button(
    label="Re-run failed", description="What failed, and what builds on it", identifier="rerun-failed"
)
RERUN_ALL: Final = Button(
    label="Re-run all", description="All stages; keeps what models answered", identifier="rerun-all"
)
FRESH: Final = Button(label="Review afresh", description="All stages; keeps nothing", identifier="fresh")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPage:
    """What the check run is to show; the fields are those of GitHub's request."""

    status: Status
    conclusion: Conclusion | None
    """None unless it is completed."""
    title: str
    summary: str
    text: str | None
    """What failed, at length; None if the summary has room for it."""
    actions: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A run in words."""

    conclusion: Conclusion | None
    title: str
    lead: str
    """Markdown."""
    next_step: str


def check_output(run: RunFacts) -> CheckPage:
    """Write the check run of a run."""
    told = _told(run)
    return CheckPage(
        status="in_progress" if told.conclusion is None else "completed",
        conclusion=told.conclusion,
        title=told.title[:TITLE_CHARACTERS_MAX],
        summary=_summary(run, told),
        text=_failures(run),
        actions=tuple(_buttons(run)),
    )


def _told(run: RunFacts) -> _Told:
    match run.state:
        case RunState.QUEUED | RunState.RUNNING | RunState.WAITING:
            return _under_way(run)
        case RunState.DONE:
            return _done(run)
        case RunState.DEAD:
            return _could_not(run)
        case RunState.CANCELLED:
            return _Told(
                conclusion="cancelled",
                title="Cancelled",
                lead="This review was cancelled.",
                next_step="`/onceover review` starts it again, and keeps what was done.",
            )
        case RunState.SUPERSEDED:
            return _Told(
                conclusion="neutral",
                title="Superseded by a newer commit",
                lead="A newer commit came before this one was reviewed.",
                next_step="See the check of the newest commit.",
            )
        case _ as never:
            assert_never(never)


def _under_way(run: RunFacts) -> _Told:
    ended = sum(stage.state.is_terminal for stage in run.stages)
    so_far = f"{ended} of {len(run.stages)} stages ended" if run.stages else "about to begin"
    waiting = [stage.name for stage in run.stages if stage.state is StageState.PARKED]
    is_waiting = run.state is RunState.WAITING and bool(waiting)
    names = listed(stage for stage in waiting if _PLAIN.fullmatch(stage))
    commit = name(run.head[:SHA_CHARACTERS])
    cost = f" {_sentence(run.forecast)}." if run.forecast else ""
    return _Told(
        conclusion=None,
        title=f"Waiting: {names}; {so_far}" if is_waiting else f"Reviewing: {so_far}",
        lead=f"Commit {commit} is being reviewed{', and the review waits' if is_waiting else ''}.{cost}",
        next_step="Nothing to do; this page moves by itself. `/onceover cancel` stops the review.",
    )


def _done(run: RunFacts) -> _Told:
    if run.skipped_why is not None:
        return _Told(
            conclusion="neutral",
            title=_title("Not reviewed", run.skipped_why),
            lead=f"Not reviewed: {_sentence(run.skipped_why.strip().removesuffix('.'))}.",
            next_step="`/onceover review` reviews it all the same, unless reviews are paused.",
        )
    if run.verdict is None:
        return _could_not(run)
    if run.is_empty and run.verdict is Verdict.NOT_REVIEWED:
        return _Told(
            conclusion="neutral",
            title="Nothing to review",
            lead=_sentence(run.headline) or "The pull request changes nothing.",
            next_step="Push a commit; it is reviewed by itself.",
        )
    if run.verdict is Verdict.NOT_REVIEWED:
        return _could_not(run)
    return _Told(
        conclusion=OF_VERDICT[run.verdict],
        title=_title(capitalised(TITLES[run.verdict]), run.headline),
        lead=f"**{_sentence(run.headline) or capitalised(TITLES[run.verdict])}**",
        next_step=NEXT_OF_VERDICT[run.verdict],
    )


def _could_not(run: RunFacts) -> _Told:
    """Ask for action: nothing can be said of the change, or what was said reached nobody."""
    failed = [stage for stage in run.stages if stage.state is StageState.FAILED]
    names = listed(stage.name for stage in failed if _PLAIN.fullmatch(stage.name))
    is_told = run.verdict is None and bool(run.headline)  # The reason itself: there was nothing to give a verdict on.
    is_known = run.verdict is not None and run.verdict is not Verdict.NOT_REVIEWED
    words = "Reviewed, but not posted" if is_known else "Could not review"
    what = "The review is done and could not be posted" if is_known else "This commit could not be reviewed"
    reason = "" if is_told else next((stage.error for stage in failed if stage.error), "")
    said = f"{'The review says: ' if is_known else ''}{_sentence(run.headline)}" if run.headline else ""
    return _Told(
        conclusion="action_required",
        title=_title(words, f"{names} failed" if names and not is_told else run.headline),
        lead=" ".join(filter(None, [f"**{what}.**", _sentence(reason), said])),
        next_step=NEXT_OF_VERDICT[Verdict.NOT_REVIEWED],
    )


def _title(words: str, more: str) -> str:
    """Add a sentence to a title if it is nothing but words."""
    plain = redact(more).text.replace("`", "").strip().removesuffix(".")
    whole = f"{words}: {plain}"
    return whole if _PLAIN.fullmatch(plain) and len(whole) <= TITLE_CHARACTERS_MAX else words


def _sentence(text: str) -> str:
    """Set a text of somebody as one sentence."""
    return inline(clip(redact(text).text, HEADLINE_CHARACTERS_MAX))


def _summary(run: RunFacts, told: _Told) -> str:
    comment = linked("Summary comment", run.summary_url)
    where = f" {comment}." if run.summary_url and comment.startswith("[") else ""
    attempt = ""
    if run.next_attempt_ms is not None and told.conclusion != "success":
        attempt = f"\n\n**Next attempt:** at {moment(run.next_attempt_ms, now_ms=run.now_ms)}, by itself."
    table = "" if run.skipped_why is not None else "\n".join(stage_table(run.stages, now_ms=run.now_ms))
    blocks = [Block(section=_STAGES, text=table, value=1, noun="stage table")] if table else []
    last = f"**Next:** {told.next_step}{where}\n\nCommit {name(run.head)}, run {name(run.run_id)}."
    return fit(told.lead + attempt, blocks, last, characters_max=SUMMARY_CHARACTERS_MAX)


def _failures(run: RunFacts) -> str | None:
    """Tell what failed at length, if the table has no room for all of it."""
    failed = [stage for stage in run.stages if stage.state is StageState.FAILED and (stage.error or "").strip()]
    blocks = [
        Block(
            section=_FAILURES,
            text=f"**{inline(stage.name)}**\n\n{prose(clip(redact(stage.error or '').text, ERROR_CHARACTERS_MAX))}",
            value=len(failed) - number,
            noun="failure",
        )
        for number, stage in enumerate(failed)
    ]
    if all(len(stage.error or "") <= SENTENCE_CHARACTERS_MAX for stage in failed):
        return None
    head, last = "### What failed", "`/onceover rerun failed` tries these again."
    return fit(head, blocks, last, characters_max=SUMMARY_CHARACTERS_MAX)


def _buttons(run: RunFacts) -> Iterator[Button]:
    """Offer what helps; a superseded run has nothing to offer, its successor has."""
    if run.state is RunState.SUPERSEDED or not run.state.is_terminal:
        return
    if any(stage.state is StageState.FAILED for stage in run.stages) or run.verdict is Verdict.PARTIAL:
        yield RERUN_FAILED
    yield RERUN_ALL
    yield FRESH
