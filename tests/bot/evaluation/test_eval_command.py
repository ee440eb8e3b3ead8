"""`onceover eval` measures what a review finds, from the command line, as durably as a review."""

import json

from bot.demo.scripted_llm import Rule
from bot.evaluation.cases import own_cases
from bot.evaluation.oracle import oracle
from tests.bot.command_world import CommandWorld


async def test_without_a_model_the_analysers_are_scored_for_what_they_are(world: CommandWorld) -> None:
    told = await world.run("eval", "--only", "sql")

    assert told.code == 0, told.news
    assert "python-sql-from-input" in told.out
    assert "Recall 100% (1 of 1 defect)" in told.out
    assert "No model: these are the remarks of" in told.out
    assert "1 of 1 python-sql-from-input: 1 of 1 found" in told.news


async def test_all_that_stands_between_a_right_answer_and_the_score_lets_it_through(world: CommandWorld) -> None:
    told = await world.run("eval", "--only", "go-", "--scripted", "--json")

    assert told.code == 0, told.news
    measured = json.loads(told.out)
    wanted = [case for case in own_cases() if "go-" in case.name]
    assert [case["name"] for case in measured["cases"]] == [case.name for case in wanted]
    assert measured["score"]["recall"] == measured["score"]["precision"] == 1.0
    assert measured["score"]["clean_silent"] == sum(case.is_clean for case in wanted)
    assert measured["models"] == ["oracle"]
    assert measured["spend"]["calls"] >= len(wanted)


async def test_an_evaluation_that_is_asked_for_again_pays_nothing_and_says_the_same(world: CommandWorld) -> None:
    wrong = {"walkthrough": "A change.", "findings": []}
    async with world.model(*oracle([]).rules[:-1], Rule(answer=wrong)) as llm:
        first = await world.run("eval", "--only", "nil-map", "--json")
        asked = len(llm.calls)
        second = await world.run("eval", "--only", "nil-map", "--json")

    assert asked >= 1
    assert len(llm.calls) == asked
    assert json.loads(first.out) == json.loads(second.out)
    assert json.loads(first.out)["score"]["missed"] == 1


async def test_a_model_that_fails_is_told_and_scored_as_having_found_nothing(world: CommandWorld) -> None:
    async with world.model(Rule(status=401, body="{}")):
        told = await world.run("eval", "--only", "nil-map")

    assert told.code == 4
    assert "Recall 0% (0 of 1 defect)" in told.out
    assert "go-nil-map-write: model: " in told.out


async def test_options_that_cannot_be_used_are_refused_with_what_there_is(world: CommandWorld) -> None:
    nothing = await world.run("eval", "--only", "cobol")
    crowd = await world.run("eval", "--at-once", "33")
    nowhere = await world.run("eval", "--cases", str(world.place / "nowhere"))

    assert (nothing.code, crowd.code, nowhere.code) == (2, 2, 3)
    assert "clean-documentation-only" in nothing.news
    assert "1 to 32" in crowd.news
    assert "docs/evaluation.md" in nowhere.news
