"""World of a command: real processes, a real repository, a state directory of its own, a scripted model.

The command knows nothing of this machine's settings. A test waits for what a process says, for a call of the model or
for an entry of the journal, never for time to pass; if that does not come, it shows the story so far.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from redis.asyncio import Redis

import bot
from bot.demo.scripted_llm import Call, Rule, Script, ScriptedLlm
from bot.embedded_redis import prepare
from pipeline.engine.journal import JournalEntry, parse_entry
from tests.builders.repository import ISOLATED, RepositoryBuilder

PATIENCE_SECONDS_MAX: Final = 60.0
"""How long a test waits for what must come; it comes within some seconds."""

ONCEOVER: Final = (sys.executable, "-m", "bot")
"""The command."""

WORDS: Final = Rule(
    match="You help the reader of a code review", answer={"what_changed": "It sells more.", "risks": []}
)
"""The summary's question, and its answer."""

NOTHING_TO_SAY: Final = Rule(answer={"walkthrough": "It adds lines.", "findings": []})
"""Every question about files: read, and nothing to remark."""

MANY_LINES: Final = "".join(
    f"{number}. a line of prose that is neither code nor worth a remark\n" for number in range(500)
)
"""A file that fills more than half of a prompt, so that two of them are two questions."""

TWO_QUESTIONS: Final = {"first.txt": MANY_LINES, "second.txt": MANY_LINES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    news: str
    """What stood on standard error."""

    @property
    def review(self) -> dict[str, Any]:
        """The result as `--json` gives it."""
        parsed: dict[str, Any] = json.loads(self.out)  # Any: what the schema test checks.
        return parsed


@dataclass(kw_only=True)
class Running:
    """A command at work."""

    process: asyncio.subprocess.Process
    _news: bytearray = field(default_factory=bytearray)
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    _reading: "list[asyncio.Task[bytes]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.process.stdout
        self._reading = [asyncio.create_task(self.process.stdout.read()), asyncio.create_task(self._listen())]

    async def says(self, text: str) -> str:
        """Wait until it says so on standard error; answer all of the news until then."""
        return await self._until(lambda: text in self.news, f"`{text}`")

    async def end(self) -> Ended:
        """Wait until it has ended by itself."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS_MAX):
                out, _ = await asyncio.gather(*self._reading)
                code = await self.process.wait()
        except TimeoutError:
            raise AssertionError(f"The command did not end. It said:\n{self.news}") from None
        ended = Ended(code=code, out=out.decode(errors="replace"), news=self.news)
        assert "Traceback" not in ended.news + ended.out, ended.news
        return ended

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self.process.send_signal(number)

    async def kill(self) -> None:
        """End it as nothing can prepare for."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await asyncio.gather(*self._reading)

    @property
    def news(self) -> str:
        """What it has said on standard error so far."""
        return self._news.decode(errors="surrogateescape")

    async def _listen(self) -> bytes:
        assert self.process.stderr
        while piece := await self.process.stderr.read(65_536):
            async with self._heard:
                self._news += piece
                self._heard.notify_all()
        async with self._heard:
            self._heard.notify_all()
        return b""

    async def _until(self, holds: Callable[[], bool], what: str) -> str:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS_MAX), self._heard:
                await self._heard.wait_for(lambda: holds() or self._reading[1].done())
        except TimeoutError:
            raise AssertionError(f"Waited for {what} in vain. It said:\n{self.news}") from None
        assert holds(), f"It ended without {what}:\n{self.news}"
        return self.news


