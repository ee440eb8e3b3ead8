"""Reach: lets another user run a program that lies where that user may not look.

A packaged bubblewrap lies in a virtual environment, often below a home directory or another that is closed to others;
and the user that root becomes for a run is nobody's. Promises that the program's folder, with the libraries beside it,
is then mounted in a place open to all, for this process and its children alone: it needs no copy and leaves nothing.
"""

import ctypes
import itertools
import os
import stat
from pathlib import Path
from typing import Final

PLACES: Final = ("/mnt", "/media", "/srv", "/opt", "/home")
"""Folders that every system has and no sandbox needs; the first that is there is covered, as only we see it."""

_CLONE_NEWNS: Final = 0x0002_0000
_MS_BIND: Final = 4096
_MS_REC: Final = 16_384
_MS_PRIVATE: Final = 1 << 18


def put_in_reach(program: str) -> str:
    """Return a path by which every user can run the program.

    Raises:
        OSError: It cannot be brought about.
    """
    path = Path(program).resolve()
    around = list(itertools.takewhile(_is_open, path.parents))
    if len(around) == len(path.parents):
        return str(path)
    if not around:
        raise PermissionError(f"{path.parent} is closed to other users.")
    place = next((place for place in PLACES if Path(place).is_dir()), None)
    if place is None:
        raise FileNotFoundError(f"{path} is closed to other users, and there is no folder of {', '.join(PLACES)}.")
    top = around[-1]  # As much as is open, since a package's libraries lie beside it.
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(_CLONE_NEWNS), path)
    _check(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), path)
    _check(libc.mount(os.fsencode(top), os.fsencode(place), None, _MS_BIND, None), path)
    return str(Path(place) / path.relative_to(top))


def _is_open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _check(result: int, path: Path) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{path} is closed to other users and cannot be put in their reach: {os.strerror(error)}")
