"""What is signed and cannot be taken: refused with a code, without a trace. Numbers are those of the security cases."""

import asyncio
import gzip
from collections.abc import Iterator
from urllib.parse import quote_plus

import pytest

from webhooks.body import LARGE_BODIES_MAX, LARGE_BYTES
from webhooks.door import DoorLimits

from .payloads import PUSHED_AT, Json, issue_comment, pull_request
from .world import DELIVERY, LEAVES, NEVER_ENDS, NothingSent, RawHeaders, World, compact, headers_of, no_trace

FORM = (b"content-type", b"application/x-www-form-urlencoded")
GOOD = compact(pull_request())

UNREADABLE = {
    "9 nested too deeply": b"[" * 100_000,
    "9 objects nested too deeply": b'{"a":' * 100_000,
    "9 nested in a field that nobody reads": GOOD[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "9 NaN": GOOD[:-1] + b',"x":NaN}',
    "9 Infinity": GOOD[:-1] + b',"x":-Infinity}',
    "9 beyond a float": GOOD[:-1] + b',"x":1e999}',
    "9 an integer of 5,000 digits": GOOD[:-1] + b',"x":' + b"1" * 5_000 + b"}",
    "9 a key twice": GOOD[:-1] + b',"action":"closed"}',
    "9 a key twice below": GOOD[:-1] + b',"x":{"y":{"a":1,"a":1}}}',
    "9 not UTF-8": GOOD[:-1] + b',"x":"\xff"}',
    "9 UTF-16": GOOD.decode().encode("utf-16"),
    "9 a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "9 a title of 10 MB": compact(pull_request(pull={"title": "x" * 10_000_000})),
    "empty": b"",
    "truncated": GOOD[:-10],
    "two values": GOOD + GOOD,
    "a list": b"[]",
    "null": b"null",
    "a raw control character": GOOD[:-1] + b',"x":"\x00"}',
    "a form sent as JSON": b"payload=%7B%7D",
}


@pytest.mark.parametrize("case", UNREADABLE)
async def test_a_body_that_cannot_be_read_in_one_way_is_malformed(case: str) -> None:
    world = World()

    with no_trace(world):
        heard = await world.deliver("pull_request", UNREADABLE[case])

    assert heard.status == 400
    assert heard.json["code"] == "malformed"
    assert len(heard.body) < 1_000
    assert b"Traceback" not in heard.body


async def test_9_a_comment_longer_than_github_allows_is_malformed() -> None:
    heard = await World().deliver("issue_comment", issue_comment(by={"body": "x" * 10_000_000}))

    assert heard.status == 400
    assert b"xxx" not in heard.body


ODD_SHAPES = {
    "no pull request": pull_request(pull_request=None),
    "no repository": pull_request(repository=None),
    "no sender": pull_request(sender=None),
    "a number as text": pull_request(pull={"number": "12"}),
    "a number as truth": pull_request(pull={"number": True}),
    "a negative number": pull_request(pull={"number": -1}),
    "a number beyond 64 bits": pull_request(pull={"number": 2**63}),
    "a short SHA": pull_request(pull={"head": {"sha": "abc"}}),
    "a SHA with a line end": pull_request(pull={"head": {"sha": "a" * 40 + "\n"}}),
    "a SHA that is a path": pull_request(pull={"head": {"sha": "../" * 13 + "a"}}),
    "a head that is null": pull_request(pull={"head": None}),
    "a time that is none": pull_request(pull={"updated_at": "yesterday"}),
    "a time without a zone": pull_request(pull={"updated_at": PUSHED_AT[:-1]}),
    "a state that is none": pull_request(pull={"state": "ajar"}),
    "a name with a third part": pull_request(repository={"id": 42, "full_name": "a/b/c"}),
    "a name with a space": pull_request(repository={"id": 42, "full_name": "a/ b"}),
    "a login with a line end": pull_request(sender={"id": 7, "login": "mara\nroot"}),
    "a login that is half a character": pull_request(sender={"id": 7, "login": "\ud800"}),
    "an action that is a number": pull_request(action=5),
}


@pytest.mark.parametrize("case", ODD_SHAPES)
async def test_an_event_that_we_know_in_a_shape_that_it_never_has_is_malformed(case: str) -> None:
    world = World()

    with no_trace(world):
        heard = await world.deliver("pull_request", ODD_SHAPES[case])

    assert heard.status == 400
    assert heard.json["code"] == "malformed"


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("pull_request", issue_comment()),
        ("issue_comment", pull_request()),
        ("pull_request_review_comment", issue_comment()),
        ("check_run", pull_request()),
        ("installation", {"action": "deleted", "repository": {"id": 1}}),
        ("ping", pull_request()),
    ],
)
async def test_5_a_payload_under_the_name_of_another_event_is_malformed(name: str, payload: Json) -> None:
    """Headers are not signed."""
    world = World()

    with no_trace(world):
        heard = await world.deliver(name, payload)

    assert heard.status == 400


