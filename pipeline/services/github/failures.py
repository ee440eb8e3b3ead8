"""Failures: which error a call without success is.

Promises that every answer and every silence is classed, by a pure function and one table of cases. Two questions come
first: was it a write whose outcome is unknown (`Ambiguous`: never repeat blindly), and might GitHub merely be behind
its own webhook (`NotYet`). The order of obedience to rate limits is GitHub's own ("Rate limits for the REST API"):
`Retry-After`, else the reset of an hour that is used up, else a minute.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from pipeline.engine.errors import OnceoverError
from pipeline.services.github.answer import Answer, Lost, NoAnswer
from pipeline.services.github.errors import (
    LIMIT_SECONDS_MIN,
    NOT_YET_SECONDS,
    Ambiguous,
    GitHubAway,
    Gone,
    Limit,
    Nonsense,
    NotAllowed,
    NotYet,
    RateLimited,
    Refused,
    TokenRefused,
    TooMuch,
)

LIMIT_SECONDS_MAX: Final = 2 * 3_600.0
"""Longest wait that is believed; GitHub's windows are an hour."""

CLOCK_DRIFT_SECONDS_MAX: Final = 30.0
"""A difference to GitHub's clock above this is told; the App's JWT bears a minute."""

AMBIGUOUS_STEP: Final = "Look whether it happened before writing it again."
RETRY_STEP: Final = "Later it may answer."
PERMISSION_STEP: Final = "Check the App's permissions and that this installation has accepted them (`onceover doctor`)."
APP_STEP: Final = "Check ONCEOVER_GITHUB_APP_ID and ONCEOVER_GITHUB_PRIVATE_KEY (`onceover doctor`)."

