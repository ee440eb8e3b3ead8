"""LLM wire: one call to one model server, and whatever becomes of it as a value.

Promises that a call is sent once (the SDK's own retries are off), and that nothing of a request, the key least of
all, is in what comes back. Writes no log; those of the SDK and of its transport name methods and addresses, no texts.

This module imports `openai` (half a second of CPU): only what really talks to a model imports it.
"""

import asyncio
from typing import Final, cast
from urllib.parse import urlsplit, urlunsplit

import httpx2
import openai
from openai.types.chat import ChatCompletionMessageParam

from pipeline.services.llm_failures import Failed, Server, garbled, refused, too_large, unreachable
from pipeline.services.llm_http import TooLarge, make_http_client
from pipeline.services.llm_probe import LOOK_SECONDS_MAX, window_in_models, window_in_props
from pipeline.services.llm_question import Answer, Question, Rung, read_answer


class Wire:
    """The connection to a server; an async context is its owner's affair, `close` ends it.

    Args:
        server: Whom to call.
        connect_seconds_max: Until the connection stands.
        silence_seconds_max: Longest pause between two bytes.
        response_bytes_max: Longest body that is read.
    """

    def __init__(
        self, server: Server, *, connect_seconds_max: float, silence_seconds_max: float, response_bytes_max: int
    ) -> None:
        self._server: Final = server
        self._response_bytes_max: Final = response_bytes_max
        self._http: Final = make_http_client(
            connect_seconds_max=connect_seconds_max,
            silence_seconds_max=silence_seconds_max,
            response_bytes_max=response_bytes_max,
        )
        self._client: Final = openai.AsyncOpenAI(
            base_url=server.url,
            api_key=server.key or "none",  # The SDK insists; servers without keys ignore it.
            max_retries=0,
            http_client=self._http,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def send(
        self, model: str, question: Question, rung: Rung, *, limit_name: str, completion_tokens_max: int
    ) -> Answer | Failed:
        """Make one call; every failure becomes a value.

        Args:
            model: Who is asked.
            question: What.
            rung: How structure is asked for.
            limit_name: How the server calls the limit on the answer.
            completion_tokens_max: That limit.
        """
        try:
            raw = await self._client.chat.completions.with_raw_response.create(
                model=model,
                # The SDK's type is a union of typed dicts; ours are the plain ones among them.
                messages=cast("list[ChatCompletionMessageParam]", question.messages_on(rung)),
                extra_headers={"X-Client-Request-Id": question.request_id} if question.request_id else None,
                extra_body={**question.format_on(rung), **question.tools_asked, limit_name: completion_tokens_max},
            )
        except openai.APIStatusError as error:
            return refused(self._server, model, error.response)
        except openai.APIConnectionError as error:
            timed_out = isinstance(error, openai.APITimeoutError)
            return unreachable(self._server, error.__cause__ or error, timed_out=timed_out)
        except TooLarge:
            return Failed(error=too_large(self._server, self._response_bytes_max))
        answer = read_answer(model, question, raw.http_response.content, raw.http_response.headers)
        return answer or garbled(self._server, raw.http_response)

    async def look_up_window(self, model: str) -> int | None:
        """Ask the server how much the model reads; None if it does not tell, for whatever reason.

        llama.cpp lists what the model was trained for, and tells in `/props`, beside `/v1`, what it was started with.
        """
        parts = urlsplit(self._server.url)
        props = urlunsplit(parts._replace(path=f"{parts.path.removesuffix('/v1')}/props"))
        try:
            async with asyncio.timeout(LOOK_SECONDS_MAX):
                listed = await self._get(f"{self._server.url}/models")
                return window_in_models(listed, model) or (
                    window_in_props(await self._get(props)) if b"llamacpp" in listed else None
                )
        except TimeoutError:
            return None

    async def _get(self, url: str) -> bytes:
        """Read a page of the server; nothing if that fails: the question itself will say what is wrong."""
        headers = {"Authorization": f"Bearer {self._server.key}"} if self._server.key else {}
        try:
            response = await self._http.get(url, headers=headers)
        except (httpx2.HTTPError, TooLarge):
            return b""
        return response.content if response.is_success else b""
