"""The published pages of a pull request are what is rendered."""

import pytest

from tests.review.markdown_reader import text_of
from tests.review.pull.examples import DIRECTORY, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_published_page_is_what_is_rendered(name: str) -> None:
    """Write them anew with `python -m tests.review.pull.examples`, and read them."""
    assert pages()[name] == (DIRECTORY / f"{name}.md").read_text(encoding="utf-8")


def test_a_published_page_speaks_of_no_command_line() -> None:
    """Its reader has a browser and a pull request."""
    assert "--json" not in text_of(pages()["app-comment"])
    assert "onceover review`" not in pages()["app-comment"].replace("/onceover review`", "")
