"""LLM: one question to one OpenAI-compatible server, and its answer as it was given.

Promises a limit on every wait and on every byte; that a call is sent once (the SDK's own retries are off); that the
text and the cost of an answer come back even if the text is rubbish; that the key goes to the configured server only
and stands in no message, repr or log of ours; and that each failure is an error of the tree that says what helps.
Does not promise that an answer fits its schema: servers accept a schema and ignore it, so whoever asks validates.

Three things are tried by themselves; all of them follow a refusal, which no server bills:

- *Rungs*: `json_schema`, then `json_object`, then the prompt alone. A rung is left when the server refuses
  `response_format` with a 400, and not tried again with that model as long as this client lives.
- *Limit name*: OpenAI wants `max_completion_tokens`, many servers know only `max_tokens`; a 400 that names one leads
  to the other.
- *Fallback models*: the next one is asked if the reason lies with the model (unknown, not allowed, rate-limited,
  5xx). It is not asked if it would meet the same wall (wrong key, no money, no connection, a time-out) or if the
  prompt is at fault (too long, refused).

This module imports `openai` (half a second of CPU): only what really talks to a model imports it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self, cast
from urllib.parse import urlsplit

import httpx2
import openai
from openai.types.chat import ChatCompletionMessageParam
from pydantic import SecretStr

from pipeline.engine.errors import AskPerson, OnceoverError, RetryLater
from pipeline.services.llm_failures import (
    KEY_STEP,
    URL_STEP,
    Failed,
    Server,
    garbled,
    out_of_time,
    refused,
    too_large,
    unreachable,
)
from pipeline.services.llm_question import RUNGS, Answer, JsonSchema, Message, Question, read_answer

OPENAI_URL: Final = "https://api.openai.com/v1"
"""Where the key goes if nobody names another server."""

_FORMAT_REFUSED: Final = re.compile(r"response_format|json_schema|json_object|grammar|structured.output", re.IGNORECASE)
_LIMIT_REFUSED: Final = re.compile(r"max_completion_tokens|max_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which model is asked, for how long and how much."""

    model: str
    """The first choice."""
    api_key: SecretStr
    """May be empty for servers that want none."""
    base_url: str | None = None
    """The server, up to and including `/v1`; OpenAI's own if unset."""
    fallback_models: tuple[str, ...] = ()
    """Asked in this order if the first choice cannot answer."""
    seconds_max: float = 300.0
    """One question from start to end, rungs and fallbacks included."""
    connect_seconds_max: float = 10.0
    """Until the connection stands, and for a free one in the pool."""
    silence_seconds_max: float = 240.0
    """Longest pause between two bytes; a model that thinks says nothing for minutes."""
    completion_tokens_max: int = 16_000
    """What the model may write, hidden reasoning included."""
    response_bytes_max: int = 4_000_000
    """Longest HTTP body that is read: some fifty times the longest answer that the token limit allows."""


class Model(Protocol):
    """Whoever answers a question."""

    async def ask(
        self,
        messages: Sequence[Message],
        *,
        schema: JsonSchema | None = None,
        schema_name: str = "answer",
        request_id: str | None = None,
    ) -> Answer:
        """Ask once; see `OpenAiModel.ask`."""


