"""World of the App: a simulated GitHub, a real Redis, and processes of ours that hold roles.

Users act on the simulated GitHub, which sends the App signed webhooks; the test waits for what GitHub shows, never for
time to pass: a limit or a lag that our processes wait for is skipped, by moving the clock of everybody (GitHub's, the
clients', the engine's) to the moment when somebody has something to do. What was not shown in time fails with the story
so far.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bot.app.process import AppProcess, open_app
from bot.app.trust import with_secret_key
from bot.app.web import make_door, serve
from bot.app_credentials import ALL_ROLES, Role, required_for
from bot.assembly import PUBLISHER, REVIEWER
from bot.demo.simulated_github import timeline
from bot.demo.simulated_github.faults import ActiveFault, Fault
from bot.demo.simulated_github.leftovers import check_runs, left_on, own_comments
from bot.demo.simulated_github.repositories import Pull, Repository
from bot.demo.simulated_github.server import SimulatedGitHub
from bot.settings import read_settings
from bot.settings_tree import Settings
from pipeline.engine.records import RunRecord

PATIENCE_SECONDS_MAX: Final = 60.0
"""How long a test waits for what must come; it comes within some seconds."""

LOOK_SECONDS: Final = 0.01
"""Between two looks at the simulated GitHub's state, which tells nobody that it has changed."""

LISTS: Final = r"/(comments|reviews|check-runs)$"
"""Lists in which GitHub shows what we made."""

LAG_SECONDS: Final = 8.0
"""How long lists lag in tests that let them: nearly as long as the product allows for."""

CONFIGURATION: Final = ".github/onceover.yml"
"""Where a repository says how it wants to be reviewed."""

PLAIN: Final = "review:\n  analyzers: []\n"
"""A configuration with which no analyser runs: such a review takes half a second, and has no findings."""

BUG: Final = "import os\n\n\ndef listing(x=[]):\n    os.system('ls ' + x)\n    return x\n"
"""Two findings of the analysers: a mutable default, and a shell command built from a string."""


