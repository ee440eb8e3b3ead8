"""The index answers about the selected documents and is never more than a cache."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.services.docs_file import open_index
from pipeline.services.docs_index import DocsIndex, IndexLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A section to store."""

    text: str
    line: int = 1
    line_end: int = 1
    heading: str = ""


def fill(index: DocsIndex, **documents: str) -> None:
    """Store one section for each document, under a key of the same name, and select them all."""
    missing = index.missing(documents)
    index.add({key: [Words(text=documents[key])] for key in documents if key in missing})
    index.select({f"{key}.md": key for key in documents})


def found(index: DocsIndex, *phrases: str) -> list[str]:
    return [hit.path for hit in index.search(phrases, hits_max=9)]


@pytest.fixture
def index() -> Iterator[DocsIndex]:
    with open_index(None) as index:
        yield index


def test_words_are_found_by_their_stem_and_best_first(index: DocsIndex) -> None:
    fill(index, a="discounts are applied to carts", b="a discount", c="nothing")

    assert found(index, "discount", "carts") == ["a.md", "b.md"]


def test_a_name_is_found_as_a_phrase(index: DocsIndex) -> None:
    fill(index, a="call apply_discount here", b="apply no discount", c="apply discount")

    assert found(index, "apply_discount") == ["c.md", "a.md"]


def test_headings_count_more_than_text(index: DocsIndex) -> None:
    index.add({"a": [Words(text="cart and more")], "b": [Words(text="and more", heading="cart")]})
    index.select({"a.md": "a", "b.md": "b"})

    assert found(index, "cart") == ["b.md", "a.md"]


@pytest.mark.parametrize(
    "phrase", ['"', '" OR cart "', "*", "cart\0", "", "NEAR(", "\udc80", "x" * 10_000, "heading:cart"]
)
def test_no_phrase_is_a_query_of_its_own(index: DocsIndex, phrase: str) -> None:
    fill(index, a="nothing")

    assert found(index, phrase) == []


def test_only_selected_documents_answer(index: DocsIndex) -> None:
    fill(index, a="cart")
    fill(index, b="cart")

    assert found(index, "cart") == ["b.md"]


def test_one_content_at_two_paths_answers_for_both(index: DocsIndex) -> None:
    fill(index, a="cart")
    index.select({"one.md": "a", "two\udc80.md": "a"})

    assert found(index, "cart") == ["one.md", "two\udc80.md"]


def test_stored_documents_are_not_missing_any_more(tmp_path: Path) -> None:
    with open_index(tmp_path / "docs.sqlite") as index:
        fill(index, a="cart")
        index.add({"empty": []})

    with open_index(tmp_path / "docs.sqlite") as index:
        assert index.missing(["a", "b", "empty"]) == {"b"}
        index.select({"a.md": "a"})
        assert found(index, "cart") == ["a.md"]


def test_the_longest_unused_documents_are_forgotten() -> None:
    with open_index(None, IndexLimits(documents_max=3)) as index:
        index.add({f"old{number}": [] for number in range(3)})
        fill(index, used="cart")
        fill(index, new="cart")

        assert index.missing(["used", "new"]) == set()
        assert len(index.missing([f"old{number}" for number in range(3)])) == 2


def test_what_is_selected_is_kept_however_much_it_is() -> None:
    with open_index(None, IndexLimits(documents_max=1, characters_max=1)) as index:
        index.select({"a.md": "a", "b.md": "b"})
        index.add({"a": [Words(text="cart one")], "b": [Words(text="cart two")]})

        assert found(index, "cart") == ["a.md", "b.md"]


def test_text_beyond_the_limit_is_forgotten() -> None:
    with open_index(None, IndexLimits(characters_max=10)) as index:
        fill(index, old="a cart of old")
        fill(index, new="a cart")

        assert index.missing(["old", "new"]) == {"old"}


def test_parts_of_compound_names_are_found(index: DocsIndex) -> None:
    fill(index, a="call applyDiscount", b="call HTTPServerConfig", c="none of it")

    assert found(index, "apply_discount") == ["a.md"]
    assert found(index, "discount") == ["a.md"]
    assert found(index, "serverConfig") == ["b.md"]


def test_vectors_are_kept_by_model_and_the_oldest_go() -> None:
    with open_index(None, IndexLimits(vectors_max=2)) as index:
        index.add_vectors("small", {"one": b"1", "two": b"2"})
        index.add_vectors("large", {"one": b"3"})

        assert index.vectors("small", ["one", "two"]) == {"two": b"2"}
        assert index.vectors("large", ["one", "two"]) == {"one": b"3"}
