"""llama.cpp's own dialect: its answers and refusals, as a server of it gave them.

Recorded from llama.cpp's server, build 11549 (October 2026), with SmolLM2-135M-Instruct; paths shortened.
"""

import pytest

from bot.demo.scripted_llm import Rule
from pipeline.engine.errors import GiveUp
from tests.services.test_llm_probe import QUESTION, READ, SCHEMA, client, formats, scripted

NO_REQUEST_ID = {"Server": "llama.cpp", "x-request-id": ""}

ANSWER = (
    '{"choices":[{"finish_reason":"length","index":0,"message":{"role":"assistant","content":"{\\"ok\\": tr"}}],'
    '"created":1795473876,"model":"smollm2.gguf","system_fingerprint":"b0-unknown","object":"chat.completion",'
    '"usage":{"completion_tokens":8,"prompt_tokens":31,"total_tokens":39,"prompt_tokens_details":{"cached_tokens":24}},'
    '"id":"chatcmpl-aXb79HTJMFAEZE1yfqjeKjFVrbikb6rH","timings":{"cache_n":24,"prompt_n":7,"predicted_n":8}}'
)
TOO_LONG = (
    '{"error":{"code":400,"message":"request (27031 tokens) exceeds the available context size (8192 tokens), try'
    ' increasing it","type":"exceed_context_size_error","n_prompt_tokens":27031,"n_ctx":8192}}'
)
NO_SUCH_SCHEMA = (
    '{"error":{"code":400,"message":"Unable to generate parser for this template. Automatic parser generation failed:'
    ' JSON schema error at #/properties/a: unrecognized type frob","type":"invalid_request_error"}}'
)
MODELS = (
    '{"models":[{"name":"smollm2.gguf","model":"smollm2.gguf","capabilities":["completion"]}],"object":"list","data":'
    '[{"id":"smollm2.gguf","object":"model","created":1795473037,"owned_by":"llamacpp","meta":{"vocab_type":2,'
    '"n_vocab":49152,"n_ctx":8192,"n_ctx_train":8192}}]}'
)


async def test_an_answer_has_its_bill_and_a_name_although_no_header_gives_one() -> None:
    async with scripted(Rule(body=ANSWER, headers=NO_REQUEST_ID)) as llm, client(llm) as model:
        answer = await model.ask(QUESTION)

    assert (answer.prompt_tokens, answer.cached_tokens, answer.completion_tokens) == (31, 24, 8)
    assert answer.request_id == "chatcmpl-aXb79HTJMFAEZE1yfqjeKjFVrbikb6rH"
    assert answer.finish_reason == "length"
    assert answer.text == '{"ok": tr'


async def test_the_window_is_the_one_that_it_was_started_with() -> None:
    async with scripted(models=MODELS) as llm, client(llm) as model:
        assert (await model.prospects()).context_tokens == 8_192


async def test_a_prompt_that_it_finds_too_long_teaches_the_window_and_is_not_sent_again() -> None:
    long = [{"role": "user", "content": "x y z " * 9_000}]
    async with scripted(Rule(status=400, body=TOO_LONG, headers=NO_REQUEST_ID)) as llm, client(llm) as model:
        for _ in range(2):
            with pytest.raises(GiveUp) as caught:
                await model.ask(long)
            assert caught.value.error_code == "model_context"

        assert len(llm.calls) == 1
        assert (await model.prospects()).context_tokens == 8_192


@pytest.mark.parametrize(
    "refusal",
    [
        NO_SUCH_SCHEMA,
        '{"error":{"code":400,"message":"Either \\"json_schema\\" or \\"grammar\\" can be specified, but not both"}}',
    ],
    ids=["a schema that it has no grammar for", "a template with a grammar of its own"],
)
async def test_a_schema_that_it_has_no_grammar_for_is_put_into_words(refusal: str) -> None:
    refused = Rule(response_format="json_schema", status=400, body=refusal, headers=NO_REQUEST_ID)
    async with scripted(refused, Rule(answer={"ok": True})) as llm, client(llm) as model:
        answer = await model.ask(QUESTION, schema=SCHEMA)

        assert formats(llm) == (["json_schema"], ["json_schema", "json_object"])
    assert answer.text == '{"ok": true}'


async def test_without_its_template_engine_it_is_offered_no_tools() -> None:
    refusal = '{"error":{"code":500,"message":"tools param requires --jinja flag","type":"server_error"}}'
    refused = Rule(parameter="tools", status=400, body=refusal, headers=NO_REQUEST_ID)
    async with scripted(probes=(refused,)) as llm, client(llm) as model:
        assert not await model.can_call_tools()

        with pytest.raises(GiveUp, match="does not call tools"):
            await model.ask(QUESTION, tools=[READ])
        assert llm.calls == []
