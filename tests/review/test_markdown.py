"""Text of a stranger stays text inside a comment."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.review.markdown import (
    FENCE_CHARACTERS_MAX,
    FENCE_LINES_MAX,
    cell,
    clip,
    code,
    fence,
    indent,
    inline,
    prose,
)
from tests.review.hostile_text import HOSTILE, SHA, any_text
from tests.review.markdown_reader import text_of, tokens_of, what_acts


@pytest.mark.parametrize(
    ("text", "set_in_line"),
    [
        ("`os` is imported but unused", "`os` is imported but unused"),
        ("order_total of __init__ is a*b", r"order_total of \_\_init\_\_ is a\*b"),
        ("Ask @alice, see #12 (or https://evil.example/x).", "Ask `@alice`, see `#12` (or `https://evil.example/x`)."),
        ("x[0] < y & z", r"x\[0] < y & z"),
        ("<b>&amp;</b>", r"\<b>\&amp;\</b>"),
        ("1. first", r"1\. first"),
        ("# heading\nnext line", r"\# heading next line"),
        ("/merge now", "`/merge` now"),
        ("a\u202eb", r"a\<U+202E>b"),
        (f"since {SHA}", f"since `{SHA}`"),
        ("", ""),
    ],
)
def test_a_line_is_escaped_only_where_it_would_act(text: str, set_in_line: str) -> None:
    assert inline(text) == set_in_line


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_text_acts_wherever_it_is_set(text: str) -> None:
    """Cases 36 and 83 to 87."""
    for block in (inline(text), code(text), cell(text), prose(text), fence(text)):
        assert what_acts(block) == []
    for words in (inline(text), code(text), cell(text)):
        assert what_acts(f"- **{words}**") == []


@given(any_text)
@example("`a``b`")
@example("x`" * 3)
def test_no_text_at_all_acts_in_a_line(text: str) -> None:
    line = inline(text)

    assert "\n" not in line
    assert what_acts(line) == []
    assert what_acts(f"- {code(text)} {line} end") == []


@given(any_text)
def test_no_text_at_all_acts_in_a_table_or_adds_a_column(text: str) -> None:
    table = f"| a | b |\n|---|---|\n| {cell(text)} | last |\n"

    cells = [token for token in tokens_of(table) if token.type == "td_open"]

    assert what_acts(table) == []
    assert len(cells) == 2
    assert text_of(table).endswith("last")


@given(any_text)
def test_what_follows_paragraphs_and_blocks_is_outside_of_them(text: str) -> None:
    for quoted in (prose(text), fence(text), f"- item\n\n{indent(prose(text))}\n{fence(text)}"):
        tokens = list(tokens_of(f"{quoted}\n\n### The end\n"))

        assert what_acts(quoted) == []
        assert [token.level for token in tokens if token.type == "heading_open"] == [0]
        assert tokens[-2].content == "The end"


def test_paragraphs_lists_and_code_blocks_of_a_text_are_kept() -> None:
    text = "The total is wrong:\nit ignores `rate`.\n\n- one\n- two\n\n```python\nreturn 1\n```\nSo it goes."

    assert prose(text) == (
        "The total is wrong: it ignores `rate`.\n- one\n- two\n\n  ```\n  return 1\n  ```\n\nSo it goes."
    )


def test_a_block_is_fenced_by_more_back_ticks_than_it_holds() -> None:
    assert fence("````\nx") == "  `````\n  ````\n  x\n  `````"


def test_a_long_block_says_how_much_of_it_is_not_shown() -> None:
    block = fence("\n".join(f"line {n}" for n in range(FENCE_LINES_MAX + 7)))

    assert "… 7 more lines" in block
    assert block.endswith("```")


def test_a_block_that_is_one_endless_line_is_cut() -> None:
    assert len(fence("x" * 5_000_000)) < FENCE_CHARACTERS_MAX + 50


def test_a_command_in_a_quoted_log_is_broken_up() -> None:
    assert "· /merge" in fence("ok\n/merge\n")
    assert "· @dependabot merge" in fence("@dependabot merge this")
    assert "  @app.get\n  /usr/bin/env" in fence("@app.get\n/usr/bin/env")


@given(any_text, st.integers(min_value=1, max_value=40))
def test_a_clipped_text_is_never_longer_than_asked(text: str, characters_max: int) -> None:
    assert len(clip(text, characters_max)) <= characters_max
