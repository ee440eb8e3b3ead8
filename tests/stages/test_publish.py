"""Publish: what stands on a pull request after one push, after the next, and after somebody dismissed a finding."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import pytest

from bot.demo.simulated_github.leftovers import only, own_comments
from bot.demo.simulated_github.repositories import Pull
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.records import RunRecord, StageRecord
from pipeline.engine.stage import Checkpointed, JsonValue
from pipeline.review.findings import Finding, Severity
from pipeline.review.plan import Plan
from pipeline.review.pull.dismissals import Dismissal, note_name, note_value
from pipeline.review.reports import Summary
from pipeline.stages.publish import Publisher, make_publish
from tests.builders.context import MemoryContext
from tests.builders.reports import a_file, a_finding, a_summary, an_analysis
from tests.stages.engine_world import MemoryLedger
from tests.stages.github_world import GitHubWorld

PRICES = "".join(f"PRICE_{number} = {number}\n" for number in range(1, 9))
BAD = a_finding(
    Severity.HIGH, path="prices.py", line=2, line_end=3, title="Bad", suggestion="PRICE_2 = 20\nPRICE_3 = 30"
)
SMALL = a_finding(Severity.LOW, path="prices.py", line=5, title="Small")


@dataclass(slots=True, kw_only=True)
class Records:
    """What is kept of a pull request and of its newest run. Implements the port of the stage."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    said: dict[str, JsonValue] = field(default_factory=dict)
    run: RunRecord | None = None

    async def effects(self, subject: str) -> Mapping[str, Mapping[str, JsonValue]]:
        """Read what was written."""
        del subject
        return MappingProxyType(self.ledger.records)

    async def notes(self, subject: str) -> Mapping[str, JsonValue]:
        """Read what was said."""
        del subject
        return self.said

    async def newest(self, subject: str) -> RunRecord | None:
        """Read the newest run."""
        del subject
        return self.run


@dataclass(kw_only=True)
class Bench:
    """A pull request, and who publishes."""

    github: GitHubWorld
    pull: Pull
    records: Records = field(default_factory=Records)

    async def publish(self, summary: Summary, *, head: str = "", **options: JsonValue) -> str:
        """Let a review of the newest head be published; answer the summary comment."""
        plan = Plan(
            number=self.pull.number,
            head=head or self.pull.head_sha,
            head_ref="feature",
            base_ref="main",
            html_url=f"https://github.test/acme/shop/pull/{self.pull.number}",
            params={"comment": {"fail_on": "high", **options}},
        )
        upstream = {
            "prepare": Checkpointed(value=plan.model_dump(mode="json")),
            "summarize": Checkpointed(value=summary.model_dump(mode="json")),
        }
        ctx = MemoryContext(params=self.github.params(self.pull), upstream=upstream, run_id=f"r_{plan.head[:7]}")
        await make_publish(self._publisher)(ctx)
        [comment] = own_comments(self.pull, self.github.github.app)
        return comment.body

    async def push(self) -> None:
        """Push another head."""
        await self.github.github.push_to_pull(self.pull, {"more.py": "PEAR = 3\n"}, lost=True)

    @property
    def remarks(self) -> list[str]:
        """Give what is remarked beside lines, without hidden markers."""
        return [one.body.partition("\n")[2] for one in self.pull.review_comments]

    @cached_property
    def _publisher(self) -> Publisher:
        return Publisher(
            github=self.github.client, ledger=self.records, effects=self.records.ledger.effects, author=self._author
        )

    async def _author(self) -> str | None:
        return self.github.github.app.bot.login


@pytest.fixture
async def bench(github: GitHubWorld) -> Bench:
    """A pull request that adds eight lines."""
    return Bench(github=github, pull=await github.open_pull(files={"prices.py": PRICES}))


def found(*findings: Finding) -> Summary:
    """Make a review by a model that read the file and found these."""
    files = (a_file("prices.py"), a_file("more.py"))
    return a_summary(an_analysis(*findings, files=files, model="gpt-test"))


async def test_a_suggestion_applies_with_one_click_to_exactly_its_lines(bench: Bench) -> None:
    await bench.publish(found(BAD))

    [comment] = only(bench.pull, bench.github.github.app).inline
    assert "```suggestion\nPRICE_2 = 20\nPRICE_3 = 30\n```" in comment.body
    assert (comment.anchor.start_line, comment.anchor.line, comment.anchor.side) == (2, 3, "RIGHT")


