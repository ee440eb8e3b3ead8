"""Signature: who sent these bytes.

Promises that a body is read only if it was signed with our secret: HMAC-SHA256 over the raw bytes, compared in
constant time, in exactly one header of exactly one form. SHA-1 is not looked at.
Does not promise freshness: a delivery may come again (the inbox dedupes), and headers are not signed.
Source: GitHub, "Validating webhook deliveries".
"""

import hmac
import re
from collections.abc import Sequence
from typing import Final

from pydantic import SecretStr

from pipeline.engine.errors import AskPerson
from webhooks.refused import unsigned

FORM: Final = re.compile(rb"sha256=[0-9a-f]{64}")
"""The only form that GitHub sends. Bytes, because comparing text raises on what is not ASCII."""


class Signatures:
    """Check signatures against one secret.

    Raises:
        AskPerson: The secret is empty: without one anybody could send anything.
    """

    def __init__(self, secret: SecretStr) -> None:
        if not secret.get_secret_value().strip():
            raise AskPerson(
                "The webhook secret is empty.",
                next_step="Set ONCEOVER_GITHUB_WEBHOOK_SECRET to the secret of the GitHub App.",
                code="no_webhook_secret",
            )
        self._secret: Final = secret

    def form(self, headers: Sequence[bytes]) -> bytes:
        """Answer the one signature of a delivery, before its body is read.

        Raises:
            Refused: None, several, or not `sha256=` with 64 lower-case hexadecimal digits.
        """
        if len(headers) != 1:
            raise unsigned(f"Exactly one X-Hub-Signature-256 header is taken; this has {len(headers)}.")
        if not FORM.fullmatch(headers[0]):
            raise unsigned("X-Hub-Signature-256 is not `sha256=` with 64 lower-case hexadecimal digits.")
        return headers[0]

    def check(self, body: bytes, signature: bytes) -> None:
        """Let through what was signed with our secret.

        Raises:
            Refused: The signature belongs to another body or to another secret.
        """
        if not hmac.compare_digest(sign(body, self._secret), signature):
            raise unsigned("The signature does not fit the body.")


def sign(body: bytes, secret: SecretStr) -> bytes:
    """Sign as GitHub does, for whoever has to send a delivery: tests, the simulated GitHub, the local replay."""
    return b"sha256=" + hmac.digest(secret.get_secret_value().encode(), body, "sha256").hex().encode()
