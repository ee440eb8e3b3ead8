"""A model with a script: what it says turn by turn, what it was shown, and nothing that it could know besides."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pipeline.engine.errors import OnceoverError
from pipeline.services.llm_catalogue import ModelFacts
from pipeline.services.llm_question import Answer, Tool, ToolCall
from pipeline.services.prospects import Prospects

Conversation: TypeAlias = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question as it arrived."""

    messages: list[dict[str, Any]]
    tools: list[str]
    schema_name: str | None
    """None if no form was enforced."""

    @property
    def text(self) -> str:
        """All that the model got to read."""
        return json.dumps(self.messages, ensure_ascii=False)


@dataclass
class TalkingModel:
    """Says what its script says: by the number of the call, or by what it is shown.

    Args:
        script: What to say; the last entry is said for ever. An error is raised.
        obey: Chooses instead by what it reads; None leaves it to the script.
    """

    script: list[Answer | OnceoverError] = field(default_factory=list)
    obey: Callable[[Asked], Answer | None] | None = None
    asked: list[Asked] = field(default_factory=list)

    async def prospects(self) -> Prospects:
        """Offer a window that is never full."""
        return Prospects(
            model="small",
            context_tokens=128_000,
            is_window_told=True,
            prompt_tokens_max=100_000,
            prompt_bytes_max=300_000,
            bytes_per_token=4.0,
            facts=ModelFacts(),
        )

    async def ask(
        self,
        messages: Conversation,
        *,
        schema: object,
        schema_name: str,
        request_id: str | None,
        tools: Sequence[Tool] = (),
    ) -> Answer:
        """Say the next thing."""
        del request_id
        asked = Asked(
            messages=[dict(message) for message in messages],
            tools=[tool.name for tool in tools],
            schema_name=None if schema is None else schema_name,
        )
        self.asked.append(asked)
        chosen = self.obey(asked) if self.obey else None
        said = chosen or self.script[min(len(self.asked), len(self.script)) - 1]
        if isinstance(said, OnceoverError):
            raise said
        return said


def says(value: object, *, text: str = "") -> Answer:
    """Make an answer that holds a JSON value, or a text."""
    return an_answer(text=text or json.dumps(value))


def calls(*wanted: tuple[str, Mapping[str, object]], text: str = "") -> Answer:
    """Make an answer that asks for tools."""
    asked = tuple(
        ToolCall(id=f"theirs-{place}", name=name, arguments=json.dumps(arguments))
        for place, (name, arguments) in enumerate(wanted)
    )
    return an_answer(text=text, tool_calls=asked, finish_reason="tool_calls")


def an_answer(**changes: Any) -> Answer:  # noqa: ANN401 - fields differ in type.
    """Make an answer of 100 and 10 tokens."""
    usual: dict[str, Any] = {
        "text": "",
        "model": "small",
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "finish_reason": "stop",
        "request_id": None,
    }
    return Answer(**{**usual, **changes})
