"""World of the App: a simulated GitHub, a real Redis, and processes of ours that hold roles.

Users act on the simulated GitHub, which sends the App signed webhooks; the test waits for what GitHub shows, never for
time to pass. What was not shown in time fails with the story so far.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.app.process import AppProcess, open_app
from bot.app.trust import with_secret_key
from bot.app.web import make_door, serve
from bot.app_credentials import ALL_ROLES, Role, required_for
from bot.demo.simulated_github import timeline
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

BUG: Final = "import os\n\n\ndef listing(x=[]):\n    os.system('ls ' + x)\n    return x\n"
"""Two findings of the analysers: a mutable default, and a shell command built from a string."""


@dataclass(slots=True, kw_only=True)
class AppWorld:
    """One GitHub, one Redis, and whoever works."""

    github: SimulatedGitHub
    redis_url: str
    place: Path
    settings: dict[str, str] = field(default_factory=dict)
    """Settings of every process from now on."""
    processes: list[AppProcess] = field(default_factory=list)
    _working: list["asyncio.Task[None]"] = field(default_factory=list)

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
            process = await stack.enter_async_context(open_app(settings, credentials, roles))
            if Role.DOOR in roles:
                door = make_door(process, credentials)
                await stack.enter_async_context(serve(door, host="127.0.0.1", port=0, on_ready=self._send_to))
            work = asyncio.create_task(process.work(), name=f"process {sorted(roles)}")
            try:
                yield process
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    def _send_to(self, port: int) -> None:
        self.github.app.webhook_url = f"http://127.0.0.1:{port}/webhooks/github"

    async def make_repository(self, name: str = "acme/shop", files: Mapping[str, str] | None = None) -> Repository:
        """Make a repository with the App installed."""
        repository = self.github.add_repository(name)
        if files:
            await self.github.push(repository, "main", dict(files), user="alice", lost=True)
        await self.github.install(self.github.app, [repository])
        return repository

    async def open_pull(
        self, repository: Repository, branch: str = "feature", files: Mapping[str, str] | None = None
    ) -> Pull:
        """Push a branch as alice and open a pull request of it."""
        await self.github.push(repository, branch, dict(files or {"shop.py": BUG}), user="alice")
        return await self.github.open_pull(repository, branch, author="alice")

    async def until(self, shown: Callable[[], bool], what: str, pull: Pull | None = None) -> None:
        """Wait until GitHub shows something."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS_MAX):
                while not shown():  # noqa: ASYNC110 - the simulated GitHub tells nobody of a change.
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            story = timeline.as_seen(pull) if pull else ""
            calls = "\n".join(f"{one.method} {one.path} {one.status}" for one in self.github.requests[-40:])
            raise AssertionError(f"Waited in vain for {what}.\n{story}\n{calls}") from None

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

    async def run_of(self, process: AppProcess, pull: Pull) -> RunRecord:
        """Read the newest run of a pull request."""
        subject = f"github/{self.host}/{pull.repository.id}/{pull.number}"
        run_id = await process.opened.store.newest_run(subject)
        assert run_id, f"No run of {subject}."
        run = await process.opened.store.read_run(run_id)
        assert run
        return run

    @property
    def host(self) -> str:
        """The network place of the API."""
        return self.github.url.removeprefix("http://")
