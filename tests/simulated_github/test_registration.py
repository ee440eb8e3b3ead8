"""Registration: a manifest becomes an App, once, within the hour."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from bot.demo.simulated_github.server import SimulatedGitHub
from tests.simulated_github.conftest import sign_in

MANIFEST = {
    "name": "Acme Onceover",
    "url": "https://onceover.example",
    "hook_attributes": {"url": "https://onceover.example/webhooks/github"},
    "redirect_url": "http://127.0.0.1:8080/setup/done",
    "default_permissions": {"pull_requests": "write", "checks": "write"},
    "default_events": ["pull_request"],
}


async def offer(github: SimulatedGitHub, manifest: Mapping[str, object]) -> httpx2.Response:
    async with sign_in(github, None) as browser:
        return await browser.post("/settings/apps/new?state=s3", data={"manifest": json.dumps(manifest)})


def code_in(page: str) -> str:
    target = re.search(r'href="http://127\.0\.0\.1:8080/setup/done\?code=(\w+)&amp;state=s3"', page)
    assert target is not None, page
    return target[1]


async def test_a_manifest_becomes_credentials_once(github: SimulatedGitHub) -> None:
    code = code_in((await offer(github, MANIFEST)).text)

    async with sign_in(github, None) as client:
        made = await client.post(f"/app-manifests/{code}/conversions")
        again = await client.post(f"/app-manifests/{code}/conversions")

    app = github.world.apps[-1]
    assert (made.status_code, again.status_code) == (201, 404)
    assert (made.json()["slug"], made.json()["id"]) == ("acme-onceover", app.id)
    assert made.json()["pem"] == app.private_key
    assert made.json()["webhook_secret"] == app.webhook_secret
    assert app.permissions == {"metadata": "read", "pull_requests": "write", "checks": "write"}


async def test_a_code_is_good_for_an_hour() -> None:
    clock = [datetime(2026, 1, 5, 9, tzinfo=UTC)]
    async with SimulatedGitHub(now=lambda: clock[0]) as github:
        code = code_in((await offer(github, MANIFEST)).text)
        clock[0] += timedelta(hours=1, seconds=1)

        async with sign_in(github, None) as client:
            late = await client.post(f"/app-manifests/{code}/conversions")

    assert late.status_code == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hook_attributes": {}}, "wasn&#x27;t supplied"),
        ({"hook_attributes": {"url": "https://a.example", "secret": "mine"}}, "secret"),
        ({"hook_attributes": {"url": "http://localhost:8080/hook"}}, "reachable"),
    ],
)
async def test_a_manifest_that_github_refuses_is_refused(
    github: SimulatedGitHub, change: dict[str, object], words: str
) -> None:
    page = await offer(github, {**MANIFEST, **change})

    assert page.status_code == 422
    assert words in page.text
    assert len(github.world.apps) == 1
