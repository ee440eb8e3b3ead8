"""Every paid call is booked on whoever asked for it, and nothing of Redis' troubles loses an answer."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.bookkeeper import Bookkeeper
from bot.usage_ledger import RedisUsage
from pipeline.engine.lifecycle import RunState
from pipeline.engine.records import RunRecord
from pipeline.engine.stage import JsonValue
from pipeline.review.ledger import Scope, Window
from pipeline.services.llm_question import Answer
from tests.builders.context import MemoryContext
from tests.services.test_llm_probe import QUESTION, client, scripted

ANSWER = Answer(
    text="canary",
    model="gpt",
    prompt_tokens=100,
    completion_tokens=10,
    finish_reason="stop",
    request_id="req_1",
    cost_nanodollars=500,
)
OF_APP: dict[str, JsonValue] = {
    "place": {"installation": 3, "repository": "acme/shop"},
    "pull": {"host": "api.github.com", "repository_id": 7, "number": 12},
}


def make_run(run_id: str = "r_1", **changes: object) -> RunRecord:
    made = RunRecord(
        run_id=run_id,
        state=RunState.RUNNING,
        subject="github/api.github.com/7/12",
        revision="0" * 40,
        params=OF_APP,
        created_ms=0,
        ended_ms=None,
        deadline_ms=0,
        journal_length=0,
        journal_head="",
        stages={},
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # Whichever field a test names.


class Runs:
    """Runs by id, and how often they were looked up."""

    def __init__(self, *runs: RunRecord) -> None:
        self.looks = 0
        self._runs = {run.run_id: run for run in runs}

    async def read(self, run_id: str) -> RunRecord | None:
        """Look one up."""
        self.looks += 1
        return self._runs.get(run_id)


async def test_a_call_goes_to_the_run_that_its_question_names(redis: Redis) -> None:
    usage, runs = RedisUsage(redis, "t:"), Runs(make_run())
    keeper = Bookkeeper(usage=usage, read_run=runs.read)

    await keeper.heard(ANSWER, asked_by="r_1/analyze/abc", is_probe=True)
    await keeper.heard(ANSWER, asked_by="r_1/analyze/abc", is_probe=False)

    assert (await usage.used(Scope.RUN, "r_1", Window.EVER)).calls == 2, "a probe is paid like a question"
    assert (await usage.used(Scope.INSTALLATION, "api.github.com/3", Window.MONTH)).cost_nanodollars == 1_000
    assert runs.looks == 1, "who pays is looked up once"
    today = await usage.today()
    [repository] = await usage.listed(Scope.REPOSITORY, since=today, until=today)
    [pull] = await usage.listed(Scope.PULL, since=today, until=today)
    assert (repository.shown, pull.shown) == ("acme/shop", "acme/shop#12")


async def test_a_local_review_pays_for_itself(redis: Redis) -> None:
    usage = RedisUsage(redis, "t:")
    keeper = Bookkeeper(usage=usage, read_run=Runs(make_run(subject="local/shop-1a/topic/main", params={})).read)

    await keeper.heard(ANSWER, asked_by="r_1/summarize", is_probe=False)

    assert (await usage.used(Scope.REPOSITORY, "local/shop-1a", Window.DAY)).calls == 1


@pytest.mark.parametrize("asked_by", [None, "", "onceover-probe", "r_gone/analyze"])
async def test_a_call_of_no_known_run_is_among_all(redis: Redis, asked_by: str | None) -> None:
    usage = RedisUsage(redis, "t:")

    await Bookkeeper(usage=usage, read_run=Runs().read).heard(ANSWER, asked_by=asked_by, is_probe=True)

    assert (await usage.used(Scope.ALL, "", Window.DAY)).calls == 1


async def test_what_could_not_be_booked_is_booked_with_the_next_call(
    redis: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    usage = RedisUsage(redis, "t:")
    async with Redis(unix_socket_path=str(tmp_path / "nobody.sock")) as away:
        keeper = Bookkeeper(usage=RedisUsage(away, "t:"), read_run=Runs(make_run()).read)
        await keeper.heard(ANSWER, asked_by="r_1/a", is_probe=False)
        assert "usage.unbooked owed=1" in caplog.text

        keeper.usage = usage  # Redis is back.
        await keeper.heard(ANSWER, asked_by="r_1/b", is_probe=False)

    assert (await usage.used(Scope.RUN, "r_1", Window.EVER)).calls == 2


async def test_what_a_crash_made_us_pay_twice_is_booked_twice_and_what_was_recorded_once(redis: Redis) -> None:
    """The process died after the answer and before its record: the ledger follows the server's bill."""
    usage = RedisUsage(redis, "t:")
    keeper = Bookkeeper(usage=usage, read_run=Runs(make_run()).read)
    async with scripted() as llm, client(llm, books=keeper) as model:

        async def ask() -> JsonValue:
            told: JsonValue = (await model.ask(QUESTION, request_id="r_1/analyze/abc")).as_json()
            return told

        await MemoryContext(params={}).step("model", ask)
        after_the_crash = MemoryContext(params={})
        await after_the_crash.step("model", ask)
        await after_the_crash.next_attempt().step("model", ask)

        assert len(llm.calls) == 2
    assert (await usage.used(Scope.RUN, "r_1", Window.EVER)).calls == 2


async def test_the_log_tells_ids_and_numbers_and_no_text(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keeper = Bookkeeper(usage=RedisUsage(redis, "t:"), read_run=Runs(make_run()).read)

    await keeper.heard(ANSWER, asked_by="r_1/analyze", is_probe=False)
    await keeper.failed("gpt", "model_busy", "req_2", asked_by="r_1/analyze", is_probe=False)

    assert "request_id=req_1 prompt_tokens=100" in caplog.text
    assert "request_id=req_2 code=model_busy" in caplog.text
    assert "canary" not in caplog.text
