"""Each depth bounds what a review reads, and shares it out the same way every time."""

import pytest

from pipeline.review.depth import (
    DOUBTING_TOKENS_USUAL,
    RESULTS_TOKENS_USUAL,
    Depth,
    Turns,
    limits_of,
    turns_with_tools,
)

STANDARD = limits_of(Depth.STANDARD)


def test_each_depth_allows_at_least_what_the_one_before_does() -> None:
    quick, standard, deep = (limits_of(depth) for depth in Depth)

    for less, more in ((quick, standard), (standard, deep)):
        assert less.loop.turns_max <= more.loop.turns_max
        assert less.groups_max <= more.groups_max
        assert less.findings_max <= more.findings_max
        assert less.context_lines <= more.context_lines
        for first_tokens in (0, 1_500, 40_000, 500_000):
            assert less.extra_tokens(first_tokens) <= more.extra_tokens(first_tokens)
    assert [depth.rank for depth in Depth] == [0, 1, 2]


def test_a_quick_review_asks_one_question_per_group() -> None:
    quick = limits_of(Depth.QUICK)

    assert not quick.has_tools
    assert not quick.refutes
    assert quick.extra_tokens(100_000) == 0
    assert turns_with_tools([100, 200], quick) == (Turns(), Turns())


@pytest.mark.parametrize(
    ("first_tokens", "total_max"),
    [(1_600, 4_000), (9_000, 13_000), (50_000, 72_000), (81_000, 111_000)],
    ids=["20 lines", "500 lines", "3,000 lines", "6,000 lines"],
)
def test_a_standard_review_stays_below_three_fifths_of_what_others_read(first_tokens: int, total_max: int) -> None:
    assert first_tokens + STANDARD.extra_tokens(first_tokens) <= total_max


def test_turns_go_where_they_are_cheap_and_together_stay_within_the_extra() -> None:
    first_tokens = [9_000, 1_000, 2_000, 8_000]

    given = turns_with_tools(first_tokens, STANDARD)

    turns = [one.reading for one in given]
    spent = sum(
        first + (turn + 1) * RESULTS_TOKENS_USUAL
        for first, number in zip(first_tokens, turns, strict=True)
        for turn in range(number)
    )
    doubted = DOUBTING_TOKENS_USUAL * sum(one.doubting for one in given)
    assert spent + doubted <= STANDARD.extra_tokens(sum(first_tokens))
    assert turns[1] >= turns[2] >= turns[3] >= turns[0]
    assert turns[1] > 0


def test_no_group_gets_more_turns_than_a_conversation_has() -> None:
    deep = limits_of(Depth.DEEP)

    assert (
        turns_with_tools([10, 10], deep) == (Turns(reading=deep.loop.turns_max, doubting=deep.refuter_turns_max),) * 2
    )


def test_groups_of_one_price_are_served_in_their_order() -> None:
    turns = [one.reading for one in turns_with_tools([4_000] * 4, STANDARD)]

    assert turns == [1, 0, 0, 0]


def test_where_a_group_is_too_large_to_be_read_with_tools_the_second_look_at_it_may_have_them() -> None:
    assert turns_with_tools([8_000], STANDARD) == (Turns(reading=0, doubting=1),)
    assert turns_with_tools([1_600], STANDARD) == (Turns(reading=1, doubting=0),)
