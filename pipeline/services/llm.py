"""LLM: one question to one OpenAI-compatible server, and its answer as it was given.

Promises a limit on every wait and on every byte; that a call is sent once (the SDK's own retries are off); that the
text and the cost of an answer come back even if the text is rubbish; that the key goes to the configured server only
and stands in no message, repr or log of ours; that no text of a question or an answer is logged; and that each
failure is an error of the tree that says what helps.
Does not promise that an answer fits its schema: whoever asks validates.

What a server can do is found out once for each model and noted (`Notes`):

- *Rungs*: `json_schema`, then `json_object`, then the prompt alone. A small question shows which one works, before the
  first that wants structure: servers accept a schema and ignore it. A rung is also left when it is refused later.
- *Tools*: a small question shows whether they are called, before the first that offers some.
- *Limit name*: OpenAI wants `max_completion_tokens`, many servers know only `max_tokens`; a 400 that names one leads
  to the other.
- *Window*: from the catalogue, else from the server's own list of models or its refusal. A question that cannot fit
  is not sent; the limit on the answer is lowered to what is left. `room` says beforehand what fits.
- *Tokenizer*: each bill teaches how many bytes a token has.

*Fallback models*: the next one is asked if the reason lies with the model (unknown, not allowed, rate-limited, 5xx,
a window too small). It is not asked if it would meet the same wall (wrong key, no money, no connection, a time-out) or
if the prompt is at fault (refused).

This module imports `openai` (half a second of CPU): only what really talks to a model imports it.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Protocol, Self

from pydantic import SecretStr

from pipeline.engine.errors import OnceoverError, RetryLater
from pipeline.services.llm_catalogue import DEFAULT, OPENAI_URL, Catalogue
from pipeline.services.llm_failures import Failed, Server, no_tools, out_of_time, too_long
from pipeline.services.llm_http import checked_url
from pipeline.services.llm_notes import LimitName, Notebook, Notes, OwnNotes
from pipeline.services.llm_probe import (
    PROBE_ID,
    STRUCTURE,
    TOOLS,
    TOOLS_REFUSED,
    calls_tools,
    keeps_structure,
    window_in_refusal,
)
from pipeline.services.llm_question import RUNGS, Answer, JsonSchema, Message, Question, Rung, Tool
from pipeline.services.llm_room import Room, completion_tokens, room_for
from pipeline.services.llm_wire import Wire
from pipeline.services.prospects import Prospects

_FORMAT_REFUSED: Final = re.compile(r"response_format|json.schema|json.object|grammar|structured.output", re.IGNORECASE)
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
    """One question from start to end, probes, rungs and fallbacks included."""
    connect_seconds_max: float = 10.0
    """Until the connection stands, and for a free one in the pool."""
    silence_seconds_max: float = 240.0
    """Longest pause between two bytes; a model that thinks says nothing for minutes."""
    completion_tokens_max: int = 16_000
    """What the model may write, hidden reasoning included."""
    response_bytes_max: int = 4_000_000
    """Longest HTTP body that is read: some fifty times the longest answer that the token limit allows."""
    probes: bool = True
    """Whether small questions find out what the server does; else it is believed until it refuses."""
    catalogue: Catalogue = DEFAULT
    """Prices and windows."""


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


class Listener(Protocol):
    """Whoever keeps the books: told of every call, a probe as well, before the answer is handed out; must not raise."""

    async def heard(self, answer: Answer, *, asked_by: str | None, is_probe: bool) -> None:
        """Take note of a call that is billed.

        Args:
            answer: Its model, tokens, cost and the server's name for it.
            asked_by: The `request_id` of the question, or of the one that a probe was made for.
            is_probe: Whether it was a probe.
        """

    async def failed(
        self, model: str, code: str, request_id: str | None, *, asked_by: str | None, is_probe: bool
    ) -> None:
        """Take note of a call that failed: the error's code, and the server's name for the call if it gave one."""


class OpenAiModel:
    """A server that speaks the OpenAI protocol; an async context manager that closes its connections.

    Args:
        settings: Which model, which server, which limits.
        notes: Where it is kept what the server can do; in memory if unset.
        listener: Told of every call.

    Raises:
        AskPerson: The base URL is none or has a user in it, or OpenAI is meant and there is no key.
    """

    def __init__(
        self, settings: ModelSettings, *, notes: Notes | None = None, listener: Listener | None = None
    ) -> None:
        key = settings.api_key.get_secret_value()
        self._settings: Final = settings
        self._server: Final = Server(url=checked_url(settings.base_url, key), key=key)
        self._listener: Final = listener
        self._notebook: Final = Notebook(notes or OwnNotes(), self._server.url)
        self._probing: Final[defaultdict[str, asyncio.Lock]] = defaultdict(asyncio.Lock)
        self._wire: Final = Wire(
            self._server,
            connect_seconds_max=settings.connect_seconds_max,
            silence_seconds_max=settings.silence_seconds_max,
            response_bytes_max=settings.response_bytes_max,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.close()

    async def ask(
        self,
        messages: Sequence[Message],
        *,
        schema: JsonSchema | None = None,
        schema_name: str = "answer",
        request_id: str | None = None,
        tools: Sequence[Tool] = (),
        completion_tokens_max: int | None = None,
    ) -> Answer:
        """Ask the first model that can answer.

        Args:
            messages: The conversation so far.
            schema: JSON Schema that the text should fit; enforced by the server if it can.
            schema_name: Its name in the protocol: letters, digits, `_`, `-`.
            request_id: Sent as `X-Client-Request-Id`, to find the call in the server's own logs.
            tools: What the model may ask us to do; see `can_call_tools`.
            completion_tokens_max: What the answer may take, if that is less than the settings allow.

        Raises:
            RetryLater: A time-out, a refused connection, a rate limit, a 5xx, a garbled answer.
            AskPerson: Key, permission, money, model name or base URL have to be put right.
            GiveUp: The prompt is too long, the server refuses it or calls no tools, or the answer is longer than we
                read.
        """
        question = Question(
            messages=messages,
            schema=schema,
            schema_name=schema_name,
            request_id=request_id,
            tools=tools,
            completion_tokens_max=completion_tokens_max,
        )
        try:
            async with asyncio.timeout(self._settings.seconds_max):
                outcome = await self._ask_models(question)
        except TimeoutError:
            outcome = out_of_time(self._server, self._settings.seconds_max)
        if isinstance(outcome, OnceoverError):
            raise outcome  # Here, where no foreign error is being handled: theirs hold requests, and so the key.
        return outcome

    async def can_call_tools(self, *, request_id: str | None = None) -> bool:
        """Say whether the first choice calls tools that it is given; asks it once, and notes the answer.

        Args:
            request_id: Of the question that wants to know, for the books.

        Raises:
            OnceoverError: It could not be asked; as `ask`.
        """
        model = self._settings.model
        note = await self._notebook.open(model)
        error: OnceoverError | None = None
        if note.tools is None:
            try:
                async with asyncio.timeout(self._settings.seconds_max):
                    failed = await self._probe(model, replace(TOOLS, request_id=request_id))
                error = failed.error if failed else None
            except TimeoutError:
                error = out_of_time(self._server, self._settings.seconds_max)
        if error is not None:
            raise error  # Here, as in `ask`.
        return self._notebook.known(model).tools is not False

    async def room(self) -> Room:
        """Say what a prompt for the first choice may take; a fallback that cannot take as much is passed over."""
        model = self._settings.model
        note = await self._notebook.open(model)
        facts = self._settings.catalogue.facts(model, self._server.url)
        if facts.context_tokens is None and not note.window_asked:
            async with self._probing[model]:
                await self._find_window(model)
        limits = (self._settings.completion_tokens_max, facts.completion_tokens_max)
        return room_for(
            model,
            context_tokens=self._window(model),
            completion_tokens_max=min(limit for limit in limits if limit is not None),
            estimate=self._notebook.known(model).estimate,
        )

    async def prospects(self) -> Prospects:
        """Say what is known of the first choice before it is asked; costs nothing."""
        model = self._settings.model
        room = await self.room()
        return Prospects(
            model=model,
            context_tokens=room.context_tokens,
            is_window_told=room.is_told,
            prompt_tokens_max=room.prompt_tokens_max,
            prompt_bytes_max=room.prompt_bytes_max,
            bytes_per_token=self._notebook.known(model).bytes_per_token,
            facts=self._settings.catalogue.facts(model, self._server.url),
        )

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
        """Ask one model, after finding out what it can do and whether the question fits."""
        await self._notebook.open(model)
        failed = await self._probe(model, question)
        if failed is not None:
            return failed
        if question.tools and self._notebook.known(model).tools is False:
            return no_tools(self._server, model)
        while True:  # More humbly each time that it refuses the form of the request; ends, as rungs are few.
            outcome = await self._send(model, question, self._rung(model), question.request_id)
            if isinstance(outcome, Answer):
                return outcome
            if not await self._yield_to(outcome.refused, model, question):
                return outcome

    async def _probe(self, model: str, question: Question) -> Failed | None:
        """Find out what has to be known for a question and is not; one asks, the others wait for what it learns."""
        if not self._settings.probes or (question.schema is None and not question.tools):
            return None
        failed: Failed | None = None
        async with self._probing[model]:
            await self._find_window(model)
            if question.schema is not None and self._notebook.known(model).rung is None:
                failed = await self._probe_structure(model, question.request_id)
            if question.tools and self._notebook.known(model).tools is None and failed is None:
                failed = await self._probe_tools(model, question.request_id)
        return failed

    async def _probe_structure(self, model: str, asked_by: str | None) -> Failed | None:
        """Find the strongest rung that works; what is refused for another reason tells nothing and is not noted."""
        for rung in RUNGS[:-1]:
            outcome = await self._send(model, STRUCTURE, rung, asked_by)
            if isinstance(outcome, Failed):
                if not outcome.refused:
                    return outcome
                if not _FORMAT_REFUSED.search(outcome.refused):
                    return None
            elif keeps_structure(outcome, rung):
                await self._note_rung(model, rung)
                return None
        await self._note_rung(model, "prompt")
        return None

    async def _probe_tools(self, model: str, asked_by: str | None) -> Failed | None:
        outcome = await self._send(model, TOOLS, "prompt", asked_by)
        if isinstance(outcome, Failed):
            if not outcome.refused:
                return outcome
            if not TOOLS_REFUSED.search(outcome.refused):
                return None
        can = isinstance(outcome, Answer) and calls_tools(outcome)
        await self._notebook.change(model, lambda note: note.model_copy(update={"tools": can}))
        return None

    async def _find_window(self, model: str) -> None:
        """Ask the server for the window, if neither the catalogue nor a note tells; OpenAI's own does not."""
        note = self._notebook.known(model)
        if note.window_asked or self._window(model) is not None or self._server.url == OPENAI_URL:
            return
        found = await self._wire.look_up_window(model)
        await self._notebook.change(
            model,
            lambda note: note.model_copy(update={"window_asked": True, "context_tokens": note.context_tokens or found}),
        )

    async def _send(self, model: str, question: Question, rung: Rung, asked_by: str | None) -> Answer | Failed:
        """Send a question that fits, under the name of the limit that the server knows, and keep the books.

        Args:
            model: Who is asked.
            question: What: the question itself, or a probe.
            rung: How structure is asked for.
            asked_by: On whose account.
        """
        limit = self._completion_tokens(model, question, rung)
        if limit is None:
            return self._too_long(model, question, rung)
        outcome = await self._call(model, question, rung, limit, asked_by)
        if isinstance(outcome, Failed) and _LIMIT_REFUSED.search(outcome.refused):
            if self._notebook.known(model).limit_name is not None:
                return outcome
            other: LimitName = "max_completion_tokens" if self._limit_name(model) == "max_tokens" else "max_tokens"
            await self._notebook.change(model, lambda note: note.model_copy(update={"limit_name": other}))
            outcome = await self._call(model, question, rung, limit, asked_by)
        if isinstance(outcome, Failed):
            return outcome
        return await self._booked(outcome, question, rung, asked_by)

    async def _call(
        self, model: str, question: Question, rung: Rung, limit: int, asked_by: str | None
    ) -> Answer | Failed:
        outcome = await self._wire.send(
            model, question, rung, limit_name=self._limit_name(model), completion_tokens_max=limit
        )
        if isinstance(outcome, Failed) and self._listener is not None:
            code, is_probe = outcome.error.error_code, question.request_id == PROBE_ID
            await self._listener.failed(model, code, outcome.request_id, asked_by=asked_by, is_probe=is_probe)
        return outcome

    async def _booked(self, answer: Answer, question: Question, rung: Rung, asked_by: str | None) -> Answer:
        """Put a price on an answer, learn from its bill and tell who listens."""
        facts = self._settings.catalogue.facts(answer.model, self._server.url)
        priced = replace(
            answer,
            cost_nanodollars=facts.cost_nanodollars(
                prompt_tokens=answer.prompt_tokens,
                cached_tokens=answer.cached_tokens,
                completion_tokens=answer.completion_tokens,
            ),
        )
        if answer.is_usage_told:
            await self._notebook.change(
                answer.model,
                lambda note: note.with_estimate(note.estimate.learn(question.bytes_on(rung), answer.prompt_tokens)),
            )
        if self._listener is not None:
            await self._listener.heard(priced, asked_by=asked_by, is_probe=question.request_id == PROBE_ID)
        return priced

    async def _yield_to(self, refusal: str, model: str, question: Question) -> bool:
        """Ask more humbly from now on, if that is what the refusal is about and something is left to yield."""
        window = window_in_refusal(refusal)
        if window is not None:
            await self._notebook.change(model, lambda note: note.model_copy(update={"context_tokens": window}))
            return False
        rung = self._rung(model)
        if question.schema is None or not _FORMAT_REFUSED.search(refusal) or rung == RUNGS[-1]:
            return False
        await self._note_rung(model, RUNGS[RUNGS.index(rung) + 1])
        return True

    async def _note_rung(self, model: str, rung: Rung) -> None:
        await self._notebook.change(model, lambda note: note.model_copy(update={"rung": rung}))

    def _rung(self, model: str) -> Rung:
        return self._notebook.known(model).rung or RUNGS[0]

    def _limit_name(self, model: str) -> LimitName:
        likely: LimitName = "max_completion_tokens" if self._server.url == OPENAI_URL else "max_tokens"
        return self._notebook.known(model).limit_name or likely

    def _window(self, model: str) -> int | None:
        """Give the context window as the operator or our table tells it, else as the server does."""
        facts = self._settings.catalogue.facts(model, self._server.url)
        return facts.context_tokens or self._notebook.known(model).context_tokens

    def _completion_tokens(self, model: str, question: Question, rung: Rung) -> int | None:
        facts = self._settings.catalogue.facts(model, self._server.url)
        limits = (
            self._settings.completion_tokens_max,
            question.completion_tokens_max,
            facts.completion_tokens_max,
        )
        return completion_tokens(
            min(limit for limit in limits if limit is not None),
            context_tokens=self._window(model),
            prompt_tokens=self._notebook.known(model).estimate.tokens_at_most(question.bytes_on(rung)),
        )

    def _too_long(self, model: str, question: Question, rung: Rung) -> Failed:
        tokens = self._notebook.known(model).estimate.tokens(question.bytes_on(rung))
        return too_long(self._server, model, tokens=tokens, context_tokens=self._window(model) or 0)
