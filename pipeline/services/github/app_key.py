"""App key: the JWT by which the App itself speaks.

Promises RS256, an issue time a minute back (GitHub's advice against clocks that are not quite right) and an end within
GitHub's ten minutes; that the key stands in no message, repr or log; and that one JWT serves for most of its life.
"""

from datetime import timedelta
from typing import Final

import jwt
from pydantic import SecretStr

from pipeline.services.github.clock import Clock
from pipeline.services.github.errors import NotAllowed

BACKDATED_SECONDS: Final = 60
"""How far back it claims to be issued."""

LIFE_SECONDS: Final = 480
"""How far ahead it ends; with `BACKDATED_SECONDS` nine of the ten minutes that GitHub allows."""

RENEWED_SECONDS_BEFORE: Final = 120
"""A JWT is not used for its last minutes, so that a slow call or a clock that is a bit off does not meet its end."""


class AppKey:
    """Signs for the App.

    Args:
        app_id: The App's id or client id.
        private_key: PEM, as GitHub gave it.
        clock: Tells when a JWT begins and ends.
    """

    def __init__(self, *, app_id: str, private_key: SecretStr, clock: Clock) -> None:
        self._app_id: Final = app_id
        self._private_key: Final = private_key
        self._clock: Final = clock
        self._token = SecretStr("")
        self._renewed_at = 0.0

    def token(self) -> SecretStr:
        """Give a JWT that is good for at least `RENEWED_SECONDS_BEFORE`.

        Raises:
            NotAllowed: The key is no RSA key in PEM.
        """
        if self._clock.monotonic() >= self._renewed_at or not self._token.get_secret_value():
            self._token = self._sign()
            self._renewed_at = self._clock.monotonic() + LIFE_SECONDS - RENEWED_SECONDS_BEFORE
        return self._token

    def _sign(self) -> SecretStr:
        now = self._clock.now()
        claims = {
            "iss": self._app_id,
            "iat": now - timedelta(seconds=BACKDATED_SECONDS),
            "exp": now + timedelta(seconds=LIFE_SECONDS),
        }
        try:
            return SecretStr(jwt.encode(claims, self._private_key.get_secret_value(), algorithm="RS256"))
        except (ValueError, TypeError, jwt.PyJWTError):
            pass  # Foreign errors may quote the key.
        raise NotAllowed(
            "The App's private key is no RSA key in PEM form.",
            next_step="Set ONCEOVER_GITHUB_PRIVATE_KEY_FILE to the .pem file that GitHub gave (`onceover doctor`).",
            code="github_app_key",
        )
