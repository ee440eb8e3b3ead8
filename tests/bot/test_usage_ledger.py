"""What model calls cost is added up once, on every account that it concerns, for all processes of an installation."""

import asyncio
from datetime import date, timedelta

import pytest
from redis.asyncio import Redis

from bot.usage_ledger import (
    KEPT_DAYS_NARROW,
    KEPT_DAYS_WIDE,
    SECONDS_PER_DAY,
    Entry,
    RedisUsage,
)
from pipeline.review.ledger import Payer, Scope, Window, payer_of
from pipeline.review.reports import Spend

ONE = Spend(calls=1, prompt_tokens=1_000, completion_tokens=100, priced_calls=1, cost_nanodollars=3_000_000_000_000)
FREE_OF_PRICE = Spend(calls=1, prompt_tokens=10, completion_tokens=1)
SHOP = payer_of("r_1", "github/api.github.com/7/12", 3)
SAME_SHOP = payer_of("r_2", "github/api.github.com/7/13", 3)
NAMES = {"api.github.com/7": "acme/shop", "github/api.github.com/7/12": "acme/shop#12"}


@pytest.fixture
def usage(redis: Redis) -> RedisUsage:
    return RedisUsage(redis, "t:")


def make_entry(name: str, *, payer: Payer | None = SHOP, spend: Spend = ONE, model: str = "gpt") -> Entry:
    return Entry(id=name, model=model, spend=spend, payer=payer, shown=NAMES if payer else {})


async def test_a_call_counts_for_its_run_pull_request_repository_and_installation(usage: RedisUsage) -> None:
    await usage.book(make_entry("a"))
    await usage.book(make_entry("b", payer=SAME_SHOP, spend=FREE_OF_PRICE))

    assert await usage.used(Scope.RUN, "r_1", Window.EVER) == ONE
    assert await usage.used(Scope.PULL, SHOP.subject, Window.DAY) == ONE
    assert await usage.used(Scope.REPOSITORY, "api.github.com/7", Window.DAY) == ONE + FREE_OF_PRICE
    assert await usage.used(Scope.INSTALLATION, "api.github.com/3", Window.MONTH) == ONE + FREE_OF_PRICE
    assert await usage.used(Scope.ALL, "", Window.MONTH) == ONE + FREE_OF_PRICE
    assert (await usage.used(Scope.REPOSITORY, "api.github.com/8", Window.DAY)).calls == 0


async def test_an_entry_that_is_sent_again_counts_once(usage: RedisUsage) -> None:
    """A lost answer of Redis makes a process send it again."""
    booked = await asyncio.gather(*(usage.book(make_entry("a")) for _ in range(5)))

    assert sorted(booked) == [False, False, False, False, True]
    assert await usage.used(Scope.RUN, "r_1", Window.EVER) == ONE


async def test_what_many_processes_book_at_once_is_all_there(usage: RedisUsage, redis: Redis) -> None:
    other = RedisUsage(redis, "t:")

    await asyncio.gather(*((usage, other)[number % 2].book(make_entry(str(number))) for number in range(40)))

    assert (await usage.used(Scope.REPOSITORY, "api.github.com/7", Window.DAY)).calls == 40


async def test_yesterdays_calls_are_in_yesterdays_sum(usage: RedisUsage) -> None:
    today = await usage.today()
    await usage.book(make_entry("a"), day=today - timedelta(days=1))
    await usage.book(make_entry("b"))

    assert (await usage.used(Scope.PULL, SHOP.subject, Window.DAY)).calls == 1
    [of_two_days] = await usage.listed(Scope.PULL, since=today - timedelta(days=1), until=today)
    [of_today] = await usage.listed(Scope.PULL, since=today, until=today)
    assert (of_two_days.spend.calls, of_today.spend.calls) == (2, 1)
    assert of_today.shown == "acme/shop#12"
    assert [one.spend.calls for one in await usage.by_day(since=today - timedelta(days=9), until=today)] == [1, 1]


async def test_who_spent_most_comes_first_and_is_told_by_a_name_that_people_know(usage: RedisUsage) -> None:
    await usage.book(make_entry("a", payer=payer_of("r_3", "local/barn-1a2b/topic/main", None), spend=FREE_OF_PRICE))
    await usage.book(make_entry("b"))
    today = await usage.today()

    listed = await usage.listed(Scope.REPOSITORY, since=today, until=today)

    assert [one.shown for one in listed] == ["acme/shop", "local/barn-1a2b"]
    assert [one.shown for one in await usage.listed(Scope.RUN, since=today, until=today)] == ["r_1", "r_3"]


async def test_a_call_for_nobody_is_among_all_and_its_models(usage: RedisUsage) -> None:
    await usage.book(make_entry("a", payer=None, model='odd/"model'))

    [model] = await usage.by_model()

    assert (model.whom, model.spend) == ('odd/"model', ONE)
    assert await usage.used(Scope.ALL, "", Window.DAY) == ONE


async def test_sums_end_by_themselves_and_leave_the_lists(usage: RedisUsage, redis: Redis) -> None:
    today = await usage.today()
    long_ago = today - timedelta(days=KEPT_DAYS_NARROW + 1)
    await usage.book(make_entry("a"), day=long_ago)

    await usage.book(make_entry("b"))

    [only] = await usage.listed(Scope.PULL, since=long_ago, until=today)
    assert only.spend.calls == 1, "the sum of the pull request's old day has left the list"
    [wide] = await usage.listed(Scope.REPOSITORY, since=long_ago, until=today)
    assert wide.spend.calls == 2, "that of the repository has not"
    for key in [key async for key in redis.scan_iter("t:usage:of:*")]:
        assert await redis.ttl(key) > 0, key
    days = {
        key: await redis.ttl(key) / SECONDS_PER_DAY async for key in redis.scan_iter("t:usage:of:repository/20*-*-*")
    }
    assert {round(number) for number in days.values()} == {KEPT_DAYS_WIDE}


async def test_a_sum_of_a_newer_version_is_read_as_far_as_it_is_known(usage: RedisUsage, redis: Redis) -> None:
    await usage.book(make_entry("a"))
    await redis.hset("t:usage:of:run/ever/r_1", "joules", "7")  # type: ignore[misc]  # Redis' types allow a sync client.

    assert await usage.used(Scope.RUN, "r_1", Window.EVER) == ONE


async def test_the_day_is_that_of_redis(usage: RedisUsage, redis: Redis) -> None:
    seconds, _ = await redis.time()

    assert await usage.today() in {
        date(1970, 1, 1) + timedelta(days=seconds // SECONDS_PER_DAY),
        date(1970, 1, 1) + timedelta(days=seconds // SECONDS_PER_DAY + 1),
    }
