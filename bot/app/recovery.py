"""Recovery: what GitHub told us and we did not hear.

GitHub does not repeat a delivery that failed. So, at start and on a schedule, one broker looks through the App's log
of deliveries and has those redelivered that failed and never came, and compares the open pull requests' heads with the
runs that are stored. Promises bounded looks: so many deliveries, repositories and pull requests a time; and that a
delivery which keeps failing is asked for ever more rarely. Does not promise to review what was open before the App was
installed: only what changed since the last look counts, so that an installation costs nothing.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.app.inbox import StoreInbox
from pipeline.engine.errors import OnceoverError
from pipeline.review.pull.asking import order_of, review_request
from pipeline.services.github.app import GitHubApp
from pipeline.services.github.client import GitHub
from pipeline.services.github.models import Delivery, Pull, Repository
from pipeline.services.github.place import Place
from pipeline.services.github.pulls import Pulls
from webhooks.inbox import Delivery as Received

log = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 300.0
"""Between two looks of an installation of Onceover, however many brokers it has."""

LOG_DAYS: Final = 3
"""How long GitHub keeps deliveries and redelivers them (Enterprise Server: 7)."""

OVERLAP: Final = timedelta(minutes=10)
"""How far before the last look a change counts: clocks differ, and lists lag."""

REDELIVERED_MAX: Final = 100
"""Deliveries asked for in one look; the next look goes on."""

DOUBLINGS_MAX: Final = 10
"""Of the wait before a delivery is asked for again; it is longer than GitHub's log then."""

REPOSITORIES_MAX: Final = 500
"""Repositories looked at in one look; that there are more is told."""

PULLS_MAX: Final = 500
"""Changed pull requests of one repository looked at in one look."""

OWN_BOT: Final = "own-bot"
"""Key of the id of the user by whom our App writes."""

