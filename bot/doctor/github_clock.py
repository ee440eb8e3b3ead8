"""GitHub's clock: does it agree with ours, so that what we sign is believed?"""

from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

from bot.doctor.outcome import Failed, Ok, Outcome, Skipped, Warned

DRIFT_SECONDS_WARNED: Final = 10.0
DRIFT_SECONDS_FAILED: Final = 50.0
"""The App's JWT is dated a minute back; a clock further behind or ahead gets 401."""

DATE_SECONDS_MAX: Final = 10.0


async def compare_clocks(api_url: str, now: Callable[[], datetime]) -> Outcome:
    """Compare this machine's clock with the Date header of a GitHub's answer.

    Args:
        api_url: Of that GitHub.
        now: The time by this machine.
    """
    before = now()
    try:
        async with httpx2.AsyncClient(timeout=DATE_SECONDS_MAX, follow_redirects=False) as client:
            told = (await client.head(api_url)).headers.get("Date", "")
    except httpx2.HTTPError as error:
        return Failed(
            said=f"{api_url} cannot be reached: {type(error).__name__}.",
            next_step="Check the network, the proxy and ONCEOVER_GITHUB_API_URL.",
        )
    try:
        drift = (parsedate_to_datetime(told) - before).total_seconds()
    except (ValueError, TypeError):
        return Skipped(said=f"{api_url} does not tell the time.")
    return _drift(drift, (now() - before).total_seconds())


def _drift(drift: float, took: float) -> Outcome:
    """Judge a difference; a Date header is cut to seconds, and the answer took its time."""
    off = max(0.0, abs(drift) - took - 1.0)
    said = f"Our clock is {abs(drift):,.0f} s {'behind' if drift > 0 else 'ahead of'} GitHub's."
    next_step = "Let this machine keep time by NTP: GitHub refuses what seems to be signed in the future or too old."
    if off >= DRIFT_SECONDS_FAILED:
        return Failed(said=said, next_step=next_step)
    if off >= DRIFT_SECONDS_WARNED:
        return Warned(said=said, next_step=next_step)
    return Ok(said="Our clock and GitHub's agree.")
