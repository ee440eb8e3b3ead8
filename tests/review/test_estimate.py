"""What a review will cost is told before it is spent, as a range, and without a price never as free."""

from dataclasses import dataclass

import pytest

from pipeline.review.depth import Depth
from pipeline.review.estimate import estimate


@dataclass(frozen=True)
class Tariff:
    """A price per token, for prompts up to a length."""

    priced_prompt_tokens_max: int = 1_000_000

    def cost_nanodollars(self, *, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> int | None:
        """Charge one dollar for a million tokens read, two for a million written."""
        del cached_tokens
        return (
            None if prompt_tokens > self.priced_prompt_tokens_max else prompt_tokens * 1_000 + completion_tokens * 2_000
        )


def test_a_reader_is_told_tokens_money_and_depth() -> None:
    made = estimate([9_000, 4_000], Depth.STANDARD, Tariff())

    assert made.told == "about 9.4k to 29k tokens, 0.0094 to 0.038 USD, standard depth"
    assert made.questions == 2


def test_without_a_price_nothing_is_said_of_money() -> None:
    made = estimate([9_000], Depth.QUICK)

    assert made.nanodollars_low is None
    assert made.nanodollars_high is None
    assert "USD" not in made.told
    assert "free" not in made.told


def test_a_price_that_does_not_hold_for_the_length_is_no_price() -> None:
    assert estimate([9_000], Depth.QUICK, Tariff(priced_prompt_tokens_max=500)).nanodollars_high is None


def test_a_small_price_is_told_with_more_digits() -> None:
    assert "0.0007 to 0.0066 USD" in estimate([1_000], Depth.QUICK, Tariff()).told


@pytest.mark.parametrize("groups", [[300], [1_500], [12_000] * 8, [1, 12_000]], ids=str)
@pytest.mark.parametrize("depth", Depth)
def test_the_range_holds_what_the_first_questions_take(groups: list[int], depth: Depth) -> None:
    made = estimate(groups, depth, Tariff())

    assert made.tokens_low <= sum(groups) * 1.15 + 1_000
    assert made.tokens_high >= sum(groups)
    assert made.tokens_low <= made.tokens_high
    assert made.nanodollars_low is not None
    assert made.nanodollars_high is not None
    assert made.nanodollars_low <= made.nanodollars_high


def test_more_depth_costs_more_at_most_and_the_same_at_least() -> None:
    made = [estimate([2_000, 8_000], depth) for depth in Depth]

    assert [one.tokens_high for one in made] == sorted(one.tokens_high for one in made)
    assert len({one.tokens_high for one in made}) == len(Depth)
    assert len({one.tokens_low for one in made}) == 1


def test_a_change_that_is_known_already_costs_nothing() -> None:
    made = estimate([], Depth.DEEP, Tariff())

    assert made.tokens_high == 0
    assert made.told == "nothing to ask a model about, deep depth"
