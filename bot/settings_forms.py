"""Forms: what a single setting may look like.

Each form is a type for pydantic. A refusal carries no text of its own: the setting's description says what was
expected, and the value may be a secret.
"""

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr, StringConstraints

WEB_SCHEMES: Final = frozenset({"http", "https"})
REDIS_SCHEMES: Final = frozenset({"redis", "rediss", "unix"})

SECRET_KEY_CHARACTERS_MIN: Final = 32
"""128 bits if written in hexadecimal digits; what `onceover setup` makes has 256."""


def _web_address(text: str) -> str:
    """Accept an `http(s)` address without credentials; without its last slash, so that paths can be put behind it."""
    address = _address(text)
    if address.scheme not in WEB_SCHEMES or not address.hostname or "@" in address.netloc or address.port == 0:
        raise ValueError
    return text.rstrip("/")


def _redis_address(secret: SecretStr) -> SecretStr:
    address = _address(secret.get_secret_value())
    place = address.path if address.scheme == "unix" else address.hostname
    if address.scheme not in REDIS_SCHEMES or not place or address.port == 0:
        raise ValueError
    return secret


def _sentry_address(secret: SecretStr) -> SecretStr:
    address = _address(secret.get_secret_value())
    if address.scheme not in WEB_SCHEMES or not address.username or not address.hostname:
        raise ValueError
    return secret


def _address(text: str) -> SplitResult:
    """Split an address; `urlsplit` alone would drop line ends and tabs without a word."""
    if not text.isprintable() or " " in text:
        raise ValueError
    return urlsplit(text)


def _header_text(secret: SecretStr) -> SecretStr:
    """Refuse what no HTTP header can carry; usually a line end that was pasted with the key."""
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError
    return secret


def _strong(secret: SecretStr) -> SecretStr:
    """Refuse a key that could be guessed; only its length can be judged."""
    if len(secret.get_secret_value()) < SECRET_KEY_CHARACTERS_MIN:
        raise ValueError
    return _header_text(secret)


def _absolute(path: Path) -> Path:
    """Refuse a relative path: it would name another place, and so other runs, in each directory."""
    if not path.is_absolute() or not str(path).isprintable():
        raise ValueError
    return path


def _listed(text: object) -> object:
    return tuple(dict.fromkeys(filter(None, map(str.strip, text.split(","))))) if isinstance(text, str) else text


WebAddress = Annotated[str, AfterValidator(_web_address)]
RedisAddress = Annotated[SecretStr, AfterValidator(_redis_address)]
SentryAddress = Annotated[SecretStr, AfterValidator(_sentry_address)]
ApiKey = Annotated[SecretStr, AfterValidator(_header_text)]
SecretKey = Annotated[SecretStr, AfterValidator(_strong)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
AbsolutePaths = Annotated[tuple[AbsolutePath, ...], BeforeValidator(_listed)]
ModelName = Annotated[str, StringConstraints(pattern=r"^[!-+\--~]{1,200}$")]  # Printable ASCII but space and comma.
ModelNames = Annotated[tuple[ModelName, ...], BeforeValidator(_listed)]
