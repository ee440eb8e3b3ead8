"""App processes: Onceover as one runs it in production, on this machine.

Three processes, so that one of them can be killed and so that each holds only the secrets of its role: the door the
webhook's, the reviewer the model's, the publisher the App's key.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bot.demo.child import Child
from bot.demo.clean_environment import clean_environment
from bot.demo.simulated_github.accounts import App

MODEL: Final = "pretend-1"

WRITE_SECONDS: Final = "0.2"
"""Between two writes; GitHub asks for a second, which a demo need not wait for."""

CHECK_SECONDS: Final = "0.4"
"""Between two pictures of the run in its check run."""

LISTENS: Final = r"listening on (http://\S+),"
WORKS: Final = r"working as "
"""What the processes say when they are ready."""


@dataclass(slots=True, kw_only=True)
class AppProcesses:
    """The processes, as an async context manager: all of them end with it.

    Args:
        place: The demo's directory.
        state: The state directory that all of them share, and with it one embedded Redis.
        app: Who they are on GitHub.
        github_url: Where GitHub is.
        model_url: Where the model is.
    """

    place: Path
    state: Path
    app: App
    github_url: str
    model_url: str
    _children: list[Child] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(child.stop() for child in self._children))

    async def start(self) -> tuple[Child, Child, Child]:
        """Start the door, the publisher and the reviewer; return once all of them work, and GitHub knows the door.

        Raises:
            ChildEnded: One of them did not come so far.
        """
        hook = {"ONCEOVER_GITHUB_WEBHOOK_SECRET": self.app.webhook_secret, "ONCEOVER_PORT": "0"}
        key = {"ONCEOVER_GITHUB_PRIVATE_KEY": self.app.private_key}
        door = await self._start("serve", log="serve.log", secrets=hook)
        publisher = await self._start("worker", "--roles", "publisher,broker", log="publisher.log", secrets=key)
        reviewer = await self.start_reviewer()
        self.app.webhook_url = f"{(await door.says(LISTENS))[1]}/webhooks/github"
        await publisher.says(WORKS)
        return door, publisher, reviewer

    async def start_reviewer(self) -> Child:
        """Start the worker that reads what strangers wrote; return once it works.

        Raises:
            ChildEnded: It did not come so far.
        """
        secrets = {"OPENAI_BASE_URL": self.model_url, "OPENAI_API_KEY": "not-a-key", "ONCEOVER_LLM_MODEL": MODEL}
        reviewer = await self._start("worker", "--roles", "reviewer", log="reviewer.log", secrets=secrets)
        await reviewer.says(WORKS)
        return reviewer

    def last_words(self, lines_max: int = 5) -> Iterator[str]:
        """Tell the last that each of them said, for when something went wrong."""
        for log in sorted(self.place.glob("*.log")):
            for line in log.read_text(errors="replace").splitlines()[-lines_max:]:
                yield f"{log.name}: {line}"

    async def _start(self, *arguments: str, log: str, secrets: Mapping[str, str]) -> Child:
        environment = clean_environment() | {
            "ONCEOVER_STATE_DIR": str(self.state),
            "ONCEOVER_GITHUB_API_URL": self.github_url,
            "ONCEOVER_GITHUB_APP_ID": str(self.app.id),
            "ONCEOVER_GITHUB_WRITE_INTERVAL_SECONDS": WRITE_SECONDS,
            "ONCEOVER_GITHUB_CHECK_INTERVAL_SECONDS": CHECK_SECONDS,
            **secrets,
        }
        child = await Child.start(*arguments, log=self.place / log, environment=environment)
        self._children.append(child)
        return child