RECOVERED: Final = "recovered"
"""The trigger of a review that no webhook asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a look came to."""

    failed_deliveries: int = 0
    """Failed ones in the log that never came."""
    redelivered: int = 0
    repositories: int = 0
    """Repositories that were looked at."""
    heads: int = 0
    """Heads without a run, for which a review was asked."""
    problems: tuple[str, ...] = ()
    """What could not be looked at, and why."""

    def __add__(self, other: "Recovered") -> "Recovered":
        """Add up two looks."""
        return Recovered(
            failed_deliveries=self.failed_deliveries + other.failed_deliveries,
            redelivered=self.redelivered + other.redelivered,
            repositories=self.repositories + other.repositories,
            heads=self.heads + other.heads,
            problems=(*self.problems, *other.problems),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Looks for what was missed."""

    app: GitHubApp
    github: GitHub
    inbox: StoreInbox
    redis: Redis
    host: str

    async def watch(self) -> None:
        """Look at start and on a schedule, until cancelled; of several brokers, one does."""
        while True:
            try:
                if await self._is_my_turn():
                    _tell(await self.look())
            except (OnceoverError, RedisError, OSError) as error:
                log.warning("recovery.failed reason=%s", error)
            await asyncio.sleep(INTERVAL_SECONDS / 2)

    async def look(self) -> Recovered:
        """Look once, at everything.

        Raises:
            OnceoverError: GitHub does not list what is needed.
        """
        now = datetime.now(UTC)
        oldest = now - timedelta(days=LOG_DAYS)
        since = max(await self._looked_until() or now, oldest)
        found = await self._deliveries(oldest, now) + await self._heads(since - OVERLAP)
        # What was not looked at is looked at again, as long as it is worth it: a repository that never answers must not
        # make every look longer than the one before.
        await self.redis.set(self._key("looked-until"), (since if found.problems else now).isoformat())
        counters = self._key("counters")
        await self.redis.hincrby(counters, "recovered_deliveries", found.redelivered)  # type: ignore[misc]  # Async here.
        await self.redis.hincrby(counters, "recovered_heads", found.heads)  # type: ignore[misc]  # Async here.
        return found

    async def _deliveries(self, since: datetime, now: datetime) -> Recovered:
        """Ask again for what failed; that it succeeded later, or was taken without an answer, the store knows."""
        failed = newest_attempts(await self.app.deliveries(since=since, status="failure"))
        missed = [one for one in failed if await self.inbox.store.delivery(one.newest.guid) is None]
        problems: list[str] = []
        redelivered = 0
        for one in [one.newest for one in missed if one.is_due(now)][:REDELIVERED_MAX]:
            try:
                await self.app.redeliver(one.id)
                redelivered += 1
            except OnceoverError as error:
                problems.append(f"delivery {one.guid}: {error}")
        return Recovered(failed_deliveries=len(missed), redelivered=redelivered, problems=tuple(problems))

    async def _heads(self, since: datetime) -> Recovered:
        total = Recovered()
        for installation in await self.app.installations():
            if installation.suspended_at is not None:
                continue
            await self._tell_own_bot(installation.id)
            try:
                repositories = await self.app.repositories(installation.id)
            except OnceoverError as error:
                total += Recovered(problems=(f"installation {installation.id}: {error}",))
                continue
            room = REPOSITORIES_MAX - total.repositories
            for repository in repositories[:room]:
                total += await self._repository(installation.id, repository, since)
            if len(repositories) > room:
                why = f"{len(repositories) - room} of its repositories are over the {REPOSITORIES_MAX} of one look"
                total += Recovered(problems=(f"installation {installation.id}: {why}",))
        return total

    async def _repository(self, installation: int, repository: Repository, since: datetime) -> Recovered:
        place = Place(installation=installation, repository=repository.full_name, repository_id=repository.id)
        try:
            changed = await Pulls(github=self.github, place=place).open_pulls(since=since, pulls_max=PULLS_MAX)
            asked = [await self._ask_if_missed(place, pull) for pull in changed]
        except OnceoverError as error:
            return Recovered(repositories=1, problems=(f"{repository.full_name}: {error}",))
        return Recovered(repositories=1, heads=sum(asked))

    async def _ask_if_missed(self, place: Place, pull: Pull) -> bool:
        request = review_request(
            host=self.host,
            repository_id=place.repository_id,
            number=pull.number,
            head=pull.head.sha,
            installation=place.installation,
            repository=place.repository,
            why=RECOVERED,
            order=order_of(pull.updated_at),
        )
        if await self.inbox.store.read_run(request.run_id) is not None:
            return False
        received = Received(id=f"recovery:{request.run_id}:{secrets.token_hex(4)}", event=RECOVERED, action=None)
        await self.inbox.submit(received, "review", request)
        return True

    async def _tell_own_bot(self, installation: int) -> None:
        """Find the user by whom we write, once, so that doors know our own events by it."""
        key = self._key(OWN_BOT)
        if await self.redis.exists(key):
            return
        try:
            await self.redis.set(key, (await self.app.bot(installation)).id)
        except OnceoverError as error:  # Doors know our events by their kind of sender, too.
            log.info("recovery.own_bot_unknown reason=%s", error)

    async def _is_my_turn(self) -> bool:
        token = secrets.token_hex(4)
        return bool(await self.redis.set(self._key("recovery"), token, nx=True, px=round(INTERVAL_SECONDS * 1000)))

    async def _looked_until(self) -> datetime | None:
        raw = await self.redis.get(self._key("looked-until"))
        return datetime.fromisoformat(raw.decode()) if raw else None

    def _key(self, name: str) -> str:
        return f"{self.inbox.store.settings.prefix}{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedDelivery:
    """A delivery of which only failures are in the log."""

    newest: Delivery
    attempts: int

    def is_due(self, now: datetime) -> bool:
        """Whether to ask again: at once after the first failure, then after waits that double."""
        doubled = min(self.attempts - 1, DOUBLINGS_MAX)
        wait = timedelta(seconds=INTERVAL_SECONDS * (2.0**doubled - 1))
        return now - self.newest.delivered_at >= wait


def newest_attempts(failures: Iterable[Delivery]) -> list[FailedDelivery]:
    """Join the failed attempts of each delivery."""
    by_guid: dict[str, list[Delivery]] = {}
    for one in failures:
        by_guid.setdefault(one.guid, []).append(one)
    return [
        FailedDelivery(newest=max(attempts, key=lambda one: one.delivered_at), attempts=len(attempts))
        for attempts in by_guid.values()
    ]


def _tell(found: Recovered) -> None:
    log.info(
        "recovery.looked failed_deliveries=%d redelivered=%d repositories=%d heads=%d",
        found.failed_deliveries, found.redelivered, found.repositories, found.heads,
    )  # fmt: skip
    for problem in found.problems:
        log.warning("recovery.not_looked reason=%s", problem)