class OpenAiModel:
    """A server that speaks the OpenAI protocol; an async context manager that closes its connections.

    Args:
        settings: Which model, which server, which limits.

    Raises:
        AskPerson: The base URL is none or has a user in it, or OpenAI is meant and there is no key.
    """

    def __init__(self, settings: ModelSettings) -> None:
        key = settings.api_key.get_secret_value()
        self._settings: Final = settings
        self._server: Final = Server(url=checked_url(settings.base_url, key), key=key)
        self._rungs: Final[dict[str, int]] = {}
        self._limit_names: Final[dict[str, str]] = {}
        self._client: Final = openai.AsyncOpenAI(
            base_url=self._server.url,
            api_key=key or "none",  # The SDK insists; servers without keys ignore it.
            max_retries=0,
            http_client=make_http_client(settings),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def ask(
        self,
        messages: Sequence[Message],
        *,
        schema: JsonSchema | None = None,
        schema_name: str = "answer",
        request_id: str | None = None,
    ) -> Answer:
        """Ask the first model that can answer.

        Args:
            messages: The conversation so far.
            schema: JSON Schema that the text should fit; enforced by the server if it can.
            schema_name: Its name in the protocol: letters, digits, `_`, `-`.
            request_id: Sent as `X-Client-Request-Id`, to find the call in the server's own logs.

        Raises:
            RetryLater: A time-out, a refused connection, a rate limit, a 5xx, a garbled answer.
            AskPerson: Key, permission, money, model name or base URL have to be put right.
            GiveUp: The prompt is too long, the server refuses it, or the answer is longer than we read.
        """
        question = Question(messages=messages, schema=schema, schema_name=schema_name, request_id=request_id)
        try:
            async with asyncio.timeout(self._settings.seconds_max):
                outcome = await self._ask_models(question)
        except TimeoutError:
            outcome = out_of_time(self._server, self._settings.seconds_max)
        if isinstance(outcome, OnceoverError):
            raise outcome  # Here, where no foreign error is being handled: theirs hold requests, and so the key.
        return outcome

    async def _ask_models(self, question: Question) -> Answer | OnceoverError:
        """Ask model after model; if none answers, tell the failure that waiting heals, else the first one."""
        errors: list[OnceoverError] = []
        for model in (self._settings.model, *self._settings.fallback_models):
            outcome = await self._ask_model(model, question)
            if isinstance(outcome, Answer):
                return outcome
            errors.append(outcome.error)
            if not outcome.is_about_model:
                break
        return next((error for error in errors if isinstance(error, RetryLater)), errors[0])

    async def _ask_model(self, model: str, question: Question) -> Answer | Failed:
        """Ask one model, more humbly each time that it refuses the form of the request; ends, as rungs are few."""
        while True:
            outcome = await self._send(model, question)
            if isinstance(outcome, Answer) or not self._yield_to(outcome.refused, model, question):
                return outcome

    def _yield_to(self, refusal: str, model: str, question: Question) -> bool:
        """Ask more humbly from now on, if that is what the refusal is about and something is left to yield."""
        if _LIMIT_REFUSED.search(refusal) and model not in self._limit_names:
            self._limit_names[model] = (
                "max_tokens" if self._limit_name(model) != "max_tokens" else "max_completion_tokens"
            )
            return True
        rung = self._rungs.get(model, 0)
        if question.schema is not None and _FORMAT_REFUSED.search(refusal) and rung + 1 < len(RUNGS):
            self._rungs[model] = rung + 1
            return True
        return False

    def _limit_name(self, model: str) -> str:
        likely = "max_completion_tokens" if self._server.url == OPENAI_URL else "max_tokens"
        return self._limit_names.get(model, likely)

    async def _send(self, model: str, question: Question) -> Answer | Failed:
        """Make one call; every failure becomes a value."""
        rung = RUNGS[self._rungs.get(model, 0)]
        try:
            raw = await self._client.chat.completions.with_raw_response.create(
                model=model,
                # The SDK's type is a union of typed dicts; ours are the plain ones among them.
                messages=cast("list[ChatCompletionMessageParam]", question.messages_on(rung)),
                extra_headers={"X-Client-Request-Id": question.request_id} if question.request_id else None,
                extra_body={**question.format_on(rung), self._limit_name(model): self._settings.completion_tokens_max},
            )
        except openai.APIStatusError as error:
            return refused(self._server, model, error.response)
        except openai.APIConnectionError as error:
            timed_out = isinstance(error, openai.APITimeoutError)
            return unreachable(self._server, error.__cause__ or error, timed_out=timed_out)
        except _TooLarge:
            return Failed(error=too_large(self._server, self._settings.response_bytes_max))
        answer = read_answer(model, question, raw.http_response.content, raw.http_response.headers)
        return answer or garbled(self._server, raw.http_response)


class _TooLarge(Exception):
    """The body is longer than we read."""


def checked_url(base_url: str | None, key: str) -> str:
    """Say where the calls go.

    Raises:
        AskPerson: That is no http(s) address, or has a user in it, or the key is missing or cannot be sent.
    """
    url = (base_url or OPENAI_URL).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        # Not repeated: what stands there may be a password.
        raise AskPerson("`OPENAI_BASE_URL` is not of the form http(s)://host[:port]/v1.", next_step=URL_STEP)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise AskPerson("The key for the model has characters that no key has.", next_step=KEY_STEP, code="model_key")
    if url == OPENAI_URL and not key:
        raise AskPerson("No key for OpenAI is set.", next_step=KEY_STEP, code="model_key")
    return url


def make_http_client(settings: ModelSettings) -> httpx2.AsyncClient:
    """Build the transport: no redirects, no compression, limits on waits and on bytes.

    The limit on bytes is a hook and not a transport of our own, since that would switch off the proxies and
    certificates that the environment names.
    """

    async def bound(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _TooLarge  # Not asked for, and a small one may unpack to any size.
        response.stream = _Bounded(cast("httpx2.AsyncByteStream", response.stream), settings.response_bytes_max)

    return httpx2.AsyncClient(
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        timeout=httpx2.Timeout(settings.silence_seconds_max, connect=settings.connect_seconds_max),
        event_hooks={"response": [bound]},
    )


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error when it grows too long."""

    def __init__(self, stream: httpx2.AsyncByteStream, bytes_max: int) -> None:
        self._stream: Final = stream
        self._bytes_max: Final = bytes_max

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._stream:
            seen += len(chunk)
            if seen > self._bytes_max:
                raise _TooLarge
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
