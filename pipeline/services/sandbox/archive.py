"""Archive: a checkout on its way into a sandbox, and wanted files on their way out, as tar streams.

Promises that nothing but regular files, folders and links-as-links goes in: no link is followed, no device, socket or
FIFO is opened, and what the kernel calls a file on opening is what is read. Promises of the way out that only regular
files with a wanted name are kept, within `bytes_max`; a hostile archive costs its bytes and nothing else.
A stream, and no mount of the checkout: so nothing of it has to be readable for the sandbox's own user, and nothing is
left on the host if all of us are killed.
"""

import io
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from typing import IO, Final

from pipeline.services.sandbox.limits import MEBIBYTE, Limits

BLOCK_BYTES: Final = 512
"""What a header takes; tar's unit."""

CHUNK_BYTES: Final = 256 * 1024
"""Between two looks at the clock: more than a pipe holds."""


class CannotCopy(Exception):
    """The checkout cannot be copied; the message says why, as a sentence."""


def write_checkout(root_fd: int, sink: IO[bytes], limits: Limits) -> None:
    """Write a directory into a stream.

    Args:
        root_fd: The open directory.
        sink: A stream of bytes.
        limits: Of the run; the file system on the other side holds no more.

    Raises:
        CannotCopy: A file cannot be read, or the checkout is too large.
        OSError: The stream broke.
    """
    with tarfile.open(mode="w|", fileobj=sink, format=tarfile.GNU_FORMAT, bufsize=CHUNK_BYTES) as tar:
        size = 0
        for number, (member, content) in enumerate(_members(root_fd)):
            size += member.size
            if size > limits.work_mb * MEBIBYTE:
                raise CannotCopy(f"The checkout has more than {limits.work_mb} MiB.")
            if number >= limits.files:
                raise CannotCopy(f"The checkout has more than {limits.files:,} files and folders.")
            with content or io.BytesIO():
                try:
                    tar.addfile(member, content)
                except tarfile.TarError as error:
                    raise CannotCopy(f"`{member.name!a}` cannot be copied: {error}.") from error


def read_wanted(archive: bytes, wanted: Sequence[str], *, bytes_max: int) -> dict[str, bytes]:
    """Read the wanted files out of an archive that hostile code may have written.

    Args:
        archive: All of it; in memory, where a size that lies is passed over at no cost.
        wanted: Names of files, and of folders whose files are wanted.
        bytes_max: Of all contents; files beyond it are left out.
    """
    files: dict[str, bytes] = {}
    left = bytes_max
    try:
        with tarfile.open(mode="r:", fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if not member.isreg() or member.issparse() or not _is_wanted(name, wanted) or member.size > left:
                    continue
                content = tar.extractfile(member)
                files[name] = content.read(left) if content else b""
                left -= len(files[name])
    except (tarfile.TarError, OSError, ValueError, OverflowError):
        pass  # It ends where it ceases to make sense; what came before is as good as it ever was.
    return files


def _is_wanted(name: str, wanted: Sequence[str]) -> bool:
    parts = name.split("/")
    return ".." not in parts and any(
        name == one or name.startswith(f"{one}/") for one in (w.rstrip("/") for w in wanted)
    )


def _members(root_fd: int) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Walk by open directories: a folder that is swapped for a link meanwhile leads nowhere."""
    for folder, folders, files, folder_fd in os.fwalk(".", dir_fd=root_fd, follow_symlinks=False, onerror=_refuse):
        folders.sort()
        for name in sorted({*folders, *files}):
            yield from _member(os.path.normpath(f"{folder}/{name}"), name, folder_fd)


def _refuse(error: OSError) -> None:
    raise CannotCopy(f"A folder of the checkout cannot be read: {error.strerror} ({error.filename!a}).") from error


def _member(path: str, name: str, folder_fd: int) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    member = tarfile.TarInfo(path)
    try:
        seen = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        member.mode, member.mtime = stat.S_IMODE(seen.st_mode) & 0o777 | 0o600, int(seen.st_mtime)
        if stat.S_ISLNK(seen.st_mode):
            member.type, member.linkname = tarfile.SYMTYPE, os.readlink(name, dir_fd=folder_fd)
            yield member, None
        elif stat.S_ISDIR(seen.st_mode):
            member.type, member.mode = tarfile.DIRTYPE, member.mode | 0o700
            yield member, None
        elif stat.S_ISREG(seen.st_mode):
            # Without O_NONBLOCK the open of a FIFO that took the file's place would wait for ever.
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
            content = os.fdopen(fd, "rb")
            member.size = os.fstat(fd).st_size
            yield member, content
    except OSError as error:
        raise CannotCopy(f"{path!a} of the checkout cannot be read: {error.strerror}.") from error
