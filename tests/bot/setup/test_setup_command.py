"""`onceover setup` as a process: what it asks for, refuses, prints and stores."""

import html
import re
import signal
from pathlib import Path

import httpx2
import pytest

from tests.bot.command_world import ONCEOVER, CommandWorld, Running
from tests.bot.setup.fake_github import FakeGitHub

URL = "https://onceover.example"


async def start(world: CommandWorld, *options: str | Path, **settings: str) -> Running:
    """Start the command on a free port."""
    return await world.launch(*ONCEOVER, "setup", *options, settings={"ONCEOVER_PORT": "0", "NO_COLOR": "1"} | settings)


async def click_through(running: Running) -> httpx2.Response:
    """Do what a person does in the browser."""
    link = (await running.says(r"(http://127\.0\.0\.1:\d+/setup\?token=\S+)"))[1]
    async with httpx2.AsyncClient(trust_env=False) as browser:
        page = await browser.get(link, follow_redirects=True)
        action = html.unescape(re.findall(r'action="([^"]+)"', page.text)[0])
        manifest = html.unescape(re.findall(r'name="manifest" value="([^"]+)"', page.text)[0])
        answer = await browser.post(action, data={"manifest": manifest})
        return await browser.get(answer.headers["Location"])


async def test_the_credentials_are_stored_for_us_alone_and_not_replaced_unasked(world: CommandWorld) -> None:
    async with FakeGitHub() as github:
        running = await start(world, "--url", URL, "--github-url", github.url, "--organisation", "acme")
        await click_through(running)
        ended = await running.end()
        again = await (await start(world, "--url", URL, "--github-url", github.url)).end()

    assert (ended.code, ended.out) == (0, "")
    assert github.owners == ["acme"]
    assert github.manifests[0]["name"] == "Onceover acme"
    assert f"{github.url}/apps/onceover-acme/installations/new" in ended.news
    assert "onceover doctor" in ended.news
    file, key = world.state / "onceover.env", world.state / "app-4711.private-key.pem"
    assert [path.stat().st_mode & 0o777 for path in (world.state, file, key)] == [0o700, 0o600, 0o600]
    assert f"ONCEOVER_GITHUB_API_URL={github.url}/api/v3" in file.read_text()
    assert "canary" not in ended.news
    assert again.code == 3
    assert "holds the App 4711 already" in again.news


async def test_a_printed_secret_is_the_result_and_stored_nowhere(world: CommandWorld) -> None:
    async with FakeGitHub() as github:
        running = await start(world, "--url", URL, "--github-url", github.url, "--print", "kubernetes")
        page = await click_through(running)
        ended = await running.end()

    assert ended.code == 0
    assert ended.out.startswith("apiVersion: v1\nkind: Secret\n")
    assert "canary-webhook-secret" in ended.out
    assert "canary" not in ended.news + page.text
    assert not list(world.state.glob("*"))


async def test_credentials_in_a_file_of_one_s_choice_are_ours_alone_and_have_to_be_named(world: CommandWorld) -> None:
    out = world.place / "acme.env"
    async with FakeGitHub() as github:
        running = await start(world, "--url", URL, "--github-url", github.url, "--out", out)
        await click_through(running)
        ended = await running.end()

    assert (ended.code, ended.out) == (0, "")
    assert out.stat().st_mode & 0o777 == 0o600
    assert f"export ONCEOVER_CREDENTIALS_FILE={out}" in ended.news


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ((), 3, "there is no public URL"),
        (("--url", URL, "--github-url", "github.corp"), 2, "`--github-url github.corp` is no address"),
        (("--url", URL, "--organisation", "a/b"), 2, "`a/b` is no organisation's name"),
        (("--url", URL, "--name", "x" * 35), 2, "GitHub takes up to 34"),
        (("--url", URL, "--out", "/dev/null/onceover.env"), 3, "is no directory that this process can write"),
    ],
)
async def test_what_cannot_work_is_refused_before_anybody_is_asked(
    world: CommandWorld, options: tuple[str, ...], code: int, told: str
) -> None:
    ended = await (await start(world, *options)).end()

    assert (ended.code, ended.out) == (code, "")
    assert told in ended.news


async def test_a_stranger_s_dotenv_does_not_lead_the_browser_elsewhere(world: CommandWorld) -> None:
    (world.place / ".env").write_text(
        "ONCEOVER_GITHUB_WEB_URL=https://evil.example\nONCEOVER_GITHUB_API_URL=https://evil.example\n"
    )
    running = await world.launch(*ONCEOVER, "setup", "--url", URL, cwd=world.place, settings={"ONCEOVER_PORT": "0"})
    link = (await running.says(r"(http://127\.0\.0\.1:\d+/setup\?token=\S+)"))[1]

    async with httpx2.AsyncClient(trust_env=False) as browser:
        page = await browser.get(link, follow_redirects=True)

    assert 'action="https://github.com/settings/apps/new?state=' in page.text
    assert "evil" not in page.text


async def test_ctrl_c_ends_it(world: CommandWorld) -> None:
    running = await start(world, "--url", URL)
    await running.says(r"/setup\?token=")

    running.send(signal.SIGINT)

    assert (await running.end()).code == 130
