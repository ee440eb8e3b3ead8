"""App needs: the permissions and events of our GitHub App, the fewest that the review takes.

Each has its reason, which `onceover doctor` and the set-up page show. Source: GitHub's list of permissions per
endpoint and per webhook event. Not asked for, on purpose: write access to contents (resolving threads would take it),
members (the permission of one person is read without it), actions (the logs of failing jobs could be quoted with it,
but it also opens artifacts; whoever wants that grants it by hand), and anything that approves, merges or labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LEVELS: Final = ("read", "write", "admin")
"""In rising order; a higher one includes the lower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A permission, and what for."""

    level: str
    why: str
    is_vital: bool = True
    """Whether no review comes about without it; else something is missing that not everybody has."""


PERMISSIONS: Final[Mapping[str, Need]] = {
    "metadata": Need(level="read", why="to see which repositories there are; GitHub gives it to every App"),
    "contents": Need(level="read", why="to read the code under review and `.github/onceover.yml`"),
    "pull_requests": Need(level="write", why="to read pull requests and to post the summary and the review"),
    "checks": Need(level="write", why="to show the check run, and to read what CI found"),
    "issues": Need(level="read", why="to hear the `/onceover` commands in comments"),
    "statuses": Need(level="read", why="to see CI that reports commit statuses instead of checks", is_vital=False),
    "merge_queues": Need(
        level="read", why="to answer for a required check in a merge queue, which would hang without", is_vital=False
    ),
}
"""By GitHub's name in a manifest."""

EVENTS: Final[Mapping[str, str]] = {
    "pull_request": "a pull request was opened or pushed to",
    "issue_comment": "a comment holds a command",
    "pull_request_review_comment": "a review comment holds a command",
    "check_suite": "CI has finished",
    "status": "CI that reports commit statuses has spoken",
    "merge_group": "a merge queue asks for the required check",
}
"""What the App subscribes to, and what it tells. Re-run requests and installations come without being asked for."""


def is_enough(granted: str | None, needed: str) -> bool:
    """Whether a granted level includes the needed one; a level that GitHub may add one day does not count."""
    return granted in LEVELS and LEVELS.index(granted) >= LEVELS.index(needed)
