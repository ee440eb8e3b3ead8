"""Check run: what a pull request shows of a run while it goes on, and what it shows in the end."""

from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from bot.demo.simulated_github.checks import CheckRun
from bot.demo.simulated_github.faults import Fault
from bot.demo.simulated_github.repositories import Pull
from pipeline.engine.errors import OnceoverError
from pipeline.engine.mirror import Picture
from pipeline.engine.records import RunRecord
from pipeline.review.findings import Severity
from pipeline.review.pull.check_page import CHECK_NAME
from pipeline.stages.check_run import CheckRuns, external_id
from tests.builders.reports import a_finding
from tests.stages.engine_world import EngineWorld
from tests.stages.github_world import GitHubWorld

NOW_MS = 1_800_000_000_000


@dataclass(slots=True, kw_only=True)
class Shown:
    """A pull request, its runs, and who shows them."""

    github: GitHubWorld
    engine: EngineWorld
    pull: Pull
    app_ids: list[int] = field(default_factory=list)

    @property
    def subject(self) -> str:
        """What its runs are about."""
        return f"github/github.test/{self.github.repository.id}/{self.pull.number}"

    async def submit(self) -> RunRecord:
        """Let a review be asked for, on which nobody works."""
        run_id = await self.engine.submit(self.subject, self.pull.head_sha, self.github.params(self.pull))
        return await self.engine.run(run_id)

    async def review(self) -> RunRecord:
        """Let a review be done."""
        return await self.engine.review(self.subject, self.pull.head_sha, self.github.params(self.pull))

    async def show(self, run: RunRecord) -> None:
        """Show a run as it stands."""
        shows = CheckRuns(
            github=self.github.client, records=self.engine.store, app_id=self._app_id, now_ms=lambda: NOW_MS
        )
        await shows.show(Picture(run=run, effects=self.engine.ledger.effects(f"{run.run_id}.mirror.1")))

    @property
    def check(self) -> CheckRun:
        """The one check run."""
        [only] = self.github.repository.check_runs
        return only

    async def _app_id(self) -> int:
        return self.github.github.app.id


@pytest.fixture
async def shown(github: GitHubWorld, redis: Redis) -> Shown:
    """A pull request that nobody has reviewed."""
    return Shown(github=github, engine=EngineWorld(redis=redis), pull=await github.open_pull())


async def test_a_run_under_way_is_shown_in_progress_with_its_five_stages(shown: Shown) -> None:
    run = await shown.submit()

    await shown.show(run)

    check = shown.check
    assert (check.name, check.status, check.conclusion, check.head_sha) == (
        CHECK_NAME,
        "in_progress",
        None,
        shown.pull.head_sha,
    )
    assert check.external_id == external_id(run.run_id, shown.pull.number) == f"{run.run_id}/1"
    assert "prepare" not in str(check.summary)
    assert "analyze" in str(check.summary)
    assert check.actions == []


async def test_what_is_shown_already_is_not_sent_again(shown: Shown) -> None:
    run = await shown.submit()
    await shown.show(run)
    sent = len(shown.github.github.writes())

    await shown.show(run)

    assert len(shown.github.github.writes()) == sent == 1


@pytest.mark.parametrize(("severity", "conclusion"), [(Severity.HIGH, "failure"), (None, "success")])
async def test_a_run_that_is_done_is_concluded_by_its_verdict(
    shown: Shown, severity: Severity | None, conclusion: str
) -> None:
    shown.engine.findings = [a_finding(severity)] if severity else []
    await shown.show(await shown.submit())

    await shown.show(await shown.review())

    assert (shown.check.status, shown.check.conclusion) == ("completed", conclusion)
    assert [one["identifier"] for one in shown.check.actions] == ["rerun-all", "fresh"]


async def test_a_run_that_was_cancelled_says_how_to_start_it_again(shown: Shown) -> None:
    run = await shown.submit()
    await shown.engine.store.cancel(run.run_id, "somebody asked for it")

    await shown.show(await shown.engine.run(run.run_id))

    assert shown.check.conclusion == "cancelled"
    assert "`/onceover review` starts it again" in str(shown.check.summary)


async def test_a_check_run_whose_answer_was_lost_is_found_and_concluded(shown: Shown) -> None:
    run = await shown.submit()
    fault = Fault(kind="apply_then_status", method="POST", path="/check-runs$", status=502)
    shown.github.github.faults.add(fault)
    with pytest.raises(OnceoverError):
        await shown.show(run)

    await shown.show(await shown.review())

    assert shown.check.conclusion == "success"


async def test_a_result_of_another_version_is_no_verdict_and_no_green(shown: Shown, redis: Redis) -> None:
    run = await shown.review()
    key = f"onceover:run:{run.run_id}:checkpoints"
    stage = f"summarize {run.stages['summarize'].fingerprint}"
    await redis.hset(key, stage, '{"verdict": "splendid"}')  # type: ignore[misc]  # Async here.

    await shown.show(run)

    assert shown.check.conclusion == "action_required"
