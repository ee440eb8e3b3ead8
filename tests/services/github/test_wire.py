"""What goes over the wire: once, with the right headers, within limits, and without leaving a trace of the token."""

import asyncio
import logging
import subprocess
import sys
import traceback
from typing import Any

import pytest

from pipeline.engine.errors import AskPerson, OnceoverError
from pipeline.services.github.caller import Caller
from pipeline.services.github.comments import Comments
from pipeline.services.github.errors import Ambiguous, GitHubAway, Nonsense, RateLimited, TooMuch
from pipeline.services.github.pulls import Pulls
from pipeline.services.github.settings import API_VERSION, GitHubSettings
from pipeline.services.github.wire import GitHubWire, encoded
from tests.services.github.small_github import REPO, SHOP, FakeClock, Says, World, comment, no, ok, pull, small_github

PULL = f"GET {REPO}/pulls/12"
CREATE = f"POST {REPO}/issues/12/comments"


async def read(world: World) -> object:
    return await Pulls(github=world.github, place=SHOP).pull(12)


async def write(world: World) -> object:
    return await Comments(github=world.github, place=SHOP).create(12, "Hello")


async def test_a_call_says_who_asks_and_which_version_of_the_api() -> None:
    async with small_github({PULL: ok(pull())}) as world:
        await read(world)

    [seen] = world.server.seen
    assert seen.headers["x-github-api-version"] == API_VERSION == "2022-11-28"
    assert seen.headers["user-agent"].startswith("onceover/")
    assert seen.headers["accept"] == "application/vnd.github+json"
    assert seen.headers["accept-encoding"] == "identity", "a compressed answer has no bound"
    assert seen.headers["authorization"] == "Bearer ghs_canary_1_secret"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_write_that_github_fails_at_is_sent_once(status: int) -> None:
    """The library's default sends it four times; each time the comment may be there."""
    async with small_github({CREATE: no(status, "Server Error")}) as world:
        with pytest.raises(Ambiguous):
            await write(world)

    assert len(world.server.seen) == 1


@pytest.mark.parametrize("fault", ["cut", "hang"])
async def test_a_write_without_an_answer_is_sent_once(fault: str) -> None:
    async with small_github({CREATE: Says(fault=fault)}, read_seconds_max=0.05) as world:
        with pytest.raises(Ambiguous):
            await write(world)

    assert len(world.server.seen) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"<html>", b'{"id": "no number"}', b"\xff"])
async def test_a_write_with_an_unreadable_answer_is_ambiguous(body: bytes) -> None:
    """It was made, but nobody can name it."""
    async with small_github({CREATE: Says(status=201, body=body)}) as world:
        with pytest.raises(Ambiguous):
            await write(world)

    assert len(world.server.seen) == 1


@pytest.mark.parametrize(
    "says", [no(500), no(429), no(403, retry_after="Wed, 01 Sep 2027 00:00:00 GMT"), Says(fault="cut"), Says(body=b"{")]
)
async def test_a_read_is_not_repeated_either(says: Says) -> None:
    """When to try again is the run's decision, which knows how often it tried."""
    async with small_github({PULL: says}) as world:
        with pytest.raises((GitHubAway, RateLimited)):
            await read(world)

    assert len(world.server.seen) == 1


async def test_a_connection_that_is_refused_leaves_a_write_undone() -> None:
    async with small_github() as world:
        pass

    async with GitHubWire(world.server.url, GitHubSettings()) as wire:
        world.caller._wire = wire  # type: ignore[misc]  # noqa: SLF001 - the same client, its server gone.
        with pytest.raises(GitHubAway, match="ConnectError"):
            await write(world)


@pytest.mark.parametrize("limit", ["read_seconds_max", "call_seconds_max"])
async def test_a_silent_server_is_left_in_time(limit: str) -> None:
    limits: dict[str, Any] = {limit: 0.05}
    async with small_github({PULL: Says(fault="hang")}, **limits) as world:
        with pytest.raises(GitHubAway):
            await read(world)


