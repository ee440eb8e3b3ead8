"""The file of the index: one for each repository, shared by processes that take turns, and never more than a cache."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.services.docs_file import LAYOUT, discard, file_of, open_index, tidy
from tests.services.test_docs_index import Words, fill, found

SECONDS_MAX = 20

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from tests.services.test_docs_index import Words
from pipeline.services.docs_file import open_index

with open_index(Path(sys.argv[1])) as index:
    index.add({"whole": [Words(text="cart whole")]})
    with index._at_once():
        index._add("half", [Words(text="cart half")], 9)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_each_repository_has_a_file_of_its_own(tmp_path: Path) -> None:
    """What one repository's documents say never answers a question about another."""
    shop, bank = file_of(tmp_path, "/mirrors/1.git"), file_of(tmp_path, "/mirrors/2.git")
    with open_index(shop) as index:
        fill(index, a="the cart of the shop")

    with open_index(bank) as index:
        index.select({"a.md": "a"})

        assert found(index, "cart") == []
        assert index.missing(["a"]) == {"a"}


@pytest.mark.parametrize("name", ["../../etc/passwd", "/", "", "a\0b", "caf\udce9", "x" * 10_000])
def test_case_96_a_repository_cannot_choose_where_its_file_is(tmp_path: Path, name: str) -> None:
    assert file_of(tmp_path, name).parent == tmp_path
    assert file_of(tmp_path, name).name.removesuffix(".sqlite3").isalnum()


def test_a_writer_that_is_killed_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "docs.sqlite3"

    done = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(path)], check=False, timeout=SECONDS_MAX)

    assert done.returncode == -signal.SIGKILL
    with open_index(path) as index:
        assert index.missing(["whole", "half"]) == {"half"}
        fill(index, half="cart half")
        assert found(index, "cart") == ["half.md"]


def test_writers_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "docs.sqlite3"
    troubles: list[BaseException] = []

    def write(name: str) -> None:
        try:
            with open_index(path) as index:
                for number in range(20):
                    fill(index, **{f"{name}{number}": "cart", "shared": "cart"})
        except sqlite3.Error as error:
            troubles.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS_MAX)

    assert troubles == []
    with open_index(path) as index:
        assert index.missing([f"{name}{number}" for name in "abc" for number in range(20)]) == set()
        index.select({"shared.md": "shared"})
        assert found(index, "cart") == ["shared.md"]


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "docs.sqlite3"
    with open_index(path) as index:
        fill(index, a="cart")
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")

            assert found(index, "cart") == ["a.md"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with open_index(tmp_path / "docs.sqlite3") as index:
        with pytest.raises(OverflowError):
            index.add({"a": [Words(text="cart")], "b": [Words(text="cart", line=2**70)]})

        assert index.missing(["a", "b"]) == {"a", "b"}


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 2_000])
def test_a_damaged_file_is_discarded(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "docs.sqlite3"
    path.write_bytes(content)
    path.with_name("docs.sqlite3-wal").write_bytes(b"left over")

    with pytest.raises(sqlite3.DatabaseError) as caught, open_index(path):
        pass

    assert discard(path, caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_layout_is_discarded(tmp_path: Path) -> None:
    path = tmp_path / "docs.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {LAYOUT + 1}")

    with pytest.raises(sqlite3.DatabaseError, match=f"layout {LAYOUT + 1}") as caught, open_index(path):
        pass

    assert discard(path, caught.value)
    assert not path.exists()


def test_a_file_that_cannot_be_opened_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as caught, open_index(tmp_path):
        pass

    assert not discard(tmp_path, caught.value)
    assert tmp_path.exists()


def test_the_files_used_longest_ago_go(tmp_path: Path) -> None:
    for age, name in enumerate(["new", "old", "older"]):
        path = file_of(tmp_path, name)
        for suffix in ("", "-wal"):
            path.with_name(path.name + suffix).touch()
            os.utime(path.with_name(path.name + suffix), (1_000 - age, 1_000 - age))

    tidy(tmp_path, files_max=1)

    kept = file_of(tmp_path, "new").name
    assert sorted(path.name for path in tmp_path.iterdir()) == [kept, f"{kept}-wal"]


def test_a_directory_that_is_not_there_is_tidy(tmp_path: Path) -> None:
    tidy(tmp_path / "nowhere")
