"""Refusals: deliveries that the door turns away, each with its status and one stable code.

Promises that nothing of the delivery's own text stands in an answer: a refusal names what was expected, with numbers.
Does not promise to be kept: what is refused leaves no trace but a counter and one line in the log.
"""

from typing import Final

from pipeline.engine.errors import GiveUp


class Refused(GiveUp):
    """The delivery is not taken.

    Args:
        status: The HTTP status of the answer.
        code: Stable name for programs and for the counter.
        message: What was expected, and what came.
        next_step: What the sender can do.
        closes: Whether the connection must end, because the rest of the body will not be read.
    """

    code = "refused"

    def __init__(self, status: int, code: str, message: str, *, next_step: str, closes: bool = False) -> None:
        super().__init__(message, next_step=next_step, code=code)
        self.status: Final = status
        self.closes: Final = closes


class SenderGone(GiveUp):
    """The connection ended before the body did: nobody is left to answer."""

    code = "sender_gone"


def unsigned(message: str) -> Refused:
    """Refuse what does not prove that it comes from GitHub."""
    return Refused(
        401,
        "bad_signature",
        message,
        next_step="Set the same webhook secret at the GitHub App and in ONCEOVER_GITHUB_WEBHOOK_SECRET.",
    )


def malformed(message: str) -> Refused:
    """Refuse what is signed and cannot be read."""
    return Refused(
        400,
        "malformed",
        message,
        next_step="If GitHub sent this, report it with the delivery's id: a webhook of GitHub should never get here.",
    )


def too_large(bytes_max: int) -> Refused:
    """Refuse a body that passes the cap, before it is read to the end."""
    return Refused(
        413,
        "too_large",
        f"The body has more than {bytes_max} bytes.",
        next_step="GitHub itself delivers no payload above 25 MB; nothing needs to be done.",
        closes=True,
    )


def too_slow(seconds_max: float) -> Refused:
    """Refuse a body that does not come to its end."""
    return Refused(
        408,
        "too_slow",
        f"The body did not arrive within {seconds_max:g} s.",
        next_step="Redeliver it from the App's settings, or wait: failed deliveries are found and asked for again.",
        closes=True,
    )


def busy(large_bodies_max: int) -> Refused:
    """Refuse one more large body, for now."""
    return Refused(
        503,
        "busy",
        f"{large_bodies_max} large bodies are being read already.",
        next_step="Send it again later; failed deliveries of GitHub are asked for again.",
        closes=True,
    )


def wrong_type(expected: str) -> Refused:
    """Refuse a body in a form that the door does not read."""
    return Refused(
        415,
        "wrong_type",
        f"Only {expected} is taken.",
        next_step="Choose the content type application/json in the webhook's settings.",
    )
