"""Tool: one thing that a model may ask for, as a value.

Promises a schema that strict servers take: every field required, nothing else allowed, no default and no title.
Arguments that a model leaves out although the schema asks for them get their default all the same: small models do so.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from pipeline.services.agent_tools.result import ToolResult

Schema: TypeAlias = Any  # Any: a free JSON value.

UNTOLD: Final = frozenset({"title", "default", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"})
"""Keywords that strict servers refuse, or small models copy; descriptions say the same, and pydantic checks it."""


class Arguments(BaseModel):
    """What a tool is asked with; a docstring of a sub-class is for us, its fields' descriptions are for the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Asked = TypeVar("Asked", bound=Arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[Asked]):
    """One tool.

    Args:
        name: Letters and underscores.
        description: When to use it and what comes back, for the model.
        arguments: Reads and checks what it is asked with.
        answer: Answers; deterministic for the same commit and arguments, except that git may be too slow.
    """

    name: str
    description: str
    arguments: type[Asked]
    answer: Callable[[Asked], Awaitable[ToolResult]]

    @property
    def schema(self) -> Schema:
        """JSON Schema of the arguments, strict."""
        return _strict(self.arguments.model_json_schema())

    def as_function(self) -> Schema:
        """Describe the tool as the OpenAI protocol has it in `tools`."""
        described = {"name": self.name, "description": self.description, "strict": True, "parameters": self.schema}
        return {"type": "function", "function": described}

    async def answer_json(self, arguments: str) -> ToolResult:
        """Answer arguments that are JSON and were checked before."""
        return await self.answer(self.arguments.model_validate_json(arguments))


def _strict(schema: Schema) -> Schema:
    """Make a schema strict, and all parts of it. Fields may have any name, so they are no keywords."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {name: _strict(value) for name, value in schema.items() if name not in UNTOLD and name != "properties"}
    if "properties" in schema:
        fields = {name: _strict(value) for name, value in schema["properties"].items()}
        kept |= {"properties": fields, "required": list(fields), "additionalProperties": False}
        kept.pop("description", None)
    return kept
