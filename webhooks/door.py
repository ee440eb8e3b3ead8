"""Door: takes one delivery, from its headers to its 202.

Promises that nothing is parsed before its signature is checked, and nothing answered 202 before it is stored. What
cannot be stored in time is 503: GitHub then shows a failed delivery, and the same delivery is welcome again. If the
write had reached Redis after all, the redelivery is a duplicate.
Does not promise order: GitHub sends none. Requests carry the time of what they tell.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final, assert_never

from litestar.types import HTTPScope, Receive, Send
from pydantic import SecretStr

from pipeline.engine.store import StoreAway, StoreRefuses
from webhooks.answer import Answer, not_stored, only_post, refusal, send_answer, taken
from webhooks.body import BODY_BYTES_MAX, BODY_SECONDS_MAX, Bodies
from webhooks.comments import ParseCommand
from webhooks.counters import Counters
from webhooks.decision import Command, Decision, Ignored, MergeGroup, Pong, Review, Signal, Stop, Upkeep
from webhooks.encoding import decode
from webhooks.events import decide, make_event
from webhooks.headers import Headers
from webhooks.inbox import Delivery, Inbox, Receipt
from webhooks.own import Own
from webhooks.refused import Refused, SenderGone
from webhooks.signature import Signatures

log = logging.getLogger(__name__)

STORE_SECONDS_MAX: Final = 5.0
"""For the durable write: half of the 10 s after which GitHub gives up, so that it hears why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """The bounds of one delivery."""

    body_bytes_max: int = BODY_BYTES_MAX
    body_seconds_max: float = BODY_SECONDS_MAX
    store_seconds_max: float = STORE_SECONDS_MAX


class Door:
    """Take deliveries.

    Raises:
        AskPerson: The secret is empty.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        secret: SecretStr,
        own: Own,
        parse_command: ParseCommand,
        limits: DoorLimits,
        counters: Counters,
    ) -> None:
        self._inbox: Final = inbox
        self._signatures: Final = Signatures(secret)
        self._own: Final = own
        self._parse_command: Final = parse_command
        self._bodies: Final = Bodies(bytes_max=limits.body_bytes_max, seconds_max=limits.body_seconds_max)
        self._store_seconds_max: Final = limits.store_seconds_max
        self._counters: Final = counters

    async def take(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(scope["headers"])
        try:
            answer = await self._answer(scope["method"], headers, receive)
        except Refused as refused:
            log.warning(
                "delivery.refused delivery=%s status=%d code=%s reason=%s",
                headers.delivery_for_log(), refused.status, refused.error_code, refused.message,
            )  # fmt: skip
            self._counters.refused(refused.error_code)
            answer = refusal(refused)
        except (StoreAway, StoreRefuses) as error:
            log.error(  # noqa: TRY400 - not a bug of ours: a trace would say nothing.
                "delivery.not_stored delivery=%s code=%s reason=%s",
                headers.delivery_for_log(), error.error_code, error.message,
            )  # fmt: skip
            self._counters.refused(error.error_code)
            answer = not_stored(error)
        except SenderGone as gone:
            self._counters.refused(gone.error_code)
            return
        await send_answer(send, answer)

    async def _answer(self, method: str, headers: Headers, receive: Receive) -> Answer:
        if method != "POST":
            return only_post()
        body = await self._signed_body(headers, receive)
        labels = headers.labels()
        event = make_event(labels.event, labels.delivery, decode(body, is_form=labels.is_form))
        decision = decide(event, own=self._own, parse_command=self._parse_command)
        delivery = Delivery(id=labels.delivery, event=labels.event, action=event.action, hook_id=labels.hook_id)
        receipt = await self._store(delivery, decision)
        log.info(
            "delivery.%s delivery=%s event=%s run=%s reason=%s",
            receipt.outcome, delivery.id, event, receipt.run, receipt.reason,
        )  # fmt: skip
        self._counters.took(event.name, receipt.outcome)
        return taken(delivery, receipt)

    async def _signed_body(self, headers: Headers, receive: Receive) -> bytes:
        """Read the bytes that prove where they come from; who sends no signature is not read at all."""
        signature = self._signatures.form(headers.signatures())
        body = await self._bodies.read(receive, declared_bytes=headers.declared_bytes())
        self._signatures.check(body, signature)
        return body

    async def _store(self, delivery: Delivery, decision: Decision) -> Receipt:
        seconds = self._store_seconds_max
        try:
            async with asyncio.timeout(seconds):
                return await self._put(delivery, decision)
        except TimeoutError as error:
            raise StoreAway(
                f"Redis did not store the delivery within {seconds:g} s.",
                next_step="Nothing is lost: redeliver it, or wait until failed deliveries are asked for again.",
            ) from error

    async def _put(self, delivery: Delivery, decision: Decision) -> Receipt:  # noqa: PLR0911 - one for each
        match decision:
            case Review(request=request):
                return await self._inbox.submit(delivery, "review", request)
            case Command(request=request):
                return await self._inbox.submit(delivery, "command", request)
            case MergeGroup(request=request):
                return await self._inbox.submit(delivery, "merge_group", request)
            case Upkeep(request=request):
                return await self._inbox.submit(delivery, "upkeep", request)
            case Signal(topic=topic, name=name):
                return await self._inbox.signal(delivery, topic, name)
            case Stop(subject=subject, why=why, order=order):
                return await self._inbox.stop(delivery, subject, why, order=order)
            case Ignored(reason=reason):
                return await self._inbox.ignore(delivery, reason)
            case Pong():
                return await self._inbox.ignore(delivery, "ping: the hook works")
            case _:
                assert_never(decision)
