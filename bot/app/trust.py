"""Trust: the one secret that all processes of an installation share, made if nobody set it.

Processes on one host that share the state directory share the file; on several hosts ONCEOVER_SECRET_KEY has to be
set, and who forgets it is told by the first sealed text that does not open.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from bot.private_directory import make_private
from bot.settings_tree import Settings, TrustSettings

FILE: Final = "secret-key"
BYTES: Final = 32


def with_secret_key(settings: Settings) -> Settings:
    """Give the settings a shared secret: the one that was set, else that of the state directory.

    Raises:
        AskPerson: The state directory cannot be used.
    """
    if settings.trust.secret_key is not None:
        return settings
    directory = make_private(settings.storage.state_dir)
    key = SecretStr(_read_or_make(directory / FILE))
    return settings.model_copy(update={"trust": TrustSettings(secret_key=key)})


def _read_or_make(file: Path) -> str:
    """Make the file whole or not at all: of two processes that start together, both read what one of them made."""
    if not file.exists():
        # No process id in the name: in two containers that share the directory, both may have the same.
        own = file.with_name(f"{FILE}.{secrets.token_hex(8)}")
        descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as made:
            made.write(secrets.token_urlsafe(BYTES))
            made.flush()
            os.fsync(made.fileno())
        try:
            os.link(own, file)
        except FileExistsError:
            pass
        finally:
            own.unlink()
    return file.read_text("ascii").strip()
