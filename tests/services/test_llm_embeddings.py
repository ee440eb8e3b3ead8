"""Texts become vectors by a real HTTP server; whatever it answers is vectors or an error that says what helps."""

import asyncio
import json
import math
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from bot.demo.scripted_llm import Request, read_request, send
from pipeline.engine.errors import AskPerson, GiveUp, OnceoverError, RetryLater
from pipeline.services.llm import Listener
from pipeline.services.llm_catalogue import DEFAULT, Catalogue
from pipeline.services.llm_embeddings import EmbeddingSettings, OpenAiEmbeddings
from pipeline.services.llm_question import Answer

KEY = "test-key-0123456789"


@dataclass
class EmbeddingServer:
    """Answers each call alike, and remembers the calls."""

    body: object
    status: int = 200
    requests: list[Request] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        self.requests.append(await read_request(reader))
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        await send(writer, self.status, body)
        writer.close()


@asynccontextmanager
async def served(
    body: object,
    status: int = 200,
    *,
    response_bytes_max: int = 1_000_000,
    catalogue: Catalogue = DEFAULT,
    listener: Listener | None = None,
) -> AsyncIterator[tuple[OpenAiEmbeddings, EmbeddingServer]]:
    scripted = EmbeddingServer(body, status)
    server = await asyncio.start_server(scripted.answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    asked = EmbeddingSettings(
        model="small",
        api_key=SecretStr(KEY),
        base_url=url,
        response_bytes_max=response_bytes_max,
        catalogue=catalogue,
    )
    async with server, OpenAiEmbeddings(asked, listener=listener) as client:
        yield client, scripted


def vectors(*numbers: list[float], **more: object) -> dict[str, object]:
    return {"data": [{"index": place, "embedding": one} for place, one in enumerate(numbers)], **more}


async def test_vectors_come_in_the_order_of_the_texts_and_have_length_1() -> None:
    body = {
        "data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}],
        "usage": {"prompt_tokens": 7},
    }
    async with served(body) as (client, server):
        embedded = await client.embed(["one", "two"], request_id="r_1/docs")

    assert [array("f", one).tolist() for one in embedded.vectors] == [pytest.approx([0.6, 0.8]), [0, 1]]
    assert (embedded.prompt_tokens, embedded.cost_nanodollars) == (7, None)
    (request,) = server.requests
    asked = json.loads(request.body)
    assert (asked["model"], asked["input"], asked["encoding_format"]) == ("small", ["one", "two"], "float")
    assert request.headers["x-client-request-id"] == "r_1/docs"


async def test_a_server_that_tells_no_usage_is_not_free_and_a_known_price_counts() -> None:
    prices = Catalogue.model_validate({"models": {"small": {"prompt": "0.02", "completion": "0"}}})
    async with served(vectors([1.0]), catalogue=prices) as (client, _):
        embedded = await client.embed(["x" * 400])

    assert (embedded.prompt_tokens, embedded.cost_nanodollars) == (100, 2_000)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        {},
        vectors(),
        vectors([1.0]),
        vectors([1.0], [1.0], [1.0, 2.0]),
        vectors([1.0], [1.0, 2.0]),
        vectors([1.0], [0.0]),
        vectors([1.0], ["x"]),  # type: ignore[list-item]
        vectors([1.0], [math.inf]),
        vectors([1.0], [1.0] * 8_193),
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]},
    ],
)
async def test_case_76_what_is_no_vector_for_each_text_is_an_error(body: object) -> None:
    async with served(body) as (client, _):
        with pytest.raises(OnceoverError):
            await client.embed(["one", "two"])


@pytest.mark.parametrize(
    ("status", "error"), [(401, AskPerson), (404, AskPerson), (400, GiveUp), (429, RetryLater), (503, RetryLater)]
)
async def test_case_81_a_failure_says_what_helps_and_is_sent_once(status: int, error: type[OnceoverError]) -> None:
    async with served({"error": {"message": f"no {KEY}"}}, status) as (client, server):
        with pytest.raises(error) as caught:
            await client.embed(["one"])

    assert KEY not in str(caught.value)
    assert len(server.requests) == 1


async def test_a_body_without_end_is_not_read() -> None:
    async with served(vectors([1.0] * 5_000), response_bytes_max=1_000) as (client, _):
        with pytest.raises(GiveUp):
            await client.embed(["one"])


@dataclass
class Books:
    """Keeps what it is told."""

    told: list[tuple[str, int, str | None]] = field(default_factory=list)

    async def heard(self, answer: Answer, *, asked_by: str | None, is_probe: bool) -> None:
        """Note a call that is billed."""
        assert not is_probe
        self.told.append((answer.model, answer.prompt_tokens, asked_by))

    async def failed(
        self, model: str, code: str, request_id: str | None, *, asked_by: str | None, is_probe: bool
    ) -> None:
        """Note a call that failed."""
        del model, request_id, is_probe
        self.told.append((code, 0, asked_by))


async def test_every_call_is_booked_on_the_run_that_asked() -> None:
    books = Books()
    async with served(vectors([1.0], usage={"prompt_tokens": 7}), listener=books) as (client, _):
        await client.embed(["one"], request_id="r_1/docs")
    async with served({}, 503, listener=books) as (client, _):
        with pytest.raises(RetryLater):
            await client.embed(["one"], request_id="r_1/docs")

    assert books.told == [("small", 7, "r_1/docs"), ("model_busy", 0, "r_1/docs")]


async def test_case_107_the_key_stands_in_no_repr() -> None:
    async with served({}) as (client, _):
        assert KEY not in repr(client)
        assert KEY not in repr(EmbeddingSettings(model="small", api_key=SecretStr(KEY)))
