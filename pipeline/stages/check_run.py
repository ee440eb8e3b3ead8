"""Check run: what a pull request shows of a run while it goes on, and what it shows in the end.

Not a stage but its picture: shown by the mirror whenever the run has changed, from the first moment to the last, also
of a run whose workers died. Promises one check run for a run, moved by id; that it is concluded once the run has
ended; and no green for what was not reviewed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.engine.journal import JournalEntry
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.mirror import Picture
from pipeline.engine.records import RunRecord
from pipeline.engine.stage import JsonValue
from pipeline.review.estimate import ANNOUNCED
from pipeline.review.plan import Plan
from pipeline.review.pull.check_page import CHECK_NAME, CheckPage, RunFacts, check_output
from pipeline.review.pull.dismissals import read_dismissals, without_dismissed
from pipeline.review.pull.run_rows import next_attempt_ms, stage_rows
from pipeline.review.reports import Summary
from pipeline.services.github.checks import Action, Checks, CheckState
from pipeline.services.github.client import GitHub
from pipeline.services.projection.check import Check
from pipeline.services.pull_request import PullParams
from pipeline.services.stage_results import read_stored, stage_result


class Records(Protocol):
    """What is read of a run besides its record."""

    async def journal(self, run_id: str) -> Sequence[JournalEntry]:
        """Read what happened to a run, in order."""

    async def checkpoint(self, run_id: str, stage: str, fingerprint: str) -> str | None:
        """Read a checkpoint as JSON text."""

    async def effects(self, subject: str) -> Mapping[str, Mapping[str, JsonValue]]:
        """Read what was written for a pull request, by its name."""

    async def notes(self, subject: str) -> Mapping[str, JsonValue]:
        """Read what people said of a pull request, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRuns:
    """Shows runs as check runs."""

    github: GitHub
    records: Records
    app_id: Callable[[], Awaitable[int]]
    now_ms: Callable[[], int]
    """Unix milliseconds; decides only whether a moment needs its date."""

    async def show(self, picture: Picture) -> None:
        """Bring the check run to what the run says; send nothing if it says that already.

        Of a storm of pushes only the heads that were shown before they were superseded have a check run.
        """
        run = picture.run
        ledger = await self.records.effects(run.subject)
        params = PullParams.model_validate(dict(run.params))
        check = Check(
            effects=picture.effects,
            checks=Checks(github=self.github, place=params.at),
            name=CHECK_NAME,
            sha=params.pull.head,
            external_id=external_id(run.run_id, params.pull.number),
            app_id=self.app_id,
            line=params.pull.number,
        )
        if run.state is RunState.SUPERSEDED and check.ledger not in ledger:
            return
        await check.show(_state(check_output(await self._facts(run, ledger))))

    async def _facts(self, run: RunRecord, ledger: Mapping[str, Mapping[str, JsonValue]]) -> RunFacts:
        plan = read_stored(await stage_result(self.records, run, "prepare"), Plan)
        summary = await self._summary(run, plan)
        url = ledger.get("summary", {}).get("url")
        return RunFacts(
            run_id=run.run_id,
            head=run.revision,
            state=run.state,
            stages=stage_rows(run),
            now_ms=self.now_ms(),
            verdict=summary.verdict if summary else None,
            headline=summary.headline if summary else _failure(run),
            is_empty=bool(summary and summary.analysis and summary.analysis.files_total == 0),
            skipped_why=plan.not_wanted if plan else None,
            next_attempt_ms=next_attempt_ms(run),
            summary_url=url if isinstance(url, str) and url else None,
            forecast=await self._forecast(run),
        )

    async def _forecast(self, run: RunRecord) -> str:
        """Find what the model at work will cost; the newest word counts."""
        analyze = run.stages.get("analyze")
        if run.state.is_terminal or analyze is None or analyze.state is not StageState.RUNNING:
            return ""
        entries = await self.records.journal(run.run_id)
        decided = [str(entry.detail.get("text", "")) for entry in entries if entry.kind == "decision"]
        return next((text for text in reversed(decided) if ANNOUNCED in text), "")

    async def _summary(self, run: RunRecord, plan: Plan | None) -> Summary | None:
        summary = read_stored(await stage_result(self.records, run, "summarize"), Summary)
        if summary is None:
            return None
        return without_dismissed(summary, plan, read_dismissals(await self.records.notes(run.subject)).keys())


def external_id(run_id: str, number: int) -> str:
    """Name a run in its check run, so that a button knows what it belongs to, also where GitHub does not say."""
    return f"{run_id}/{number}"


def _failure(run: RunRecord) -> str:
    """Say why nothing could be prepared, if that is so."""
    prepare = run.stages.get("prepare")
    error = prepare.error if prepare else None
    return str(error.get("message", "")) if error else ""


def _state(page: CheckPage) -> CheckState:
    return CheckState(
        status=page.status,
        conclusion=page.conclusion,
        title=page.title,
        summary=page.summary,
        text=page.text,
        actions=[
            Action(label=one.label, description=one.description, identifier=one.identifier) for one in page.actions
        ],
    )
