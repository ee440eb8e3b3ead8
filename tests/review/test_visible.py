"""Text of a stranger is safe to print and to store."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.review.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, naïve, 日本語, 👍\ufe0f", "plain, naïve, 日本語, 👍\ufe0f"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07", "<U+001B>]0;title<U+0007>"),
        ("a\u202eb", "a<U+202E>b"),
        ("a\U000e0041b", "a<U+E0041>b"),
        ("a\x00b", "a<U+0000>b"),
        ("a\udc80b", "a<U+DC80>b"),
        ("a\u3164b\u200b", "a<U+3164>b<U+200B>"),
        ("one\r\ntwo\rthree\tfour", "one\ntwo\nthree\tfour"),
    ],
)
def test_hidden_characters_are_shown_and_the_rest_is_kept(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_name_shows_its_line_ends_too() -> None:
    assert visible("a\nb\tc\r\n", lines=False) == "a<U+000A>b<U+0009>c<U+000D><U+000A>"


@settings(deadline=None)
@given(st.text(st.characters()))
def test_whatever_comes_in_can_be_stored_as_utf8_without_control_characters(text: str) -> None:
    shown = visible(text, lines=False)

    assert shown.encode().decode() == shown
    assert all(ord(character) >= 32 and ord(character) != 127 for character in shown)
