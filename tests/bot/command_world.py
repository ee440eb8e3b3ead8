"""World of a command: real processes, a real repository, a state directory of its own, a scripted model.

The command knows nothing of this machine's settings. A test waits for what a process says, for a call of the model or
for an entry of the journal, never for time to pass; if that does not come, it shows the story so far.
"""

import asyncio
import contextlib
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from redis.asyncio import Redis

import bot
from bot.demo.scripted_llm import Call, Rule, Script, ScriptedLlm
from bot.embedded_redis import prepare
from pipeline.engine.journal import JournalEntry, parse_entry
from tests.builders.repository import ISOLATED, Content, RepositoryBuilder

PATIENCE_SECONDS_MAX: Final = 60.0
"""How long a test waits for what must come; it comes within some seconds."""

ONCEOVER: Final = (sys.executable, "-m", "bot")
"""The command."""

WORDS: Final = Rule(match="You help the reader of a code review", answer={"what_changed": "It sells.", "risks": []})
"""The summary's question, and its answer."""

DOUBTS: Final = Rule(match="Another reviewer made remarks", answer={"verdicts": [{"number": 1, "verdict": "stands"}]})
"""What the model says of what it found when it looks a second time."""

LONG_STORY: Final = Rule(answer={"walkthrough": "It adds lines. " * 50, "findings": []})
"""Every question about files: so much to tell that two of them make the summary ask a question of its own."""

NOTHING_TO_SAY: Final = Rule(answer={"walkthrough": "It adds lines.", "findings": []})
"""Every question about files: read, and nothing to remark."""

ROOMY: Final = '{"data": [{"id": "scripted", "max_model_len": 131072}]}'
"""A list of models with one that reads a lot: a group is as large as a group gets."""

