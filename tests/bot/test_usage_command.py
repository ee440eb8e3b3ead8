"""`onceover usage` tells what was paid, and what to do where nothing was."""

import json

from bot.usage_ledger import Sum
from bot.usage_page import cost_of, usage_metrics
from pipeline.review.reports import Spend
from tests.bot.command_world import CommandWorld

PRICED = Spend(calls=1, prompt_tokens=1_000, completion_tokens=10, priced_calls=1, cost_nanodollars=2_200_000)
UNPRICED = Spend(calls=1, prompt_tokens=10)


async def test_without_a_call_the_reader_is_told_how_to_make_one(world: CommandWorld) -> None:
    told = await world.run("usage")

    assert told.code == 0
    assert "No model was asked in the last 30 days." in told.out
    assert "ONCEOVER_LLM_MODEL" in told.out


async def test_every_call_of_a_review_is_told_once_probes_too_and_an_answer_from_checkpoints_costs_nothing(
    world: CommandWorld,
) -> None:
    world.make_repository()
    async with world.model() as llm:
        run_id = (await world.review("--json")).review["run_id"]
        await world.review("--json")
        paid = len(llm.calls) + len(llm.probes)
        by_run = json.loads((await world.run("usage", "--by", "run", "--json")).out)
        by_repository = await world.run("usage")
        by_day = json.loads((await world.run("usage", "--by", "day", "--days", "1", "--json")).out)

    assert llm.probes, "the model was probed"
    assert [(row["id"], row["calls"]) for row in by_run["rows"]] == [(run_id, paid)]
    assert by_run["total"]["calls"] == by_day["total"]["calls"] == paid
    assert by_run["total"]["cost_usd"] is None
    assert "REPOSITORY" in by_repository.out
    assert "unknown" in by_repository.out


async def test_a_number_of_days_that_is_not_kept_is_refused(world: CommandWorld) -> None:
    told = await world.run("usage", "--days", "401")

    assert told.code == 2
    assert "--days is 401; expected 1 to 400." in told.news


def test_a_call_without_a_price_is_never_told_as_free() -> None:
    assert cost_of(PRICED) == "0.0022"
    assert cost_of(UNPRICED) == "unknown"
    assert cost_of(PRICED + UNPRICED) == "0.0022 + 1 call without a price"


def test_metrics_tell_each_model_and_survive_its_name() -> None:
    lines = usage_metrics([Sum(whom='a"b\nc', shown="", spend=PRICED + UNPRICED)])

    assert r'onceover_model_calls_total{model="a\"b\nc"} 2' in lines
    assert r'onceover_model_cost_dollars_total{model="a\"b\nc"} 0.002200000' in lines
    assert all("\n" not in line for line in lines)
