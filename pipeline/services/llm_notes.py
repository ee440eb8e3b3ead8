"""LLM notes: what has been found out about one model on one server, so that it is found out once.

Promises that a note which cannot be read counts as none. Does not promise that a note survives two processes that
write it at once: the later one wins, and at worst something is found out again.
"""

from collections.abc import Callable
from typing import Annotated, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.services.llm_estimate import (
    BYTES_PER_TOKEN_AT_FIRST,
    BYTES_PER_TOKEN_MAX,
    BYTES_PER_TOKEN_MIN,
    TokenEstimate,
)
from pipeline.services.llm_question import Rung
from pipeline.services.llm_room import CONTEXT_TOKENS_MAX, CONTEXT_TOKENS_MIN

LimitName: TypeAlias = Literal["max_tokens", "max_completion_tokens"]
"""How servers call the limit on an answer."""


class Notes(Protocol):
    """Where notes are kept; the roof decides where and for how long.

    Neither method raises: a lost note costs a small question, a raised error would cost a paid answer. A store should
    let a note expire after some days, since servers learn.
    """

    async def recall(self, name: str) -> str | None:
        """Give the newest text by that name, if there is one."""

    async def remember(self, name: str, text: str) -> None:
        """Keep a text by that name, in place of an older one."""


class OwnNotes:
    """Notes that live as long as the process."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    async def recall(self, name: str) -> str | None:
        """Give the newest text by that name, if there is one."""
        return self._texts.get(name)

    async def remember(self, name: str, text: str) -> None:
        """Keep a text by that name, in place of an older one."""
        self._texts[name] = text


class ModelNote(BaseModel):
    """What is known of one model on one server; None is what has not been found out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    rung: Rung | None = None
    """The strongest way to ask for structure that works."""
    tools: bool | None = None
    """Whether it calls a tool that it is given."""
    limit_name: LimitName | None = None
    """The one that the server knows, if it refused the other."""
    context_tokens: Annotated[int | None, Field(ge=CONTEXT_TOKENS_MIN, le=CONTEXT_TOKENS_MAX)] = None
    """The window, as the server told it."""
    window_asked: bool = False
    """Whether the server was asked for its window."""
    bytes_per_token: Annotated[float, Field(ge=BYTES_PER_TOKEN_MIN, le=BYTES_PER_TOKEN_MAX)] = BYTES_PER_TOKEN_AT_FIRST
    spread: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    samples: Annotated[int, Field(ge=0)] = 0

    @property
    def estimate(self) -> TokenEstimate:
        """What is known of its tokenizer."""
        return TokenEstimate(bytes_per_token=self.bytes_per_token, spread=self.spread, samples=self.samples)

    def with_estimate(self, estimate: TokenEstimate) -> "ModelNote":
        """Note what was learnt of its tokenizer."""
        return self.model_copy(
            update={
                "bytes_per_token": estimate.bytes_per_token,
                "spread": estimate.spread,
                "samples": estimate.samples,
            }
        )


class Notebook:
    """The notes on the models of one server.

    Args:
        notes: Where they are kept.
        server: Base URL; part of each name, since one model differs from server to server.
    """

    def __init__(self, notes: Notes, server: str) -> None:
        self._notes = notes
        self._server = server
        self._read: dict[str, ModelNote] = {}

    async def open(self, model: str) -> ModelNote:
        """Give the note on a model, an empty one if there is none; the store is asked once."""
        if model not in self._read:
            text = await self._notes.recall(self._name(model))
            self._read.setdefault(model, _parsed(text))  # Another question may have read it meanwhile.
        return self._read[model]

    def known(self, model: str) -> ModelNote:
        """Give the note on a model that was opened."""
        return self._read.get(model, ModelNote())

    async def change(self, model: str, change: Callable[[ModelNote], ModelNote]) -> None:
        """Write a note anew; what would stay the same is not written."""
        before = self.known(model)
        after = self._read[model] = change(before)
        if after != before:
            await self._notes.remember(self._name(model), after.model_dump_json(exclude_defaults=True))

    def _name(self, model: str) -> str:
        return f"{self._server}#{model}"


def _parsed(text: str | None) -> ModelNote:
    try:
        return ModelNote.model_validate_json(text or "{}")
    except ValidationError:
        return ModelNote()
