"""Refusal: what the model says of a value, in words that tell how to correct it.

Promises for each error of the model what was received and what is expected, for a misspelt name the nearest one, and
for the usual slips (a shell string, a number for a text, `yes` for `true`) what to write instead.
"""

import json
from collections.abc import Mapping
from typing import Final

from pipeline.review.configuration.model import as_words
from pipeline.review.configuration.problem import Path, dotted, nearest, shown
from pipeline.review.configuration.schema import choices_at, expected_at, keys_at, kind_at

COMMAND: Final[Path] = ("test", "command")

TRUTH: Final[Mapping[str, str]] = {
    **dict.fromkeys(("yes", "on", "y", "true"), "true"),
    **dict.fromkeys(("no", "off", "n", "false"), "false"),
}
"""Words that other programs take for a truth value, and what it is called here."""

UNKNOWN: Final = "extra_forbidden"
"""The type that pydantic gives an error about a key that is no setting."""

OWN_RULE: Final = "value_error"
"""The type that pydantic gives an error of a validator of ours."""


def refusal(kind: str, path: Path, received: object, *, own_words: object = "") -> str:
    """Say what is wrong with the setting at a path.

    Args:
        kind: The type that pydantic gives the error.
        path: The setting.
        received: What stands there.
        own_words: What a validator of ours says.
    """
    if kind == UNKNOWN:
        return _unknown(path)
    name = f"`{dotted(path)}`" if path else "The file"
    if kind == OWN_RULE:
        return f"{name} cannot be used: {own_words}."
    return f"{name} is {_told(received)}; expected {expected_at(path)}.{_instead(path, received)}"


def _unknown(path: Path) -> str:
    known = keys_at(path[:-1])
    near = nearest(str(path[-1]), known)
    hint = f"did you mean `{near}`?" if near else f"known here: {', '.join(known)}."
    return f"`{dotted(path)}` is no setting; {hint}"


def _told(value: object) -> str:
    match value:
        case bool() | int() | float():
            return f"`{json.dumps(value)}`"
        case str():
            return f"the text `{shown(value)}`{_length(value)}"
        case list():
            return f"a list of {len(value):,} item{'' if len(value) == 1 else 's'}"
        case dict():
            return "a mapping"
        case _:
            return "empty"


def _length(text: str) -> str:
    return f" of {len(text):,} characters" if shown(text).endswith("…") else ""


def _instead(path: Path, received: object) -> str:
    """Say what to write, where that can be told."""
    kind = kind_at(path)
    if isinstance(received, str):
        return _instead_of_text(path, kind, received)
    if kind == "string" and isinstance(received, bool | int | float):
        return f' Put it in quotes: `"{json.dumps(received)}"`.'
    if kind == "array" and isinstance(received, bool | int | float):
        return f' Write `["{json.dumps(received)}"]`.'
    return ""


def _instead_of_text(path: Path, kind: str, received: str) -> str:
    if path == COMMAND:
        return f" There is no shell: {_as_list(received)}"
    if kind == "array":
        return f" Write `{shown(json.dumps([received], ensure_ascii=False))}`."
    if kind == "boolean" and (word := TRUTH.get(received.lower())):
        return f" Write `{word}`, without quotes."
    near = nearest(received, choices_at(path))
    return f" Did you mean `{near}`?" if near else ""


def _as_list(command: str) -> str:
    words = as_words(command)
    if words is None:
        return "write one word an item."
    if any(set(word) & set(";|&<>") or word.startswith(("$", "`")) for word in words):
        return "put what needs one into a script of the repository and name that."
    told = shown(json.dumps(words, ensure_ascii=False))
    return "write one word an item." if told.endswith("…") else f"write `{told}`."
