"""LLM question: what is asked and what came back, as it goes over the wire.

Promises that a schema reaches the model on every rung: as a parameter where the server takes one, else in words; and
that an answer has a cost even from a server that tells none. Does not promise anything about the text.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, Field, ValidationError

BYTES_PER_TOKEN: Final = 4
"""Guess for servers that do not say what an answer cost; zero would make them look free."""

RUNGS: Final = ("json_schema", "json_object", "prompt")
"""Ways to ask for structure, the strongest first."""

Message: TypeAlias = Mapping[str, str]
"""`{"role": "system" | "user" | "assistant", "content": ...}`."""

JsonSchema: TypeAlias = Mapping[str, Any]  # Any: a schema is a free JSON value.


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call brought and what it cost, whatever the text is worth."""

    text: str
    model: str
    """The model that was asked: the first choice or a fallback."""
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    """`stop`, `length` (cut at the limit), `content_filter`, or what else the server says."""
    request_id: str | None
    """The server's name for this call, for a question to its operator."""

    def as_json(self) -> dict[str, Any]:  # Any: a JSON value; the engine's type for it is invariant.
        """Give the answer as a JSON value, for a step."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, apart from whom."""

    messages: Sequence[Message]
    schema: JsonSchema | None
    schema_name: str
    request_id: str | None

    @property
    def guessed_tokens(self) -> int:
        """About what the messages cost."""
        return guessed_tokens("".join(message["content"] for message in self.messages))

    def messages_on(self, rung: str) -> list[dict[str, str]]:
        """Write the conversation; a schema that is not enforced becomes part of it."""
        messages = [{name: sendable(text) for name, text in message.items()} for message in self.messages]
        if self.schema is None or rung == "json_schema":
            return messages
        told = "Answer with one JSON object and nothing else. It has to fit this JSON Schema:\n"
        return [*messages, {"role": "user", "content": told + json.dumps(self.schema, ensure_ascii=False)}]

    def format_on(self, rung: str) -> dict[str, object]:
        """Write the parameter that asks for structure, if any."""
        if self.schema is None or rung == "prompt":
            return {}
        if rung == "json_object":
            return {"response_format": {"type": "json_object"}}
        described = {"name": self.schema_name, "strict": True, "schema": self.schema}
        return {"response_format": {"type": "json_schema", "json_schema": described}}


def read_answer(model: str, question: Question, body: bytes, headers: Mapping[str, str]) -> Answer | None:
    """Read the body of a chat completion; None if it is none."""
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError:
        return None
    choice, usage = completion.choices[0], completion.usage
    text = choice.message.content or choice.message.refusal or ""
    return Answer(
        text=text,
        model=model,
        prompt_tokens=usage.prompt_tokens if usage else question.guessed_tokens,
        completion_tokens=usage.completion_tokens if usage else guessed_tokens(text),
        finish_reason=choice.finish_reason or "stop",
        request_id=headers.get("x-request-id"),
    )


def guessed_tokens(text: str) -> int:
    """Guess what a text costs."""
    return -(-len(sendable(text).encode()) // BYTES_PER_TOKEN)


def sendable(text: str) -> str:
    """Replace what UTF-8 cannot carry (half a surrogate pair) by `?`."""
    return text.encode(errors="replace").decode()


class _Said(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Said
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class _Completion(BaseModel):
    """The few fields of a chat completion that we read: a stricter model would refuse honest servers."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None
