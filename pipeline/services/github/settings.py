"""Settings of the GitHub clients: every limit, time-out and cap, with its reason."""

from dataclasses import dataclass
from typing import Final

GITHUB_API_URL: Final = "https://api.github.com"
"""The API of github.com; GitHub Enterprise Server has `https://HOST/api/v3`."""

API_VERSION: Final = "2022-11-28"
"""Sent with every call. Supported to March 2028 at least, and known to every GitHub Enterprise Server in support, which
answers 400 to a newer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubSettings:
    """Times in seconds, sizes in bytes."""

    connect_seconds_max: float = 5.0
    """Until the connection stands."""
    pool_seconds_max: float = 5.0
    """Until a connection is free."""
    send_seconds_max: float = 15.0
    """Longest pause while the request is sent."""
    read_seconds_max: float = 20.0
    """Longest silence of GitHub, which itself gives up after 10 s."""
    call_seconds_max: float = 30.0
    """One call from start to end, redirects included."""
    keepalive_seconds_max: float = 30.0
    """An idle connection is closed by us before GitHub or a proxy does it under a write."""
    calls_at_once_max: int = 20
    """Calls in flight of one process; GitHub takes 100 of an App."""
    response_bytes_max: int = 16 * 2**20
    """Longest answer; a page of 100 files carries 1 MB of patches at most."""
    stream_bytes_max: int = 256 * 2**20
    """Longest answer of which only the end is kept; a log beyond it is a flood."""
    redirects_max: int = 3
    """A renamed repository needs one, a transferred and renamed one two."""
    pages_max: int = 100
    """Pages of one list, 100 items each: thrice the files of the largest pull request that GitHub shows."""
    write_interval_seconds: float = 1.0
    """Between two writes of one installation (GitHub, "Best practices for using the REST API")."""
    writes_at_once: int = 1
    """Writes that may come without that pause after a rest as long; 1 keeps the pause always."""
    pace_seconds_max: float = 10.0
    """Longest wait for a turn to write inside a worker; longer ones park the run."""
    fresh_token_seconds: float = 5.0
    """A token younger than this may not have reached every server of GitHub (octokit/auth-app.js allows as much)."""
    etag_entries_max: int = 500
    """Answers kept for conditional reads."""
    etag_bytes_max: int = 8 * 2**20
    """What they may weigh together."""
    etag_entry_bytes_max: int = 512 * 2**10
    """What one of them may weigh."""

    @property
    def write_seconds_max(self) -> float:
        """How long a write may take, its wait included: a lease has to outlive it."""
        return self.pace_seconds_max + self.call_seconds_max
