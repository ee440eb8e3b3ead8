"""Stored: the new App's credentials in a file of their own, or as a Kubernetes Secret.

Promises files that only this user can read (mode 0600), whole or not there, and never another App's overwritten
unasked. The key stands beside the settings in a file named after the App, so two Apps never share one.
Finished before anything visible: who reads "stored" can rely on it after a power cut.

Does not promise that a backup of the disk is private.

Races: two set-ups into one directory: the second link to the name fails, and it says so (without --force).
"""

import contextlib
import json
import os
import re
import secrets
from pathlib import Path
from typing import Final

from bot.app_credentials import APP_ID
from bot.credentials_file import PRIVATE_KEYS
from bot.dotenv_file import read_dotenv
from bot.setup.registered import Registered
from pipeline.engine.errors import AskPerson

MODE: Final = 0o600

SECRET_NAME: Final = "onceover-github-app"  # noqa: S105  The name of a Kubernetes object.

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+=,-]+")
"""What needs no quotes; so the file can also be given to programs that do not take quotes off (`docker --env-file`)."""


class NotStored(AskPerson):
    """The credentials cannot be put where they should go."""

    code = "setup.not_stored"


def as_env(registered: Registered, *, key_file: Path | None) -> str:
    """Write the settings as `NAME=value` lines.

    Args:
        registered: What to write.
        key_file: Where the private key stands; None writes it in place, on one line.
    """
    pem = registered.app.pem.get_secret_value().strip().replace("\n", "\\n")
    key = f"{PRIVATE_KEYS[1]}={_quoted(str(key_file))}" if key_file else f'{PRIVATE_KEYS[0]}="{pem}"'
    lines = [f"{name}={_quoted(value)}" for name, value in registered.variables().items()]
    head = f"# The GitHub App {registered.app.slug}, registered by `onceover setup`. Keep it secret."
    return "\n".join([head, *lines, key]) + "\n"


def as_kubernetes(registered: Registered) -> str:
    """Write a Secret, one key for each variable, so that each Deployment can be given those of its roles."""
    values = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in registered.variables().items())
    key = "".join(f"    {line}\n" for line in registered.app.pem.get_secret_value().strip().splitlines())
    return (
        "apiVersion: v1\nkind: Secret\nmetadata:\n"
        f"  name: {SECRET_NAME}\n  labels:\n    app.kubernetes.io/name: onceover\n"
        f"type: Opaque\nstringData:\n{values}  {PRIVATE_KEYS[0]}: |\n{key}"
    )


def key_path(file: Path, app_id: int) -> Path:
    """Say where the key of the credentials in a file goes: beside it."""
    return file.with_name(f"app-{app_id}.private-key.pem")


def check_place(file: Path, *, force: bool) -> None:
    """See that the file could be written, before an App is registered whose key would then be lost.

    Raises:
        NotStored: Another App's credentials stand there, or the directory is not there or cannot be written.
    """
    there = _app_in(file)
    if there is not None and not force:
        raise _occupied(file, there)
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK | os.X_OK):
        raise NotStored(
            f"{file.parent} is no directory that this process can write.", next_step="Make it, or name another place."
        )


def store(registered: Registered, file: Path, *, force: bool) -> Path:
    """Write key and settings; the settings last, so that they never name a key that is not there.

    Returns:
        Where the key stands.

    Raises:
        NotStored: Another App's credentials stand there and `force` is not given, or the disk refuses.
    """
    key_file = key_path(file, registered.app.app_id)
    pem = registered.app.pem.get_secret_value().strip() + "\n"
    write_private(key_file, pem, replace=True)  # Its name is this App's own.
    write_private(file, as_env(registered, key_file=key_file), replace=force)
    return key_file


def write_private(file: Path, text: str, *, replace: bool) -> None:
    """Write a file that only this user can read, whole or not at all.

    Raises:
        NotStored: It is there already and `replace` is not given, or the disk refuses.
    """
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        try:
            _write_synced(draft, text)
            if replace:
                draft.replace(file)
            else:
                os.link(draft, file)  # Unlike a rename it fails if the name is taken.
        finally:
            draft.unlink(missing_ok=True)
        _sync_directory(file.parent)
    except FileExistsError:
        raise _occupied(file, _app_in(file)) from None
    except OSError as error:
        raise NotStored(
            f"{file} cannot be written: {error.strerror}.", next_step="Free space, or name another place."
        ) from error


def _write_synced(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # Some file systems know no such thing.
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _app_in(file: Path) -> str | None:
    """Name the App whose credentials stand in a file; any other content has no name, and is not ours to overwrite."""
    if not os.path.lexists(file):
        return None
    with contextlib.suppress(OSError):
        if app_id := read_dotenv(file).values.get(APP_ID):
            return f"the App {ascii(app_id)[1:-1]}"
    return "something else"


def _occupied(file: Path, there: str | None) -> NotStored:
    return NotStored(
        f"{file} holds {there or 'something else'} already.",
        next_step="Name another place with `--out`, or replace it with `--force`; the old App stays on GitHub.",
    )


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
