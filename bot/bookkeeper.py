"""Bookkeeper: hears of every model call and books it on its accounts, before its answer is used.

Promises that a call which was paid is booked once, and that a call which a crash made us pay twice is booked twice:
the ledger follows the bill. (A run's own report counts the answers that it used; after such a crash it says less.)
Costs of a crash: an answer that arrived and was not booked within the milliseconds until the process died is in no sum,
one for each question under way. A Redis that is away costs nothing as long as this process lives: what could not be
booked is sent with the next call.

Never raises and loses no answer. Says in the log which call it was by ids and numbers alone, never by its text.
"""

import asyncio
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from redis.exceptions import RedisError

from bot.opened_store import OpenedStore
from bot.usage_ledger import Entry, RedisUsage
from pipeline.engine.errors import OnceoverError
from pipeline.engine.records import RunRecord
from pipeline.review.ledger import Payer, payer_of
from pipeline.review.reports import Spend
from pipeline.services.llm_question import Answer

OWED_MAX: Final = 1_000
"""Entries that wait for Redis to come back; a worker asks some ten questions a minute."""

KNOWN_RUNS_MAX: Final = 256
"""Runs whose payer is remembered; a process moves some ten at a time."""

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """Who pays for a run, and under which names people know them."""

    payer: Payer
    shown: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Bookkeeper:
    """Implements `pipeline.services.llm.Listener`.

    Args:
        usage: The ledger.
        read_run: Reads a run's record: what it is about says who pays.
        new_id: Makes an id that no other call has.
    """

    usage: RedisUsage
    read_run: Callable[[str], Awaitable[RunRecord | None]]
    new_id: Callable[[], str] = field(default=lambda: secrets.token_hex(12))
    _known: OrderedDict[str, _Known] = field(default_factory=OrderedDict, init=False)
    _owed: deque[tuple[Entry, str]] = field(default_factory=lambda: deque(maxlen=OWED_MAX), init=False)

    async def heard(self, answer: Answer, *, asked_by: str | None, is_probe: bool) -> None:
        """Book a call; `asked_by` begins with the id of a run."""
        LOG.info(
            "model.answered model=%s asked_by=%s request_id=%s prompt_tokens=%d completion_tokens=%d probe=%s",
            *(answer.model, asked_by, answer.request_id, answer.prompt_tokens, answer.completion_tokens, is_probe),
        )
        run_id = (asked_by or "").partition("/")[0]
        booked = Entry(id=self.new_id(), model=answer.model, spend=spend_of(answer), payer=None)
        self._owed.append((booked, run_id))
        # Shielded: the time for the question may be over just now, and the call is paid all the same.
        await asyncio.shield(self._settle())

    async def failed(
        self, model: str, code: str, request_id: str | None, *, asked_by: str | None, is_probe: bool
    ) -> None:
        """Tell of a call that failed; nobody knows what it cost."""
        LOG.info(
            "model.failed model=%s asked_by=%s request_id=%s code=%s probe=%s",
            *(model, asked_by, request_id, code, is_probe),
        )

    async def _settle(self) -> None:
        """Book what is owed, the oldest first; two that do so at once book each entry once, by its id."""
        for owed in list(self._owed):
            try:
                await self.usage.book(await self._with_payer(*owed))
            except (RedisError, OSError, OnceoverError) as error:
                LOG.warning("usage.unbooked owed=%d error=%s", len(self._owed), type(error).__name__)
                return
            if owed in self._owed:
                self._owed.remove(owed)

    async def _with_payer(self, booked: Entry, run_id: str) -> Entry:
        known = await self._payer(run_id) if run_id else None
        if known is None:
            return booked
        return Entry(id=booked.id, model=booked.model, spend=booked.spend, payer=known.payer, shown=known.shown)

    async def _payer(self, run_id: str) -> _Known | None:
        """Find out who pays; a run's record is read once, since neither subject nor installation change."""
        if run_id not in self._known:
            run = await self.read_run(run_id)
            if run is None:
                return None
            self._known[run_id] = _known(run)
            if len(self._known) > KNOWN_RUNS_MAX:
                self._known.popitem(last=False)
        return self._known.get(run_id)


def bookkeeper_of(opened: OpenedStore) -> Bookkeeper:
    """Make the bookkeeper of a process."""
    store = opened.store
    return Bookkeeper(usage=RedisUsage(opened.redis, store.settings.prefix), read_run=store.read_run)


def spend_of(answer: Answer) -> Spend:
    """Say what one call cost."""
    return Spend(
        calls=1,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        cached_tokens=answer.cached_tokens,
        priced_calls=answer.cost_nanodollars is not None,
        cost_nanodollars=answer.cost_nanodollars or 0,
    )


def _known(run: RunRecord) -> _Known:
    place, pull = _part(run.params, "place"), _part(run.params, "pull")
    installation, name, number = place.get("installation"), place.get("repository"), pull.get("number")
    payer = payer_of(run.run_id, run.subject, installation if isinstance(installation, int) else None)
    if not isinstance(name, str):
        return _Known(payer=payer, shown={})
    shown = {payer.repository: name, payer.subject: f"{name}#{number}"}
    if payer.installation:
        shown[payer.installation] = f"installation {installation} ({name.partition('/')[0]})"
    return _Known(payer=payer, shown=shown)


def _part(params: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = params.get(name)
    return found if isinstance(found, dict) else {}
