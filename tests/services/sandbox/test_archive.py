"""What comes out of a sandbox is an archive that hostile code may have written."""

import io
import tarfile

import pytest

from pipeline.services.sandbox.archive import read_wanted


def archive_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Write an archive."""
    stream = io.BytesIO()
    with tarfile.open(mode="w|", fileobj=stream) as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def a_file(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """Make a member that is a file."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def a_special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """Make a member that is something else."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def test_only_wanted_regular_files_are_kept() -> None:
    archive = archive_of(
        a_file("./junit.xml", b"<a/>"),
        a_file("./reports/one.xml", b"<b/>"),
        a_file("./reports/../../etc/passwd", b"no"),
        a_file("/etc/passwd", b"no"),
        a_file("./reports-not/two.xml", b"no"),
        a_special("./reports/link.xml", tarfile.SYMTYPE, "/etc/passwd"),
        a_special("./reports/hard.xml", tarfile.LNKTYPE, "./junit.xml"),
        a_special("./reports/pipe.xml", tarfile.FIFOTYPE),
        a_special("./reports/device.xml", tarfile.CHRTYPE),
    )

    files = read_wanted(archive, ["junit.xml", "reports/"], bytes_max=1_000)

    assert files == {"junit.xml": b"<a/>", "reports/one.xml": b"<b/>"}


def test_files_beyond_the_bytes_are_left_out() -> None:
    archive = archive_of(a_file("./a/1", b"x" * 600), a_file("./a/2", b"x" * 600), a_file("./a/3", b"x" * 300))

    assert read_wanted(archive, ["a"], bytes_max=1_000).keys() == {"a/1", "a/3"}


@pytest.mark.parametrize("bytes_left", [0, 100, 600, 1_100])
def test_an_archive_that_breaks_off_gives_what_is_whole(bytes_left: int) -> None:
    whole = archive_of(a_file("./a", b"x" * 20), a_file("./b", b"y" * 700))

    files = read_wanted(whole[:bytes_left], ["a", "b"], bytes_max=1_000)

    assert files.get("a", b"x" * 20) == b"x" * 20
    assert "b" not in files or files["b"] == b"y" * 700


def test_what_is_no_archive_gives_nothing() -> None:
    assert read_wanted(b"\x80\xff" * 5_000, ["a"], bytes_max=1_000) == {}


def test_a_size_that_lies_costs_nothing() -> None:
    member, _ = a_file("./a", b"")
    member.size = 8 << 40

    assert read_wanted(member.tobuf(tarfile.GNU_FORMAT), ["a"], bytes_max=1_000) == {}
