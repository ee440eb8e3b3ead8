"""Structured: a model's text becomes a checked value, or an outcome that says why not.

Promises that no text, however broken, raises; that at most one more question is asked to repair an answer; and that
every call made is handed back, since each is billed. What can be read is kept: fences, chatter around the JSON and an
end cut off at the token limit cost no second call. Does not promise that the value is true: a claim is checked by
whoever uses it.

The network is not here: `call` is the stage's way to a model, usually a step of the engine, so that a second try of
the stage finds the answers already paid for.
"""

import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.review.reports import Spend

TEXT_CHARACTERS_MAX: Final = 400_000
"""Longer texts are no answer; a full one has some 60,000 characters."""

BRACES_MAX: Final = 8
"""How many braces are tried as start and as end of the JSON: chatter around it may hold some of its own."""

PROBLEMS_MAX: Final = 10
"""How many faults the repair turn names; a model that needs more has not understood the task."""

REPEATED_CHARACTERS_MAX: Final = 20_000
"""How much of a bad answer is sent back to be repaired."""

Value = TypeVar("Value", bound=BaseModel)
Message: TypeAlias = dict[str, str]
Json: TypeAlias = Any  # A free JSON value, until it is validated.
Fault: TypeAlias = Mapping[str, Any]  # One of pydantic's error details.

_OBJECT: Final = TypeAdapter(dict[str, Any])  # Any: see Json.


