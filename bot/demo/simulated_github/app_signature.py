"""App signature: the JWT by which an App says who it is.

Rules (D): RS256 by the App's key; `iss` is the App's id or client id; `exp` lies ahead, by ten minutes at most; `iat`
does not. A host whose clock is wrong by more than a minute is refused, in GitHub's words.
"""

from typing import Any, Final

import jwt

from bot.demo.simulated_github.accounts import App
from bot.demo.simulated_github.refusals import Refusal
from bot.demo.simulated_github.world import World

JWT_SECONDS_MAX: Final = 600
"""How far ahead an App's JWT may expire."""

JWT_LEEWAY_SECONDS: Final = 60
"""By how much the clocks may differ before `iat` in the future is refused."""

UNREADABLE: Final = "A JSON web token could not be decoded"


def signed_by(world: World, credential: str | None) -> App:
    """Give the App that signed a JWT.

    Raises:
        Refusal: 401, with what is wrong.
    """
    if credential is None or credential in world.tokens:
        raise Refusal(401, UNREADABLE)
    issuer = str(_read(credential, None).get("iss"))
    app = next((one for one in world.apps if issuer in {str(one.id), one.client_id}), None)
    if app is None:
        raise Refusal(401, "Integration not found")
    _check_times(_read(credential, app.public_key), world.now().timestamp())
    return app


def _read(credential: str, key: str | None) -> dict[str, Any]:
    """Read the claims; with a key, only if it fits the signature. The times are judged by our own clock."""
    try:
        claims: dict[str, Any] = jwt.decode(
            credential,
            key or "",
            algorithms=["RS256"],
            options={
                "verify_signature": key is not None,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "require": ["exp", "iat", "iss"],
            },
        )
    except jwt.InvalidTokenError as error:
        raise Refusal(401, UNREADABLE) from error
    return claims


def _check_times(claims: dict[str, Any], now: float) -> None:
    if not isinstance(claims["exp"], int | float) or not isinstance(claims["iat"], int | float):
        raise Refusal(401, UNREADABLE)
    if claims["exp"] <= now:
        raise Refusal(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time")
    longest = JWT_SECONDS_MAX + JWT_LEEWAY_SECONDS
    if claims["exp"] > now + longest or claims["exp"] - claims["iat"] > longest:
        raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
    if claims["iat"] > now + JWT_LEEWAY_SECONDS:
        raise Refusal(401, "'Issued at' claim ('iat') must be an Integer representing a time in the past")