LARGE = DoorLimits(body_bytes_max=1_000)


async def test_8_a_length_above_the_cap_is_refused_before_a_byte_is_read() -> None:
    world = World()
    read: list[bytes] = []

    def body() -> Iterator[bytes]:
        read.append(b"x")
        yield b"x"

    declared = [(b"content-length", b"26214401")]
    with no_trace(world):
        heard = await world.post(body(), headers_of("pull_request", b"", replaced=declared))

    assert heard.status == 413
    assert heard.headers["connection"] == "close"
    assert read == []


@pytest.mark.parametrize("declared", [b"", b"10"])
async def test_8_a_length_that_lies_or_is_missing_does_not_help(declared: bytes) -> None:
    """Chunks are counted as they come: of a hundred, three are read."""
    world = World(limits=LARGE)
    pieces = iter([b"x" * 400] * 100)

    headers = headers_of("pull_request", b"", replaced=[(b"content-length", declared)])
    with no_trace(world):
        heard = await world.post(pieces, headers)

    assert heard.status == 413
    assert "1000 bytes" in heard.json["message"]
    assert len(list(pieces)) == 97


async def test_8_few_large_bodies_are_read_at_a_time_and_usual_ones_never_wait() -> None:
    """Anybody can send 25 MB under a signature that will turn out wrong."""
    world = World()
    gate = asyncio.Event()
    large = b"x" * (LARGE_BYTES + 1)
    headers = headers_of("pull_request", b"another body")
    waiting = [asyncio.create_task(world.post([large], headers, ends=gate)) for _ in range(LARGE_BODIES_MAX)]
    await asyncio.sleep(0)

    one_more = await world.post([large], headers)
    usual = await world.deliver("pull_request", pull_request())
    gate.set()
    first = await asyncio.gather(*waiting)
    afterwards = await world.post([large], headers)

    assert (one_more.status, one_more.json["code"]) == (503, "busy")
    assert int(one_more.headers["retry-after"]) > 0
    assert usual.status == 202
    assert [each.status for each in (*first, afterwards)] == [401] * (LARGE_BODIES_MAX + 1)


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"0x10", b"\xef\xbc\x91", b"1" * 40])
async def test_8_a_length_that_is_no_number_is_malformed(length: bytes) -> None:
    heard = await World().deliver("pull_request", pull_request(), replaced=[(b"content-length", length)])

    assert heard.status == 400


async def test_8_a_body_that_does_not_end_is_given_up() -> None:
    world = World(limits=DoorLimits(body_seconds_max=0))

    with no_trace(world):
        heard = await world.post(NEVER_ENDS, headers_of("pull_request", b""))

    assert heard.status == 408
    assert heard.json["code"] == "too_slow"


async def test_a_sender_that_leaves_in_the_middle_is_not_answered() -> None:
    world = World()

    with no_trace(world), pytest.raises(NothingSent):
        await world.post(LEAVES, headers_of("pull_request", b""))

    assert 'code="sender_gone"} 1' in (await world.ask("GET", "/metrics")).body.decode()


TYPES = [b"text/plain", b"application/xml", b"multipart/form-data; boundary=x", b"application/jsonp", b"", b"\xff"]


