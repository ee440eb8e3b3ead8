"""Private directory: a place that only this user can enter.

Promises a directory of this user's own with mode 0700, and a socket path in one that the kernel takes.
Refuses one inside a git work tree: a repository could bring the state that we then believe (ADR 0011).
Does not promise that the file system keeps what is written, nor that it knows locks and sockets: a state
directory belongs on a local disk.
"""

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from pipeline.engine.errors import AskPerson

MODE: Final = 0o700

SOCKET_PATH_BYTES_MAX: Final = 103
"""Longest path of a unix socket: `sun_path` has 104 bytes on macOS, 108 on Linux, and one of them ends it."""

SHORT_ROOT: Final = Path("/tmp")  # noqa: S108 - The directory below it is checked to be ours alone.
"""Where a socket goes whose own directory is too deep. Not XDG_RUNTIME_DIR and not TMPDIR: a shell, a cron job and a
service see different ones, and all of them have to find the same socket."""


class DirectoryUnusable(AskPerson):
    """A directory that we need cannot be made, is not ours, or cannot be written."""

    code = "state.directory_unusable"


def make_private(directory: Path) -> Path:
    """Make the directory with its parents, or take it over if it is ours, so that nobody else can enter it.

    Returns:
        The directory, resolved.

    Raises:
        DirectoryUnusable: It cannot be made, belongs to somebody else, or cannot be written.
    """
    try:
        directory.mkdir(mode=MODE, parents=True, exist_ok=True)
        found = directory.stat()
        _check_owner(directory, found)
        if stat.S_IMODE(found.st_mode) != MODE:
            directory.chmod(MODE)
    except OSError as error:
        raise _unusable(directory, f"cannot be made ({error.strerror})") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _unusable(directory, "cannot be written")
    return directory.resolve()


def check_is_no_repositorys(directory: Path, *, home: Path | None) -> None:
    """Refuse a state directory whose content somebody else's commit could decide.

    Args:
        directory: The state directory, there or not; links in its path are followed.
        home: The user's home. It alone may be a work tree: people keep their settings so.

    Raises:
        DirectoryUnusable: It lies in a git work tree, or is named by way of `/proc`.
    """
    resolved = directory.resolve()
    if any(Path(os.path.normpath(named)).parts[1:2] == ("proc",) for named in (directory, resolved)):
        raise _unusable(directory, "is named by way of /proc, and so is another one for each process")
    for above in (resolved, *resolved.parents):
        if os.path.lexists(above / ".git") and (home is None or above != home.resolve()):
            raise _unusable(directory, f"lies in the git work tree {above}, whose commits could bring false runs")


def place_socket(directory: Path, name: str) -> Path:
    """Say where the directory's socket goes: in it, or in a short one made for it.

    That is the case if its path is too long for the kernel, or has bytes that a URL cannot carry.

    Every process answers the same for the same directory.

    Raises:
        DirectoryUnusable: The short directory is somebody else's.
    """
    wanted = directory / name
    if len(os.fsencode(wanted)) <= SOCKET_PATH_BYTES_MAX and _is_unicode(wanted):
        return wanted
    short = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return _make_short(SHORT_ROOT / f"onceover-{os.geteuid()}-{short}") / name


def _make_short(directory: Path) -> Path:
    # Everybody may write in the root: a link or a directory laid there by somebody else is refused, not followed.
    try:
        directory.mkdir(mode=MODE, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise _unusable(directory, f"cannot be made ({error.strerror})") from error
    if not stat.S_ISDIR(found.st_mode):
        raise _unusable(directory, "is a link, and somebody else may have laid it there")
    return make_private(directory)


def _is_unicode(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_owner(directory: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise _unusable(directory, f"belongs to user {found.st_uid}, and this process is user {os.geteuid()}")


def _unusable(directory: Path, why: str) -> DirectoryUnusable:
    return DirectoryUnusable(
        f"The state directory {directory} {why}.",
        next_step="Set ONCEOVER_STATE_DIR to a directory of your own, on a local disk and outside of every repository.",
    )
