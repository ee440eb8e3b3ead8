"""Manifest: what we ask GitHub to register, as it stands in the form.

Source: "Registering a GitHub App from a manifest", GitHub's documentation. The webhook secret is not in it: GitHub
makes one, and refuses a manifest that brings its own.
"""

import json
from typing import Final
from urllib.parse import quote, urlencode

from bot.setup.app_needs import EVENTS, PERMISSIONS
from bot.setup.hosts import GitHubHost
from bot.setup.public_url import WEBHOOK_PATH

NAME_CHARACTERS_MAX: Final = 34
"""GitHub's limit for the name of an App, which must be the only one of that name on the whole host."""

DESCRIPTION: Final = "One durable once-over for every pull request: five stages, one summary, never posted twice."


def make_manifest(*, name: str, public_url: str, redirect_url: str, home_url: str | None = None) -> str:
    """Write the manifest as JSON.

    Args:
        name: Of the App; the person may still change it on GitHub's page.
        public_url: Where the web process is reached, without its last slash.
        redirect_url: Where GitHub sends the browser with the code.
        home_url: What the App's page links to; the public URL by default.
    """
    return json.dumps(
        {
            "name": name[:NAME_CHARACTERS_MAX],
            "description": DESCRIPTION,
            "url": home_url or public_url,
            "hook_attributes": {"url": public_url + WEBHOOK_PATH, "active": True},
            "redirect_url": redirect_url,
            "public": False,
            "setup_on_update": False,
            "default_permissions": {permission: need.level for permission, need in PERMISSIONS.items()},
            "default_events": list(EVENTS),
        },
        sort_keys=True,
    )


def form_url(github: GitHubHost, *, organisation: str | None, state: str) -> str:
    """Say where the form goes: the new App belongs to the organisation, or to whoever is signed in."""
    owner = f"/organizations/{quote(organisation, safe='')}" if organisation else ""
    return f"{github.web_url}{owner}/settings/apps/new?{urlencode({'state': state})}"
