"""The published pages of a pull request are what is rendered."""

import re

import pytest

from tests.review.markdown_reader import text_of
from tests.review.pull.examples import DIRECTORY, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_published_page_is_what_is_rendered(name: str) -> None:
    """Write them anew with `python -m tests.review.pull.examples`, and read them."""
    assert pages()[name] == (DIRECTORY / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_published_page_speaks_of_no_command_line(name: str) -> None:
    """Its reader has a browser and a pull request."""
    assert "--json" not in text_of(pages()[name])
    assert "onceover review`" not in pages()[name].replace("/onceover review`", "")


def test_the_summary_of_a_good_day_is_a_few_lines() -> None:
    """What is read without a click."""
    page = re.sub(r"<details>.*?</details>", "", pages()["app-no-findings"], flags=re.DOTALL)

    assert len([line for line in page.splitlines() if line.strip()]) <= 10
