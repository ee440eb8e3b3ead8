"""Plan: what to register, where to listen, and what to do with the result; decided before anything begins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bot.setup.hosts import GitHubHost
from bot.setup.registered import NewApp, Registered

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts at which only this machine finds us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to register, where to listen, and what to do with the result."""

    github: GitHubHost
    name: str
    organisation: str | None
    public_url: str
    host: str
    port: int
    keep: Callable[[Registered], str]
    """Stores the credentials, and says in a sentence where they are."""
    commands: tuple[str, ...]
    """What to do next, for the last page."""


def origin_of(plan: Plan, port: int) -> str:
    """Say where the person's browser finds the page: this machine, or the public URL if we listen to others."""
    return f"http://{in_url(plan.host)}:{port}" if plan.host in LOOPBACK else plan.public_url


def install_url(app: NewApp, github: GitHubHost) -> str | None:
    """Say where the App is installed; None if GitHub's answer leads away from GitHub."""
    wanted, given = urlsplit(github.web_url), urlsplit(app.html_url)
    is_same = (wanted.scheme, wanted.netloc) == (given.scheme, given.netloc)
    return f"{app.html_url.rstrip('/')}/installations/new" if is_same else None


def in_url(host: str) -> str:
    """Write a host as it stands in an address."""
    return f"[{host}]" if ":" in host else host
