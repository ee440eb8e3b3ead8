"""LLM probe: two small questions that show what a server does, not what it says.

Promises a question whose answer tells whether a schema is enforced (no model would fill it in by itself), and one
that tells whether tools are called. Some servers accept `response_format` and ignore it, and some know no `tools`;
asking once costs some hundred tokens, and a review asked on the wrong rung costs a repair turn each time.
Does not promise to be right about a model that is cut while it thinks: it then believes the server.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from pipeline.services.llm_question import Answer, Question, Rung, Tool
from pipeline.services.llm_room import is_window

PROBE_ID: Final = "onceover-probe"
"""`X-Client-Request-Id` of both, to tell them from questions in the server's logs."""

PROBE_TOKENS_MAX: Final = 2_000
"""What a probe may cost: a line, and the thoughts of a model that cannot help thinking."""

LOOK_SECONDS_MAX: Final = 10.0
"""How long a server may take to tell of its models; it is a courtesy, so none waits longer for it."""

_JSON: Final = TypeAdapter(Any)  # Any: a free JSON value, read by the one parser that we use for it.

_ANSWER: Final = {"probe": "ready"}

STRUCTURE: Final = Question(
    messages=({"role": "user", "content": "Say in one short sentence what a hash table is."},),
    schema={
        "type": "object",
        "properties": {"probe": {"type": "string", "enum": ["ready"]}},
        "required": ["probe"],
        "additionalProperties": False,
    },
    schema_name="probe",
    request_id=PROBE_ID,
    completion_tokens_max=PROBE_TOKENS_MAX,
)

TOOLS: Final = Question(
    messages=({"role": "user", "content": "Call the tool `ready` with the word `yes`. Do not answer otherwise."},),
    schema=None,
    schema_name="",
    request_id=PROBE_ID,
    completion_tokens_max=PROBE_TOKENS_MAX,
    tools=(
        Tool(
            name="ready",
            description="Says that tools can be called.",
            parameters={
                "type": "object",
                "properties": {"word": {"type": "string"}},
                "required": ["word"],
                "additionalProperties": False,
            },
        ),
    ),
)

TOOLS_REFUSED: Final = re.compile(r"tool|function|jinja", re.IGNORECASE)
"""How servers say that they know no tools; llama.cpp's asks for its option `--jinja`."""

_WINDOW_TOLD: Final = re.compile(
    r'"n_ctx"\s*:\s*(\d{3,9})|(?:maximum context length|context (?:size|window|length)) (?:is|of) (\d{3,9})',
    re.IGNORECASE,
)


def keeps_structure(answer: Answer, rung: Rung) -> bool:
    """Whether the answer to `STRUCTURE` shows that this rung works."""
    if answer.finish_reason == "length":
        return True
    value = _parsed(answer.text)
    return value == _ANSWER if rung == "json_schema" else isinstance(value, dict)


def calls_tools(answer: Answer) -> bool:
    """Whether the answer to `TOOLS` shows that tools are called."""
    if answer.finish_reason == "length":
        return True
    return any(call.name == "ready" and isinstance(_parsed(call.arguments), dict) for call in answer.tool_calls)


def window_in_refusal(text: str) -> int | None:
    """Find the context window in what a server wrote that found a prompt too long."""
    match = _WINDOW_TOLD.search(text)
    window = int(match[1] or match[2]) if match else None
    return window if is_window(window) else None


def window_in_models(body: bytes, model: str) -> int | None:
    """Find the context window in a list of models.

    vLLM tells `max_model_len`, routers `context_length`, some `meta.n_ctx`.
    """
    listed = _parsed(body)
    entries = listed.get("data") if isinstance(listed, dict) else None
    known = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    # A server of one model answers for it under any name.
    found = next((one for one in known if one.get("id") == model), known[0] if len(known) == 1 else {})
    meta = found.get("meta")
    told = (
        found.get("max_model_len"),
        found.get("context_length"),
        meta.get("n_ctx") if isinstance(meta, dict) else None,
    )
    return next((window for window in told if is_window(window)), None)


def window_in_props(body: bytes) -> int | None:
    """Find the context window of one slot in llama.cpp's `/props`."""
    props = _parsed(body)
    defaults = props.get("default_generation_settings") if isinstance(props, Mapping) else None
    window = defaults.get("n_ctx") if isinstance(defaults, Mapping) else None
    return window if is_window(window) else None


def _parsed(text: str | bytes) -> Any:  # noqa: ANN401 - a free JSON value.
    try:
        return _JSON.validate_json(text)
    except ValueError:
        return None