@pytest.mark.parametrize(
    "says", [ok({"pad": "x" * 5_000}), Says(body=b"x", headers={"content-encoding": "gzip"})], ids=["long", "packed"]
)
async def test_an_answer_longer_than_we_read_ends_early(says: Says) -> None:
    async with small_github({PULL: says}, response_bytes_max=4_000) as world:
        with pytest.raises(TooMuch):
            await read(world)


async def test_one_connection_serves_call_after_call() -> None:
    async with small_github({PULL: ok(pull()), CREATE: ok(comment(), 201)}) as world:
        for _ in range(3):
            await read(world)
            await write(world)

    assert world.server.connections == 1


async def test_calls_at_once_are_bounded() -> None:
    """GitHub counts those of an App over all its processes."""
    async with small_github({PULL: ok(pull())}, calls_at_once_max=3) as world:
        await asyncio.gather(*(read(world) for _ in range(30)))

    assert len(world.server.seen) == 30
    assert world.server.connections <= 3


async def test_github_enterprise_server_lives_under_a_path() -> None:
    routes = {f"GET {REPO}/pulls": ok([pull()], link='<{URL}>; rel="last"')}
    async with small_github(routes, base="/api/v3") as world:
        pulls = await Pulls(github=world.github, place=SHOP).open_pulls()

    assert [one.number for one in pulls] == [12]
    assert [one.path for one in world.server.seen] == [f"/api/v3{REPO}/pulls"]


@pytest.mark.parametrize(
    "url",
    ["", "api.github.com", "ftp://host", "https://", "https://user:pass@host", "https://host?a=b", "https://host:x/"],
)
async def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    async with small_github() as world:
        with pytest.raises(AskPerson) as caught:
            Caller(api_url=url, wire=world.caller._wire, settings=GitHubSettings(), clock=FakeClock())  # noqa: SLF001

    assert "pass@" not in str(caught.value)
    assert caught.value.error_code == "github_api_url"


@pytest.mark.parametrize(
    "says",
    [
        no(500, "ghs_canary_1_secret is a token"),
        no(403, "Bad: Bearer ghs_canary_1_secret"),
        no(422, "ghs_canary_1_secret"),
        no(400),
        no(401),
        Says(fault="cut"),
        Says(fault="hang"),
        Says(status=201, body=b'{"token": "ghs_canary_1_secret"'),
    ],
)
async def test_no_error_shows_the_token_or_the_text(says: Says, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    text = "private words".replace(" ", "-")  # Not as one literal: a trace shows lines of code.
    async with small_github({CREATE: says}, read_seconds_max=0.05) as world:
        with pytest.raises(OnceoverError) as caught:
            await Comments(github=world.github, place=SHOP).create(12, text)

    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert "canary_1" not in told
    assert text not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None, "a foreign error holds the request, and so the token"


async def test_nothing_is_logged_of_a_call_that_works(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with small_github({PULL: ok(pull())}) as world:
        await read(world)

    assert [one for one in caplog.records if one.name.startswith(("http", "github"))] == []


async def test_a_next_page_on_another_host_gets_no_token() -> None:
    elsewhere = '<http://127.0.0.1:1/next>; rel="next"'
    async with small_github({f"GET {REPO}/pulls": ok([pull()], link=elsewhere)}) as world:
        with pytest.raises(Nonsense, match="another host"):
            await Pulls(github=world.github, place=SHOP).open_pulls()


def test_who_only_says_what_is_wanted_loads_no_http_library() -> None:
    """Stages name these calls; only what really opens a connection pays for it."""
    names = ("pulls", "comments", "reviews", "checks", "ci", "repositories", "client", "models")
    program = f"""
import sys
{"; ".join(f"import pipeline.services.github.{name}" for name in names)}
print([name for name in ("githubkit", "httpx", "jwt", "cryptography", "redis") if name in sys.modules])
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout == "[]\n"


def test_half_a_character_can_be_sent() -> None:
    """A model can write half a surrogate pair; UTF-8 cannot, and one comment is not worth a crash."""
    assert encoded({"body": "a\ud800b \N{PILE OF POO}"}) == '{"body":"a?b \N{PILE OF POO}"}'.encode()
