"""A page keeps GitHub's limit, whole parts only, and says what it left out."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.fitting import COMMENT_CHARACTERS_MAX, NOTICE_CHARACTERS_MAX, Block, Section, fit, length

OPEN = Section(name="open", heading="### Open")
FOLDED = Section(name="folded", folded="Folded")


def a_block(text: str, *, value: int = 1, section: Section = OPEN, noun: str = "remark") -> Block:
    return Block(section=section, text=text, value=value, noun=noun)


def test_what_fits_stands_in_reading_order_under_its_heading() -> None:
    page = fit("first", [a_block("one", value=1), a_block("two", value=9), a_block("three", section=FOLDED)], "last")

    assert page == (
        "first\n\n### Open\n\none\n\ntwo\n\n<details>\n<summary>Folded</summary>\n\nthree\n\n</details>\n\nlast"
    )


def test_the_least_valuable_parts_go_first_and_are_counted() -> None:
    blocks = [a_block("a" * 500, value=1, noun="hint"), a_block("b" * 500, value=9), a_block("c" * 500, value=1)]

    page = fit("first", blocks, "last", characters_max=NOTICE_CHARACTERS_MAX + 600)

    assert "b" * 500 in page
    assert page.endswith("_Left out to keep the limit of 1,200 characters: 1 hint, 1 remark._\n\nlast")


def test_a_section_without_a_part_that_fits_leaves_no_heading() -> None:
    page = fit("first", [a_block("a" * 5_000)], "last", characters_max=NOTICE_CHARACTERS_MAX + 100)

    assert "### Open" not in page


@given(
    st.lists(
        st.builds(
            a_block,
            st.text(max_size=400).map(lambda text: text * 9),
            value=st.integers(0, 5),
            section=st.sampled_from([OPEN, FOLDED]),
            noun=st.text(max_size=80),
        ),
        max_size=40,
    )
)
def test_no_parts_whatever_break_the_limit(blocks: list[Block]) -> None:
    page = fit("first", blocks, "last", characters_max=3_000)

    assert length(page) <= 3_000
    assert page.startswith("first")
    assert page.endswith("last")


def test_ten_thousand_findings_are_cut_to_the_limit() -> None:
    page = fit("first", [a_block("x" * 90)] * 10_000, "last")

    assert COMMENT_CHARACTERS_MAX - 1_000 < length(page) <= COMMENT_CHARACTERS_MAX
