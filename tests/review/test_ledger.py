"""What calls cost is added up, and a call without a price is never free."""

from datetime import date

import pytest

from pipeline.review.ledger import Account, Scope, Window, account, accounts, balance, entry, payer_of
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
        (PRICED, "1 model call, 1,100 tokens (1,000 read, 100 written), 0.0022 USD."),
        (PRICED + UNPRICED, "2 model calls, 1,115 tokens (1,010 read, 105 written), 0.0022 USD for the 1 priced call."),
    ],
    ids=["no call", "unpriced", "priced", "both"],
)
def test_the_reader_is_told_the_cost_as_far_as_it_is_known(spend: Spend, told: str) -> None:
    assert spent(spend) == told


DAY = date(2026, 11, 30)
SUBJECT = "github/api.github.com/7/12"


def test_a_call_goes_to_the_run_the_pull_request_the_repository_and_the_installation() -> None:
    payer = payer_of("r_1", SUBJECT, 3)

    assert [one.name for one in accounts(payer, "gpt", DAY)] == [
        "run/ever/r_1",
        "pull/2026-11-30/github/api.github.com/7/12",
        "pull/2026-11/github/api.github.com/7/12",
        "repository/2026-11-30/api.github.com/7",
        "repository/2026-11/api.github.com/7",
        "installation/2026-11-30/api.github.com/3",
        "installation/2026-11/api.github.com/3",
        "model/2026-11-30/gpt",
        "model/ever/gpt",
        "all/2026-11-30/",
        "all/2026-11/",
    ]


def test_a_review_without_an_installation_has_no_account_for_one() -> None:
    payer = payer_of("r_1", "local/shop-1a2b/topic/main", None)

    assert payer.repository == "local/shop-1a2b"
    assert Scope.INSTALLATION not in {one.scope for one in accounts(payer, "gpt", DAY)}


def test_a_call_for_nobody_counts_among_all() -> None:
    assert {one.scope for one in accounts(None, "gpt", DAY)} == {Scope.MODEL, Scope.ALL}


@pytest.mark.parametrize("subject", ["", "local", "github/host", SUBJECT], ids=str)
def test_every_subject_has_a_payer_and_every_account_a_name_that_is_read_back(subject: str) -> None:
    for one in accounts(payer_of("r_1", subject, 3), "org/model", DAY):
        assert Account.parse(one.name) == one


def test_what_is_no_account_is_none() -> None:
    assert Account.parse("elsewhere/2026-11/x") is None


def test_where_a_window_is_kept_is_where_it_was_booked() -> None:
    payer = payer_of("r_1", SUBJECT, 3)
    booked = accounts(payer, "gpt", DAY)

    assert account(Scope.PULL, SUBJECT, Window.DAY, DAY) in booked
    assert account(Scope.INSTALLATION, "api.github.com/3", Window.MONTH, date(2026, 11, 1)) in booked
    assert account(Scope.RUN, "r_1", Window.EVER, DAY) in booked


@pytest.mark.parametrize("spend", [Spend(), PRICED, PRICED + UNPRICED])
def test_what_is_booked_is_read_back(spend: Spend) -> None:
    assert balance(entry(spend)) == spend


def test_a_counter_of_a_newer_version_is_passed_over() -> None:
    assert balance({"calls": 1, "joules": 7}) == Spend(calls=1)
