"""Answer: what goes back over the wire, as JSON, without a framework's detours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from litestar.types import Send

from pipeline.engine.errors import OnceoverError
from pipeline.engine.stage import JsonValue
from webhooks.inbox import Delivery, Receipt
from webhooks.refused import Refused

RETRY_AFTER_SECONDS: Final = 30
"""What a 503 asks for: a Redis that restarts is back by then."""


NOT_NOW: Final = 503
_LATER: Final = {"retry-after": str(RETRY_AFTER_SECONDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status, a JSON object and the headers that are special to it."""

    status: int
    content: Mapping[str, JsonValue]
    headers: Mapping[str, str] = field(default_factory=dict)


def taken(delivery: Delivery, receipt: Receipt) -> Answer:
    """Answer that a delivery is stored."""
    return Answer(
        status=202,
        content={
            "delivery": delivery.id,
            "outcome": receipt.outcome,
            "run": receipt.run,
            "reason": receipt.reason,
        },
    )


def refusal(refused: Refused) -> Answer:
    """Answer that a delivery cannot be taken."""
    closing = {"connection": "close"} if refused.closes else {}
    return _problem(refused.status, refused, closing | (_LATER if refused.status == NOT_NOW else {}))


def not_stored(error: OnceoverError) -> Answer:
    """Answer that a delivery could not be stored, so that GitHub shows it as failed."""
    return _problem(NOT_NOW, error, _LATER)


def only_post() -> Answer:
    """Answer to another method than POST."""
    return problem(
        405, "method_not_allowed", "Only POST is taken here.", "Give this address to GitHub.", {"allow": "POST"}
    )


def problem(status: int, code: str, message: str, next_step: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with what is wrong, by a stable code, and what to do."""
    return Answer(
        status=status, content={"code": code, "message": message, "next_step": next_step}, headers=headers or {}
    )


async def send_answer(send: Send, answer: Answer) -> None:
    """Put an answer on the wire."""
    body = msgspec.json.encode(answer.content)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _problem(status: int, error: OnceoverError, headers: Mapping[str, str]) -> Answer:
    return problem(status, error.error_code, error.message, error.next_step, headers)