MANY_LINES: Final = "".join(f"{number}. prose that is neither code nor worth a remark\n" for number in range(500))
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

    @property
    def news(self) -> str:
        """What it has said on standard error so far."""
        return self._news.decode(errors="surrogateescape")

    async def says(self, pattern: str) -> "re.Match[str]":
        """Wait until it says so on standard error."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS_MAX), self._heard:
                await self._heard.wait_for(lambda: re.search(pattern, self.news) or self._reading[1].done())
        except TimeoutError:
            raise AssertionError(f"Waited in vain for `{pattern}`. It said:\n{self.news}") from None
        found = re.search(pattern, self.news)
        assert found, f"It ended without `{pattern}`:\n{self.news}"
        return found

    async def end(self) -> Ended:
        """Wait until it has ended by itself."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS_MAX):
                out, _ = await asyncio.gather(*self._reading)
                code = await self.process.wait()
        except TimeoutError:
            raise AssertionError(f"The command did not end. It said:\n{self.news}") from None
        ended = Ended(code=code, out=out.decode(errors="replace"), news=self.news)
        assert not re.search("^Traceback", ended.news + ended.out, re.MULTILINE), ended.news + ended.out
        return ended

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self.process.send_signal(number)

    async def kill(self) -> None:
        """End it as nothing can prepare for."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await asyncio.gather(*self._reading, return_exceptions=True)

    async def _listen(self) -> bytes:
        assert self.process.stderr
        while piece := await self.process.stderr.read(65_536):
            self._news += piece
            await self._tell()
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self._tell()))  # When this task is done.
        return b""

    async def _tell(self) -> None:
        async with self._heard:
            self._heard.notify_all()


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
        self._home: Final = place / "home"
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

    def make_repository(self, changed: Mapping[str, Content] | None = None) -> RepositoryBuilder:
        """Make a repository with a branch `feature` that changes the files; a small text file by default."""
        repository = RepositoryBuilder(path=self.place / "shop")
        repository.commit({"README.md": "# Shop\n"}, "Open the shop")
        repository.commit(changed or {"prices.txt": "Apples cost two.\n"}, "Sell apples", branch="feature")
        return repository

    @contextlib.asynccontextmanager
    async def model(self, *rules: Rule) -> AsyncIterator[ScriptedLlm]:
        """Let the commands ask a scripted model; without rules, one that has nothing to remark."""
        async with ScriptedLlm(Script(rules=rules or (WORDS, NOTHING_TO_SAY), models=ROOMY)) as llm:
            self.settings |= {
                "OPENAI_BASE_URL": llm.url,
                "OPENAI_API_KEY": "sk-not-a-key-of-anybody",
                "ONCEOVER_LLM_MODEL": "scripted-1",
            }
            yield llm

    # Commands --------------------------------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """Give a command what it needs and nothing of this machine's."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(Path(bot.__file__).parents[1]),
            "ONCEOVER_STATE_DIR": str(self.state),
            **ISOLATED,
            **self.settings,
        }

    async def launch(
        self, *command: str | Path, cwd: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> Running:
        """Start any program in the command's environment, as a shell that wraps it."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd or self._home,
            env=self.environment() | dict(settings or {}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        running = Running(process=process)
        self._running.append(running)
        return running

    async def run(self, *arguments: str | Path, cwd: Path | None = None, **settings: str) -> Ended:
        """Run `onceover` to its end, with settings for it alone."""
        return await (await self.launch(*ONCEOVER, *arguments, cwd=cwd, settings=settings)).end()

    async def start_review(self, *options: str) -> Running:
        """Start a review of the repository."""
        return await self.launch(*ONCEOVER, "review", "--repo", self.place / "shop", *options)

    async def review(self, *options: str) -> Ended:
        """Review the repository to the end."""
        return await (await self.start_review(*options)).end()

    # What is stored --------------------------------------------------------------------------------------------------

    async def journal_says(self, running: Running, stage: str, step: str) -> None:
        """Wait until the journal of the command's run tells that the step has finished: then its result is durable."""
        run_id = (await running.says(r"\brun (r_\w+)"))[1]
        journal, last = f"onceover:run:{run_id}:journal", "0"
        socket = str(prepare(self.state / "redis").socket)
        async with Redis(unix_socket_path=socket) as redis, asyncio.timeout(PATIENCE_SECONDS_MAX):
            while True:
                for _, entries in await redis.xread({journal: last}, block=1_000):
                    if any(_tells(parse_entry(*entry), stage, step) for entry in entries):
                        return
                    last = entries[-1][0]


class TestGate:
    """A test command that says when it has begun, and ends when it is told to; it counts its beginnings."""

    __test__ = False  # Not a test, whatever pytest makes of the name.

    def __init__(self, place: Path) -> None:
        self._beginnings: Final = place / "beginnings"
        for name in ("begun", "go"):
            os.mkfifo(place / name)
        # Both ways, so that neither side waits for the other to open its end.
        self._begun, self._go = (os.open(place / name, os.O_RDWR | os.O_NONBLOCK) for name in ("begun", "go"))
        count, begun, go = (shlex.quote(str(place / name)) for name in ("beginnings", "begun", "go"))
        script = f"echo one >> {count}; echo $$ > {begun}; read word < {go}"
        self.command: Final = shlex.join(["sh", "-c", script])

    @property
    def beginnings(self) -> int:
        """How often it was begun."""
        return len(self._beginnings.read_text().split())

    async def has_begun(self) -> int:
        """Wait until it has begun; answer its process id."""
        readable = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._begun, readable.set)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS_MAX):
                await readable.wait()
        finally:
            loop.remove_reader(self._begun)
        return int(os.read(self._begun, 100))

    def open(self) -> None:
        """Let one of them end."""
        os.write(self._go, b"on\n")

    def close(self) -> None:
        """Give the pipes back."""
        os.close(self._begun)
        os.close(self._go)


def repeated(calls: list[Call]) -> list[int | None]:
    """Answer the rules of those calls whose prompt had been asked before."""
    prompts = [call.prompt for call in calls]
    return [call.rule for number, call in enumerate(calls) if call.prompt in prompts[:number]]


def processes_with(text: Path | str) -> list[int]:
    """Find the live processes whose command line or environment has a text."""
    wanted = str(text).encode()
    return [pid for pid in _pids() if wanted in _read(pid, "cmdline") + _read(pid, "environ")]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    return _read(pid, "stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"], [b"X"])


def _pids() -> Iterator[int]:
    return (int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal())


def _read(pid: int, name: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""


def _tells(entry: JournalEntry, stage: str, step: str) -> bool:
    return entry.kind == "step.finished" and (entry.detail["stage"], entry.detail["name"]) == (stage, step)
