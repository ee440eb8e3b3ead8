"""From signed bytes to one object: two parsers, one reading."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.encoding import decode
from webhooks.refused import Refused

TEXTS = st.text(max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**30), max_value=10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


def writings(payload: object) -> Iterator[bytes]:
    """The same payload as different writers would put it."""
    yield json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    yield json.dumps(payload, separators=(",", ":")).encode()
    yield json.dumps(payload, indent=1).encode()
    yield b"\t" + json.dumps(payload).replace("/", "\\/").encode() + b"\n"


@given(payload=st.dictionaries(TEXTS, VALUES, max_size=5))
def test_a_payload_has_one_reading_however_it_is_written(payload: dict[str, object]) -> None:
    """The compact form goes by the quick parser, the others by the one that shows every pair."""
    assert [decode(body, is_form=False) for body in writings(payload)] == [payload] * 4


@given(inner=VALUES, key=TEXTS)
def test_a_key_that_stands_twice_is_found_wherever_it_is(inner: object, key: str) -> None:
    pair = f"{json.dumps(key)}:{json.dumps(inner, separators=(',', ':'))}"

    for body in (f"{{{pair},{pair}}}", f'{{"x":[{{"y":1,{pair},"z":2,{pair}}}]}}'):
        with pytest.raises(Refused, match="a key twice"):
            decode(body.encode(), is_form=False)


@given(body=st.binary(max_size=200) | st.text().map(str.encode))
def test_no_bytes_do_anything_but_decode_or_be_refused(body: bytes) -> None:
    for is_form in (False, True):
        try:
            found = decode(body, is_form=is_form)
        except Refused as refused:
            assert refused.status == 400  # noqa: PT017 - both ways out are fine.
        else:
            assert isinstance(found, dict)
