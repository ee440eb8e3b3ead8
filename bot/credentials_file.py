"""The credentials file: who the App is, as `onceover setup` stored it.

Promises that only a file which nobody else can write is believed, and that it says nothing but who the App is and
where: it cannot change another setting. Does not promise that nobody else can read it; `onceover doctor` tells.
"""

import os
from pathlib import Path
from typing import Final

from bot.dotenv_file import DotenvFile, read_dotenv
from bot.settings_tree import PRIVATE_KEY

PRIVATE_KEYS: Final = (PRIVATE_KEY, f"{PRIVATE_KEY}_FILE")
"""Two ways to name one key."""

IN_CREDENTIALS: Final = frozenset(
    {
        "ONCEOVER_GITHUB_APP_ID",
        *PRIVATE_KEYS,
        "ONCEOVER_GITHUB_WEBHOOK_SECRET",
        "ONCEOVER_GITHUB_API_URL",
        "ONCEOVER_GITHUB_WEB_URL",
        "ONCEOVER_PUBLIC_URL",
        "ONCEOVER_SECRET_KEY",
    }
)
"""What may stand in the credentials file: who the App is, and where."""

WRITERS_MODE: Final = 0o022
"""Bits of a file's mode that let others write; who can write the credentials file can send the App's key elsewhere."""


def read_credentials(path: Path, *, is_named: bool) -> DotenvFile:
    """Read the file; each fault names it.

    Args:
        path: Absolute.
        is_named: Whether somebody asked for this file, so that it has to be there.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return DotenvFile(faults=(f"{path} is not there",)) if is_named else DotenvFile()
    except OSError as error:
        return DotenvFile(faults=(f"{path} cannot be read: {error.strerror}",))
    if found.st_uid not in {os.geteuid(), 0} or found.st_mode & WRITERS_MODE:
        return DotenvFile(faults=(f"{path} can be written by others; make it yours alone (chmod 600)",))
    file = read_dotenv(path)
    foreign = sorted(file.values.keys() - IN_CREDENTIALS)
    faults = (*file.faults, *(f"may not set {ascii(name)[1:-1]}; set it in the environment" for name in foreign))
    return DotenvFile(values=file.values, faults=tuple(f"{path} {fault}" for fault in faults))
