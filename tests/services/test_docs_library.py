"""The documents of a commit are read once for each content, and asked whatever is wrong with the file."""

import resource
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.review.documents import Kind, Section, split
from pipeline.services.docs_library import Library
from pipeline.services.git import Git, open_git
from pipeline.services.git_objects import Content
from tests.builders.repository import RepositoryBuilder

SECONDS_MAX = 30


@dataclass
class WatchedObjects:
    """A repository that remembers which files were read of it."""

    git: Git
    read: list[str] = field(default_factory=list)

    async def cat_files(self, commit: str, paths: Iterable[str], *, bytes_max: int) -> dict[str, Content]:
        """Read files of a commit."""
        paths = list(paths)
        self.read += paths
        return await self.git.cat_files(commit, paths, bytes_max=bytes_max)


@dataclass
class Shelf:
    """A repository, and its index in a file."""

    folder: Path

    def __post_init__(self) -> None:
        self.builder = RepositoryBuilder(path=self.folder / "shop", is_checked_out=False)

    async def library(self, commit: str, *, file: Path | None = None) -> tuple[Library, WatchedObjects]:
        """Open the documents of a commit, as a run would."""
        objects = WatchedObjects(await open_git(self.builder.path))
        tree = await objects.git.list_tree(commit)
        library = Library(
            objects=objects,
            commit=commit,
            entries=tree.entries,
            kind=lambda _: "markdown",
            cut=cut,
            document_bytes_max=1_000_000,
            file=file or self.file,
        )
        return library, objects

    @property
    def file(self) -> Path:
        """Where the index is."""
        return self.folder / "state" / "docs.sqlite3"


def cut(path: str, content: bytes) -> tuple[Section, ...]:
    """Cut any document as Markdown."""
    assert path
    return split(Kind.MARKDOWN, content)


async def found(library: Library, *phrases: str) -> list[str]:
    return [hit.path for hit in await library.search(phrases, hits_max=9)]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


async def test_the_next_commit_reads_only_what_it_changed(shelf: Shelf) -> None:
    first = shelf.builder.commit({"a.md": "cart", "b.md": "cart too", "copy.md": "cart"})
    second = shelf.builder.commit({"b.md": "a basket", "moved/a.md": "cart", "a.md": None})
    before, was_read = await shelf.library(first)
    after, is_read = await shelf.library(second)

    assert await found(before, "cart") == ["a.md", "copy.md", "b.md"]
    assert await found(after, "cart") == ["copy.md", "moved/a.md"]
    assert await found(before, "cart") == ["a.md", "copy.md", "b.md"]

    assert len(was_read.read) == 2  # One content at two paths is read once.
    assert is_read.read == ["b.md"]


async def test_a_run_reads_nothing_that_another_has_read(shelf: Shelf) -> None:
    commit = shelf.builder.commit({"a.md": "cart"})
    one, _ = await shelf.library(commit)
    other, objects = await shelf.library(commit)
    await found(one, "cart")

    assert await found(other, "cart") == ["a.md"]
    assert objects.read == []


async def test_a_damaged_file_is_made_anew_and_told(shelf: Shelf) -> None:
    commit = shelf.builder.commit({"a.md": "cart"})
    shelf.file.parent.mkdir()
    shelf.file.write_bytes(b"SQLite format 3\0" + b"\xff" * 4_000)
    library, _ = await shelf.library(commit)

    assert await found(library, "cart") == ["a.md"]

    assert ["made anew" in trouble for trouble in library.troubles] == [True]
    again, objects = await shelf.library(commit)
    assert await found(again, "cart") == ["a.md"]
    assert (again.troubles, objects.read) == ([], [])


async def test_a_page_that_went_bad_is_found_when_it_is_read(shelf: Shelf) -> None:
    commit = shelf.builder.commit({f"{number}.md": f"cart {number} " * 400 for number in range(40)})
    library, _ = await shelf.library(commit)
    await found(library, "cart")
    content = bytearray(shelf.file.read_bytes())
    content[4_096 * 3 :] = b"\xaa" * (len(content) - 4_096 * 3)
    shelf.file.write_bytes(content)

    assert len(await found(library, "cart")) == 9
    assert library.troubles


async def test_a_place_that_cannot_be_written_is_done_without(shelf: Shelf) -> None:
    commit = shelf.builder.commit({"a.md": "cart"})
    (shelf.folder / "taken").write_text("a file where the directory should be")
    library, _ = await shelf.library(commit, file=shelf.folder / "taken" / "docs.sqlite3")

    assert await found(library, "cart") == ["a.md"]
    assert ["done without" in trouble for trouble in library.troubles] == [True]


def test_case_57_a_full_disk_is_done_without(shelf: Shelf) -> None:
    commit = shelf.builder.commit({f"{number}.md": f"cart {number}\n" * 2_000 for number in range(20)})
    program = "import asyncio, sys; from tests.services.test_docs_library import ask_on_a_full_disk as ask;"

    done = subprocess.run(
        [sys.executable, "-c", f"{program} asyncio.run(ask(*sys.argv[1:]))", str(shelf.folder), commit],
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )

    assert "9 found" in done.stdout
    assert "done without" in done.stdout


async def ask_on_a_full_disk(folder: str, commit: str) -> None:
    """Ask in a process whose files may have 60 KB: to SQLite, a disk that is full then."""
    library, _ = await Shelf(Path(folder)).library(commit)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    hits = await found(library, "cart")
    sys.stdout.write(f"{len(hits)} found; {library.troubles}")
