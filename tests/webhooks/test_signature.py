"""Who sent it: HMAC-SHA256 over the raw body, in one header of one form. Numbers are those of the security cases."""

import json

import pytest
from pydantic import SecretStr

from pipeline.engine.errors import AskPerson
from webhooks.refused import Refused
from webhooks.signature import Signatures, sign

from .payloads import pull_request
from .world import SECRET, RawHeaders, World, headers_of, no_trace

BODY = json.dumps(pull_request()).encode()
GOOD = sign(BODY, SECRET)
HEADER = b"x-hub-signature-256"


def test_the_published_example_of_github_is_signed_the_same() -> None:
    assert sign(b"Hello, World!", SECRET) == (
        b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    )


BAD = {
    "1 none": [],
    "1 only sha1": [(b"x-hub-signature", b"sha1=" + b"0" * 40)],
    "1 of another body": [(HEADER, sign(b"{}", SECRET))],
    "1 of another secret": [(HEADER, sign(BODY, SecretStr("guessed")))],
    "1 upper case": [(HEADER, b"sha256=" + GOOD[7:].upper())],
    "1 sha1 in the right place": [(HEADER, b"sha1=" + GOOD[7:47])],
    "1 two good ones": [(HEADER, GOOD), (HEADER, GOOD)],
    "1 cut short": [(HEADER, GOOD[:-1])],
    "1 a digit more": [(HEADER, GOOD + b"0")],
    "1 a line more": [(HEADER, GOOD + b"\n")],
    "1 without its name": [(HEADER, GOOD[7:])],
    "2 not ASCII": [(HEADER, "sha256=é".encode())],
    "2 not UTF-8 and long enough": [(HEADER, b"sha256=" + b"\xff" * 64)],
}


@pytest.mark.parametrize("case", BAD)
async def test_a_delivery_without_the_right_signature_leaves_no_trace(case: str) -> None:
    world = World()
    headers = headers_of("pull_request", BODY, replaced=[(HEADER, b"")]) + BAD[case]

    with no_trace(world):
        heard = await world.post(BODY, headers)

    assert heard.status == 401
    assert heard.json["code"] == "bad_signature"
    assert "ONCEOVER_GITHUB_WEBHOOK_SECRET" in heard.json["next_step"]


async def test_the_body_of_an_unsigned_delivery_is_not_parsed() -> None:
    """1: what would be refused as malformed is refused as unsigned first."""
    heard = await World().post(b"[" * 100_000, headers_of("pull_request", b"{}"))

    assert heard.status == 401


@pytest.mark.parametrize("signatures", [[], [(HEADER, b"sha256=" + b"A" * 64)], [(HEADER, b"sha256=x")]])
async def test_what_cannot_be_a_signature_is_refused_before_the_body_is_read(signatures: RawHeaders) -> None:
    pieces = iter([BODY])

    heard = await World().post(pieces, headers_of("pull_request", BODY, replaced=[(HEADER, b"")]) + signatures)

    assert heard.status == 401
    assert list(pieces) == [BODY]


@pytest.mark.parametrize("secret", ["", " ", "\n"])
def test_3_a_door_without_a_secret_does_not_open(secret: str) -> None:
    """3: without a secret anybody could send anything."""
    with pytest.raises(AskPerson, match="ONCEOVER_GITHUB_WEBHOOK_SECRET"):
        Signatures(SecretStr(secret))


@pytest.mark.parametrize(
    "other", [BODY.replace(b"12", b"13", 1), BODY + b"\n", json.dumps(pull_request(), indent=1).encode()]
)
def test_4_the_same_payload_in_other_bytes_is_another_body(other: bytes) -> None:
    with pytest.raises(Refused, match="does not fit"):
        Signatures(SECRET).check(other, GOOD)


def test_no_secret_stands_in_a_representation() -> None:
    assert SECRET.get_secret_value() not in repr(vars(Signatures(SECRET)))
