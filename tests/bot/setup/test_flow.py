"""The whole registration: a browser, our pages and a GitHub, over real HTTP."""

import asyncio
import html
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from bot.setup.flow import NobodyCame, PortTaken, run_flow
from bot.setup.hosts import GitHubHost
from bot.setup.plan import Plan
from bot.setup.registered import Registered
from bot.setup.stored import NotStored
from tests.bot.setup.fake_github import FakeGitHub, Fault

PATIENCE_SECONDS_MAX = 30.0


@dataclass
class World:
    """A set-up under way."""

    github: FakeGitHub
    browser: httpx2.AsyncClient
    said: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    everything_said: list[str] = field(default_factory=list)
    kept: list[Registered] = field(default_factory=list)
    link: str = ""
    running: "asyncio.Task[Registered] | None" = None

    async def start(self, keep: Callable[[Registered], str] | None = None, organisation: str | None = None) -> None:
        """Start the command up to its link."""
        plan = Plan(
            github=GitHubHost(web_url=self.github.url, api_url=f"{self.github.url}/api/v3"),
            name="Onceover acme",
            organisation=organisation,
            public_url="https://onceover.example",
            host="127.0.0.1",
            port=0,
            keep=keep or self._keep,
            commands=("onceover doctor", "onceover dev"),
        )
        self.running = asyncio.create_task(run_flow(plan, self._say))
        async with asyncio.timeout(PATIENCE_SECONDS_MAX):
            while "?token=" not in self.link:
                self.link = (await self.said.get()).strip()

    async def open(self) -> httpx2.Response:
        """Open the link as a browser does, to the page with the button."""
        return await self.browser.get(self.link, follow_redirects=True)

    async def press(self, page: httpx2.Response) -> httpx2.Response:
        """Press the button; answers GitHub's redirection."""
        return await self.browser.post(action_of(page), data={"manifest": manifest_of(page)})

    async def come_back(self, answer: httpx2.Response) -> httpx2.Response:
        """Follow GitHub's redirection."""
        return await self.browser.get(answer.headers["Location"])

    async def end(self) -> Registered:
        """Wait until the command has ended by itself."""
        assert self.running
        async with asyncio.timeout(PATIENCE_SECONDS_MAX):
            return await self.running

    def _say(self, line: str) -> None:
        self.everything_said.append(line)
        self.said.put_nowait(line)

    def _keep(self, registered: Registered) -> str:
        self.kept.append(registered)
        return "Its credentials are kept."


def action_of(page: httpx2.Response) -> str:
    return html.unescape(re.findall(r'action="([^"]+)"', page.text)[0])


def manifest_of(page: httpx2.Response) -> str:
    return html.unescape(re.findall(r'name="manifest" value="([^"]+)"', page.text)[0])


@asynccontextmanager
async def opened_world(fault: Fault | None = None) -> AsyncIterator[World]:
    async with FakeGitHub(fault=fault) as github, httpx2.AsyncClient(trust_env=False) as browser:
        world = World(github=github, browser=browser)
        yield world
        if world.running and not world.running.done():
            world.running.cancel()
            await asyncio.gather(world.running, return_exceptions=True)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with opened_world() as world:
        yield world


async def test_an_app_is_registered_with_one_click(world: World) -> None:
    await world.start()

    done = await world.come_back(await world.press(await world.open()))
    registered = await world.end()

    assert done.status_code == 200
    assert f"{world.github.url}/apps/onceover-acme/installations/new" in done.text
    assert "onceover doctor" in done.text
    assert "Its credentials are kept." in done.text
    assert world.kept == [registered]
    assert registered.app.app_id == 4711
    assert registered.app.webhook_secret.get_secret_value() == "canary-webhook-secret"
    assert len(registered.secret_key.get_secret_value()) >= 32


async def test_the_manifest_asks_for_little_and_names_the_public_url(world: World) -> None:
    await world.start(organisation="acme")

    await world.press(await world.open())

    [manifest] = world.github.manifests
    assert world.github.owners == ["acme"]
    assert manifest["hook_attributes"] == {"url": "https://onceover.example/webhooks/github", "active": True}
    assert manifest["url"] == "https://onceover.example"
    assert manifest["public"] is False
    assert manifest["default_permissions"] == {
        "metadata": "read",
        "contents": "read",
        "pull_requests": "write",
        "checks": "write",
        "issues": "read",
        "statuses": "read",
        "merge_queues": "read",
    }
    assert manifest["default_events"] == [
        "pull_request",
        "issue_comment",
        "pull_request_review_comment",
        "check_suite",
        "status",
        "merge_group",
    ]


async def test_the_page_gives_a_reason_for_each_permission_without_signs_of_markdown(world: World) -> None:
    await world.start()

    page = await world.open()

    assert "to hear the <code>/onceover</code> commands in comments" in page.text
    assert "`" not in page.text


async def test_no_secret_stands_on_a_page_or_in_what_is_said(world: World) -> None:
    await world.start()
    page = await world.open()
    done = await world.come_back(await world.press(page))
    registered = await world.end()

    told = page.text + done.text + str(done.headers) + "".join(world.everything_said) + repr(registered)

    assert "canary" not in told
    assert registered.secret_key.get_secret_value() not in told


async def test_the_link_opens_one_session_and_no_second(world: World) -> None:
    await world.start()
    await world.open()

    async with httpx2.AsyncClient(trust_env=False) as other:
        again = await other.get(world.link, follow_redirects=True)

    assert again.status_code == 403
    assert "was used already" in again.text
    assert "manifest" not in again.text
    assert (await world.browser.get(world.link.partition("?")[0])).status_code == 200


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=%00%ff", "?token=t&token=t"])
async def test_without_the_right_token_nothing_is_shown(world: World, query: str) -> None:
    await world.start()

    refused = await world.browser.get(world.link.partition("?")[0] + query)

    assert refused.status_code == 403
    assert "manifest" not in refused.text
    assert "set-cookie" not in refused.headers
    assert (await world.open()).status_code == 200, "A wrong token does not use the right one up."