@dataclass(slots=True)
class Time:
    """The time of everybody in this world; goes on by itself, and can be moved forward. Implements `Clock`."""

    ahead_seconds: float = 0.0

    def now(self) -> datetime:
        """Tell the wall clock."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead_seconds)

    def monotonic(self) -> float:
        """Tell the seconds since some moment."""
        return time.monotonic() + self.ahead_seconds

    async def sleep(self, seconds: float) -> None:
        """Wait for as long as a user of the product would."""
        await asyncio.sleep(seconds)


@dataclass(slots=True, kw_only=True)
class AppWorld:
    """One GitHub, one Redis, and whoever works."""

    github: SimulatedGitHub
    redis_url: str
    place: Path
    time: Time = field(default_factory=Time)
    """Also that of the simulated GitHub."""
    settings: dict[str, str] = field(default_factory=dict)
    """Settings of every process from now on."""
    processes: list[AppProcess] = field(default_factory=list)
    """Those that live in this one."""
    _lagging: list[tuple[ActiveFault, float]] = field(default_factory=list)
    """Stale lists, and when they catch up."""

    def environment(self) -> dict[str, str]:
        """Write the settings of a process as its environment."""
        app = self.github.app
        return {
            "ONCEOVER_REDIS_URL": self.redis_url,
            "ONCEOVER_STATE_DIR": str(self.place / "state"),
            "ONCEOVER_GITHUB_API_URL": self.github.url,
            "ONCEOVER_GITHUB_APP_ID": str(app.id),
            "ONCEOVER_GITHUB_PRIVATE_KEY": app.private_key,
            "ONCEOVER_GITHUB_WEBHOOK_SECRET": app.webhook_secret,
            "ONCEOVER_GITHUB_WRITE_INTERVAL_SECONDS": "0",
            "ONCEOVER_GITHUB_CHECK_INTERVAL_SECONDS": "0",
            "ONCEOVER_PORT": "0",
            "HOME": str(self.place),
            "PATH": os.environ["PATH"],
            **self.settings,
        }

    def read_settings(self) -> Settings:
        """Read them as a process does."""
        return with_secret_key(read_settings(self.environment(), None))

    @contextlib.asynccontextmanager
    async def process(self, roles: frozenset[Role] = ALL_ROLES) -> AsyncIterator[AppProcess]:
        """Run a process of ours while the block runs; with the door, GitHub sends it its webhooks."""
        settings = self.read_settings()
        credentials = required_for(roles, settings)
        async with contextlib.AsyncExitStack() as stack:
            process = await stack.enter_async_context(open_app(settings, credentials, roles, clock=self.time))
            process.opened.store.clock_offset_ms = round(self.time.ahead_seconds * 1000)
            if Role.DOOR in roles:
                door = make_door(process, credentials)
                await stack.enter_async_context(serve(door, host="127.0.0.1", port=0, on_ready=self._send_to))
            work = asyncio.create_task(process.work(), name=f"process {sorted(roles)}")
            self.processes.append(process)
            try:
                yield process
            finally:
                self.processes.remove(process)
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    def _send_to(self, port: int) -> None:
        self.github.app.webhook_url = f"http://127.0.0.1:{port}/webhooks/github"

    async def make_repository(
        self, name: str = "acme/shop", files: Mapping[str, str] | None = None, *, lost: bool = False
    ) -> Repository:
        """Make a repository with the App installed, of which it is told unless that is lost."""
        repository = self.github.add_repository(name)
        if files:
            await self.github.push(repository, "main", dict(files), user="alice", lost=True)
        await self.github.install(self.github.app, [repository], lost=lost)
        return repository

    async def open_pull(
        self, repository: Repository, branch: str = "feature", files: Mapping[str, str] | None = None
    ) -> Pull:
        """Push a branch as alice and open a pull request of it."""
        await self.github.push(repository, branch, dict(files or {"shop.py": BUG}), user="alice")
        return await self.github.open_pull(repository, branch, author="alice")

    async def open_plain_pull(self, name: str = "acme/shop") -> Pull:
        """Open a pull request of alice in a repository where no analyser runs."""
        repository = await self.make_repository(name, {CONFIGURATION: PLAIN})
        return await self.open_pull(repository)

    async def until(self, shown: Callable[[], bool], what: str, pull: Pull | None = None) -> None:
        """Wait until GitHub shows something; while nobody has anything to do, skip the wait."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS_MAX):
                while not shown():
                    await self._look_again()
        except TimeoutError:
            raise AssertionError(f"Waited in vain for {what}.\n{self._story(pull)}") from None

    async def until_quiet(self, pull: Pull | None = None) -> None:
        """Wait until every run has ended, GitHub shows it, and GitHub has told us of what we wrote."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS_MAX):
                while not await self._is_quiet():
                    await self._look_again()
        except TimeoutError:
            raise AssertionError(f"Waited in vain for all runs to end.\n{self._story(pull)}") from None
        await self.github.settle()

    async def until_ended(self, process: AppProcess, pull: Pull) -> None:
        """Wait until the newest run of a pull request has ended, whether GitHub shows that or not."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS_MAX):
                while not (await self.run_of(process, pull)).state.is_terminal:
                    await self._look_again()
        except TimeoutError:
            raise AssertionError(f"Waited in vain for a run to end.\n{self._story(pull)}") from None

    def _story(self, pull: Pull | None) -> str:
        story = timeline.as_seen(pull) if pull else ""
        calls = (f"{one.method} {one.path} {one.status} {one.fault or ''}" for one in self.github.requests[-40:])
        return "\n".join((story, *calls))

    # Time -----------------------------------------------------------------------------------------------------------

    def let_lists_lag(self) -> None:
        """Let GitHub's lists show nothing of what is made in the next seconds."""
        lagging = self.github.faults.add(Fault(kind="stale_list", method="GET", path=LISTS))
        self._lagging.append((lagging, self.time.monotonic() + LAG_SECONDS))

    async def _look_again(self) -> None:
        for lagging, until in self._lagging:
            if self.time.monotonic() >= until:
                lagging.release()
        # The simulated GitHub and the engine tell nobody of a change.
        await asyncio.sleep(LOOK_SECONDS)
        if not self._is_busy():
            await self._skip_wait()

    def _is_busy(self) -> bool:
        """Say whether somebody in this process is at work; what others do is not seen."""
        workers = (process.worker.holds for process in self.processes if process.worker)
        mirrors = (process.mirror.holds for process in self.processes if process.mirror)
        return any(workers) or any(mirrors)

    async def _is_quiet(self) -> bool:
        due = await self._due_ms()
        return not due and not self._is_busy()

    async def _skip_wait(self) -> None:
        """Move the time to when the next run is due, if all are waiting; and let them look, who look once a second."""
        if not (due := await self._due_ms()) or self._is_busy() or not self.processes:
            return
        seconds, micros = await self.processes[0].opened.redis.time()
        now_ms = seconds * 1000 + micros // 1000 + round(self.time.ahead_seconds * 1000)
        await self._move(max(0.0, min(due) - now_ms) / 1000)

    async def _move(self, seconds: float) -> None:
        self.time.ahead_seconds += seconds
        for process in self.processes:
            process.opened.store.clock_offset_ms = round(self.time.ahead_seconds * 1000)
            if process.worker:
                await process.worker.sweep_once(())
            if process.mirror:
                process.mirror.nudge()

    async def _due_ms(self) -> list[float]:
        """Read when each run that lives, and each picture that is not up to date, is to be looked at."""
        if not self.processes:
            return []
        opened = self.processes[0].opened
        prefix = opened.store.settings.prefix
        keys = [f"{prefix}{kind}:{role}" for kind in ("due", "mirror") for role in (PUBLISHER, REVIEWER)]
        rows = [await opened.redis.zrange(key, 0, -1, withscores=True) for key in keys]
        return [score for row in rows for _, score in row]

    async def until_concluded(self, pull: Pull, *, runs: int = 1) -> None:
        """Wait until all check runs of ours are concluded, and there are so many."""

        def concluded() -> bool:
            found = check_runs(pull, self.github.app)
            return len(found) >= runs and all(one.status == "completed" for one in found)

        await self.until(concluded, "a concluded check run", pull)

    async def until_commented(self, pull: Pull) -> None:
        """Wait until our summary comment stands."""
        await self.until(lambda: bool(own_comments(pull, self.github.app)), "the summary comment", pull)

    def left(self, pull: Pull) -> object:
        """Count what the App left on a pull request."""
        return left_on(pull, self.github.app)

    def summary(self, pull: Pull) -> str:
        """Give the one comment of ours on a pull request."""
        [comment] = own_comments(pull, self.github.app)
        return comment.body

    def checks(self, pull: Pull) -> dict[str, str | None]:
        """Give our check runs on a pull request: conclusion by head."""
        return {one.head_sha: one.conclusion for one in check_runs(pull, self.github.app)}

    async def run_of(self, process: AppProcess, pull: Pull) -> RunRecord:
        """Read the newest run of a pull request."""
        subject = f"github/{self.host}/{pull.repository.id}/{pull.number}"
        run = await process.opened.store.newest(subject)
        assert run, f"No run of {subject}."
        return run

    @property
    def host(self) -> str:
        """The network place of the API."""
        return self.github.url.removeprefix("http://")
