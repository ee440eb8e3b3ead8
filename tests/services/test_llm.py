"""The model client against a real HTTP server that misbehaves as the script says."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from bot.demo.scripted_llm import Rule, Script, ScriptedLlm
from pipeline.engine.errors import AskPerson, GiveUp, OnceoverError, RetryLater
from pipeline.services.llm import ModelSettings, OpenAiModel
from pipeline.services.llm_question import Answer

KEY = "canary-" + "4f1e9ab27c" * 3
QUESTION = [{"role": "user", "content": "What do you think of `a = 1`?"}]
SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}


@asynccontextmanager
async def scripted(*rules: Rule) -> AsyncIterator[ScriptedLlm]:
    async with ScriptedLlm(Script(rules=rules)) as llm:
        yield llm


async def ask(llm: ScriptedLlm, *, url: str | None = None, **settings: Any) -> Answer:  # noqa: ANN401 - whichever setting.
    async with make_model(url or llm.url, **settings) as model:
        return await model.ask(QUESTION, schema=SCHEMA, request_id="r_1/analyze/1")


def make_model(url: str, **settings: Any) -> OpenAiModel:  # noqa: ANN401 - whichever setting.
    given = {"model": "first", "api_key": SecretStr(KEY), "base_url": url, **settings}
    return OpenAiModel(ModelSettings(**given))


async def failure(*rules: Rule, **settings: Any) -> tuple[OnceoverError, ScriptedLlm]:  # noqa: ANN401 - whichever setting.
    """Ask once and give the error, after checking that nothing of the key is in it or behind it."""
    async with scripted(*rules) as llm:
        with pytest.raises(OnceoverError) as caught:
            await ask(llm, **settings)
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told + repr(caught.value)
    assert KEY[5:20] not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None, "a foreign error holds the request, and so the key"
    return caught.value, llm


async def test_an_answer_brings_its_text_and_its_cost() -> None:
    async with scripted(Rule(match="a = 1", answer={"ok": True})) as llm:
        answer = await ask(llm)

    assert answer == Answer(
        text='{"ok": true}',
        model="first",
        prompt_tokens=8,
        completion_tokens=3,
        finish_reason="stop",
        request_id="req_scripted",
    )
    [call] = llm.calls
    assert (call.response_format, call.authorized) == ("json_schema", True)
    assert call.client_request_id == "r_1/analyze/1"
    assert call.accept_encoding == "identity", "a compressed answer has no bound"


async def test_rubbish_is_given_back_as_it_is_and_billed() -> None:
    async with scripted(Rule(text="Sorry, \x00 no {")) as llm:
        answer = await ask(llm)

    assert answer.text == "Sorry, \x00 no {"
    assert answer.completion_tokens == 4


async def test_a_server_that_tells_no_cost_is_not_free() -> None:
    async with scripted(Rule(answer={"ok": True}, usage=False)) as llm:
        answer = await ask(llm)

    assert answer.prompt_tokens > 0
    assert answer.completion_tokens > 0


FAULTS: dict[str, tuple[Rule, type[OnceoverError], str]] = {
    "a broken server": (Rule(status=500, body="oops"), RetryLater, "model_busy"),
    "an overloaded server": (Rule(status=529, body="{}"), RetryLater, "model_busy"),
    "a proxy's error page": (
        Rule(status=502, body="<html>Bad \x1b[31mGateway", headers={"content-type": "text/html"}),
        RetryLater,
        "model_busy",
    ),
    "a rate limit": (Rule(status=429, body="{}"), RetryLater, "model_busy"),
    "a cut connection": (Rule(fault="cut"), RetryLater, "model_unreachable"),
    "an answer cut midway": (Rule(answer={"ok": True}, fault="cut_midway"), RetryLater, "model_unreachable"),
    "an empty body": (Rule(fault="empty_body"), RetryLater, "model_answer_garbled"),
    "half of the protocol": (Rule(body='{"choices": [{"mess'), RetryLater, "model_answer_garbled"),
    "no choices": (Rule(body='{"choices": []}'), RetryLater, "model_answer_garbled"),
    "an error with status 200": (Rule(body='{"error": {"message": "no"}}'), RetryLater, "model_answer_garbled"),
    "deep nesting": (Rule(body="[" * 100_000), RetryLater, "model_answer_garbled"),
    "a wrong key": (Rule(status=401, body=f'{{"error": {{"message": "bad key {KEY}"}}}}'), AskPerson, "model_key"),
    "a forbidden model": (Rule(status=403, body=f"{KEY}"), AskPerson, "model_forbidden"),
    "an empty purse": (Rule(status=429, body='{"error": {"code": "insufficient_quota"}}'), AskPerson, "model_quota"),
    "a payment wall": (Rule(status=402, body="{}"), AskPerson, "model_quota"),
    "llama.cpp without its option for tools": (
        Rule(status=500, body='{"error": {"message": "tools param requires --jinja flag"}}'),
        GiveUp,
        "model_tools",
    ),
    "a router that finds nobody with tools": (
        Rule(status=404, body='{"error": {"message": "No endpoints found that support tool use."}}'),
        GiveUp,
        "model_tools",
    ),
    "an unknown model": (Rule(status=404, body='{"error": {"message": "no such model"}}'), AskPerson, "model_unknown"),
    "a wrong address": (
        Rule(status=404, body="<html>nothing here", headers={"content-type": "text/html"}),
        AskPerson,
        "model_url",
    ),
    "a web page": (
        Rule(body="<html><body>Welcome", headers={"content-type": "text/html"}),
        GiveUp,
        "model_answered_html",
    ),
    "a full context": (
        Rule(status=400, body='{"error": {"message": "maximum context length is 8192 tokens"}}'),
        GiveUp,
        "model_context",
    ),
    "a refused prompt": (Rule(status=400, body=f'{{"error": "policy; {KEY}"}}'), GiveUp, "model_refused"),
    "an unasked compression": (
        Rule(answer={"ok": True}, headers={"content-encoding": "gzip"}),
        GiveUp,
        "model_answer_too_large",
    ),
}


@pytest.mark.parametrize(("rule", "kind", "code"), FAULTS.values(), ids=FAULTS)
async def test_each_fault_says_what_helps_after_one_call(rule: Rule, kind: type[OnceoverError], code: str) -> None:
    error, llm = await failure(rule)

    assert (type(error), error.error_code) == (kind, code)
    assert error.next_step
    assert str(error).isprintable()
    assert len(llm.calls) == 1, "the SDK retries by itself"


SILENCES: dict[str, tuple[Rule, dict[str, float]]] = {
    "never answers": (Rule(fault="hang"), {"silence_seconds_max": 0.1}),
    "never answers, in all": (Rule(fault="hang"), {"seconds_max": 0.1}),
    "drips": (Rule(answer={"ok": True}, fault="drip"), {"seconds_max": 0.15, "silence_seconds_max": 5}),
}


@pytest.mark.parametrize(("rule", "limits"), SILENCES.values(), ids=SILENCES)
async def test_a_server_that_keeps_us_waiting_is_left(rule: Rule, limits: dict[str, float]) -> None:
    error, llm = await failure(rule, probes=False, **limits)  # The limit is for the question alone.

    assert (type(error), error.error_code) == (RetryLater, "model_timeout")
    assert len(llm.calls) == 1


async def test_a_refused_connection_is_tried_again_later() -> None:
    async with scripted() as llm:
        gone = llm.url
    with pytest.raises(RetryLater, match="does it run") as caught:
        await ask(llm, url=gone)

    assert caught.value.error_code == "model_unreachable"


async def test_cancelling_a_question_cancels_it() -> None:
    async with scripted(Rule(fault="hang")) as llm:
        question = asyncio.create_task(ask(llm))
        await llm.wait_calls(1)
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1e9"}, 6 * 3600.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
        ({"date": "Mon, 23 Nov 2026 10:00:00 GMT", "retry-after": "Mon, 23 Nov 2026 10:01:30 GMT"}, 90.0),
        ({"retry-after": "Mon, 23 Nov 2026 10:01:30 GMT"}, None),
    ],
)
async def test_the_pause_that_the_server_asks_for_is_told(headers: dict[str, str], seconds: float | None) -> None:
    error, _ = await failure(Rule(status=429, body="{}", headers=headers))

    assert isinstance(error, RetryLater)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize("status", [200, 500])
async def test_an_endless_body_is_not_read_to_its_end(status: int) -> None:
    """Also that of an error: the SDK reads those whole before it says anything."""
    error, _ = await failure(Rule(status=status, body="x" * 100_000), response_bytes_max=10_000)

    assert (type(error), error.error_code) == (GiveUp, "model_answer_too_large")


async def test_a_redirect_never_carries_the_key_along() -> None:
    async with scripted(Rule(answer={"ok": True})) as elsewhere:
        target = f"{elsewhere.url}/chat/completions"
        error, _ = await failure(Rule(status=307, body="", headers={"location": target}))

    assert (type(error), error.error_code) == (AskPerson, "model_redirect")
    assert elsewhere.calls == []


async def test_the_key_is_in_no_repr_and_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async with scripted(Rule(answer={"ok": True})) as llm, make_model(llm.url) as model:
        await model.ask(QUESTION)
        shown = repr(model) + repr(vars(model)["_settings"]) + repr(vars(model)["_server"])
    await failure(Rule(status=400, body=f'{{"error": {{"message": "{KEY} and {KEY[3:-4]}"}}}}'))

    assert KEY not in shown
    assert KEY[5:20] not in caplog.text


REFUSES_SCHEMA = Rule(
    response_format="json_schema",
    status=400,
    body='{"error": {"message": "response_format json_schema not supported"}}',
)
REFUSES_OBJECT = Rule(
    response_format="json_object", status=400, body='{"error": {"message": "response_format is unknown"}}'
)


@pytest.mark.parametrize(
    ("refusals", "expected"),
    [
        ((REFUSES_SCHEMA,), ["json_schema", "json_object", "json_object"]),
        ((REFUSES_SCHEMA, REFUSES_OBJECT), ["json_schema", "json_object", None, None]),
    ],
)
async def test_a_refused_rung_is_left_and_not_tried_again(
    refusals: tuple[Rule, ...], expected: list[str | None]
) -> None:
    answers = Rule(match="additionalProperties", answer={"ok": True})
    async with scripted(*refusals, answers) as llm, make_model(llm.url) as model:
        await model.ask(QUESTION, schema=SCHEMA)
        await model.ask(QUESTION, schema=SCHEMA)

    assert [call.response_format for call in llm.calls] == expected


async def test_a_server_that_refuses_every_form_is_given_up() -> None:
    error, llm = await failure(Rule(status=400, body='{"error": {"message": "response_format is bad"}}'))

    assert (type(error), error.error_code) == (GiveUp, "model_refused")
    assert len(llm.calls) == 3


async def test_a_refused_limit_name_is_replaced_by_the_other() -> None:
    refusal = '{"error": {"message": "Unsupported parameter: max_tokens. Use max_completion_tokens."}}'
    rule = Rule(parameter="max_tokens", status=400, body=refusal)
    async with scripted(rule, Rule(answer={"ok": True})) as llm:
        await ask(llm)

    assert ["max_completion_tokens" in call.parameters for call in llm.calls] == [False, True]


@pytest.mark.parametrize("status", [403, 404, 429, 500])
async def test_the_next_model_is_asked_where_that_can_help(status: int) -> None:
    async with scripted(Rule(model="first", status=status, body="{}"), Rule(answer={"ok": True})) as llm:
        answer = await ask(llm, fallback_models=("second",))

    assert answer.model == "second"
    assert [call.model for call in llm.calls] == ["first", "second"]


@pytest.mark.parametrize("name", ["a wrong key", "an empty purse", "a full context", "a cut connection"])
async def test_the_next_model_is_not_asked_where_it_meets_the_same_wall(name: str) -> None:
    rule, kind, _ = FAULTS[name]

    error, llm = await failure(rule, fallback_models=("second",))

    assert type(error) is kind
    assert len(llm.calls) == 1


async def test_if_no_model_answers_the_failure_that_waiting_heals_is_told() -> None:
    error, _ = await failure(
        Rule(model="first", status=404, body="{}"),
        Rule(model="second", status=429, body="{}", headers={"retry-after": "9"}),
        fallback_models=("second",),
    )

    assert isinstance(error, RetryLater)
    assert error.retry_after_seconds == 9


@pytest.mark.parametrize("url", ["", "localhost:1234/v1", "ftp://host/v1", "https://user:word@host/v1", "http://"])
def test_an_address_that_is_none_is_told_without_repeating_it(url: str) -> None:
    with pytest.raises(AskPerson) as caught:
        make_model(url, api_key=SecretStr(""))

    assert "word" not in str(caught.value)
    assert "OPENAI_" in str(caught.value)


@pytest.mark.parametrize("key", ["with a\nnewline", "ключ"])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    with pytest.raises(AskPerson, match="OPENAI_API_KEY") as caught:
        make_model("http://localhost/v1", api_key=SecretStr(key))

    assert key not in str(caught.value)


async def test_half_a_surrogate_pair_in_a_prompt_does_not_stop_it() -> None:
    async with scripted(Rule(match="broken ? letter", answer={"ok": True})) as llm, make_model(llm.url) as model:
        answer = await model.ask([{"role": "user", "content": "broken \ud83d letter"}])

    assert answer.text == '{"ok": true}'