async def test_the_token_leaves_the_address_and_the_cookie_is_the_browser_s_alone(world: World) -> None:
    await world.start()

    opened = await world.browser.get(world.link)

    assert opened.status_code == 303
    assert opened.headers["Location"] == world.link.partition("?")[0]
    cookie = opened.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/setup" in cookie


async def test_every_page_forbids_the_browser_what_it_does_not_need(world: World) -> None:
    await world.start()
    root = world.link.partition("/setup")[0]

    pages = [await world.browser.get(root + "/elsewhere"), await world.open(), await world.browser.put(root + "/setup")]

    assert [page.status_code for page in pages] == [404, 200, 405]
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert f"form-action {world.github.url};" in policy
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "strict-origin"
        assert "<script" not in page.text


async def test_a_state_is_good_once(world: World) -> None:
    """The first try fails on GitHub's side, so the command still runs when the address is opened again."""
    world.github.fault = "error"
    await world.start()
    answer = await world.press(await world.open())

    await world.come_back(answer)
    world.github.fault = None
    replayed = await world.come_back(answer)

    assert replayed.status_code == 403
    assert "was used already" in replayed.text
    assert world.github.conversions == 1
    assert world.kept == []


@pytest.mark.parametrize("state", ["", "x" * 43, "%00"])
async def test_an_answer_with_another_state_is_refused_before_github_is_asked(world: World, state: str) -> None:
    """Somebody may lead the operator's browser here with a code of an App of their own."""
    await world.start()
    await world.open()

    refused = await world.browser.get(f"{world.link.partition('?')[0]}/callback?code=code1&state={state}")

    assert refused.status_code == 403
    assert world.github.conversions == 0


async def test_an_answer_to_another_browser_is_refused(world: World) -> None:
    await world.start()
    answer = await world.press(await world.open())

    async with httpx2.AsyncClient(trust_env=False) as other:
        refused = await other.get(answer.headers["Location"])

    assert refused.status_code == 403
    assert world.github.conversions == 0


@pytest.mark.parametrize("code", ["", "a/../../user", "a%2Fb", "x" * 201, "%0d%0aHost:evil"])
async def test_what_is_no_code_does_not_reach_an_address(world: World, code: str) -> None:
    await world.start()
    state = parse_qs(urlsplit(action_of(await world.open())).query)["state"][0]

    refused = await world.browser.get(f"{world.link.partition('?')[0]}/callback?code={code}&state={state}")

    assert refused.status_code == 400
    assert world.github.conversions == 0


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("cut", "did not answer within 30 s or hung up"),
        ("error", "answered HTTP 500"),
        ("rubbish", "answered something else than an App"),
        ("huge", "answered something else than an App"),
    ],
)
async def test_a_failure_of_github_s_is_told_and_the_flow_can_be_begun_again(fault: Fault, told: str) -> None:
    async with opened_world(fault) as world:
        await world.start()

        failed = await world.come_back(await world.press(await world.open()))
        world.github.fault = None
        done = await world.come_back(
            await world.press(await world.browser.get(world.link.partition("?")[0])),
        )

        assert failed.status_code == 502
        assert told in html.unescape(failed.text)
        assert any(told in line for line in world.everything_said)
        assert "canary" not in failed.text + "".join(world.everything_said)
        assert done.status_code == 200
        assert (await world.end()).app.app_id == 4711


async def test_a_link_that_leads_away_from_github_is_not_shown() -> None:
    async with opened_world("elsewhere") as world:
        await world.start()

        done = await world.come_back(await world.press(await world.open()))

        assert done.status_code == 200
        assert "elsewhere.example" not in done.text


async def test_credentials_that_cannot_be_stored_end_the_command_and_say_what_to_delete(world: World) -> None:
    def refuse(_: Registered) -> str:
        raise NotStored("The disk is full.", next_step="Free space.")

    await world.start(refuse)

    failed = await world.come_back(await world.press(await world.open()))

    assert failed.status_code == 500
    assert "delete the App on GitHub" in failed.text
    with pytest.raises(
        Exception, match=r"The disk is full\. GitHub has registered the App onceover-acme and hands its key"
    ):
        await world.end()


async def test_the_flow_ends_when_nobody_comes(tmp_path: Path) -> None:
    host = GitHubHost(web_url="https://github.com", api_url="https://api.github.com")
    plan = Plan(
        github=host,
        name="n",
        organisation=None,
        public_url="https://onceover.example",
        host="127.0.0.1",
        port=0,
        keep=lambda _: str(tmp_path),
        commands=(),
    )

    with pytest.raises(NobodyCame, match="Run `onceover setup` again"):
        await run_flow(plan, lambda _: None, seconds_max=0)


async def test_a_port_that_is_taken_is_told(world: World) -> None:
    await world.start()
    taken = urlsplit(world.link).port
    assert taken
    plan = Plan(
        github=GitHubHost(web_url="https://github.com", api_url="https://api.github.com"),
        name="n",
        organisation=None,
        public_url="https://onceover.example",
        host="127.0.0.1",
        port=taken,
        keep=lambda _: "",
        commands=(),
    )

    with pytest.raises(PortTaken, match=rf"Cannot listen on 127\.0\.0\.1:{taken}.*Set ONCEOVER_HOST and ONCEOVER_PORT"):
        await run_flow(plan, lambda _: None)