class AskedCall(BaseModel):
    """A tool that the model asks for; nothing of it is checked."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = ""
    arguments: str = ""


class ModelAnswer(BaseModel):
    """One call, as the model client tells it and a step keeps it."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    text: str
    model: str = ""
    prompt_tokens: Annotated[int, Field(ge=0)] = 0
    completion_tokens: Annotated[int, Field(ge=0)] = 0
    cached_tokens: Annotated[int, Field(ge=0)] = 0
    cost_nanodollars: Annotated[int | None, Field(ge=0)] = None
    """None if no price is known."""
    finish_reason: str = "stop"
    request_id: str | None = None
    tool_calls: tuple[AskedCall, ...] = ()
    before: "tuple[ModelAnswer, ...]" = ()
    """Those of the same conversation that led to this one: turns in which the model looked things up."""

    @property
    def is_cut(self) -> bool:
        """Whether the model ran into its token limit."""
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable(Generic[Value]):
    """An answer that fits."""

    value: Value
    answers: tuple[ModelAnswer, ...]
    gaps: tuple[str, ...] = ()
    """What of the answer had to be left out, as clauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """No answer that fits, after the one repair."""

    reason: str
    answers: tuple[ModelAnswer, ...]


Call: TypeAlias = Callable[[list[Message]], Awaitable[Mapping[str, Json]]]
"""Ask a model once; the answer is `Answer.as_json()` of the model client."""


async def ask_structured(
    call: Call, messages: Sequence[Message], schema_model: type[Value]
) -> Usable[Value] | Unusable:
    """Ask, and if the answer does not fit, say why and ask once more.

    Args:
        call: Makes one billed call; its errors pass through.
        messages: The question.
        schema_model: What the answer has to fit; see `strict_schema` for what to tell the server.
    """
    first = ModelAnswer.model_validate(await call(list(messages)))
    read = read_answer(first, schema_model)
    if isinstance(read, Fits):
        return Usable(value=read.value, answers=(first,), gaps=read.gaps)
    second = ModelAnswer.model_validate(await call(repair_messages(messages, first, read)))
    for answer in (second, first):  # What is left of the first is better than nothing.
        again = read_answer(answer, schema_model, forgiving=True)
        if isinstance(again, Fits):
            return Usable(value=again.value, answers=(first, second), gaps=again.gaps)
    return Unusable(
        reason=f"its answer did not fit, nor did the repaired one ({read.problems[0]})", answers=(first, second)
    )


def spend_of(answers: Sequence[ModelAnswer]) -> Spend:
    """Add up what calls cost, those that led to an answer too."""
    calls = [call for answer in answers for call in (*answer.before, answer)]
    return Spend(
        calls=len(calls),
        prompt_tokens=sum(call.prompt_tokens for call in calls),
        completion_tokens=sum(call.completion_tokens for call in calls),
        cached_tokens=sum(call.cached_tokens for call in calls),
        priced_calls=sum(call.cost_nanodollars is not None for call in calls),
        cost_nanodollars=sum(call.cost_nanodollars or 0 for call in calls),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits(Generic[Value]):
    """A text that could be read."""

    value: Value
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfits:
    """A text that could not, with the reasons for the model to read."""

    problems: tuple[str, ...]


def read_answer(answer: ModelAnswer, schema_model: type[Value], *, forgiving: bool = False) -> Fits[Value] | Misfits:
    """Read a text as JSON that fits.

    Args:
        answer: What the model said.
        schema_model: What it should fit.
        forgiving: Leave out list items that do not fit, as is always done with the end of a cut answer.
    """
    if len(answer.text) > TEXT_CHARACTERS_MAX:
        return Misfits(problems=(f"the answer is longer than {TEXT_CHARACTERS_MAX} characters",))
    problems: tuple[str, ...] = ()
    for value, is_whole in candidates(answer.text):
        fits = fit(value, schema_model, forgiving=forgiving or not is_whole)
        if isinstance(fits, Fits):
            cut = () if is_whole else ("the answer broke off; remarks may be missing",)
            return Fits(value=fits.value, gaps=(*cut, *fits.gaps))
        problems = problems or fits.problems  # Of the likeliest.
    return Misfits(problems=problems or ("the answer holds no JSON object",))


def candidates(text: str) -> Iterator[tuple[Json, bool]]:
    """Find the JSON objects that a text may mean, the likeliest first, each with whether it is whole.

    A model that thinks aloud may write braces before the answer, so each is tried as its start. A text that breaks
    off is read as far as it is sure: up to the last sign that ends a value, since half a number is a number too.
    """
    spoken = text.rpartition("</think>")[2]
    starts = [brace.start() for brace in islice(re.finditer("{", spoken), BRACES_MAX)]
    ends = [brace.end() for brace in deque(re.finditer("}", spoken), maxlen=BRACES_MAX)]
    spans = ((start, end) for end in ends for start in starts if start < end)
    whole = {start: value for start, end in spans if (value := parsed(spoken[start:end]))}  # The longest wins.
    yield from ((whole[start], True) for start in starts if start in whole)
    sure = max(spoken.rfind(sign) for sign in '",]}') + 1
    cut = (parsed(spoken[start:sure], partly=True) for start in starts if start not in whole)
    yield from ((value, False) for value in cut if value)


def parsed(text: str, *, partly: bool = False) -> dict[str, Json] | None:
    """Parse JSON with the one parser that is used for it; None unless it is an object with something in it."""
    try:
        return _OBJECT.validate_json(text, experimental_allow_partial=partly) or None
    except ValueError:
        return None


def fit(value: Json, schema_model: type[Value], *, forgiving: bool) -> Fits[Value] | Misfits:
    """Validate, leaving out unfit list items if that is wanted and enough."""
    try:
        return Fits(value=schema_model.model_validate(value))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
    unfit = unfit_items(faults) if forgiving else None
    if not unfit:
        return Misfits(problems=tuple(described(fault) for fault in faults[:PROBLEMS_MAX]))
    kept = {
        name: [item for place, item in enumerate(items) if place not in unfit[name]] if name in unfit else items
        for name, items in value.items()
    }
    gap = f"{sum(map(len, unfit.values()))} of its remarks could not be read"
    again = fit(kept, schema_model, forgiving=False)
    return again if isinstance(again, Misfits) else Fits(value=again.value, gaps=(gap,))


def unfit_items(faults: Sequence[Fault]) -> dict[str, set[int]] | None:
    """Name the items of top-level lists that the faults are about; None if a fault is about something else."""
    unfit: dict[str, set[int]] = {}
    for fault in faults:
        match fault["loc"]:
            case (str(name), int(place), *_):
                unfit.setdefault(name, set()).add(place)
            case _:
                return None
    return unfit


def described(fault: Fault) -> str:
    """Say what is wrong and where, as the model wrote it."""
    return f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}"


def repair_messages(messages: Sequence[Message], answer: ModelAnswer, misfits: Misfits) -> list[Message]:
    """Write the question that gives a bad answer back with its faults."""
    faults = "\n".join(f"- {problem}" for problem in misfits.problems)
    return [
        *messages,
        {"role": "assistant", "content": answer.text[:REPEATED_CHARACTERS_MAX] or "(nothing)"},
        {
            "role": "user",
            "content": f"That answer cannot be used:\n{faults}\nAnswer the question again, whole, with one JSON object "
            "of the form described, and nothing before or after it.",
        },
    ]


def strict_schema(schema_model: type[BaseModel]) -> Json:
    """Write the JSON Schema that servers enforce: every field required, nothing else allowed.

    Defaults and titles are left out, since strict servers refuse the one and small models copy the other.
    """
    return stricter(schema_model.model_json_schema())


def stricter(schema: Json) -> Json:
    """Make one part of a schema strict, and all parts of it."""
    if isinstance(schema, list):
        return [stricter(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: {field: stricter(part) for field, part in value.items()}
        if name in {"properties", "$defs"}
        else stricter(value)
        for name, value in schema.items()
        if name not in {"title", "default"}
    }
    if "properties" in kept:
        kept |= {"required": list(kept["properties"]), "additionalProperties": False}
        kept.pop("description", None)  # A docstring: for us, not for the model.
    return kept