_SLOW_DOWN: Final = re.compile(r"secondary rate limit|abuse detection|submitted too quickly", re.IGNORECASE)
_HOUR_IS_OVER: Final = re.compile(r"api rate limit exceeded", re.IGNORECASE)
_NO_COMMIT: Final = re.compile(r"no commit found for", re.IGNORECASE)
_UNRELATED: Final = re.compile(r"no common ancestor", re.IGNORECASE)
_NO_APP: Final = re.compile(r"integration not found", re.IGNORECASE)
_CLOSED: Final = re.compile(
    r"is locked|was archived|is archived|repository access blocked|commenting is disabled|lock prevents",
    re.IGNORECASE,
)
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_REFUSED: Final = frozenset(
    {
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.CONFLICT,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the same answer means different things under."""

    what: str
    """The call, in words: method and path."""
    is_write: bool = False
    """A lost answer leaves open what happened."""
    is_new: bool = False
    """What is asked for was announced by a webhook a moment ago."""
    is_app: bool = False
    """The App itself speaks, by its JWT, not an installation."""
    token_is_fresh: bool = False
    """The token may not have reached every server."""
    token_is_proven: bool = True
    """The token has been accepted before."""
    now: datetime
    """Our clock, to find out that it is wrong."""


def failure_of(answer: Answer, at: Circumstances) -> OnceoverError | None:
    """Class an answer; None if GitHub did what was asked, or says that nothing has changed."""
    if answer.is_success or answer.status == HTTPStatus.NOT_MODIFIED:
        return None
    told = f"GitHub answered {answer.status} to {at.what}: {answer.words}"
    limited = _limit(answer, at, told)
    if limited:
        return limited
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _PASSING:
        return _away(told, at, _retry_after(answer, at))
    return _denied(answer, at, told) or _refused(answer, told)


def loss_of(lost: NoAnswer, at: Circumstances) -> OnceoverError:
    """Class a call without an answer."""
    told = f"No answer from GitHub to {at.what}: {lost.cause}"
    match lost.lost:
        case Lost.UNSENT:
            return GitHubAway(told, next_step=RETRY_STEP)
        case Lost.UNTRUSTED:
            step = "Point `SSL_CERT_FILE` to the certificate of your own authority."
            return NotAllowed(told, next_step=step, code="github_certificate")
        case Lost.TOO_LONG if not at.is_write:
            return TooMuch(told)
        case Lost.TOO_LONG | Lost.UNKNOWN:
            return _away(told, at)


def garbled(why: str, at: Circumstances) -> OnceoverError:
    """Class a success whose body is not what it should be: after a write, what was made cannot be named."""
    return _away(f"GitHub answered {at.what} unreadably: {why}", at)


def _away(told: str, at: Circumstances, asked: float | None = None) -> OnceoverError:
    if at.is_write:
        return Ambiguous(told, next_step=AMBIGUOUS_STEP)
    return GitHubAway(told, next_step=RETRY_STEP, retry_after_seconds=None if asked is None else _believed(asked))


def _limit(answer: Answer, at: Circumstances, told: str) -> RateLimited | None:
    """Recognise a limit; a 403 without its signs is a matter of permission."""
    refusing = {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.UNPROCESSABLE_ENTITY}
    if answer.status not in refusing:
        return None
    is_slow_down = _SLOW_DOWN.search(answer.words) is not None
    if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and not is_slow_down:
        return None
    is_used_up = answer.headers.get("x-ratelimit-remaining", "").strip() == "0"
    is_primary = not is_slow_down and (is_used_up or _HOUR_IS_OVER.search(answer.words) is not None)
    asked = _retry_after(answer, at)
    is_limit = is_slow_down or is_primary or asked is not None or answer.status == HTTPStatus.TOO_MANY_REQUESTS
    if not is_limit:
        return None
    if asked is None and is_used_up:
        asked = _until_reset(answer, at)
    after = LIMIT_SECONDS_MIN if asked is None else _believed(asked)
    limit = Limit.PRIMARY if is_primary else Limit.SECONDARY
    return RateLimited(told, limit=limit, after_seconds=after, is_guess=asked is None)


def _retry_after(answer: Answer, at: Circumstances) -> float | None:
    """Read `Retry-After`: seconds, or a date (RFC 9110, 10.2.3) measured against GitHub's own clock."""
    seconds = answer.number("retry-after")
    if seconds is not None or "retry-after" not in answer.headers:
        return seconds
    try:
        return (parsedate_to_datetime(answer.headers["retry-after"]) - (answer.date or at.now)).total_seconds()
    except (ValueError, TypeError):  # No date, or one without a zone.
        return LIMIT_SECONDS_MIN


def _believed(seconds: float) -> float:
    return min(max(seconds, 0.0), LIMIT_SECONDS_MAX)


def _until_reset(answer: Answer, at: Circumstances) -> float | None:
    reset = answer.number("x-ratelimit-reset")
    if reset is None:
        return None
    return max(reset - (answer.date or at.now).timestamp(), 0.0) + 1.0  # The reset's second itself is still limited.


def _denied(answer: Answer, at: Circumstances, told: str) -> OnceoverError | None:
    """Class what GitHub does not let us see or do, now or at all."""
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            return _unknown_to_github(answer, at, told)
        case HTTPStatus.FORBIDDEN:
            return _forbidden(answer, at, told)
        case HTTPStatus.PAYMENT_REQUIRED:
            return NotAllowed(told, next_step="Check the plan of the account at GitHub.")
        case HTTPStatus.NOT_FOUND:
            return _missing(answer, at, told)
        case HTTPStatus.GONE | HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
            return Gone(told)
    return None


def _missing(answer: Answer, at: Circumstances, told: str) -> OnceoverError:
    if at.is_app and _NO_APP.search(answer.words):
        return NotAllowed(told, next_step=APP_STEP, code="github_app_credentials")
    if _UNRELATED.search(answer.words):  # Both commits are known, and no wait will relate them.
        return Gone(told)
    if at.is_new or (at.token_is_fresh and not at.token_is_proven):
        return NotYet(told, retry_after_seconds=NOT_YET_SECONDS)
    return Gone(told)


def _unknown_to_github(answer: Answer, at: Circumstances, told: str) -> OnceoverError:
    if not at.is_app:
        return TokenRefused(told, retry_after_seconds=NOT_YET_SECONDS)
    drift = (at.now - answer.date).total_seconds() if answer.date else 0.0
    if abs(drift) <= CLOCK_DRIFT_SECONDS_MAX:
        return NotAllowed(told, next_step=APP_STEP, code="github_app_credentials")
    where = "ahead of" if drift > 0 else "behind"
    return NotAllowed(
        f"{told} The clock of this machine is {abs(drift):.0f} s {where} GitHub's.",
        next_step=f"Set the clock (NTP). {APP_STEP}",
        code="github_clock",
    )


def _forbidden(answer: Answer, at: Circumstances, told: str) -> OnceoverError:
    if _CLOSED.search(answer.words):
        return Gone(told, code="github_closed")
    if "suspended" in answer.words.lower():
        step = "Unsuspend the installation in the account's settings at GitHub."
        return NotAllowed(told, next_step=step, code="github_suspended")
    if at.token_is_fresh:
        return NotYet(told, retry_after_seconds=NOT_YET_SECONDS)
    return NotAllowed(told, next_step=PERMISSION_STEP)


def _refused(answer: Answer, told: str) -> OnceoverError:
    if _NO_COMMIT.search(answer.words):
        return NotYet(told, retry_after_seconds=NOT_YET_SECONDS)
    if answer.status in _REFUSED:
        return Refused(told, words=answer.words, status=answer.status)
    if answer.status < HTTPStatus.BAD_REQUEST:
        step = "Is the address of GitHub's API right, and is this a repository that was renamed?"
        return Refused(told, words=answer.words, status=answer.status, next_step=step)
    return Nonsense(told)
