"""GitHub errors: what went wrong with a call, on the engine's tree, by what the caller can do.

    RetryLater
    ├── RateLimited     GitHub asked us to stop for a while; primary or secondary
    ├── Paced           we ask ourselves to: too many writes are waiting here
    ├── NotYet          GitHub does not know yet what its own webhook told us
    │   └── TokenRefused    an installation token is not, or no longer, known
    ├── GitHubAway      no usable answer, and nothing was changed
    └── Ambiguous       a write was sent and nobody knows whether it happened: look before writing again
    AskPerson
    └── NotAllowed      a permission, a suspended installation, the App's key, the clock
    GiveUp
    ├── Gone            it was deleted, locked, archived or never there
    ├── Refused         GitHub understood and says no, in words that `says` looks into
    └── TooMuch         longer than we read
    Bug
    └── Nonsense        we sent what no server can understand

All but `Ambiguous` promise that a write did not happen; `UNDONE` names them for an `except`.
"""

from enum import StrEnum
from typing import Final

from pipeline.engine.errors import AskPerson, Bug, GiveUp, RetryLater

LIMIT_SECONDS_MIN: Final = 60.0
"""Wait for a limit that came without a time (GitHub, "Rate limits for the REST API": at least one minute)."""

NOT_YET_SECONDS: Final = 3.0
"""First wait for what a webhook announced; public reports of the lag speak of one to a few seconds."""


class Limit(StrEnum):
    """Which of GitHub's limits was met."""

    PRIMARY = "primary"
    """So many calls an hour."""
    SECONDARY = "secondary"
    """Too fast, too much at once, too much content."""


class RateLimited(RetryLater):
    """GitHub asked us to stop; going on may get the App banned.

    Args:
        message: Which call, and GitHub's words.
        limit: Primary or secondary.
        after_seconds: From `Retry-After`, from the reset of the hour, or `LIMIT_SECONDS_MIN`.
        is_guess: GitHub did not say for how long.
    """

    code = "github_rate_limited"

    def __init__(self, message: str, *, limit: Limit, after_seconds: float, is_guess: bool = False) -> None:
        super().__init__(
            message,
            next_step=f"It goes on by itself, not before {after_seconds:.0f} s from now.",
            retry_after_seconds=after_seconds,
        )
        self.limit: Final = limit
        self.after_seconds: Final = after_seconds
        self.is_guess: Final = is_guess


class Paced(RetryLater):
    """Too many writes wait for their turn in this process; this one was not sent."""

    code = "github_paced"


class NotYet(RetryLater):
    """GitHub does not know yet what it will know in seconds: a new pull request, a pushed commit, a new token."""

    code = "github_not_yet"


class TokenRefused(NotYet):
    """An installation token got 401: it ran out, was revoked, or has not reached every server yet."""

    code = "github_token_refused"


class GitHubAway(RetryLater):
    """No usable answer: refused connection, time-out, 5xx; and if it was a write, it was not sent."""

    code = "github_away"


class Ambiguous(RetryLater):
    """A write was sent and its outcome is unknown. Whoever repeats it without looking first writes twice."""

    code = "github_ambiguous"


class NotAllowed(AskPerson):
    """GitHub knows us and does not let us; a person has to grant, unsuspend, renew or set something right."""

    code = "github_not_allowed"


class Gone(GiveUp):
    """It is not there, or closed for good: deleted, locked, archived, blocked, full."""

    code = "github_gone"


class Refused(GiveUp):
    """GitHub understood the request and says no.

    Args:
        message: Which call was refused.
        words: What GitHub said, cut and made harmless.
        status: The HTTP status.
    """

    code = "github_refused"

    def __init__(self, message: str, *, words: str, status: int, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.words: Final = words
        self.status: Final = status

    def says(self, *phrases: str) -> bool:
        """Whether GitHub's words hold one of the phrases, whatever the case."""
        said = self.words.lower()
        return any(phrase.lower() in said for phrase in phrases)

    @property
    def is_pending_review_there(self) -> bool:
        """Whether a pending review of ours stands in the way: one is allowed per user and pull request."""
        return self.says("one pending review")

    @property
    def is_line_outside_diff(self) -> bool:
        """Whether an inline comment names a line that the diff does not have; GitHub does not say which."""
        return self.says(
            "must be part of the diff",
            "line could not be resolved",
            "diff_hunk can't be blank",
            "start line must precede the end line",
        )


class TooMuch(GiveUp):
    """An answer is longer, or a list has more pages, than we read."""

    code = "github_too_much"


class Nonsense(Bug):
    """GitHub could not make sense of our request: 400, 405, 415 and their like."""

    code = "github_nonsense"


UNDONE: Final = (RateLimited, Paced, NotYet, GitHubAway, NotAllowed, Gone, Refused, Nonsense)
"""After one of these a write has certainly not happened, so that its intent can be withdrawn."""
