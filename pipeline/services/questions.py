"""Questions: many questions to one model, a few at a time, and none more once it is clear that all would fail alike.

Promises that a failure which other questions would meet too (a wrong key, no connection, a time-out) is met
`failures_max` times, and by those calls that are under way then, and is afterwards answered without a call; that one
which lies in the question (too long, refused) stops no other. Does not try again and does not wait for a better time:
that is the engine's part.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict

from pipeline.engine.errors import AskPerson, GiveUp, OnceoverError, RetryLater
from pipeline.services.llm_question import Tool

Json: TypeAlias = Any  # A free JSON value: a schema, an answer.


class ChosenModel(BaseModel):
    """The model that a run's parameters name; an answer depends on all of it."""

    model_config = ConfigDict(frozen=True)

    model: str | None = None
    """None if none is to be asked."""
    fallback_models: tuple[str, ...] = ()
    base_url: str | None = None
    """None for the client's own default."""

    @property
    def identity(self) -> list[Json]:
        """What tells it from every other, as an input of a step."""
        return [self.model, list(self.fallback_models), self.base_url]


class Answer(Protocol):
    """What a model said, with its cost."""

    def as_json(self) -> dict[str, Json]:
        """Give it as a step keeps it."""


class Model(Protocol):
    """Whoever answers; structural, so that nobody loads a client who needs none."""

    async def ask(
        self,
        messages: Sequence[Mapping[str, Json]],
        *,
        schema: Json,
        schema_name: str,
        request_id: str | None,
        tools: Sequence[Tool] = (),
    ) -> Answer:
        """Ask once; raises `RetryLater`, `AskPerson` or `GiveUp`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What an answer should look like, if it is not to look like all others."""

    name: str
    schema: Json


@dataclass(slots=True, kw_only=True)
class Questions:
    """The questions of one try of a stage.

    Args:
        model: Answers them.
        schema: JSON Schema that the answers should fit.
        schema_name: Its name.
        at_once_max: Calls under way at the same time.
        failures_max: Failed calls after which no other is made; one is enough if a person has to act.
        seconds_max: Limit on one answer, if it is shorter than the model's own.
    """

    model: Model
    schema: Json
    schema_name: str
    at_once_max: int
    failures_max: int
    seconds_max: float | None = None
    walls: list[RetryLater | AskPerson] = field(default_factory=list, init=False)
    """Failures that other questions would meet too, in order."""
    _refusals: list[GiveUp] = field(default_factory=list, init=False)
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.at_once_max)

    async def ask(
        self,
        messages: Sequence[Mapping[str, Json]],
        request_id: str,
        *,
        form: Form | None = None,
        tools: Sequence[Tool] = (),
        on_turn: Callable[[], None] = lambda: None,
    ) -> dict[str, Json]:
        """Ask one question.

        Args:
            messages: The conversation so far.
            request_id: Names the call in the server's logs.
            form: Of this answer, if it differs from that of the others.
            tools: What the model may ask for. No form is enforced beside them: a server that enforces one leaves the
                model no way to call a tool.
            on_turn: Called when the question's turn has come, after those before it.

        Raises:
            RetryLater, AskPerson, GiveUp: The model's failure, or that of an earlier question.
        """
        async with self._slots:
            if self._is_hopeless:
                raise self.walls[-1]
            on_turn()
            try:
                answer = await self._ask_in_time(messages, request_id, form, tools)
            except (RetryLater, AskPerson) as error:
                self.walls.append(error)
                raise
            except GiveUp as error:
                self._refusals.append(error)
                raise
        return answer.as_json()

    async def _ask_in_time(
        self, messages: Sequence[Mapping[str, Json]], request_id: str, form: Form | None, tools: Sequence[Tool]
    ) -> Answer:
        form = form or Form(name=self.schema_name, schema=self.schema)
        limit = asyncio.timeout(self.seconds_max)
        try:
            async with limit:
                return await self.model.ask(
                    messages,
                    schema=None if tools else form.schema,
                    schema_name=form.name,
                    request_id=request_id,
                    tools=tools,
                )
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise RetryLater(
                f"The model did not answer within {self.seconds_max:g} s.", next_step="Ask again when it is less busy."
            ) from error

    def met(self, error: OnceoverError) -> bool:
        """Tell the model's own failures from those of whatever stands between."""
        return error in (*self.walls, *self._refusals)

    @property
    def _is_hopeless(self) -> bool:
        return len(self.walls) >= self.failures_max or any(isinstance(wall, AskPerson) for wall in self.walls)
