"""Usage ledger: what model calls cost, added up in Redis for all processes of an installation.

Promises that an entry counts once, however often it is sent: a script books it on all its accounts, or on none, and
keeps its id. Does not promise that every call arrives here; the bookkeeper says what a crash can cost.

Sums of a run or of a pull request are kept for `KEPT_DAYS_NARROW`, other days for `KEPT_DAYS_WIDE`, months for
`KEPT_DAYS_MONTH`. Nothing is ever moved between windows, so that no job has to run at midnight.

Keys:

    usage:of:ACCOUNT     hash    the counters of a `Spend`, and `shown`: whom it is about, in a person's words
    usage:names:SCOPE    zset    accounts of a scope by the day (since 1970) on which they go
    usage:entry:ID       string  an entry that was booked, for `ENTRY_SECONDS`
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from redis.asyncio import Redis

from pipeline.review.ledger import Account, Payer, Scope, Window, account, accounts, balance, entry
from pipeline.review.reports import Spend

ENTRY_SECONDS: Final = 24 * 3_600
"""How long an entry's id is known: far longer than anybody sends it again."""

KEPT_DAYS_NARROW: Final = 40
KEPT_DAYS_WIDE: Final = 400
KEPT_DAYS_MONTH: Final = 1_200
KEPT_DAYS_EVER: Final = 36_500

EPOCH: Final = date(1970, 1, 1)

SECONDS_PER_DAY: Final = 86_400

BATCH: Final = 500
"""Sums that are read in one round trip."""

NAME_CHARACTERS_MAX: Final = 200
"""Of whom an account is about, in words."""

_BOOK: Final = """
local given = cjson.decode(ARGV[1])
local entry = given.prefix .. 'usage:entry:' .. given.id
if not redis.call('SET', entry, 1, 'NX', 'EX', given.entry_seconds) then return 0 end
for _, account in ipairs(given.accounts) do
  local sums, names = given.prefix .. 'usage:of:' .. account.name, given.prefix .. 'usage:names:' .. account.scope
  for name, amount in pairs(given.counters) do
    redis.call('HINCRBY', sums, name, string.format('%.0f', amount))
  end
  if account.shown then redis.call('HSET', sums, 'shown', account.shown) end
  redis.call('EXPIRE', sums, account.kept_seconds)
  redis.call('ZREMRANGEBYSCORE', names, '-inf', '(' .. given.today)
  redis.call('ZADD', names, account.until_day, account.name)
end
return 1
"""
"""Checks the id and books in one; a server that is asked twice answers 0 the second time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call that was billed."""

    id: str
    """Its own; another call has another."""
    model: str
    spend: Spend
    payer: Payer | None
    """None if it was made for nobody in particular."""
    shown: Mapping[str, str] = field(default_factory=dict)
    """Whom the payer's accounts are about, in a person's words: `acme/shop` for a repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What somebody spent in a while."""

    whom: str
    """As the ledger knows it."""
    shown: str
    """As a person knows it."""
    spend: Spend


class Usage(Protocol):
    """Whoever knows what was spent; what a budget reads."""

    async def used(self, scope: Scope, whom: str, window: Window) -> Spend:
        """Say what somebody spent in the present window; nothing is known of one that is not kept."""


