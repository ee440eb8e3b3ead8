"""Tool messages: what was asked of tools and what they answered, as a conversation goes on with it.

Promises messages that every server takes, whatever a model wrote: ids of our own, arguments that are JSON, names of
the form that the protocol wants; and that an answer stands between two lines that it cannot contain, as the change
does. The same turn gives the same messages, byte by byte, so that what was sent before is a prefix of what is sent
next: steps find their answers again, and servers what they have read.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from pipeline.review.prompt import fenced
from pipeline.review.structured import AskedCall, ModelAnswer

BYTES_PER_TOKEN: Final = 3.0
"""UTF-8 bytes per token, on the safe side; what a conversation really took is told with each answer."""

SAID_CHARACTERS_MAX: Final = 2_000
"""Of what a model says beside its calls; it has to be read again with every further turn."""

ARGUMENTS_CHARACTERS_MAX: Final = 4_000
"""Longer arguments were refused, and need not be read again."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NO_NAME: Final = "unknown"

ToolMessage: TypeAlias = dict[str, Any]  # Any: what a message holds depends on its role.


def after_calls(turn: int, answer: ModelAnswer, results: Sequence[str], *, nonce: str) -> list[ToolMessage]:
    """Write what a turn adds to the conversation: the calls, and the answer to each in the same order.

    Args:
        turn: From 1; part of the calls' ids.
        answer: What the model said.
        results: What the tools answered, one for each call.
        nonce: See `build_prompt`.
    """
    ids = [f"t{turn:03d}c{place:04d}" for place in range(len(answer.tool_calls))]  # 9 letters: some servers insist.
    asked = [_asked(one, call) for one, call in zip(ids, answer.tool_calls, strict=True)]
    told = [
        {"role": "tool", "tool_call_id": one, "content": fenced(result, nonce)}
        for one, result in zip(ids, results, strict=True)
    ]
    return [
        {"role": "assistant", "content": answer.text[:SAID_CHARACTERS_MAX] or None, "tool_calls": asked},
        *told,
    ]


def tokens_of(value: object) -> int:
    """Guess what a JSON value costs in a prompt."""
    return -(-sum(len(text.encode(errors="replace")) for text in _texts(value)) // int(BYTES_PER_TOKEN))


def _asked(one: str, call: AskedCall) -> ToolMessage:
    name = call.name if _NAME.fullmatch(call.name) else _NO_NAME
    arguments = call.arguments if _is_object(call.arguments) else "{}"
    return {"id": one, "type": "function", "function": {"name": name, "arguments": arguments}}


def _is_object(arguments: str) -> bool:
    """Whether a server's template can read the arguments: some fall over what is no JSON object."""
    if len(arguments) > ARGUMENTS_CHARACTERS_MAX:
        return False
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _texts(value: object) -> Iterator[str]:
    """Give all names and texts of a JSON value."""
    match value:
        case str():
            yield value
        case Mapping():
            for name, part in value.items():
                yield str(name)
                yield from _texts(part)
        case list() | tuple():
            for part in value:
                yield from _texts(part)
