"""What a review costs is told before it is spent, and nothing is spent on telling it."""

import json
from pathlib import Path

from tests.bot.command_world import CommandWorld

PRICES = """
[models."scripted"]
prompt = 1.0
completion = 2.0
context_tokens = 131072
"""


async def test_each_depth_is_told_with_its_cost_and_no_model_is_asked(world: CommandWorld) -> None:
    world.make_repository()
    async with world.model() as llm:
        told = await world.review("--estimate", "--json")
        shown = await world.review("--estimate")

        assert (llm.calls, llm.probes) == ([], [])
    estimates = json.loads(told.out)["estimates"]
    assert (told.code, shown.code) == (0, 0)
    assert [one["depth"] for one in estimates] == ["quick", "standard", "deep"]
    assert [one["tokens_high"] for one in estimates] == sorted(one["tokens_high"] for one in estimates)
    assert all(one["nanodollars_high"] is None for one in estimates)
    assert "unknown" in shown.out
    assert "docs/models.md shows how to tell it" in shown.out
    assert (await world.run("runs", "list")).out.startswith("No runs yet.")


async def test_what_is_spent_lies_within_what_was_foretold(world: CommandWorld, tmp_path: Path) -> None:
    prices = tmp_path / "models.toml"
    world.make_repository()
    async with world.model():
        prices.write_text(PRICES.replace("scripted", world.settings["ONCEOVER_LLM_MODEL"]), encoding="utf-8")
        world.settings["ONCEOVER_LLM_MODELS_FILE"] = str(prices)
        [quick, standard, _] = json.loads((await world.review("--estimate", "--json")).out)["estimates"]
        done = await world.review("--json", "--depth", "standard")
        story = await world.run("runs", "show", done.review["run_id"])
        spent = json.loads((await world.run("usage", "--by", "run", "--json")).out)["total"]

    tokens = spent["prompt_tokens"] + spent["completion_tokens"]
    assert standard["tokens_low"] <= tokens <= standard["tokens_high"]
    assert spent["cost_usd"] <= standard["nanodollars_high"] / 1e9
    assert quick["tokens_high"] < standard["tokens_high"]
    assert "will be asked: about " in story.out
    assert "standard depth" in story.out
    assert story.out.index("will be asked") < story.out.index("finished step `turn")


async def test_without_a_model_the_tokens_are_told_all_the_same(world: CommandWorld) -> None:
    world.make_repository()

    told = await world.review("--estimate")

    assert told.code == 0
    assert "No model is named" in told.out


async def test_a_depth_above_the_operators_is_refused(world: CommandWorld) -> None:
    world.make_repository()
    world.settings["ONCEOVER_REVIEW_DEPTH_MAX"] = "quick"

    refused = await world.review("--depth", "deep")
    told = await world.review("--estimate", "--json")

    assert refused.code == 2
    assert "--depth is deep, and ONCEOVER_REVIEW_DEPTH_MAX allows quick." in refused.news
    assert [one["depth"] for one in json.loads(told.out)["estimates"]] == ["quick"]
