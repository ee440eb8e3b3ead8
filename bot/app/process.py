"""Process: one process of the App, with the roles it holds.

door        takes deliveries (webhook secret)
broker      mints tokens that read one repository, for reviewers (App key)
reviewer    prepare, analyze, test, docs, summarize (model's key; no App key)
publisher   comment, commands, check runs (App key)

Promises that a role's clients are built only where the role is held, so that nothing else of the App's secrets is in
the memory of a process that reads what strangers wrote. Ends in order: the worker drains first, while tokens and check
runs are still looked after.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bot.app.clients import Reader, Writer, host_of, make_reader, make_writer, open_caller
from bot.app.graphs import Graphs, make_graphs
from bot.app.inbox import CommandEngine, StoreInbox
from bot.app.recovery import OWN_BOT, Recovery
from bot.app.stages import ceilings_of, publisher_stages, reviewer_stages
from bot.app_credentials import AppCredentials, Role
from bot.assembly import PUBLISHER, REVIEWER, Resources, open_model
from bot.bookkeeper import bookkeeper_of
from bot.kept_readings import RedisReadings
from bot.model_notes import RedisNotes
from bot.opened_store import OpenedStore, open_store
from bot.settings_tree import Settings
from pipeline.engine.mirror import Mirror
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import StageFunction
from pipeline.engine.wakeup import Advance, WakeUps
from pipeline.engine.wakeup_arq import ArqWakeUps
from pipeline.engine.worker import Worker
from pipeline.services.github.clock import Clock, SystemClock
from pipeline.services.sealing import Sealer
from pipeline.services.token_desk import TokenDesk
from pipeline.stages.check_run import CheckRuns

QUEUES: Final[Mapping[Role, str]] = {Role.REVIEWER: REVIEWER, Role.PUBLISHER: PUBLISHER}
"""Roles whose work comes from a queue."""

Duty: TypeAlias = Coroutine[Any, Any, None]


def engine_settings(settings: Settings) -> EngineSettings:
    """Say how patient a process that lives long is."""
    return EngineSettings(
        lease_seconds=settings.engine.lease_seconds,
        run_seconds_max=settings.engine.run_seconds_max,
        retention_seconds=settings.storage.retention_days * 86_400,
        runs_at_once_max=settings.engine.runs_at_once_max,
    )


@dataclass(slots=True, kw_only=True)
class AppProcess:
    """What one process holds."""

    settings: Settings
    roles: frozenset[Role]
    opened: OpenedStore
    graphs: Graphs
    wakeups: WakeUps
    inbox: StoreInbox
    reader: Reader | None = None
    writer: Writer | None = None
    worker: Worker | None = None
    mirror: Mirror | None = None
    desk: TokenDesk | None = None
    recovery: Recovery | None = None
    own_bot: int | None = None
    """The user by whom our App writes, if a broker has told."""

    async def work(self) -> None:
        """Do what the roles are for, until cancelled; then let the worker drain, and end."""
        sides = [asyncio.create_task(duty, name=name) for name, duty in self._duties()]
        main = asyncio.create_task(self.worker.run() if self.worker else asyncio.Event().wait(), name="worker")
        try:
            ended, _ = await asyncio.wait([main, *sides], return_when=asyncio.FIRST_COMPLETED)
            for one in ended:
                one.result()
        finally:
            main.cancel()
            await asyncio.gather(main, return_exceptions=True)
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)

    def _duties(self) -> list[tuple[str, Duty]]:
        duties: list[tuple[str, Duty]] = []
        if self.mirror:
            duties.append(("mirror", self.mirror.run()))
        if self.desk:
            duties.append(("token desk", self.desk.serve()))
        if self.recovery:
            duties.append(("recovery", self.recovery.watch()))
        return duties


@contextlib.asynccontextmanager
async def open_app(
    settings: Settings, credentials: AppCredentials, roles: Collection[Role], *, clock: Clock | None = None
) -> AsyncIterator[AppProcess]:
    """Open what the roles need.

    Args:
        settings: All of them.
        credentials: What these roles hold.
        roles: What the process is for.
        clock: By which limits of GitHub are waited out and its tokens signed; the system's unless told.

    Raises:
        AskPerson: Redis, a credential or a setting needs a person; says the next step.
        RetryLater: Redis does not answer.
    """
    async with contextlib.AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_store(settings, engine_settings(settings)))
        store, sealer = opened.store, Sealer(credentials.secret_key)
        queues = frozenset(QUEUES[role] for role in roles if role in QUEUES)
        carrier = ArqWakeUps(
            pool=opened.redis.connection_pool,
            roles=queues,
            jobs_max=store.settings.runs_at_once_max,
            prefix=store.settings.prefix,
            seal=sealer,
        )
        reader = writer = None
        stages: dict[str, StageFunction] = {}
        bare = make_graphs()
        caller = (
            await stack.enter_async_context(open_caller(settings, clock or SystemClock()))
            if set(roles) - {Role.DOOR}
            else None
        )
        if caller and credentials.identity:
            writer = make_writer(caller, credentials.identity)
        if caller and Role.REVIEWER in roles:
            notes = RedisNotes(opened.redis, store.settings.prefix)
            books = bookkeeper_of(opened)
            model = await stack.enter_async_context(open_model(settings, notes=notes, listener=books))
            reader = make_reader(settings, caller, opened.redis, sealer)
            readings = RedisReadings(opened.redis, store.settings.prefix)
            resources = Resources(settings=settings, store=store, model=model, readings=readings, listener=books)
            stages |= reviewer_stages(reader, resources, store)
        if writer and Role.PUBLISHER in roles:
            engine = CommandEngine(store=store, graphs=bare, wakeups=carrier)
            stages |= publisher_stages(writer, store, engine, ceilings=ceilings_of(settings), now_ms=_now_ms)
        graphs = make_graphs(stages)
        app = AppProcess(
            settings=settings,
            roles=frozenset(roles),
            opened=opened,
            graphs=graphs,
            wakeups=carrier,
            inbox=StoreInbox(store=store, graphs=graphs, wakeups=carrier),
            reader=reader,
            writer=writer,
            own_bot=_number(await opened.redis.get(f"{store.settings.prefix}{OWN_BOT}")),
        )
        _employ(app, queues, sealer)
        yield app


def _employ(app: AppProcess, queues: frozenset[str], sealer: Sealer) -> None:
    """Give the process those who work in it."""
    store = app.opened.store
    if app.writer and Role.PUBLISHER in app.roles:
        checks = CheckRuns(github=app.writer.github, records=app.opened.store, app_id=app.writer.app_id, now_ms=_now_ms)
        app.mirror = Mirror(
            store=store, roles=(PUBLISHER,), show=checks.show, pace_seconds=app.settings.github.check_interval_seconds
        )
    if app.writer and Role.BROKER in app.roles:
        app.desk = TokenDesk(app.opened.redis, sealer, app.writer.app, _wanted(app))
        app.recovery = Recovery(
            app=app.writer.app,
            github=app.writer.github,
            inbox=app.inbox,
            redis=app.opened.redis,
            host=host_of(app.settings),
        )
    if queues:
        mirror = app.mirror
        app.worker = Worker(
            store=store,
            graph=app.graphs.all,
            wakeups=app.wakeups if mirror is None else _Nudging(app.wakeups, mirror),
            roles=queues,
            on_let_go=lambda _: mirror.nudge() if mirror else None,
        )


def _wanted(app: AppProcess) -> Any:  # noqa: ANN401 - the desk's own callable type
    async def is_wanted(run_id: str, installation: int, repository_id: int) -> bool:
        """Look whether a run is alive that is about this repository, through this installation."""
        run = await app.opened.store.read_run(run_id)
        if run is None or run.state.is_terminal:
            return False
        pull, place = run.params.get("pull"), run.params.get("place")
        is_here = isinstance(pull, dict) and pull.get("repository_id") == repository_id
        return is_here and isinstance(place, dict) and place.get("installation") == installation

    return is_wanted


@dataclass(frozen=True, slots=True)
class _Nudging:
    """Wake-ups that also let the mirror look. Implements `WakeUps`."""

    within: WakeUps
    mirror: Mirror

    async def wake(self, run_id: str, role: str) -> None:
        """Tell one worker of this role to look at the run."""
        await self.within.wake(run_id, role)

    async def listen(self, advance: Advance) -> None:
        """Call `advance` for each wake-up until cancelled."""

        async def look(run_id: str) -> None:
            self.mirror.nudge()
            await advance(run_id)

        await self.within.listen(look)

    async def is_healthy(self) -> bool:
        """Whether wake-ups can be sent now."""
        return await self.within.is_healthy()

    async def close(self) -> None:
        """Let go of connections."""
        await self.within.close()


def _number(raw: bytes | None) -> int | None:
    return int(raw) if raw is not None and raw.isdigit() else None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
