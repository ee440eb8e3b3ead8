"""Equal values have equal names, different ones different names, in every process."""

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.fingerprint import HEX_DIGITS, canonical_json, fingerprint
from pipeline.engine.stage import JsonValue

texts = st.text(st.characters())
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
json_values: st.SearchStrategy[JsonValue] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)


def shuffled(value: JsonValue) -> JsonValue:
    """Build the same value with the keys of each object the other way round."""
    match value:
        case dict():
            return {key: shuffled(inner) for key, inner in reversed(value.items())}
        case list():
            return [shuffled(inner) for inner in value]
        case _:
            return value


@given(json_values)
def test_the_order_of_keys_does_not_matter(value: JsonValue) -> None:
    assert fingerprint(shuffled(value)) == fingerprint(value)


@given(json_values)
def test_a_value_that_was_stored_and_read_has_the_same_name(value: JsonValue) -> None:
    assert fingerprint(json.loads(json.dumps(value))) == fingerprint(value)


@given(json_values, json_values)
def test_different_values_have_different_names(one: JsonValue, other: JsonValue) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (canonical_json(one) == canonical_json(other))


@given(texts, texts, texts)
def test_the_border_between_parts_matters(one: str, other: str, third: str) -> None:
    assert fingerprint(one, other + third) != fingerprint(one, other, third)
    assert fingerprint([one, other]) != fingerprint(one, other)


@given(json_values)
def test_a_name_is_hexadecimal_and_of_one_length(value: JsonValue) -> None:
    name = fingerprint(value)

    assert len(name) == HEX_DIGITS
    assert set(name) <= set("0123456789abcdef")
    assert canonical_json(value).isascii()


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (0, False), (1, "1"), (None, "null"), ([], {}), (1, 1.0), ("é", "e\u0301")]
)
def test_values_that_look_alike_are_told_apart(one: JsonValue, other: JsonValue) -> None:
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_have_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        fingerprint(value)


def test_a_value_that_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        fingerprint({"when": object()})  # type: ignore[dict-item]  # That is the point.


def test_another_process_gives_the_same_name() -> None:
    """Neither the seed of `hash` nor the version of Python has a part in it."""
    program = "from pipeline.engine.fingerprint import fingerprint; print(fingerprint({'b': {2: 3}, 'a': ['x', 1.5]}))"

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert printed.stdout.strip() == fingerprint({"a": ["x", 1.5], "b": {"2": 3}})
