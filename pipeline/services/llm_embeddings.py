"""LLM embeddings: texts become vectors, by the embeddings endpoint of one OpenAI-compatible server.

Promises a limit on every wait, on every byte and on the texts of a call; that a call is sent once; that the key goes to
the configured server only; and that what comes back is as many finite vectors of one length as there were texts, each
of length 1, or an error of the tree. Does not promise that near vectors mean near texts: that is the model's affair.

This module imports `openai` (half a second of CPU): only what really talks to a model imports it.
"""

import asyncio
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Annotated, Final, Self

import openai
from pydantic import BaseModel, Field, SecretStr, ValidationError

from pipeline.engine.errors import OnceoverError
from pipeline.services.llm import Listener
from pipeline.services.llm_catalogue import DEFAULT, Catalogue
from pipeline.services.llm_failures import Server, garbled, out_of_time, refused, too_large, unreachable
from pipeline.services.llm_http import TooLarge, checked_url, make_http_client
from pipeline.services.llm_question import Answer

TEXTS_MAX: Final = 64
"""Texts of one call; servers take from 32 (some local ones) to 2,048."""

DIMENSIONS_MAX: Final = 8_192
"""Numbers of one vector; the longest on offer have 4,096."""

BYTES_PER_TOKEN: Final = 4
"""Guess for servers that do not say what a call cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSettings:
    """Which model is asked, for how long and how much."""

    model: str
    api_key: SecretStr
    """May be empty for servers that want none."""
    base_url: str | None = None
    """The server, up to and including `/v1`; OpenAI's own if unset."""
    seconds_max: float = 20.0
    """One call; a run makes five at most, and the stage has 300 s for all that it does."""
    connect_seconds_max: float = 10.0
    silence_seconds_max: float = 20.0
    response_bytes_max: int = 16_000_000
    """Of one answer: 64 vectors of 8,192 numbers, written out."""
    catalogue: Catalogue = DEFAULT
    """Prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Vectors, and what they cost."""

    vectors: tuple[bytes, ...]
    """One for each text: 4-byte floats, of length 1 together."""
    prompt_tokens: int
    cost_nanodollars: int | None
    """None if no price is known."""


class _Vector(BaseModel):
    index: Annotated[int, Field(ge=0)]
    embedding: Annotated[list[float], Field(min_length=1, max_length=DIMENSIONS_MAX)]


class _Usage(BaseModel):
    prompt_tokens: Annotated[int, Field(ge=0)]


class _Body(BaseModel):
    data: Annotated[list[_Vector], Field(max_length=TEXTS_MAX)]
    usage: _Usage | None = None


class OpenAiEmbeddings:
    """A server that speaks the OpenAI protocol; an async context manager that closes its connections.

    Args:
        settings: Which model, which server, which limits.
        listener: Told of every call that is billed or failed.

    Raises:
        AskPerson: The base URL is none or has a user in it, or OpenAI is meant and there is no key.
    """

    def __init__(self, settings: EmbeddingSettings, *, listener: Listener | None = None) -> None:
        key = settings.api_key.get_secret_value()
        self._settings: Final = settings
        self._listener: Final = listener
        self._server: Final = Server(url=checked_url(settings.base_url, key), key=key)
        self._client: Final = openai.AsyncOpenAI(
            base_url=self._server.url,
            api_key=key or "none",  # The SDK insists; servers without keys ignore it.
            max_retries=0,
            http_client=make_http_client(
                connect_seconds_max=settings.connect_seconds_max,
                silence_seconds_max=settings.silence_seconds_max,
                response_bytes_max=settings.response_bytes_max,
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def embed(self, texts: Sequence[str], *, request_id: str | None = None) -> Embedded:
        """Turn texts into vectors, with one call.

        Args:
            texts: At most `TEXTS_MAX`, none of them empty.
            request_id: Sent as `X-Client-Request-Id`, to find the call in the server's own logs.

        Raises:
            RetryLater: A time-out, a refused connection, a rate limit, a 5xx, a garbled answer.
            AskPerson: Key, permission, money, model name or base URL have to be put right.
            GiveUp: The server refuses the texts, or answers more than we read.
        """
        try:
            async with asyncio.timeout(self._settings.seconds_max):
                outcome = await self._send(texts, request_id)
        except TimeoutError:
            outcome = out_of_time(self._server, self._settings.seconds_max)
        await self._book(outcome, request_id)
        if isinstance(outcome, OnceoverError):
            raise outcome  # Here, where no foreign error is being handled: theirs hold requests, and so the key.
        return outcome

    async def _book(self, outcome: Embedded | OnceoverError, asked_by: str | None) -> None:
        """Tell who keeps the books."""
        model = self._settings.model
        if self._listener is None:
            return
        if isinstance(outcome, OnceoverError):
            await self._listener.failed(model, outcome.error_code, None, asked_by=asked_by, is_probe=False)
            return
        answer = Answer(
            text="",
            model=model,
            prompt_tokens=outcome.prompt_tokens,
            completion_tokens=0,
            finish_reason="stop",
            request_id=None,
            cost_nanodollars=outcome.cost_nanodollars,
        )
        await self._listener.heard(answer, asked_by=asked_by, is_probe=False)

    async def _send(self, texts: Sequence[str], request_id: str | None) -> Embedded | OnceoverError:
        model = self._settings.model
        try:
            raw = await self._client.embeddings.with_raw_response.create(
                model=model,
                input=list(texts),
                encoding_format="float",
                extra_headers={"X-Client-Request-Id": request_id} if request_id else None,
            )
        except openai.APIStatusError as error:
            return refused(self._server, model, error.response).error
        except openai.APIConnectionError as error:
            timed_out = isinstance(error, openai.APITimeoutError)
            return unreachable(self._server, error.__cause__ or error, timed_out=timed_out).error
        except TooLarge:
            return too_large(self._server, self._settings.response_bytes_max)
        return self._read(raw.http_response.content, texts) or garbled(self._server, raw.http_response).error

    def _read(self, content: bytes, texts: Sequence[str]) -> Embedded | None:
        try:
            body = _Body.model_validate_json(content)
        except ValidationError:
            return None
        by_index = {one.index: _unit(one.embedding) for one in body.data}
        vectors = tuple(by_index.get(place) or b"" for place in range(len(texts)))
        if len(body.data) != len(texts) or len({len(vector) for vector in vectors}) != 1 or not vectors[0]:
            return None
        guessed = sum(len(text.encode()) for text in texts) // BYTES_PER_TOKEN
        tokens = body.usage.prompt_tokens if body.usage else guessed
        facts = self._settings.catalogue.facts(self._settings.model, self._server.url)
        cost = facts.cost_nanodollars(prompt_tokens=tokens, cached_tokens=0, completion_tokens=0)
        return Embedded(vectors=vectors, prompt_tokens=tokens, cost_nanodollars=cost)


def _unit(numbers: Sequence[float]) -> bytes:
    """Scale a vector to length 1, so that a product of two is their nearness; empty if it has none."""
    length = math.hypot(*numbers)
    if not math.isfinite(length) or length == 0:
        return b""
    return array("f", [number / length for number in numbers]).tobytes()
