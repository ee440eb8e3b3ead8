"""Encoding: from signed bytes to one JSON object that has one meaning.

Promises one parser and one reading: what another parser might read otherwise (a key twice, NaN, a number beyond a
float, text that is not UTF-8) is refused, and so is nesting that no payload has.
Does not promise that the object is a payload that we know: that is for `payloads`.

GitHub's payloads are compact JSON, and such a body proves by itself that it has one reading: parsed and written again,
it is the same bytes. That costs a third of the standard library's parser, which is asked when the bytes differ,
because it alone shows every pair of an object. Only that one refuses.
"""

import json
import math
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from webhooks.refused import malformed

FORM_FIELDS_MAX: Final = 4
"""GitHub's form has one field. The limit keeps a body of a million `&` from becoming a million pairs."""


def decode(body: bytes, *, is_form: bool) -> dict[str, object]:
    """Read the payload of a delivery.

    Args:
        body: The raw bytes, whose signature was checked.
        is_form: Whether the JSON stands in the field `payload` of a form.

    Raises:
        Refused: The body is not one JSON object, without doubt about its meaning.
    """
    try:
        text = _form_field(body).encode() if is_form else body
        found = _read_back(text) or _DECODER.decode(text.decode())
    except UnicodeDecodeError as error:
        raise malformed(f"The body is not UTF-8 at byte {error.start}.") from error
    except RecursionError as error:
        raise malformed("The JSON of the body is nested too deeply.") from error
    except ValueError as error:
        raise malformed(f"The body is not JSON that can be read in only one way: {_why(error)}.") from error
    if not isinstance(found, dict):
        raise malformed("The JSON of the body is not an object.")
    return found


def _read_back(text: bytes) -> object:
    """Read JSON that is written again as the same bytes; None if it is not, or not at once."""
    try:
        found: object = msgspec.json.decode(text)
        return found if msgspec.json.encode(found) == text else None
    except (ValueError, RecursionError):  # Whatever it is, the other parser finds it and says where.
        return None


def _form_field(body: bytes) -> str:
    fields = parse_qsl(
        body.decode("ascii"),
        keep_blank_values=True,
        strict_parsing=True,
        errors="strict",
        max_num_fields=FORM_FIELDS_MAX,
    )
    found = [value for name, value in fields if name == "payload"]
    if len(found) != 1:
        raise malformed(f"The form has {len(found)} fields named `payload`; one is expected.")
    return found[0]


def _pairs_once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Ambiguous("an object has a key twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Ambiguous("a number is beyond what a float can hold")
    return number


def _no_constant(name: str) -> object:
    raise _Ambiguous(f"{name} is not JSON")


class _Ambiguous(ValueError):
    """Two parsers would read this differently."""


def _why(error: ValueError) -> str:
    """Say what is wrong in words of ours: a foreign message may quote the body."""
    if isinstance(error, _Ambiguous):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"it breaks at character {error.pos}"
    return "it has a number or a form field that cannot be read"


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_pairs_once, parse_float=_finite, parse_constant=_no_constant, strict=True
)
