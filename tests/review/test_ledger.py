"""What calls cost is added up, and a call without a price is never free."""

from datetime import date

import pytest

from pipeline.review.ledger import Payer, accounts, balance, entry
from pipeline.review.phrases import spent
from pipeline.review.reports import Spend
from pipeline.review.structured import ModelAnswer, spend_of

PRICED = Spend(
    calls=1, prompt_tokens=1_000, cached_tokens=400, completion_tokens=100, priced_calls=1, cost_nanodollars=2_200_000
)
UNPRICED = Spend(calls=1, prompt_tokens=10, completion_tokens=5)


def test_answers_add_up_with_what_is_known_of_their_cost() -> None:
    answers = [
        ModelAnswer(text="", prompt_tokens=1_000, cached_tokens=400, completion_tokens=100, cost_nanodollars=2_200_000),
        ModelAnswer(text="", prompt_tokens=10, completion_tokens=5),
    ]

    assert spend_of(answers) == PRICED + UNPRICED


@pytest.mark.parametrize(
    ("spend", "usd"),
    [(Spend(), 0.0), (PRICED, 0.0022), (UNPRICED, None), (PRICED + UNPRICED, None), (PRICED + PRICED, 0.0044)],
    ids=["no call", "priced", "unpriced", "both", "two"],
)
def test_a_sum_with_an_unknown_in_it_is_unknown(spend: Spend, usd: float | None) -> None:
    assert spend.usd == usd


@pytest.mark.parametrize(
    ("spend", "told"),
    [
        (Spend(), "No model was used."),
        (UNPRICED, "1 model call, 15 tokens (10 read, 5 written)."),
        (PRICED, "1 model call, 1,100 tokens (1,000 read, 100 written), $0.0022."),
        (PRICED + UNPRICED, "2 model calls, 1,115 tokens (1,010 read, 105 written), $0.0022 for the 1 priced call."),
    ],
    ids=["no call", "unpriced", "priced", "both"],
)
def test_the_reader_is_told_the_cost_as_far_as_it_is_known(spend: Spend, told: str) -> None:
    assert spent(spend) == told


def test_a_call_goes_to_the_run_the_pull_request_the_repository_and_the_installation() -> None:
    payer = Payer(
        run="r_1", subject="github/api.github.com/7/12", repository="api.github.com/7", installation="api.github.com/3"
    )

    assert accounts(payer, date(2026, 11, 30)) == (
        "run/r_1",
        "pull/github/api.github.com/7/12/2026-11-30",
        "repository/api.github.com/7/2026-11-30",
        "installation/api.github.com/3/2026-11",
    )


def test_a_review_without_an_installation_has_no_account_for_one() -> None:
    payer = Payer(run="r_1", subject="local/shop", repository="local/shop")

    assert len(accounts(payer, date(2026, 11, 30))) == 3


@pytest.mark.parametrize("spend", [Spend(), PRICED, PRICED + UNPRICED])
def test_what_is_booked_is_read_back(spend: Spend) -> None:
    assert balance(entry(spend)) == spend


def test_a_counter_of_a_newer_version_is_passed_over() -> None:
    assert balance({"calls": 1, "joules": 7}) == Spend(calls=1)
