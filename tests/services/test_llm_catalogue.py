"""Prices: a model that nobody has priced is never free, and a price holds where it was read."""

import json

import pytest

from pipeline.engine.errors import AskPerson
from pipeline.services.llm_catalogue import DEFAULT, OPENAI_URL, UNKNOWN, Catalogue, ModelFacts, read_catalogue

HERE = "http://localhost:8080/v1"

FILE = """
as_of = 2026-11-01

[models.mine]
prompt = 0.1
cached_prompt = 0.05
completion = 0.4
priced_prompt_tokens_max = 100_000
context_tokens = 65_536

[models."qwen3-coder:30b"]
context_tokens = 32_768
"""


def cost(facts: ModelFacts, prompt: int = 1_000, cached: int = 0, completion: int = 100) -> int | None:
    return facts.cost_nanodollars(prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion)


@pytest.mark.parametrize(
    ("prompt", "cached", "completion", "expected"),
    [
        (1_000_000, 0, 0, 2_000_000_000),
        (1_000_000, 1_000_000, 0, 500_000_000),
        (0, 0, 1_000_000, 8_000_000_000),
        (1_000, 400, 100, 600 * 2_000 + 400 * 500 + 100 * 8_000),
        (10, 400, 0, 10 * 500),
        (0, 0, 0, 0),
    ],
    ids=["read", "read from the cache", "written", "all three", "more cached than read", "nothing"],
)
def test_a_call_costs_what_the_table_says(prompt: int, cached: int, completion: int, expected: int) -> None:
    assert cost(DEFAULT.facts("gpt-4.1", OPENAI_URL), prompt, cached, completion) == expected


def test_part_of_a_nanodollar_is_rounded_up() -> None:
    facts = read_catalogue('{"models": {"m": {"prompt": 0.0001, "completion": 0}}}', form="json", name="f").models["m"]

    assert cost(facts, prompt=1) == 1


def test_without_a_price_for_cached_tokens_they_cost_what_others_do() -> None:
    facts = read_catalogue('{"models": {"m": {"prompt": 2, "completion": 4}}}', form="json", name="f").models["m"]

    assert cost(facts, 1_000, 900, 0) == cost(facts, 1_000, 0, 0)


@pytest.mark.parametrize(
    ("model", "server"),
    [("gpt-9", OPENAI_URL), ("gpt-4.1", HERE), ("gpt-4.1-audio", OPENAI_URL), ("", OPENAI_URL)],
    ids=["unknown", "a namesake on another server", "a relative", "no name"],
)
def test_what_is_not_in_the_table_has_an_unknown_cost_and_not_none(model: str, server: str) -> None:
    assert DEFAULT.facts(model, server) == UNKNOWN
    assert cost(UNKNOWN) is None


def test_a_dated_snapshot_costs_what_its_model_does() -> None:
    assert DEFAULT.facts("gpt-4.1-2025-04-14", OPENAI_URL) == DEFAULT.models["gpt-4.1"]


def test_beyond_the_length_that_a_price_is_meant_for_the_cost_is_unknown() -> None:
    facts = DEFAULT.facts("gpt-5.4", OPENAI_URL)

    assert cost(facts, prompt=272_000) is not None
    assert cost(facts, prompt=272_001) is None


def test_our_own_table_says_how_old_it_is_and_names_its_server() -> None:
    assert DEFAULT.as_of is not None
    assert {facts.server for facts in DEFAULT.models.values()} == {OPENAI_URL}


def test_an_operators_file_goes_before_our_table() -> None:
    mine = read_catalogue(FILE + '[models."gpt-4.1"]\nprompt = 1\ncompletion = 1\n', form="toml", name="models.toml")

    both = mine.over(DEFAULT)

    assert cost(both.facts("mine", HERE), 1_000, 500, 100) == 500 * 100 + 500 * 50 + 100 * 400
    assert both.facts("qwen3-coder:30b", HERE).context_tokens == 32_768
    assert cost(both.facts("qwen3-coder:30b", HERE)) is None
    assert cost(both.facts("gpt-4.1", HERE), 1_000, 0, 0) == 1_000_000
    assert both.facts("gpt-4o", OPENAI_URL) == DEFAULT.models["gpt-4o"]
    assert both.as_of == mine.as_of


def test_the_file_may_be_json_too() -> None:
    mine = read_catalogue(FILE, form="toml", name="models.toml")

    assert read_catalogue(mine.model_dump_json(), form="json", name="models.json") == mine


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models = [", "no TOML"),
        ("prices = 1", "prices: Extra inputs"),
        ("[models.m]\nprompt = -1\ncompletion = 1", "models.m.prompt"),
        ("[models.m]\nprompt = nan\ncompletion = 1", "models.m.prompt"),
        ("[models.m]\nprompt = 1", "`prompt` and `completion`"),
        ("[models.m]\ncached_prompt = 1", "`prompt` and `completion`"),
        ("[models.m]\ncontext_tokens = 5", "models.m.context_tokens"),
        ("[models.m]\npromt = 1\ncompletion = 1", "models.m.promt"),
        ("#" * 1_000_001, "1,000,001 characters"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(text: str, told: str) -> None:
    with pytest.raises(AskPerson, match=r"models\.toml") as caught:
        read_catalogue(text, form="toml", name="models.toml")

    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, "{", json.dumps({"models": {"m": 1}})])
def test_json_that_is_no_catalogue_is_refused(text: str) -> None:
    with pytest.raises(AskPerson):
        read_catalogue(text, form="json", name="models.json")


def test_no_file_of_a_thousand_and_one_models_is_read() -> None:
    text = json.dumps({"models": {str(number): {} for number in range(1_001)}})

    with pytest.raises(AskPerson):
        read_catalogue(text, form="json", name="models.json")


def test_an_empty_catalogue_knows_nothing() -> None:
    assert Catalogue().facts("gpt-4.1", OPENAI_URL) == UNKNOWN
