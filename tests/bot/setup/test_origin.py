"""Where the browser finds the page, when we listen to this machine alone and when we listen to others."""

import time

import httpx2
import pytest

from bot.setup.hosts import GitHubHost
from bot.setup.plan import Plan, origin_of
from bot.setup.tickets import Tickets
from bot.setup.web import Done, Flow, Wish, make_setup_app
from pipeline.engine.errors import OnceoverError

GITHUB = GitHubHost(web_url="https://github.com", api_url="https://api.github.com")


def make_plan(host: str) -> Plan:
    return Plan(
        github=GITHUB,
        name="n",
        organisation=None,
        public_url="https://onceover.example/bots",
        host=host,
        port=0,
        keep=lambda _: "",
        commands=(),
    )


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("::1", "http://[::1]:8080"),
        ("localhost", "http://localhost:8080"),
        ("0.0.0.0", "https://onceover.example/bots"),  # noqa: S104  Nothing listens there.
        ("10.0.0.7", "https://onceover.example/bots"),
    ],
)
def test_the_browser_comes_to_this_machine_or_to_the_public_url(host: str, origin: str) -> None:
    assert origin_of(make_plan(host), 8080) == origin


def browse(origin: str, tickets: Tickets, *, at: str) -> httpx2.AsyncClient:
    """Make a browser that reaches the application without a network, under any name."""

    async def register(_: str) -> Done:
        raise AssertionError("Nobody came back from GitHub.")

    async def end(_: OnceoverError | None) -> None:
        raise AssertionError("Nothing has ended.")

    wish = Wish(github=GITHUB, name="n", organisation=None, public_url="https://onceover.example", origin=origin)
    app = make_setup_app(Flow(wish=wish, tickets=tickets, register=register, say=lambda _: None, end=end))
    transport = httpx2.ASGITransport(app=app)  # type: ignore[arg-type]  # Each describes ASGI in its own words.
    return httpx2.AsyncClient(transport=transport, base_url=at)


async def test_behind_a_public_url_the_session_travels_by_https_only_and_under_its_path() -> None:
    tickets = Tickets(clock=time.monotonic)

    async with browse("https://onceover.example/bots", tickets, at="https://onceover.example") as browser:
        opened = await browser.get("/setup", params={"token": tickets.token})

    assert opened.headers["Location"] == "https://onceover.example/bots/setup"
    assert "; Secure" in opened.headers["Set-Cookie"]
    assert "Path=/bots/setup" in opened.headers["Set-Cookie"]


async def test_the_host_header_decides_nothing() -> None:
    """Whoever sends it would otherwise decide where the browser, and the App's webhooks, go."""
    tickets = Tickets(clock=time.monotonic)

    async with browse("http://127.0.0.1:8080", tickets, at="http://evil.example") as browser:
        opened = await browser.get("/setup", params={"token": tickets.token})

    assert opened.headers["Location"] == "http://127.0.0.1:8080/setup"
