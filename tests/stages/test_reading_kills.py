"""A reading that is killed: whoever goes on asks about nothing that was answered, and so does the next push."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.demo.scripted_llm import Rule
from bot.kept_readings import RedisReadings
from pipeline.engine.graph import Graph, StageSpec
from pipeline.engine.owner import Owner
from pipeline.engine.records import RunRecord
from pipeline.engine.request import RunRequest
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue
from pipeline.engine.store import Store
from pipeline.engine.wakeup import LocalWakeUps
from pipeline.engine.worker import Worker
from pipeline.review.reports import AnalysisReport
from pipeline.services.git import open_git
from pipeline.services.llm import OpenAiModel
from pipeline.stages.analyze import CONTEXT, READS, make_analyze
from tests.builders.context import MemoryContext
from tests.stages.test_analyze import scripted
from tests.stages.test_conversation import Killed, KilledContext
from tests.stages.test_kept_readings import ANSWER, BROKEN, NOTHING, Pull

STEPS = 5
"""As many as the reading of one group takes, and one more: nobody dies there."""


@pytest.mark.parametrize("dies_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", range(STEPS))
async def test_killed_at_any_step_of_a_push_it_goes_on_and_pays_for_nothing_twice(
    tmp_path: Path,
    point: int,
    dies_after: bool,  # noqa: FBT001 - pytest's parameters are positional.
) -> None:
    """The second push takes over the first one's reading; what is kept meanwhile must not cut other groups."""
    pull = Pull(tmp_path)

    async with scripted(Rule(match="FILE new.py", answer=NOTHING), Rule(answer=ANSWER)) as (llm, model):
        first = await pull.push({"cart.py": BROKEN}, model)
        ctx = pull.context({"cart.py": BROKEN, "new.py": "x = 1\n"})
        dying = KilledContext(params=ctx.params, dies_at=point, dies_after=dies_after)
        before = len(llm.calls)
        try:
            await pull.report(dying, model)
        except* Killed:
            pass
        report = await pull.report(MemoryContext(params=ctx.params, memo=dying.memo, claim=2), model)

    assert len(llm.calls) - before == 1, "new.py alone is asked about, and once"
    assert report.findings == first.findings
    assert report.files_known == 1


def graph_of(redis: Redis, model: OpenAiModel) -> Graph:
    """Make a run of the stage alone."""
    stage = make_analyze(git=open_git, model=model, readings=RedisReadings(redis, "t:"))
    return Graph((StageSpec(name="analyze", run=stage, reads=READS, context=CONTEXT),))


async def run_entered_after_each_step(
    redis: Redis, graph: Graph, revision: str, params: dict[str, JsonValue]
) -> RunRecord:
    """Let a worker of the real engine do a run, which leaves the stage and enters it again after each step."""
    store = Store(redis, owner=Owner.of_this_process(), settings=EngineSettings())
    wakeups = LocalWakeUps()
    run_id = (await store.submit(RunRequest(subject="pull/7", revision=revision, params=params), graph)).run_id
    worker = Worker(store=store, graph=graph, wakeups=wakeups, roles=frozenset({"worker"}), replay_every_step=True)
    await wakeups.wake(run_id, "worker")
    work = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(30):
            after = 0
            while (run := await store.read_run(run_id)) and not run.state.is_terminal:
                entries = await store.follow(run_id, after=after, wait_seconds=1.0)
                after = entries[-1].seq if entries else after
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    assert run
    return run


async def report_of(redis: Redis, run: RunRecord) -> AnalysisReport:
    store = Store(redis, owner=Owner.of_this_process(), settings=EngineSettings())
    fingerprint = run.stages["analyze"].fingerprint
    assert fingerprint
    return AnalysisReport.model_validate_json(await store.checkpoint(run.run_id, "analyze", fingerprint) or "null")


async def test_on_a_real_redis_each_step_is_done_once_and_the_next_push_takes_over(
    tmp_path: Path, redis: Redis
) -> None:
    pull = Pull(tmp_path)

    async with scripted(Rule(match="FILE new.py", answer=NOTHING), Rule(answer=ANSWER)) as (llm, model):
        graph = graph_of(redis, model)
        first = await run_entered_after_each_step(redis, graph, "c1", dict(pull.context({"cart.py": BROKEN}).params))
        asked_first = len(llm.calls)
        second = await run_entered_after_each_step(
            redis, graph, "c2", dict(pull.context({"cart.py": BROKEN, "new.py": "x = 1\n"}).params)
        )

    before, after = await report_of(redis, first), await report_of(redis, second)
    assert asked_first == 2, "one question, and one second look"
    assert len(llm.calls) == 3
    assert after.findings == before.findings
    assert len(after.findings) == 1
    assert (after.files_known, after.spend.calls) == (1, 1)