@pytest.mark.parametrize("kind", TYPES)
async def test_a_body_of_another_type_is_refused(kind: bytes) -> None:
    world = World()

    with no_trace(world):
        heard = await world.deliver("pull_request", pull_request(), replaced=[(b"content-type", kind)])

    assert heard.status == 415
    assert heard.json["code"] == "wrong_type"


async def test_8_a_compressed_body_is_refused_and_not_unpacked() -> None:
    heard = await World().deliver("pull_request", gzip.compress(GOOD), replaced=[(b"content-encoding", b"gzip")])

    assert heard.status == 415


@pytest.mark.parametrize("kind", [b"application/json; charset=utf-8", b"Application/JSON", b" application/json "])
async def test_json_may_be_named_in_any_usual_way(kind: bytes) -> None:
    heard = await World().deliver("pull_request", pull_request(), replaced=[(b"content-type", kind)])

    assert heard.status == 202


async def test_a_form_is_read_like_json_and_its_raw_body_is_what_is_signed() -> None:
    form = b"payload=" + quote_plus(GOOD).encode()
    world, as_json = World(), World()

    heard = await world.deliver("pull_request", form, replaced=[FORM])

    await as_json.deliver("pull_request", GOOD)
    assert heard.status == 202
    assert world.inbox.calls == as_json.inbox.calls


BAD_FORMS = {
    "no payload": b"other=%7B%7D",
    "two payloads": b"payload=%7B%7D&payload=%7B%7D",
    "an empty payload": b"payload=",
    "no field at all": b"%7B%7D",
    "JSON sent as a form": GOOD,
    "not UTF-8": b"payload=%7B%22x%22%3A%22%FF%22%7D",
    "raw bytes": b"payload=\xff",
    "a million fields": b"a=b&" * 1_000_000 + b"payload=%7B%7D",
    "nested too deeply": b"payload=" + b"%5B" * 100_000,
}


@pytest.mark.parametrize("case", BAD_FORMS)
async def test_9_a_form_that_cannot_be_read_is_malformed(case: str) -> None:
    world = World()

    with no_trace(world):
        heard = await world.deliver("pull_request", BAD_FORMS[case], replaced=[FORM])

    assert heard.status == 400
    assert heard.json["code"] == "malformed"


BAD_HEADERS: dict[str, RawHeaders] = {
    "no delivery": [(b"x-github-delivery", b"")],
    "a delivery of 129 characters": [(b"x-github-delivery", b"d" * 129)],
    "a delivery with a space": [(b"x-github-delivery", b"a b")],
    "a delivery with a slash": [(b"x-github-delivery", b"../../etc")],
    "a delivery beyond ASCII": [(b"x-github-delivery", "é".encode())],
    "a delivery with ESC": [(b"x-github-delivery", b"\x1b[2J")],
    "two deliveries": [(b"x-github-delivery", DELIVERY.encode()), (b"x-github-delivery", b"other")],
    "no event": [(b"x-github-event", b"")],
    "an event with a line end": [(b"x-github-event", b"push\nx")],
    "two events": [(b"x-github-event", b"push"), (b"x-github-event", b"push")],
    "a hook that is no number": [(b"x-github-hook-id", b"one")],
    "two types": [(b"content-type", b"application/json")] * 2,
}


@pytest.mark.parametrize("case", BAD_HEADERS)
async def test_a_header_that_is_missing_doubled_or_strange_is_malformed(case: str) -> None:
    world = World()

    with no_trace(world):
        heard = await world.deliver("pull_request", pull_request(), replaced=BAD_HEADERS[case])

    assert heard.status == 400
    assert heard.json["code"] == "malformed"


async def test_a_name_of_128_characters_without_a_hook_is_a_delivery() -> None:
    world = World()

    heard = await world.deliver(
        "pull_request", pull_request(), delivery="d" * 128, replaced=[(b"x-github-hook-id", b"")]
    )

    assert heard.json["delivery"] == "d" * 128
    assert world.inbox.deliveries[0].hook_id is None
