"""From registration to examination, against the simulated GitHub: with what setup registers the doctor is content."""

import asyncio
import html
import os
import re
from pathlib import Path

import httpx2

from bot.app_credentials import ALL_ROLES, wanted_by
from bot.demo.simulated_github.server import SimulatedGitHub
from bot.doctor.examination import examine_installation
from bot.doctor.outcome import Failed, Ok, Outcome, Warned
from bot.settings import read_settings
from bot.setup.flow import run_flow
from bot.setup.hosts import GitHubHost
from bot.setup.plan import Plan
from bot.setup.registered import Registered
from bot.setup.stored import key_path, store

PATIENCE_SECONDS_MAX = 60.0


async def register(github: SimulatedGitHub, file: Path) -> Registered:
    """Register an App as a person does, and store its credentials."""
    links: asyncio.Queue[str] = asyncio.Queue()

    def keep(registered: Registered) -> str:
        store(registered, file, force=False)
        return "Kept."

    plan = Plan(
        github=GitHubHost(web_url=github.url, api_url=github.url),
        name="Onceover acme",
        organisation="acme",
        public_url="https://onceover.example",
        host="127.0.0.1",
        port=0,
        keep=keep,
        commands=(),
    )
    running = asyncio.create_task(run_flow(plan, lambda line: links.put_nowait(line) if "?token=" in line else None))
    async with asyncio.timeout(PATIENCE_SECONDS_MAX), httpx2.AsyncClient(trust_env=False) as browser:
        page = await browser.get((await links.get()).strip(), follow_redirects=True)
        offered = await browser.post(found('action="([^"]+)"', page), data={"manifest": found('value="([^"]+)"', page)})
        done = await browser.get(found('id="create" href="([^"]+)"', offered))
        assert done.status_code == 200
        return await running


def found(pattern: str, page: httpx2.Response) -> str:
    """Read an attribute of a page."""
    return html.unescape(re.findall(pattern, page.text)[0])


async def look(place: Path, redis_url: str) -> dict[str, Outcome]:
    """Ask the doctor of an installation whose state directory this is."""
    environ = {
        "HOME": str(place),
        "PATH": os.environ["PATH"],
        "ONCEOVER_STATE_DIR": str(place),
        "ONCEOVER_REDIS_URL": redis_url,
    }
    settings = read_settings(environ, None, credentials=wanted_by(ALL_ROLES))
    examined = await examine_installation(settings, environ, ALL_ROLES, deep=False)
    return {one.name: one.outcome for one in examined}


async def test_the_doctor_is_content_with_what_setup_has_registered(tmp_path: Path, redis_url: str) -> None:
    async with SimulatedGitHub() as github:
        shop = github.add_repository("acme/shop", private=True)
        registered = await register(github, tmp_path / "onceover.env")
        before = await look(tmp_path, redis_url)
        app = next(one for one in github.world.apps if one.id == registered.app.app_id)
        await github.install(app, [shop], lost=True)

        after = await look(tmp_path, redis_url)

    assert isinstance(before["app.installations"], Warned)
    assert "/apps/onceover-acme/installations/new" in before["app.installations"].next_step
    content = ("app.credentials", "app.known", "app.permissions", "app.events", "app.installations", "clock.github")
    assert {name: after[name] for name in content if not isinstance(after[name], Ok)} == {}
    assert after["app.installations"].said == "Installed for acme."


async def test_deliveries_that_nobody_took_are_told(tmp_path: Path, redis_url: str) -> None:
    async with SimulatedGitHub() as github:
        shop = github.add_repository("acme/shop", private=True)
        registered = await register(github, tmp_path / "onceover.env")
        app = next(one for one in github.world.apps if one.id == registered.app.app_id)
        app.webhook_url = "http://127.0.0.1:9/webhooks/github"
        await github.install(app, [shop])

        found = await look(tmp_path, redis_url)

    assert isinstance(found["app.deliveries"], Warned)
    assert "1 delivery of 3 days did not arrive" in found["app.deliveries"].said


async def test_a_key_that_is_not_the_app_s_is_refused_by_github_and_told(tmp_path: Path, redis_url: str) -> None:
    async with SimulatedGitHub() as github:
        file = tmp_path / "onceover.env"
        registered = await register(github, file)
        key_path(file, registered.app.app_id).write_text(github.app.private_key)

        found = await look(tmp_path, redis_url)

    assert isinstance(found["app.known"], Failed)
    assert "ONCEOVER_GITHUB_PRIVATE_KEY" in found["app.known"].next_step
