"""The estimate of tokens learns from bills, and only from those that can be about our text."""

import pytest

from pipeline.services.llm_estimate import BYTES_PER_TOKEN_AT_FIRST, TokenEstimate


def learnt(*bills: tuple[int, int]) -> TokenEstimate:
    estimate = TokenEstimate()
    for text_bytes, tokens in bills:
        estimate = estimate.learn(text_bytes, tokens)
    return estimate


def test_before_any_bill_it_errs_to_the_safe_side() -> None:
    estimate = TokenEstimate()

    assert estimate.tokens(3_000) == 1_000
    assert estimate.tokens_at_most(3_000) == 1_150


def test_it_comes_close_to_the_bills() -> None:
    estimate = learnt(*[(40_000, 10_000)] * 5)

    assert estimate.tokens(40_000) == 10_000
    assert estimate.spread == 0
    assert estimate.tokens_at_most(40_000) == 10_500


def test_it_follows_when_the_text_is_of_another_kind() -> None:
    estimate = learnt(*[(40_000, 10_000)] * 5, *[(40_000, 20_000)] * 60)

    assert estimate.bytes_per_token == pytest.approx(2.0, rel=0.02)


def test_bills_that_surprise_widen_the_margin() -> None:
    steady, wild = learnt(*[(40_000, 10_000)] * 8), learnt(*[(40_000, 10_000), (40_000, 16_000)] * 4)

    assert wild.margin > 3 * steady.margin


@pytest.mark.parametrize(
    ("text_bytes", "tokens"),
    [(100, 60), (40_000, 0), (40_000, 1_000), (40_000, 90_000)],
    ids=["a short prompt", "nothing", "a prompt cut by the server", "more tokens than bytes"],
)
def test_a_bill_that_cannot_be_about_the_text_teaches_nothing(text_bytes: int, tokens: int) -> None:
    assert learnt((text_bytes, tokens)).bytes_per_token == BYTES_PER_TOKEN_AT_FIRST


@pytest.mark.parametrize("estimate", [TokenEstimate(), learnt(*[(50_000, 14_000)] * 4), learnt((9_000, 5_000))])
@pytest.mark.parametrize("tokens", [0, 1, 777, 120_000])
def test_bytes_that_are_granted_keep_within_the_tokens(estimate: TokenEstimate, tokens: int) -> None:
    assert estimate.tokens_at_most(estimate.bytes_at_most(tokens)) <= tokens


def test_less_than_nothing_grants_nothing() -> None:
    assert TokenEstimate().bytes_at_most(-5) == 0
