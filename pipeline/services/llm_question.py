"""LLM question: what is asked and what came back, as it goes over the wire.

Promises that a schema reaches the model on every rung: as a parameter where the server takes one, else in words; that
an answer has a count of tokens even from a server that tells none; and that a call is never lost because of what the
server says about its price. Does not promise anything about the text.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

BYTES_PER_TOKEN: Final = 4
"""Guess for servers that do not say what an answer cost; zero would make them look free."""

REQUEST_ID_CHARACTERS_MAX: Final = 200
"""Of a server's name for a call, which goes into the journal."""

TOOL_CALLS_MAX: Final = 64
"""Taken from one answer; one that asks for more has lost its way."""

REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid", "x-litellm-call-id")
"""Where servers put their name for a call; the first that is there counts, else the completion's own id."""

Message: TypeAlias = Mapping[str, Any]
"""`{"role": "system" | "user" | "assistant" | "tool", "content": ...}`, and the fields that go with tools."""

Rung: TypeAlias = Literal["json_schema", "json_object", "prompt"]
RUNGS: Final[tuple[Rung, ...]] = get_args(Rung)
"""Ways to ask for structure, the strongest first."""

JsonSchema: TypeAlias = Mapping[str, Any]  # Any: a schema is a free JSON value.


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Something that the model may ask us to do."""

    name: str
    """Letters, digits, `_`, `-`."""
    description: str
    parameters: JsonSchema

    def as_json(self) -> dict[str, Any]:  # Any: a JSON value.
        """Give it as the protocol does."""
        told = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": told}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The model asks for a tool; neither the name nor the arguments are checked."""

    id: str
    name: str
    arguments: str
    """JSON, if the model keeps to it."""


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
    cached_tokens: int = 0
    """Those of the prompt's that the server had read before."""
    reasoning_tokens: int = 0
    """Those of the completion's that nobody gets to read."""
    is_usage_told: bool = True
    """The server told the tokens; false: they are guessed."""
    cost_nanodollars: int | None = None
    """None if no price is known."""
    tool_calls: tuple[ToolCall, ...] = ()

    def as_json(self) -> dict[str, Any]:  # Any: a JSON value; the engine's type for it is invariant.
        """Give the answer as a JSON value, for a step."""
        return {**asdict(self), "tool_calls": [asdict(call) for call in self.tool_calls]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, apart from whom."""

    messages: Sequence[Message]
    schema: JsonSchema | None
    schema_name: str
    request_id: str | None
    tools: Sequence[Tool] = ()
    completion_tokens_max: int | None = None
    """What the answer may take, if that is less than the client's own limit."""

    @property
    def guessed_tokens(self) -> int:
        """About what the messages cost."""
        return guessed_tokens("".join(str(message.get("content") or "") for message in self.messages))

    def bytes_on(self, rung: Rung) -> int:
        """Say how long the whole question is, in UTF-8 bytes: conversation, schema and tools, wherever they stand."""
        parts = [*self.messages_on(rung), self.format_on(rung), *self.tools_asked.get("tools", ())]
        return sum(len(text.encode()) for part in parts for text in _texts(part))

    @property
    def tools_asked(self) -> dict[str, list[dict[str, Any]]]:  # Any: JSON values.
        """Write the parameter that offers tools, if any."""
        return {"tools": [tool.as_json() for tool in self.tools]} if self.tools else {}

    def messages_on(self, rung: Rung) -> list[dict[str, Any]]:  # Any: JSON values.
        """Write the conversation; a schema that is not enforced becomes part of it."""
        messages = [{name: _sendable(value) for name, value in message.items()} for message in self.messages]
        if self.schema is None or rung == "json_schema":
            return messages
        told = "Answer with one JSON object and nothing else. It has to fit this JSON Schema:\n"
        return [*messages, {"role": "user", "content": told + json.dumps(self.schema, ensure_ascii=False)}]

    def format_on(self, rung: Rung) -> dict[str, object]:
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
    calls = (choice.message.tool_calls or [])[:TOOL_CALLS_MAX]
    text = choice.message.content or choice.message.refusal or ""
    written = text + "".join(call.function.arguments for call in calls)
    return Answer(
        text=text,
        model=model,
        prompt_tokens=usage.prompt_tokens if usage else question.guessed_tokens,
        completion_tokens=usage.completion_tokens if usage else guessed_tokens(written),
        finish_reason=choice.finish_reason or "stop",
        request_id=request_id(headers, completion.id),
        cached_tokens=usage.cached_tokens if usage else 0,
        reasoning_tokens=usage.reasoning_tokens if usage else 0,
        is_usage_told=usage is not None,
        tool_calls=tuple(
            ToolCall(id=call.id or str(place), name=call.function.name, arguments=call.function.arguments)
            for place, call in enumerate(calls)
        ),
    )


def request_id(headers: Mapping[str, str], completion_id: str | None = None) -> str | None:
    """Find the server's name for a call; as foreign text it is cut, and what a terminal would obey is taken out."""
    told = next((headers[name] for name in REQUEST_ID_HEADERS if headers.get(name)), completion_id)
    return "".join(filter(str.isprintable, (told or "")[:REQUEST_ID_CHARACTERS_MAX])) or None


def guessed_tokens(text: str) -> int:
    """Guess what a text costs."""
    return -(-len(sendable(text).encode()) // BYTES_PER_TOKEN)


def sendable(text: str) -> str:
    """Replace what UTF-8 cannot carry (half a surrogate pair) by `?`."""
    return text.encode(errors="replace").decode()


def _sendable(value: Any) -> Any:  # noqa: ANN401 - a free JSON value.
    match value:
        case str():
            return sendable(value)
        case Mapping():
            return {name: _sendable(part) for name, part in value.items()}
        case list() | tuple():
            return [_sendable(part) for part in value]
        case _:
            return value


def _texts(value: object) -> Iterator[str]:
    """Give all that a model reads of a JSON value: names and texts."""
    match value:
        case str():
            yield sendable(value)
        case Mapping():
            for name, part in value.items():
                yield str(name)
                yield from _texts(part)
        case list() | tuple():
            for part in value:
                yield from _texts(part)


def _or_nothing(value: Any, read: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - whatever stands there.
    """Take what cannot be read for left out: the answer beside it is paid for."""
    try:
        return read(value)
    except ValidationError:
        return None


class _Function(BaseModel):
    name: str
    arguments: str = "{}"


class _Called(BaseModel):
    id: str | None = None
    function: _Function


class _Said(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Called] | None = None


class _Choice(BaseModel):
    message: _Said
    finish_reason: str | None = None


class _Cached(BaseModel):
    cached_tokens: int | None = Field(default=None, ge=0)


class _Thought(BaseModel):
    reasoning_tokens: int | None = Field(default=None, ge=0)


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    prompt_tokens_details: Annotated[_Cached | None, WrapValidator(_or_nothing)] = None
    completion_tokens_details: Annotated[_Thought | None, WrapValidator(_or_nothing)] = None

    @property
    def cached_tokens(self) -> int:
        told = self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens
        return min(told or 0, self.prompt_tokens)

    @property
    def reasoning_tokens(self) -> int:
        return (self.completion_tokens_details and self.completion_tokens_details.reasoning_tokens) or 0


class _Completion(BaseModel):
    """The few fields of a chat completion that we read: a stricter model would refuse honest servers."""

    id: Annotated[str | None, WrapValidator(_or_nothing)] = None
    choices: list[_Choice] = Field(min_length=1)
    usage: Annotated[_Usage | None, WrapValidator(_or_nothing)] = None