class RedisUsage:
    """The ledger. Implements `Usage`.

    Args:
        redis: An open client that does not decode.
        prefix: Before each key.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis: Final = redis
        self._prefix: Final = prefix
        self._script: Final = redis.register_script(_BOOK)

    async def today(self) -> date:
        """Say which day it is (UTC) by Redis's clock, on which all processes agree."""
        seconds, _ = await self._redis.time()
        return datetime.fromtimestamp(seconds, UTC).date()

    async def book(self, booked: Entry, *, day: date | None = None) -> bool:
        """Put an entry on all its accounts.

        Args:
            booked: The entry.
            day: On which the call was made; today, unless told.

        Returns:
            Whether it was new.

        Raises:
            RedisError: It was perhaps booked and perhaps not; sending it again is safe.
        """
        day = day or await self.today()
        given = {
            "prefix": self._prefix,
            "id": booked.id,
            "entry_seconds": ENTRY_SECONDS,
            "today": _number(day),
            "accounts": [_kept(one, day, booked.shown) for one in accounts(booked.payer, booked.model, day)],
            "counters": entry(booked.spend),
        }
        return bool(await self._script(args=[json.dumps(given)]))

    async def used(self, scope: Scope, whom: str, window: Window) -> Spend:
        """Say what somebody spent in the present window."""
        [found] = await self._read_all([account(scope, whom, window, await self.today())])
        return found.spend

    async def listed(self, scope: Scope, *, since: date, until: date) -> tuple[Sum, ...]:
        """Say what everybody of a scope spent between two days, both included; who spent most comes first.

        Of a run all that it ever spent is told.
        """
        wanted = [one for one in await self._accounts(scope) if _is_within(one, since, until)]
        sums: dict[str, Sum] = {}
        for one in await self._read_all(sorted(wanted, key=lambda one: one.period)):
            before = sums.get(one.whom)
            sums[one.whom] = one if before is None else replace(one, spend=before.spend + one.spend)
        return tuple(sorted(sums.values(), key=_by_size))

    async def by_day(self, *, since: date, until: date) -> tuple[Sum, ...]:
        """Say what all spent together, day by day; days without a call are left out."""
        wanted = sorted(
            (one for one in await self._accounts(Scope.ALL) if _is_within(one, since, until)),
            key=lambda one: one.period,
        )
        found = await self._read_all(wanted)
        return tuple(
            Sum(whom=one.period, shown=one.period, spend=found.spend) for one, found in zip(wanted, found, strict=True)
        )

    async def by_model(self) -> tuple[Sum, ...]:
        """Say what each model was ever paid for: counters that only grow, for metrics."""
        return tuple(await self._read_all([one for one in await self._accounts(Scope.MODEL) if not one.period]))

    async def _read_all(self, wanted: Sequence[Account]) -> list[Sum]:
        """Read sums, some hundred in one round trip."""
        found: list[Sum] = []
        for begin in range(0, len(wanted), BATCH):
            batch = wanted[begin : begin + BATCH]
            async with self._redis.pipeline(transaction=False) as asked:
                for one in batch:
                    asked.hgetall(self._key(f"of:{one.name}"))
                answers: list[dict[bytes, bytes]] = await asked.execute()
            found += [_sum(one, fields) for one, fields in zip(batch, answers, strict=True)]
        return found

    async def _accounts(self, scope: Scope) -> list[Account]:
        names: list[bytes] = await self._redis.zrange(self._key(f"names:{scope}"), 0, -1)
        parsed = (Account.parse(name.decode(errors="replace")) for name in names)
        return [one for one in parsed if one is not None]

    def _key(self, name: str) -> str:
        return f"{self._prefix}usage:{name}"


def _sum(one: Account, fields: Mapping[bytes, bytes]) -> Sum:
    texts = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
    shown = texts.pop("shown", one.whom)
    return Sum(whom=one.whom, shown=shown, spend=balance({name: int(amount) for name, amount in texts.items()}))


def _kept(one: Account, day: date, shown: Mapping[str, str]) -> dict[str, object]:
    days = _kept_days(one)
    return {
        **({"shown": shown[one.whom][:NAME_CHARACTERS_MAX]} if one.whom in shown else {}),
        "scope": one.scope.value,
        "name": one.name,
        "kept_seconds": days * SECONDS_PER_DAY,
        "until_day": _number(day + timedelta(days=days)),
    }


def _kept_days(one: Account) -> int:
    if one.scope is Scope.RUN:
        return KEPT_DAYS_NARROW
    if not one.period:
        return KEPT_DAYS_EVER
    if not _is_day(one):
        return KEPT_DAYS_MONTH
    return KEPT_DAYS_NARROW if one.scope is Scope.PULL else KEPT_DAYS_WIDE


def _is_day(one: Account) -> bool:
    return one.period.count("-") == 2  # noqa: PLR2004 - year, month, day.


def _is_within(one: Account, since: date, until: date) -> bool:
    """Whether a sum belongs to a stretch of days; months would count their days a second time."""
    if one.scope is Scope.RUN:
        return True
    return _is_day(one) and since.isoformat() <= one.period <= until.isoformat()


def _number(day: date) -> int:
    return (day - EPOCH).days


def _by_size(one: Sum) -> tuple[int, int, str]:
    spend = one.spend
    return -spend.cost_nanodollars, -(spend.prompt_tokens + spend.completion_tokens), one.whom
