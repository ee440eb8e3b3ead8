"""Documents are read within limits, the most important first, and what is left out is told."""

from dataclasses import dataclass

import pytest

from pipeline.review.reading_list import ReadingLimits, choose_documents


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a tree."""

    path: str
    size: int | None = 10
    mode: str = "100644"
    kind: str = "blob"


def chosen(*files: File, limits: ReadingLimits | None = None) -> tuple[list[str], list[str]]:
    reading = choose_documents(files, limits or ReadingLimits())
    return [file.path for file in reading.entries], [f"{skipped.what}: {skipped.why}" for skipped in reading.skipped]


def test_documents_are_read_in_the_order_of_their_importance() -> None:
    files = [File(path=path) for path in ("shop/cart.py", "docs/a.md", "logo.svg", "README.md")]

    assert chosen(*files) == (["README.md", "docs/a.md", "shop/cart.py"], [])


def test_links_and_submodules_are_no_documents() -> None:
    link, submodule = File(path="a.md", mode="120000"), File(path="b.md", mode="160000", kind="commit", size=None)

    assert chosen(link, submodule) == ([], [])


@pytest.mark.parametrize(
    ("limits", "read", "why"),
    [
        (ReadingLimits(documents_max=1), ["README.md"], "docs/a.md: not read for documentation: there are more than 1"),
        (ReadingLimits(bytes_max=15), ["README.md"], "docs/a.md: not read for documentation: the documents before it"),
        (ReadingLimits(document_bytes_max=9), [], "README.md: not read for documentation: 10 bytes, more than the 9"),
    ],
)
def test_what_is_beyond_a_limit_is_told_by_name(limits: ReadingLimits, read: list[str], why: str) -> None:
    paths, skipped = chosen(File(path="README.md"), File(path="docs/a.md"), limits=limits)

    assert paths == read
    assert skipped[0].startswith(why)


def test_python_has_a_limit_of_its_own() -> None:
    paths, skipped = chosen(File(path="a.py"), File(path="a.md"), limits=ReadingLimits(code_bytes_max=9))

    assert paths == ["a.md"]
    assert len(skipped) == 1


def test_many_are_counted_and_not_listed() -> None:
    files = [File(path=f"docs/{number:02}.md") for number in range(20)]

    _, skipped = chosen(*files, limits=ReadingLimits(documents_max=5, told_max=3))

    assert len(skipped) == 4
    assert skipped[-1] == "12 more documents: not read: too large, or too many of them"