class CommandWorld:
    """One state directory, and whatever a test puts beside it.

    Args:
        place: An empty directory.
    """

    def __init__(self, place: Path) -> None:
        self.place: Final = place
        self.state: Final = place / "state"
        self.settings: dict[str, str] = {}
        """Settings of every command from now on."""
        self._home = place / "home"
        self._running: list[Running] = []

    async def __aenter__(self) -> Self:
        self._home.mkdir()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for running in self._running:
            await running.kill()

    # What it consists of ---------------------------------------------------------------------------------------------

    def make_repository(
        self, changed: Mapping[str, str | bytes] | None = None, name: str = "shop"
    ) -> RepositoryBuilder:
        """Make a repository with a branch `feature` that changes the files; a small text file by default."""
        repository = RepositoryBuilder(path=self.place / name)
        repository.commit({"README.md": "# Shop\n"}, "Open the shop")
        repository.commit(changed or {"prices.txt": "Apples cost two.\n"}, "Sell apples", branch="feature")
        return repository

    @contextlib.asynccontextmanager
    async def model(self, *rules: Rule) -> AsyncIterator[ScriptedLlm]:
        """Let the commands ask a scripted model; without rules, one that has nothing to remark."""
        async with ScriptedLlm(Script(rules=rules or (WORDS, NOTHING_TO_SAY))) as llm:
            self.settings |= {
                "OPENAI_BASE_URL": llm.url,
                "OPENAI_API_KEY": "sk-not-a-key-of-anybody",
                "ONCEOVER_LLM_MODEL": "scripted-1",
            }
            yield llm

    # Commands --------------------------------------------------------------------------------------------------------

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Give a command what it needs and nothing of this machine's."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(Path(bot.__file__).parents[1]),
            "ONCEOVER_STATE_DIR": str(self.state),
            **ISOLATED,
            **self.settings,
            **settings,
        }

    async def start(self, *arguments: str | Path, cwd: Path | None = None, **settings: str) -> Running:
        """Start `onceover` with these arguments."""
        return await self.launch(*ONCEOVER, *arguments, cwd=cwd, settings=settings)

    async def launch(
        self, *command: str | Path, cwd: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> Running:
        """Start any program in the command's environment, as a shell that wraps it."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd or self._home,
            env=self.environment(settings or {}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        running = Running(process=process)
        self._running.append(running)
        return running

    async def run(self, *arguments: str | Path, cwd: Path | None = None, **settings: str) -> Ended:
        """Run `onceover` to its end."""
        return await (await self.start(*arguments, cwd=cwd, **settings)).end()

    async def start_review(self, *options: str, **settings: str) -> Running:
        """Start a review of the repository."""
        return await self.launch(*ONCEOVER, "review", "--repo", self.place / "shop", *options, settings=settings)

    async def review(self, *options: str, **settings: str) -> Ended:
        """Review the repository to the end."""
        return await (await self.start_review(*options, **settings)).end()

    # What is stored --------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def redis(self) -> AsyncIterator[Redis]:
        """Look into the embedded Redis of a command that is at work."""
        async with Redis(unix_socket_path=str(prepare(self.state / "redis").socket)) as client:
            yield client

    async def journal_says(self, wanted: Callable[[JournalEntry], bool]) -> JournalEntry:
        """Wait until the journal of the only run has such an entry, so that what it tells is durable."""
        async with self.redis() as client, asyncio.timeout(PATIENCE_SECONDS_MAX):
            while not (streams := [key async for key in client.scan_iter(b"*:journal")]):
                await asyncio.sleep(0.01)  # Nobody announces the first key; the time-out bounds the asking.
            last = b"0"
            while True:
                for _, entries in await client.xread({streams[0]: last}, block=1_000):
                    for last, fields in entries:
                        if wanted(entry := parse_entry(last, fields)):
                            return entry


def step(stage: str, name: str) -> Callable[[JournalEntry], bool]:
    """Recognise the entry that a step has finished."""
    return lambda entry: (
        entry.kind == "step.finished" and (entry.detail["stage"], entry.detail["name"]) == (stage, name)
    )


def asked_again(calls: list[Call], since: int) -> int:
    """Count the prompts among the calls from `since` on that had been asked before."""
    known = {call.prompt for call in calls[:since]}
    return sum(call.prompt in known for call in calls[since:])


def processes_with(text: str) -> list[int]:
    """Find the processes whose command line or environment has a text."""
    return [pid for pid in _pids() if text.encode() in _read(pid, "cmdline") + _read(pid, "environ")]


def _pids() -> Iterator[int]:
    return (int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal())


def _read(pid: int, name: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""
