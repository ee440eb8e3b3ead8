"""Retry: when to try again, as a value.

A policy answers "seconds before the next try, or stop" and sleeps nowhere; the wait itself is a parked stage.
Full jitter: the wait is drawn evenly between nothing and a bound that doubles, which spreads a crowd of callers best
(Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015). What the other side asks for is obeyed.
Does not promise anything about the number of retries over all runs: that is the retry budget's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from pipeline.engine.errors import RetryLater

Random: TypeAlias = Callable[[], float]
"""Draws from [0, 1); `random.random` in production."""

JITTER_AFTER_RETRY_AFTER: Final = 0.1
"""Share of a `Retry-After` that is added at random, so that a crowd does not come back in one second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long one stage tries again."""

    tries_max: int = 5
    """All tries, the first included."""
    first_seconds: float = 1.0
    """Upper bound of the first wait; doubles with each."""
    wait_seconds_max: float = 60.0
    """Upper bound of any wait of our own choosing."""
    total_seconds_max: float = 1_800.0
    """No new try is begun later than this after the first start."""

    def seconds_before_next(self, failures: int, elapsed_seconds: float, error: Exception, rng: Random) -> float | None:
        """Answer the seconds until the next try, or None to stop.

        Args:
            failures: Tries that have failed, this one included.
            elapsed_seconds: Time since the first start.
            error: What went wrong; only `RetryLater` is worth another try.
            rng: Source of the jitter.
        """
        if not isinstance(error, RetryLater) or failures >= self.tries_max:
            return None
        asked = error.retry_after_seconds
        if asked is not None:
            wait = asked * (1 + JITTER_AFTER_RETRY_AFTER * rng())
        else:
            wait = rng() * min(self.wait_seconds_max, self.first_seconds * 2.0 ** (failures - 1))
        return wait if elapsed_seconds + wait <= self.total_seconds_max else None
