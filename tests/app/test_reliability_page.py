"""The page on reliability tells the cases that the tests play."""

from tests.app.reliability_page import PAGE, filled


def test_the_tables_of_the_page_are_those_of_the_tests() -> None:
    page = PAGE.read_text("utf-8")

    assert page == filled(page), "Write them anew: python -m tests.app.reliability_page"
