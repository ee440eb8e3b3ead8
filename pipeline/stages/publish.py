"""Stage comment, on a pull request: one review with remarks beside lines, and one summary comment.

Promises at most one summary comment on the pull request and one review for a head (E1), whatever dies or is lost on the
way; that a remark which GitHub would refuse is in the summary instead; and that nothing of another stage's text becomes
markup. Deterministic code, no model: what it sees of a stranger's text are checked, typed fields.
Does not promise that the head is still the newest: a run that is superseded stops before its next write.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.engine.effects import Effects
from pipeline.engine.records import RunRecord
from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.findings import Finding
from pipeline.review.plan import Plan
from pipeline.review.pull.anchors import PatchedFiles, PullFile, read_files
from pipeline.review.pull.dismissals import dismissed_of, read_dismissals, without_dismissed
from pipeline.review.pull.follow_up import FollowUp, compare
from pipeline.review.pull.inline import Choice, InlineRules, choose_inline, review_body
from pipeline.review.pull.marker import REVIEW, SUMMARY, Marker, read_marker
from pipeline.review.pull.named_finding import read_told
from pipeline.review.pull.run_rows import stage_rows
from pipeline.review.pull.stage_table import StageRow
from pipeline.review.pull.summary_page import PageFacts, PageRules, summary_page
from pipeline.review.pull.told_findings import Threads
from pipeline.review.read_plan import PREPARE, NoPlan, read_plan
from pipeline.review.read_summary import read_summary
from pipeline.review.redact import redact
from pipeline.review.reports import CommentReport, Summary
from pipeline.services.github.client import GitHub
from pipeline.services.github.comments import Comments
from pipeline.services.github.pulls import Pulls
from pipeline.services.github.reviews import InlineComment, Reviews
from pipeline.services.projection.check import LEDGER as CHECK_LEDGER
from pipeline.services.projection.sticky import Sticky
from pipeline.services.projection.two_phase_review import LinesRefused, TwoPhaseReview
from pipeline.services.projection.written import Author, IsOurs
from pipeline.services.pull_request import PullParams

VERSION: Final = 1
"""Raised when the page of the same summary changes."""

READS: Final = ("pull",)
"""Parameters that the result depends on."""

CONTEXT: Final = ("place",)
"""Parameters that it needs besides: how to reach the repository today."""

TOLD_MAX: Final = 200
"""Findings that are remembered, to tell at the next head which are new and which are fixed."""


class Ledger(Protocol):
    """What was written for a pull request, and what people said of it."""

    async def effects(self, subject: str) -> Mapping[str, Mapping[str, JsonValue]]:
        """Read what was written, by its name."""

    async def notes(self, subject: str) -> Mapping[str, JsonValue]:
        """Read what was said, by its name."""

    async def newest(self, subject: str) -> RunRecord | None:
        """Read its newest run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Who writes."""

    github: GitHub
    ledger: Ledger
    effects: Callable[[str], Effects]
    """Makes the ledger of an execution, by its lease mark."""
    author: Author
    """Finds the login of the user by whom our App writes."""


def make_publish(publisher: Publisher) -> StageFunction:
    """Make the stage."""

    async def comment(ctx: StageContext) -> JsonValue:
        params = PullParams.model_validate(dict(ctx.params))
        plan = _plan(ctx)
        work = _Work(ctx=ctx, params=params, plan=plan, publisher=publisher)
        return (await work.publish()).model_dump(mode="json")

    return comment


def _plan(ctx: StageContext) -> Plan:
    """Read the plan; without one there is nothing to post, and the check run says why."""
    try:
        plan = read_plan(ctx.upstream.get(PREPARE))
    except NoPlan as error:
        ctx.skip(error.message)
    if plan.not_wanted:
        ctx.skip(plan.not_wanted)
    return plan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One execution."""

    ctx: StageContext
    params: PullParams
    plan: Plan
    publisher: Publisher

    async def publish(self) -> CommentReport:
        """Post the review, then the summary, which says what became of each finding."""
        whole = read_summary(self.ctx.upstream.get("summarize"))
        dismissals = read_dismissals(await self.publisher.ledger.notes(self.params.pull.subject))
        summary = without_dismissed(whole, self.plan, dismissals.keys())
        ledger = await self.publisher.ledger.effects(self.params.pull.subject)
        if await self._two_phase.settle_others(ledger):
            ledger = await self.publisher.ledger.effects(self.params.pull.subject)
        written = _Written.of(ledger, self.plan.head)
        self.ctx.progress("posting the review")
        posted = await self._review(summary.findings, written)
        self.ctx.progress("posting the summary")
        follow_up = compare(written.before, summary, since=written.head, dismissed=dismissals.keys())
        threads = Threads(
            inline=dict.fromkeys((*posted, *_remarked(summary.findings, written.inline))),
            follow_up=follow_up,
            dismissed=dismissed_of(whole.findings, dismissals),
        )
        body = summary_page(summary, await self._facts(written.check), threads=threads, rules=self._rules())
        kept: dict[str, JsonValue] = {
            "head": self.plan.head,
            "told": _told(whole, follow_up),
            "before": _stored(written.before),
            "before_head": written.head,
        }
        shown = await self._sticky().show(body, kept)
        if shown.was_sent:
            await self.ctx.decide(f"the summary stands in comment {shown.id}")
        return CommentReport(markdown=body, posted=True)

    async def _review(self, findings: tuple[Finding, ...], written: "_Written") -> frozenset[str]:
        """Post what can stand beside its line; answer the fingerprints of it."""
        anchorable = bool(findings) and self.plan.inline_max > 0
        files = await self._files() if anchorable else {}
        rules = InlineRules(
            inline_max=self.plan.inline_max,
            severity_min=self.plan.severity_min,
            suggestions=bool(self._options.get("suggestions", True)),
        )
        choice = choose_inline(findings, files, posted=written.inline, rules=rules)
        if not choice.comments:
            return frozenset()
        body = review_body(self._marker(REVIEW, self.plan.head), choice)
        try:
            is_posted = await self._two_phase.post(body, _comments(choice), {"inline": [*sorted(choice.fingerprints)]})
        except LinesRefused as refused:
            await self.ctx.decide(f"all findings stand in the summary: {refused.message}")
            return frozenset()
        return choice.fingerprints if is_posted else frozenset()

    async def _files(self) -> PatchedFiles:
        listed = await Pulls(github=self.publisher.github, place=self.params.at).files(self.plan.number)
        return read_files(
            PullFile(path=one.filename, patch=one.patch, previous_path=one.previous_filename) for one in listed
        )

    @property
    def _two_phase(self) -> TwoPhaseReview:
        return TwoPhaseReview(
            effects=self._effects,
            reviews=Reviews(github=self.publisher.github, place=self.params.at),
            number=self.plan.number,
            head=self.plan.head,
            author=self.publisher.author,
            is_ours=self._is(REVIEW, self.plan.head),
        )

    def _sticky(self) -> Sticky:
        return Sticky(
            effects=self._effects,
            comments=Comments(github=self.publisher.github, place=self.params.at),
            number=self.plan.number,
            author=self.publisher.author,
            is_ours=self._is(SUMMARY, None),
        )

    @property
    def _effects(self) -> Effects:
        return self.publisher.effects(self.ctx.lease_mark)

    def _marker(self, kind: str, head: str | None) -> Marker:
        pull = self.params.pull
        return Marker(kind=kind, host=pull.host, repository_id=pull.repository_id, number=pull.number, head=head)

    def _is(self, kind: str, head: str | None) -> IsOurs:
        wanted = self._marker(kind, head)
        return lambda body: body is not None and read_marker(body) == wanted

    async def _stages(self) -> tuple[StageRow, ...]:
        """Read how the stages went; nothing, if a newer run has come meanwhile, which stops this one."""
        run = await self.publisher.ledger.newest(self.params.pull.subject)
        return stage_rows(run) if run is not None and run.run_id == self.ctx.run_id else ()

    async def _facts(self, check: int | None) -> PageFacts:
        plan = self.plan
        repository_url = plan.html_url.rpartition("/pull/")[0] or None
        return PageFacts(
            marker=self._marker(SUMMARY, None),
            run_id=self.ctx.run_id,
            reruns=self.ctx.generation - 1,  # This stage builds on all others, so it is done again with each of them.
            head=plan.head,
            base_ref=plan.base_ref,
            head_ref=plan.head_ref,
            title=redact(plan.title).text,
            repository_url=repository_url,
            check_url=f"{repository_url}/runs/{check}" if repository_url and check else None,
            stages=await self._stages(),
            config_problems=plan.problems,
        )

    def _rules(self) -> PageRules:
        return PageRules(
            severity_min=self.plan.severity_min, collapse_walkthrough=bool(self._options.get("collapse_walkthrough"))
        )

    @property
    def _options(self) -> Mapping[str, JsonValue]:
        options = self.plan.params.get("comment")
        return options if isinstance(options, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What stands on the pull request from before."""

    inline: frozenset[str]
    """Fingerprints that were remarked beside a line, on whatever head."""
    before: tuple[Finding, ...]
    """What the summary of an earlier head told."""
    head: str | None
    """That head; None if there was none."""
    check: int | None
    """The id of the check run that shows this head's review, if it is known."""

    @classmethod
    def of(cls, effects: Mapping[str, Mapping[str, JsonValue]], head: str) -> "_Written":
        reviews = (detail for name, detail in effects.items() if name.startswith("review "))
        remarked = (_texts(detail.get("inline")) for detail in reviews if detail.get("phase") == "submitted")
        summary = effects.get("summary", {})
        is_again = summary.get("head") == head
        before = summary.get("before" if is_again else "told")
        since = summary.get("before_head" if is_again else "head")
        return cls(
            inline=frozenset(name for names in remarked for name in names),
            before=read_told(before),
            head=since if isinstance(since, str) else None,
            check=next((id_ for name, detail in effects.items() if (id_ := _check_id(name, detail, head))), None),
        )


def _check_id(name: str, detail: Mapping[str, JsonValue], head: str) -> int | None:
    number = detail.get("id") if name.startswith(f"{CHECK_LEDGER}{head} ") else None
    return number if isinstance(number, int) else None


def _remarked(findings: Iterable[Finding], remarked: frozenset[str]) -> Iterable[str]:
    """Name those that stand beside their line from before, under whichever of their names."""
    return (finding.fingerprint for finding in findings if finding.known_among(remarked))


def _texts(value: JsonValue) -> Iterable[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _stored(findings: Iterable[Finding]) -> list[JsonValue]:
    stored: list[JsonValue] = [finding.model_dump(mode="json", exclude={"suggestion"}) for finding in findings]
    return stored[:TOLD_MAX]


def _told(summary: Summary, follow_up: FollowUp) -> list[JsonValue]:
    """Write what the next head is compared with: what was found, and what nobody has seen fixed."""
    return _stored((*summary.findings, *follow_up.unseen))


def _comments(choice: Choice) -> list[InlineComment]:
    return [
        InlineComment(path=one.path, line=one.line, body=one.body, side=one.side, start_line=one.start_line)
        for one in choice.comments
    ]
