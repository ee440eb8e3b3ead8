"""Headers: what a delivery says of itself, before and after it is believed.

Promises that each header stands there once and has a form that is safe in keys, logs and answers.
Does not promise that it is true: headers are not signed. What depends on one is checked against the signed body.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from webhooks.refused import malformed, wrong_type

SIGNATURE: Final = b"x-hub-signature-256"
DELIVERY: Final = b"x-github-delivery"
EVENT: Final = b"x-github-event"
HOOK: Final = b"x-github-hook-id"
TYPE: Final = b"content-type"
LENGTH: Final = b"content-length"
CODING: Final = b"content-encoding"
WANTED: Final = frozenset({SIGNATURE, DELIVERY, EVENT, HOOK, TYPE, LENGTH, CODING})

DELIVERY_FORM: Final = re.compile(rb"[0-9A-Za-z._:-]{1,128}")
"""GitHub sends a GUID; a name that needs no quoting anywhere is enough."""

EVENT_FORM: Final = re.compile(rb"[a-z0-9_]{1,64}")
"""One has a digit: `projects_v2_item`."""

NUMBER_FORM: Final = re.compile(rb"[0-9]{1,18}")

JSON: Final = b"application/json"
FORM: Final = b"application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What stands on a delivery's envelope."""

    delivery: str
    event: str
    hook_id: int | None
    is_form: bool


class Headers:
    """The few headers that the door reads, each with all its values."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: Final[dict[bytes, list[bytes]]] = {}
        for name, value in raw:
            if name in WANTED:
                self._values.setdefault(name, []).append(value)

    def signatures(self) -> list[bytes]:
        """Answer every signature that was sent."""
        return self._values.get(SIGNATURE, [])

    def delivery_for_log(self) -> str | None:
        """Answer the delivery's id if it has the form of one; nothing is believed yet, and nothing refused."""
        values = self._values.get(DELIVERY, [])
        return values[0].decode() if len(values) == 1 and DELIVERY_FORM.fullmatch(values[0]) else None

    def declared_bytes(self) -> int | None:
        """Answer the length that the body is said to have; None if it comes in chunks.

        Raises:
            Refused: It is no number, or there are two.
        """
        return self._number(LENGTH)

    def labels(self) -> Labels:
        """Read the envelope.

        Raises:
            Refused: 400 for a missing, doubled or strange header, 415 for a body that the door does not read.
        """
        return Labels(
            delivery=self._text(DELIVERY, DELIVERY_FORM, "a delivery id of at most 128 plain characters"),
            event=self._text(EVENT, EVENT_FORM, "the name of an event"),
            hook_id=self._number(HOOK),
            is_form=self._is_form(),
        )

    def _is_form(self) -> bool:
        coding = self._one(CODING)
        kind = (self._one(TYPE) or b"").partition(b";")[0].strip().lower()
        if kind not in {JSON, FORM} or coding not in {None, b"identity"}:
            raise wrong_type("application/json or application/x-www-form-urlencoded, uncompressed,")
        return kind == FORM

    def _text(self, name: bytes, form: re.Pattern[bytes], expected: str) -> str:
        value = self._one(name)
        if value is None or not form.fullmatch(value):
            raise malformed(f"The header {name.decode()} is not {expected}.")
        return value.decode()

    def _number(self, name: bytes) -> int | None:
        value = self._one(name)
        if value is not None and not NUMBER_FORM.fullmatch(value):
            raise malformed(f"The header {name.decode()} is not a number.")
        return None if value is None else int(value)

    def _one(self, name: bytes) -> bytes | None:
        values = self._values.get(name, [])
        if len(values) > 1:
            raise malformed(f"The header {name.decode()} stands there {len(values)} times.")
        return values[0] if values else None
