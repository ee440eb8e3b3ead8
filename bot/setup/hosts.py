"""Hosts: where a GitHub shows its pages, and where it answers programs.

The rules are GitHub's: github.com has api.github.com, data residency has `api.SUB.ghe.com`, and a GitHub Enterprise
Server has `/api/v3` on its own host. Anything else is taken for a test server that has both in one place.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

GITHUB_WEB: Final = "https://github.com"
GITHUB_API: Final = "https://api.github.com"
RESIDENCY: Final = ".ghe.com"
SERVER_PATH: Final = "/api/v3"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubHost:
    """Two addresses of one GitHub, without their last slash."""

    web_url: str
    api_url: str

    @property
    def is_public(self) -> bool:
        """Whether it is github.com, which reaches only what the whole internet reaches."""
        return urlsplit(self.web_url).hostname == "github.com"


def api_url_of(web_url: str) -> str:
    """Derive where programs are answered from where pages are shown."""
    address = urlsplit(web_url)
    if address.hostname == "github.com":
        return GITHUB_API
    if (address.hostname or "").endswith(RESIDENCY):
        return f"{address.scheme}://api.{address.netloc}"
    return f"{web_url}{SERVER_PATH}"


def web_url_of(api_url: str) -> str:
    """Derive where pages are shown from where programs are answered."""
    address = urlsplit(api_url)
    if address.hostname == "api.github.com":
        return GITHUB_WEB
    if (address.hostname or "").endswith(RESIDENCY):
        return f"{address.scheme}://{address.netloc.removeprefix('api.')}"
    return api_url.removesuffix(SERVER_PATH)
