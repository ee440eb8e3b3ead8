"""Tickets: who may see the set-up page, and which answer of GitHub's is to a question of ours.

Promises that the token of the terminal opens one session and no second one, that a state is redeemed once and within
the hour that GitHub gives, and that none is found by timing. What a wrong one costs: nothing but the refusal.

Races: two requests with the right token at once: one event loop, no await between look and act, so one wins.
"""

import secrets
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

STATE_SECONDS_MAX: Final = 3600.0
"""GitHub wants the three steps of the flow within one hour."""

STATES_MAX: Final = 20
"""Pages that may be open at once; the oldest state goes first."""


class Redeemed(Enum):
    """What a state was worth."""

    GOOD = auto()
    EXPIRED = auto()
    UNKNOWN = auto()  # Never given out, given out too long ago, or used already.


class Tickets:
    """The secrets of one flow, kept in memory alone.

    Args:
        clock: Seconds that only go forward.
        make_secret: Makes a text that nobody guesses.
    """

    def __init__(self, *, clock: Callable[[], float], make_secret: Callable[[], str] = secrets.token_urlsafe) -> None:
        self._clock: Final = clock
        self._make_secret: Final = make_secret
        self.token: Final = make_secret()
        """Opens the page once."""
        self._session: str | None = None
        self._states: dict[str, float] = {}

    def open_session(self, token: str) -> str | None:
        """Exchange the token for a session, the first time; None if it is wrong or used."""
        if self._session is not None or not _same(token, self.token):
            return None
        self._session = self._make_secret()
        return self._session

    def is_session(self, session: str | None) -> bool:
        """Whether this is the session that was opened."""
        return self._session is not None and session is not None and _same(session, self._session)

    def issue_state(self) -> str:
        """Make the state of one page."""
        state = self._make_secret()
        self._states[state] = self._clock()
        while len(self._states) > STATES_MAX:
            del self._states[next(iter(self._states))]
        return state

    def redeem(self, state: str) -> Redeemed:
        """Use a state up."""
        # All are compared, so that neither which one fits nor that none does shows in the time.
        fitting = [one for one in self._states if _same(state, one)]
        if not fitting:
            return Redeemed.UNKNOWN
        age_seconds = self._clock() - self._states.pop(fitting[0])
        return Redeemed.GOOD if age_seconds <= STATE_SECONDS_MAX else Redeemed.EXPIRED


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(errors="replace"), other.encode())