async def test_a_repository_can_do_without_such_suggestions(bench: Bench) -> None:
    """Security case 89."""
    await bench.publish(found(BAD), suggestions=False)

    [remark] = bench.remarks
    assert "```suggestion" not in remark
    assert "+PRICE_2 = 20" in remark


async def test_a_second_push_repeats_no_remark_and_says_what_became_of_each(bench: Bench) -> None:
    first = await bench.publish(found(BAD, SMALL))
    head = bench.pull.head_sha
    await bench.push()

    second = await bench.publish(
        found(SMALL.model_copy(update={"line": 7, "line_end": 7}), a_finding(path="more.py", line=1, title="New"))
    )

    assert "Since" not in first
    assert f"Since `{head[:12]}`: 1 fixed, 1 still open, 1 new." in second
    assert "- ~~Bad~~ `prices.py`" in second
    assert sorted(remark.splitlines()[0] for remark in bench.remarks) == [
        "**High: Bad**",
        "**Low: Small**",
        "**Medium: New**",
    ]


async def test_the_same_head_published_again_is_compared_with_the_head_before(bench: Bench) -> None:
    await bench.publish(found(BAD))
    await bench.push()
    once = await bench.publish(found())

    again = await bench.publish(found())

    assert once == again
    assert "1 fixed" in again


async def test_what_nobody_looked_at_again_is_still_open_until_somebody_does(bench: Bench) -> None:
    await bench.publish(found(BAD))
    await bench.push()
    unread = await bench.publish(a_summary(an_analysis(files=(a_file("prices.py"),), model=None)))
    await bench.push()

    read = await bench.publish(found())

    assert "1 not looked at again." in unread
    assert "1 fixed." in read


async def test_what_is_dismissed_asks_for_no_changes_and_stays_so_on_the_next_push(bench: Bench) -> None:
    said = note_value(Dismissal(by="alice", reason="Meant so, @bob."))
    bench.records.said[note_name(BAD.fingerprint)] = said

    first = await bench.publish(found(BAD, SMALL))
    await bench.push()
    second = await bench.publish(found(BAD))

    assert "💬 Onceover: some remarks" in first
    assert "✅ Onceover: no remarks" in second
    assert "dismissed by `@alice`: Meant so, `@bob`." in first
    assert "Dismissed (1)" in second
    assert [remark.splitlines()[0] for remark in bench.remarks] == ["**Low: Small**"]


async def test_a_dismissal_that_is_taken_back_is_told_again(bench: Bench) -> None:
    bench.records.said[note_name(BAD.fingerprint)] = note_value(Dismissal(by="alice"))
    await bench.publish(found(BAD))
    bench.records.said.clear()

    assert "❌ Onceover: changes needed" in await bench.publish(found(BAD))


async def test_the_page_shows_how_often_and_how_long_each_stage_was_tried(bench: Bench) -> None:
    bench.records.run = a_run(f"r_{bench.pull.head_sha[:7]}", analyze=2, comment=1, prepare=1)

    page = await bench.publish(found())

    assert "| ✓ | analyze | done | 2 | 1 min 5 s |" in page
    assert "comment |" not in page
    assert "prepare |" not in page


async def test_the_check_run_of_this_head_is_linked(bench: Bench) -> None:
    bench.records.ledger.records[f"check {bench.pull.head_sha} r_1/1"] = {"id": 42, "state": "confirmed"}
    bench.records.ledger.records[f"check {'f' * 40} r_0/1"] = {"id": 41, "state": "confirmed"}

    assert "[check run](https://github.test/acme/shop/runs/42)" in await bench.publish(found())


async def test_the_stages_of_a_newer_run_are_not_shown(bench: Bench) -> None:
    run = a_run("r_newer", analyze=2)
    bench.records.run = replace(run, run_id="r_newer")

    assert "1 min 5 s" not in await bench.publish(found())


def a_run(run_id: str, **attempts: int) -> RunRecord:
    """Make a run with stages that are done, each after 65 seconds and so many tries."""
    stages = {
        name: StageRecord(
            name=name,
            role="reviewer",
            needs=(),
            state=StageState.DONE,
            generation=1,
            attempt=attempt,
            failures=0,
            interrupted=0,
            started_ms=1_000,
            ended_ms=66_000,
        )
        for name, attempt in attempts.items()
    }
    return RunRecord(
        run_id=run_id,
        state=RunState.RUNNING,
        subject="pr",
        revision="3c" * 20,
        params={},
        created_ms=0,
        ended_ms=None,
        deadline_ms=1,
        journal_length=0,
        journal_head="",
        stages=stages,
    )
