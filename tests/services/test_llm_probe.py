"""What a server can do is found out once, by what it does, and noted."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from bot.demo.scripted_llm import Rule, Script, ScriptedLlm
from pipeline.engine.errors import AskPerson, GiveUp, RetryLater
from pipeline.services.llm import Listener, ModelSettings, OpenAiModel
from pipeline.services.llm_catalogue import Catalogue, read_catalogue
from pipeline.services.llm_notes import Notes, OwnNotes
from pipeline.services.llm_question import Answer, Tool, ToolCall

QUESTION = [{"role": "user", "content": "What do you think of `a = 1`?"}]
SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
OK = Rule(answer={"ok": True})
READ = Tool(name="read_file", description="Read a file.", parameters={"type": "object", "properties": {}})


@asynccontextmanager
async def scripted(*rules: Rule, **script: Any) -> AsyncIterator[ScriptedLlm]:  # noqa: ANN401 - whichever part.
    async with ScriptedLlm(Script(rules=rules or (OK,), **script)) as llm:
        yield llm


@asynccontextmanager
async def client(
    llm: ScriptedLlm,
    *,
    notes: Notes | None = None,
    books: Listener | None = None,
    **settings: Any,  # noqa: ANN401 - whichever.
) -> AsyncIterator[OpenAiModel]:
    given = {"model": "first", "api_key": SecretStr("k"), "base_url": llm.url, **settings}
    async with OpenAiModel(ModelSettings(**given), notes=notes, listener=books) as model:
        yield model


@dataclass
class Books:
    """Keeps what it hears."""

    entries: list[tuple[Answer, bool]] = field(default_factory=list)

    failures: list[tuple[str, str, str | None, bool]] = field(default_factory=list)

    askers: list[str | None] = field(default_factory=list)

    async def heard(self, answer: Answer, *, asked_by: str | None, is_probe: bool) -> None:
        """Keep it."""
        self.entries.append((answer, is_probe))
        self.askers.append(asked_by)

    async def failed(
        self, model: str, code: str, request_id: str | None, *, asked_by: str | None, is_probe: bool
    ) -> None:
        """Keep it."""
        del asked_by
        self.failures.append((model, code, request_id, is_probe))


def formats(llm: ScriptedLlm) -> tuple[list[str | None], list[str | None]]:
    return [call.response_format for call in llm.probes], [call.response_format for call in llm.calls]


def refuses(response_format: str) -> Rule:
    body = f'{{"error": {{"message": "response_format {response_format} is not supported"}}}}'
    return Rule(response_format=response_format, status=400, body=body)


PROSE = Rule(text="A hash table maps keys to values.")

SERVERS: dict[str, tuple[tuple[Rule, ...], list[str], str | None]] = {
    "enforces a schema": ((), ["json_schema"], "json_schema"),
    "refuses a schema": ((refuses("json_schema"),), ["json_schema", "json_object"], "json_object"),
    "ignores a schema": (
        (PROSE.model_copy(update={"response_format": "json_schema"}),),
        ["json_schema", "json_object"],
        "json_object",
    ),
    "fills in a form of its own": (
        (Rule(response_format="json_schema", answer={"hash_table": "maps keys to values"}),),
        ["json_schema", "json_object"],
        "json_object",
    ),
    "wraps its JSON in a fence": (
        (Rule(response_format="json_schema", text='```json\n{"probe": "ready"}\n```'),),
        ["json_schema", "json_object"],
        "json_object",
    ),
    "ignores every form": ((PROSE,), ["json_schema", "json_object"], None),
    "refuses every form": ((refuses("json_schema"), refuses("json_object")), ["json_schema", "json_object"], None),
    "is cut while it thinks": ((Rule(text="", finish_reason="length"),), ["json_schema"], "json_schema"),
    "refuses the probe itself": (
        (Rule(status=400, body='{"error": "no small talk"}'),),
        ["json_schema"],
        "json_schema",
    ),
}


@pytest.mark.parametrize(("probes", "probed", "used"), SERVERS.values(), ids=SERVERS)
async def test_the_strongest_form_that_works_is_found_before_the_first_question(
    probes: tuple[Rule, ...], probed: list[str], used: str | None
) -> None:
    async with scripted(probes=probes) as llm, client(llm) as model:
        await model.ask(QUESTION, schema=SCHEMA)

        assert formats(llm) == (probed, [used])


async def test_each_model_is_probed_once_even_by_many_at_once() -> None:
    async with scripted() as llm, client(llm, fallback_models=("second",)) as model:
        await asyncio.gather(*(model.ask(QUESTION, schema=SCHEMA) for _ in range(5)))

        assert [call.model for call in llm.probes] == ["first"]
        assert len(llm.calls) == 5


async def test_what_was_found_is_remembered_by_the_next_process() -> None:
    notes = OwnNotes()
    async with scripted(probes=(refuses("json_schema"),)) as llm:
        for _ in range(2):
            async with client(llm, notes=notes) as model:
                await model.ask(QUESTION, schema=SCHEMA)

        assert formats(llm) == (["json_schema", "json_object"], ["json_object", "json_object"])


async def test_another_server_is_another_matter() -> None:
    notes = OwnNotes()
    async with scripted(probes=(refuses("json_schema"),)) as humble, scripted() as able:
        for llm in (humble, able):
            async with client(llm, notes=notes) as model:
                await model.ask(QUESTION, schema=SCHEMA)

        assert formats(able) == (["json_schema"], ["json_schema"])


async def test_a_note_that_cannot_be_read_counts_as_none() -> None:
    notes = OwnNotes()
    async with scripted() as llm, client(llm, notes=notes) as model:
        await notes.remember(f"{llm.url}#first", '{"rung": "telepathy", "samples": -1}')

        await model.ask(QUESTION, schema=SCHEMA)

        assert formats(llm) == (["json_schema"], ["json_schema"])


async def test_a_rung_that_is_refused_later_is_left_and_that_is_noted_too() -> None:
    notes = OwnNotes()
    async with scripted(refuses("json_schema"), OK) as llm:
        async with client(llm, notes=notes) as model:
            await model.ask(QUESTION, schema=SCHEMA)
        async with client(llm, notes=notes) as model:
            await model.ask(QUESTION, schema=SCHEMA)

        assert formats(llm) == (["json_schema"], ["json_schema", "json_object", "json_object"])


async def test_a_question_without_form_costs_no_probe() -> None:
    async with scripted() as llm, client(llm) as model:
        await model.ask(QUESTION)

        assert llm.probes == []


async def test_probes_can_be_switched_off() -> None:
    async with scripted() as llm, client(llm, probes=False) as model:
        await model.ask(QUESTION, schema=SCHEMA, tools=[READ])

        assert llm.probes == []


@pytest.mark.parametrize(
    ("probe", "kind"),
    [
        (Rule(status=401, body="{}"), AskPerson),
        (Rule(status=503, body="{}"), RetryLater),
        (Rule(fault="cut"), RetryLater),
    ],
    ids=["wrong key", "busy", "cut"],
)
async def test_a_probe_that_meets_a_wall_is_the_answer_and_is_asked_again(probe: Rule, kind: type[Exception]) -> None:
    once = probe.model_copy(update={"times": 1})
    async with scripted(probes=(once,)) as llm, client(llm) as model:
        with pytest.raises(kind):
            await model.ask(QUESTION, schema=SCHEMA)
        assert llm.calls == []

        await model.ask(QUESTION, schema=SCHEMA)

        assert len(llm.probes) == 2


async def test_a_probe_of_the_first_choice_that_is_busy_leads_to_the_next_model() -> None:
    busy = Rule(model="first", status=503, body="{}")
    async with scripted(probes=(busy,)) as llm, client(llm, fallback_models=("second",)) as model:
        answer = await model.ask(QUESTION, schema=SCHEMA)

    assert answer.model == "second"


async def test_a_probe_that_hangs_ends_with_the_question() -> None:
    async with scripted(probes=(Rule(fault="hang"),)) as llm, client(llm, seconds_max=0.1) as model:
        with pytest.raises(RetryLater, match=r"0\.1 s"):
            await model.ask(QUESTION, schema=SCHEMA)
        with pytest.raises(RetryLater, match=r"0\.1 s"):
            await model.can_call_tools()


async def test_a_limit_that_is_refused_under_one_name_is_given_another_during_the_probe() -> None:
    refusal = '{"error": {"message": "Unsupported parameter: max_tokens. Use max_completion_tokens."}}'
    old = Rule(parameter="max_tokens", status=400, body=refusal)
    async with scripted(probes=(old,)) as llm, client(llm) as model:
        await model.ask(QUESTION, schema=SCHEMA)

        assert len(llm.probes) == 2
        assert "max_completion_tokens" in llm.calls[0].parameters


TOOL_SERVERS: dict[str, tuple[Rule | None, bool]] = {
    "calls tools": (None, True),
    "talks instead": (Rule(text="Yes."), False),
    "wants an option": (Rule(status=400, body='{"error": {"message": "tools param requires --jinja flag"}}'), False),
    "calls another tool": (Rule(text="", tool_calls=({"name": "other", "arguments": "{}"},)), False),
    "writes no JSON": (Rule(text="", tool_calls=({"name": "ready", "arguments": "yes"},)), False),
    "is cut while it thinks": (Rule(text="", finish_reason="length"), True),
}


@pytest.mark.parametrize(("probe", "can"), TOOL_SERVERS.values(), ids=TOOL_SERVERS)
async def test_whether_tools_are_called_is_found_out_once(probe: Rule | None, can: bool) -> None:  # noqa: FBT001 - a table.
    async with scripted(probes=(probe,) if probe else ()) as llm, client(llm) as model:
        assert await model.can_call_tools() is can
        assert await model.can_call_tools() is can

        assert len(llm.probes) == 1


async def test_a_model_that_calls_no_tools_is_not_offered_any() -> None:
    async with scripted(probes=(Rule(model="first", text="Yes."),)) as llm:
        async with client(llm) as model:
            with pytest.raises(GiveUp, match="does not call tools") as caught:
                await model.ask(QUESTION, tools=[READ])
            assert caught.value.error_code == "model_tools"
        async with client(llm, fallback_models=("second",)) as model:
            assert (await model.ask(QUESTION, tools=[READ])).model == "second"

        assert [call.model for call in llm.calls] == ["second"]


async def test_a_tool_call_comes_back_as_the_model_wrote_it_and_can_be_answered() -> None:
    call = Rule(match="a = 1", times=1, text="", tool_calls=({"name": "read_file", "arguments": '{"path": "../x'},))
    async with scripted(call, Rule(match="no such file", answer={"ok": True})) as llm, client(llm) as model:
        asked = await model.ask(QUESTION, tools=[READ])
        told: list[Mapping[str, Any]] = [
            *QUESTION,
            {"role": "assistant", "content": None, "tool_calls": [{"id": "call_0", "type": "function"}]},
            {"role": "tool", "tool_call_id": "call_0", "content": "no such file \ud83d"},
        ]
        answer = await model.ask(told, tools=[READ])

    assert asked.tool_calls == (ToolCall(id="call_0", name="read_file", arguments='{"path": "../x'),)
    assert json.loads(json.dumps(asked.as_json()))["tool_calls"][0]["name"] == "read_file"
    assert answer.text == '{"ok": true}'


WINDOWS: dict[str, tuple[dict[str, str], int | None]] = {
    "vLLM": ({"models": '{"data": [{"id": "first", "max_model_len": 8192}]}'}, 8_192),
    "a router": ({"models": '{"data": [{"id": "x"}, {"id": "first", "context_length": 200000}]}'}, 200_000),
    "another name for the only model": ({"models": '{"data": [{"id": "a.gguf", "meta": {"n_ctx": 4096}}]}'}, 4_096),
    "llama.cpp": (
        {
            "models": '{"data": [{"id": "a.gguf", "owned_by": "llamacpp", "meta": {"n_ctx_train": 131072}}]}',
            "props": '{"default_generation_settings": {"n_ctx": 16384}}',
        },
        16_384,
    ),
    "many others": ({"models": '{"data": [{"id": "x", "max_model_len": 1024}, {"id": "y"}]}'}, None),
    "rubbish": ({"models": "<html>"}, None),
    "odd shapes": ({"models": '{"data": [1, {"id": ["first"], "max_model_len": "8192"}]}'}, None),
    "no such page": ({}, None),
}


@pytest.mark.parametrize(("pages", "window"), WINDOWS.values(), ids=WINDOWS)
async def test_the_window_is_read_from_what_the_server_tells(pages: dict[str, str], window: int | None) -> None:
    async with scripted(**pages) as llm, client(llm) as model:
        room = await model.room()

    assert (room.context_tokens if room.is_told else None) == window


async def test_the_operators_word_on_the_window_goes_before_the_servers() -> None:
    mine = read_catalogue("[models.first]\ncontext_tokens = 6_000", form="toml", name="m.toml")
    told = '{"data": [{"id": "first", "max_model_len": 8192}]}'
    async with scripted(models=told) as llm, client(llm, catalogue=mine) as model:
        assert (await model.room()).context_tokens == 6_000


SMALL = '{"data": [{"id": "first", "max_model_len": 4096}, {"id": "second", "max_model_len": 64000}]}'
LONG = [{"role": "user", "content": "x = 1\n" * 4_000}]


async def test_a_question_that_cannot_fit_is_not_sent() -> None:
    async with scripted(models=SMALL) as llm, client(llm) as model:
        with pytest.raises(GiveUp, match=r"about 8,0\d\d tokens .* 4,096") as caught:
            await model.ask(LONG, schema=SCHEMA)

        assert caught.value.error_code == "model_context"
        assert llm.calls == []


async def test_a_question_too_long_for_the_first_choice_goes_to_one_that_reads_more() -> None:
    async with scripted(models=SMALL) as llm, client(llm, fallback_models=("second",)) as model:
        answer = await model.ask(LONG, schema=SCHEMA)

    assert answer.model == "second"


async def test_a_window_that_a_refusal_tells_is_remembered() -> None:
    body = '{"error": {"type": "exceed_context_size_error", "message": "too long", "n_ctx": 4096}}'
    async with scripted(Rule(status=400, body=body)) as llm, client(llm) as model:
        for _ in range(2):
            with pytest.raises(GiveUp):
                await model.ask(LONG)

        assert len(llm.calls) == 1
        assert (await model.room()).context_tokens == 4_096


async def test_the_room_follows_the_bills() -> None:
    """The scripted server counts four bytes a token, which is more than we take at first."""
    async with scripted(models='{"data": [{"id": "first", "max_model_len": 64000}]}') as llm, client(llm) as model:
        before = await model.room()
        for _ in range(4):
            await model.ask(LONG)
        after = await model.room()

    assert after.prompt_tokens_max == before.prompt_tokens_max
    assert after.prompt_bytes_max > 1.3 * before.prompt_bytes_max


PRICED = read_catalogue(
    "[models.first]\nprompt = 2\ncached_prompt = 0.5\ncompletion = 8", form="toml", name="models.toml"
)


@pytest.mark.parametrize(("catalogue", "cost"), [(PRICED, 4 * 500 + 4 * 2_000 + 3 * 8_000), (Catalogue(), None)])
async def test_an_answer_tells_its_cost_if_the_model_has_a_price(catalogue: Catalogue, cost: int | None) -> None:
    async with scripted(Rule(answer={"ok": True}, cached_tokens=4)) as llm, client(llm, catalogue=catalogue) as model:
        answer = await model.ask(QUESTION)

    assert (answer.prompt_tokens, answer.cached_tokens, answer.completion_tokens) == (8, 4, 3)
    assert answer.cost_nanodollars == cost
    assert answer.is_usage_told


async def test_who_keeps_the_books_hears_of_probes_too() -> None:
    books = Books()
    async with scripted() as llm, client(llm, books=books, catalogue=PRICED) as model:
        answer = await model.ask(QUESTION, schema=SCHEMA, request_id="r_1/analyze")

    assert books.askers == ["r_1/analyze"] * 2
    assert [is_probe for _, is_probe in books.entries] == [True, False]
    assert books.entries[1][0] == answer
    assert all(entry.cost_nanodollars and entry.request_id for entry, _ in books.entries)


@pytest.mark.parametrize(
    "usage",
    ["7", '{"prompt_tokens": -1}', '{"prompt_tokens": null}', '{"prompt_tokens": 8, "prompt_tokens_details": 5}'],
)
async def test_an_odd_bill_does_not_lose_the_answer(usage: str) -> None:
    body = f'{{"id": 5, "choices": [{{"message": {{"content": "fine"}}}}], "usage": {usage}}}'
    async with scripted(Rule(body=body)) as llm, client(llm) as model:
        answer = await model.ask(QUESTION)

    assert answer.text == "fine"
    assert answer.prompt_tokens == 8


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "req_scripted"),
        ({"x-request-id": "", "apim-request-id": "azure-1"}, "azure-1"),
        ({"x-request-id": ""}, "chatcmpl-"),
        ({"x-request-id": "a\x1b[31m" + "b" * 300}, "a[31m" + "b" * 194),
    ],
    ids=["usual", "another header", "the completion's own", "hostile"],
)
async def test_the_servers_name_for_the_call_comes_along(headers: dict[str, str], expected: str) -> None:
    async with scripted(Rule(answer={"ok": True}, headers=headers)) as llm, client(llm) as model:
        answer = await model.ask(QUESTION)

    assert answer.request_id is not None
    assert answer.request_id.startswith(expected)


async def test_who_keeps_the_books_hears_of_failures_by_the_servers_name_for_them() -> None:
    books = Books()
    async with scripted(Rule(status=500, body="{}")) as llm, client(llm, books=books) as model:
        with pytest.raises(RetryLater) as caught:
            await model.ask(QUESTION)

    assert books.failures == [("first", "model_busy", "req_scripted", False)]
    assert "req_scripted" not in str(caught.value), "failures of one kind are told as one"


async def test_no_text_of_a_question_or_an_answer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with scripted(Rule(text="canary-of-an-answer")) as llm, client(llm) as model:
        await model.ask([{"role": "user", "content": "canary-of-a-question"}], schema=SCHEMA, tools=[READ])

    assert caplog.text, "there is a log to look at"
    assert "canary" not in caplog.text
    assert "hash table" not in caplog.text
