"""What the doctor says of the model's server."""

import pytest

from bot.doctor.check import examine
from bot.doctor.model_checks import LIST_BYTES_MAX, model_checks
from bot.doctor.outcome import Failed, Ok, Outcome, Skipped, Warned
from bot.settings import read_settings
from pipeline.engine.errors import AskPerson
from tests.bot.doctor.fake_models import a_model_server

LIST = '{"object": "list", "data": [{"id": "large"}, {"id": "small", "price": 3}]}'
KEY = "canary-key"


async def look(url: str, *, model: str = "large") -> Outcome:
    variables = {"HOME": "/nonexistent", "OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY, "ONCEOVER_LLM_MODEL": model}
    [found] = await examine(model_checks(read_settings(variables, None), deep=None))
    assert KEY not in repr(found)
    return found.outcome


@pytest.mark.parametrize(
    ("status", "body", "outcome", "said"),
    [
        (200, LIST, Ok, "takes the key and has large"),
        (401, KEY, Failed, "refuses the key (HTTP 401)"),
        (404, "", Warned, "does not list its models"),
        (500, KEY, Failed, "answers HTTP 500"),
        (302, "", Failed, "answers HTTP 302"),
        (200, f"<html>{KEY}", Warned, "cannot be read"),
        (200, "x" * (LIST_BYTES_MAX + 1), Warned, "cannot be read"),
    ],
)
async def test_the_answer_of_the_server_is_judged(status: int, body: str, outcome: type, said: str) -> None:
    async with a_model_server(status, body) as url:
        found = await look(url)

    assert isinstance(found, outcome)
    assert said in found.said


async def test_a_model_that_is_not_listed_is_a_warning() -> None:
    async with a_model_server(200, LIST) as url:
        found = await look(url, model="lagre")

    assert isinstance(found, Warned)
    assert "does not list lagre" in found.said


async def test_the_key_is_sent_to_the_server_that_was_named() -> None:
    asked: list[str] = []

    async with a_model_server(200, LIST, asked=asked) as url:
        await look(url)

    [head] = asked
    assert head.startswith("GET /v1/models ")
    assert f"authorization: bearer {KEY}" in head.lower()


async def test_a_server_that_is_not_there_is_told() -> None:
    found = await look("http://127.0.0.1:9/v1")

    assert isinstance(found, Failed)
    assert "cannot be reached" in found.said


async def test_without_a_model_nothing_is_asked() -> None:
    settings = read_settings({"HOME": "/nonexistent"}, None)

    async def ask() -> str:
        raise AssertionError("Nobody should be asked.")

    found = [one.outcome for one in await examine(model_checks(settings, deep=ask))]

    assert [type(outcome) for outcome in found] == [Skipped, Skipped]


async def test_asked_for_it_the_model_itself_is_asked_for_a_word() -> None:
    variables = {"HOME": "/nonexistent", "OPENAI_API_KEY": KEY, "ONCEOVER_LLM_MODEL": "large"}
    settings = read_settings(variables | {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, None)

    async def answers() -> str:
        return "large"

    async def refuses() -> str:
        raise AskPerson("No money.", next_step="Pay.")

    good, bad = [model_checks(settings, deep=deep)[1:] for deep in (answers, refuses)]

    assert (await examine(good))[0].outcome == Ok(said="large answered.")
    assert (await examine(bad))[0].outcome == Failed(said="No money.", next_step="Pay.")
