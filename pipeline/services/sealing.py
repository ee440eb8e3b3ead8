"""Sealing: what processes of one installation hand each other through Redis, secret and untampered.

Promises that a sealed text
- tells nothing to who reads Redis, its backup or its log, without ONCEOVER_SECRET_KEY (AES-256-GCM);
- opens only for the purpose, at the place and until the moment it was made for: a text that somebody moved to another
  key, kept beyond its time or changed is refused;
and that a signature (HMAC-SHA256) says which purpose a text was written for by a holder of the key.

Does not promise that a text is new: whoever signs puts the time in and whoever verifies looks at it. Nor anything
against a process that holds the key: all processes of one installation trust each other that far.

Every purpose has a key of its own, derived by HKDF-SHA256 (RFC 5869). The nonce is random; NIST SP 800-38D allows 2^32
texts with one key then, which at a token a second are 136 years.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from pipeline.engine.errors import AskPerson, GiveUp, RetryLater

SECRET_BYTES_MIN: Final = 32
"""Length of ONCEOVER_SECRET_KEY; shorter ones may be guessed by who has one sealed text."""

VERSION: Final = "1"
"""First part of what is sealed or signed; another way of sealing gets another number."""

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_NAME_BYTES: Final = 4
_SEALED: Final = re.compile(r"1\.([0-9a-f]{8})\.(\d{1,16})\.([A-Za-z0-9_=-]+)", re.ASCII)
_SIGNATURE: Final = re.compile(r"1\.([0-9a-f]{8})\.([0-9a-f]{64})", re.ASCII)


class SecretTooShort(AskPerson):
    """ONCEOVER_SECRET_KEY could be guessed."""

    code = "secret_key_too_short"


class KeyNotShared(AskPerson):
    """A text was sealed or signed under another ONCEOVER_SECRET_KEY than ours."""

    code = "secret_key_not_shared"


class Tampered(GiveUp):
    """A text was changed, cut, or moved from where it belongs."""

    code = "tampered"


class SealExpired(RetryLater):
    """A sealed text is older than it may be; a new one has to be made."""

    code = "seal_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """What was in a sealed text."""

    plain: bytes = field(repr=False)
    expires_at_ms: int
    """Unix milliseconds."""


class Sealer:
    """The installation's shared secret, at work.

    Args:
        secret: ONCEOVER_SECRET_KEY, at least `SECRET_BYTES_MIN` bytes.

    Raises:
        SecretTooShort: It is shorter.
    """

    def __init__(self, secret: SecretStr) -> None:
        raw = secret.get_secret_value().encode("utf-8", "surrogateescape")
        if len(raw) < SECRET_BYTES_MIN:
            raise SecretTooShort(
                f"ONCEOVER_SECRET_KEY has {len(raw)} bytes; it needs {SECRET_BYTES_MIN} or more.",
                next_step="Make one with `openssl rand -hex 32`, and give the same one to every process of Onceover.",
            )
        self._secret: Final = SecretStr(raw.decode("latin-1"))
        self._key_by_use: Final[dict[str, bytes]] = {}
        self._name: Final = self._key("name")[:_NAME_BYTES].hex()

    def __repr__(self) -> str:
        """Name the key without telling anything of it."""
        return f"Sealer(key={self._name})"

    def seal(self, purpose: str, plain: bytes, *, bound_to: str, expires_at_ms: int) -> str:
        """Seal bytes for one purpose, one place and until one moment; the text is ASCII.

        Args:
            purpose: Chooses the key.
            plain: What to hide.
            bound_to: Where the text will be, such as its key in Redis.
            expires_at_ms: Unix milliseconds after which it does not open; readable in the text.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        hidden = AESGCM(self._key(f"seal/{purpose}")).encrypt(nonce, plain, _context(purpose, bound_to, expires_at_ms))
        return f"{VERSION}.{self._name}.{expires_at_ms}.{base64.urlsafe_b64encode(nonce + hidden).decode()}"

    def unseal(self, purpose: str, sealed: str, *, bound_to: str, now_ms: int) -> Unsealed:
        """Open what `seal` made.

        Args:
            purpose: As it was given to `seal`.
            sealed: The text; may be anything that somebody put there.
            bound_to: As it was given to `seal`.
            now_ms: Unix milliseconds, by a clock that both sides agree on.

        Raises:
            KeyNotShared: It was sealed under another secret.
            Tampered: It is no such text, or not for this purpose and place.
            SealExpired: Its time is over.
        """
        parts = _SEALED.fullmatch(sealed)
        if not parts:
            raise _tampered(f"What was sealed for {purpose} is not readable as such")
        self._check_name(parts[1], purpose)
        expires_at_ms = int(parts[2])
        try:
            raw = base64.b64decode(parts[3], altchars=b"-_", validate=True)
            context = _context(purpose, bound_to, expires_at_ms)
            plain = AESGCM(self._key(f"seal/{purpose}")).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context)
        except (InvalidTag, binascii.Error, ValueError) as error:  # ValueError: too short to hold a nonce.
            raise _tampered(f"What was sealed for {purpose} was changed, or is not where it belongs") from error
        if now_ms >= expires_at_ms:
            raise SealExpired(f"What was sealed for {purpose} is {now_ms - expires_at_ms} ms too old.")
        return Unsealed(plain=plain, expires_at_ms=expires_at_ms)

    def sign(self, purpose: str, text: str) -> str:
        """Make the signature of a text; it is ASCII and holds no blank."""
        return f"{VERSION}.{self._name}.{self._mac(purpose, text)}"

    def verify(self, purpose: str, text: str, signature: str) -> None:
        """Make sure that a holder of the secret wrote the text for this purpose; the comparison takes constant time.

        Raises:
            KeyNotShared: It was signed under another secret.
            Tampered: Nobody with our secret signed this text for this purpose.
        """
        parts = _SIGNATURE.fullmatch(signature)
        if not parts:
            raise _tampered(f"A text for {purpose} has no signature that is readable as such")
        self._check_name(parts[1], purpose)
        if not hmac.compare_digest(parts[2], self._mac(purpose, text)):
            raise _tampered(f"A text for {purpose} has a wrong signature")

    def _check_name(self, name: str, purpose: str) -> None:
        if name != self._name:
            raise KeyNotShared(
                f"A text for {purpose} was made under the key {name}, ours is {self._name}:"
                " the processes do not share one ONCEOVER_SECRET_KEY.",
                next_step="Give all processes of Onceover the same ONCEOVER_SECRET_KEY, then start them again.",
            )

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self._key(f"sign/{purpose}"), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def _key(self, use: str) -> bytes:
        if use not in self._key_by_use:
            secret = self._secret.get_secret_value().encode("latin-1")
            derive = HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=f"onceover/{use}".encode())
            self._key_by_use[use] = derive.derive(secret)
        return self._key_by_use[use]


def _context(purpose: str, bound_to: str, expires_at_ms: int) -> bytes:
    """Write what a sealed text depends on; as JSON, so that no two contexts are the same bytes."""
    return json.dumps([purpose, bound_to, expires_at_ms]).encode()


def _tampered(what: str) -> Tampered:
    return Tampered(f"{what}.", next_step="See who else writes to this Redis.")
