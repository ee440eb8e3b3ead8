"""App demonstration: a pull request on a bad day, before one's eyes.

Everything is real but GitHub and the model, which are simulated on this machine: three processes of Onceover, signed
webhooks over HTTP, an embedded Redis, git, a `kill -9`. What is told at the end is counted on the simulated GitHub,
by the scripted model and in the journal of the run.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from bot.demo.app_processes import AppProcesses
from bot.demo.check_watch import CheckWatch, strip
from bot.demo.child import Child, ChildEnded
from bot.demo.promises import Shown, asked_again
from bot.demo.sample_repository import BRANCH, FIRST_TITLE, TITLE, sample_files
from bot.demo.sample_script import APP_SCRIPT, REPAIR_GATE, REPAIR_RULE
from bot.demo.scripted_llm import Call, ScriptedLlm
from bot.demo.simulated_github.faults import ActiveFault, Fault
from bot.demo.simulated_github.leftovers import check_runs, left_on
from bot.demo.simulated_github.repositories import Pull, Repository
from bot.demo.simulated_github.server import SimulatedGitHub
from bot.demo.simulated_github.world import Delivery
from bot.opened_store import open_store
from bot.settings import read_settings
from pipeline.engine.errors import GiveUp
from pipeline.engine.journal import JournalEntry
from pipeline.engine.store import Store
from pipeline.review.wording import count, duration

STEP_SECONDS_MAX: Final = 60.0
"""One thing that must happen; each takes a few seconds."""

LOOK_SECONDS: Final = 0.05
"""Between two looks at state that tells nobody of its changes."""

IN_THE_MIDDLE: Final = "● analyze  ◔ test  ✓ docs"
"""What the check run comes to show while the model thinks and the repository's own CI runs."""

SIGHT_SECONDS: Final = 0.5
"""Time to see that before the reviewer is killed."""

STATE: Final = "state"
"""Where, in the demo's place, its runs are kept."""

REPOSITORY: Final = "acme/shop"
AUTHOR: Final = "alice"
CI: Final = "unit tests"
TAKEN_BACK: Final = "lease.owner_died"
"""What the journal calls it."""

COMMENTS: Final = r"/issues/\d+/comments$"


class StoodStill(GiveUp):
    """A thing that was promised did not happen in time: that is a bug, or a very slow machine."""

    code = "demo_stood_still"


class Say(Protocol):
    """Tells the user something."""

    def __call__(self, text: str, /, *, is_act: bool = False) -> None:
        """Tell a line, or begin an act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How it went."""

    shown: Shown
    page: str
    """The pull request as a reader sees it."""
    run_id: str
    seconds: float


async def demonstrate_app(place: Path, say: Say) -> Story:
    """Show it.

    Args:
        place: An empty directory for the state.
        say: Tells the user a line.

    Raises:
        StoodStill: It did not come to its end.
    """
    async with contextlib.AsyncExitStack() as stack:
        github = await stack.enter_async_context(SimulatedGitHub())
        llm = await stack.enter_async_context(ScriptedLlm(APP_SCRIPT))
        # The Redis is this process's own, which is not killed; the others find it by the state directory.
        settings = read_settings({"ONCEOVER_STATE_DIR": str(place / STATE)}, None)
        opened = await stack.enter_async_context(open_store(settings))
        processes = AppProcesses(
            place=place, state=place / STATE, app=github.app, github_url=github.url, model_url=llm.url
        )
        await stack.enter_async_context(processes)
        scene = Scene(github=github, llm=llm, store=opened.store, processes=processes, say=say)
        try:
            return await scene.play()
        except (TimeoutError, ChildEnded) as error:
            lines = [f"The demo did not come so far that {scene.hoped}.", "The processes said last:"]
            raise StoodStill("\n  ".join([*lines, *processes.last_words()])) from error


@dataclass(slots=True, kw_only=True)
class Scene:
    """Everybody who takes part."""

    github: SimulatedGitHub
    llm: ScriptedLlm
    store: Store
    processes: AppProcesses
    say: Say
    hoped: str = "it began"
    _begun: float = field(default_factory=time.monotonic)

    async def play(self) -> Story:
        """Play it from the beginning to the end."""
        reviewer = await self._start()
        repository, fault = await self._prepare()
        pull, opened = await self._open(repository)
        run_id = str(answer_of(opened).get("run"))
        async with self._watching(pull):
            answered = await self._kill(reviewer, pull)
            died = datetime.now(UTC)
            duplicate = await self._meanwhile(pull, opened)
            await self._restart(run_id, died)
            await self._end(pull, fault)
        journal = await self.store.journal(run_id)
        shown = Shown(
            first_answer=str(answer_of(opened).get("outcome")),
            entries=len(journal),
            second_answer=str(answer_of(duplicate).get("outcome")),
            left=left_on(pull, self.github.app),
            conclusion=check_runs(pull, self.github.app)[0].conclusion,
            answered_before=len(answered),
            asked_again=asked_again(answered, self.llm.calls[len(answered) :]),
            refusals=fault.happened,
            comments_asked=sum(one.method == "POST" for one in self.github.writes("/comments")),
            calls=sum(".git/" not in one.path for one in self.github.requests),
            writes=len(self.github.writes()),
            took_back=any(entry.kind == TAKEN_BACK for entry in journal),
        )
        seconds = time.monotonic() - self._begun
        return Story(shown=shown, page=self.github.as_seen(pull), run_id=run_id, seconds=seconds)

    async def _start(self) -> Child:
        self.say("1. Onceover starts: three processes and a Redis", is_act=True)
        async with self._hoping("the three processes work"):
            door, publisher, reviewer = await self.processes.start()
        self.say(f"   pid {door.pid:<6} onceover serve                              takes webhooks")
        self.say(f"   pid {publisher.pid:<6} onceover worker --roles publisher,broker    may write to GitHub")
        self.say(f"   pid {reviewer.pid:<6} onceover worker --roles reviewer            reads the code")
        self.say("   Only the publisher has the App's key. GitHub and the model are simulated.")
        return reviewer

    async def _prepare(self) -> tuple[Repository, ActiveFault]:
        """Make the repository, and what will go wrong in it."""
        repository = self.github.add_repository(REPOSITORY, files=None)
        await self.github.push(repository, "main", sample_files("base"), FIRST_TITLE, user=AUTHOR, lost=True)
        await self.github.install(self.github.app, [repository])
        await self.github.push(repository, BRANCH, sample_files("head"), TITLE, user=AUTHOR)
        self.github.start_checks(repository, repository.git.sha(BRANCH), CI)
        fault = self.github.faults.add(Fault(kind="apply_then_status", method="POST", path=COMMENTS, status=502))
        return repository, fault

    async def _open(self, repository: Repository) -> tuple[Pull, Delivery]:
        self.say(f"\n2. {AUTHOR} opens a pull request: {TITLE}", is_act=True)
        begun = time.monotonic()
        async with self._hoping("the check run of the new pull request appears"):
            pull = await self.github.open_pull(repository, BRANCH, title=TITLE, author=AUTHOR)
            answered = time.monotonic()
            delivery = next(one for one in self.github.deliveries if one.event == "pull_request")
            said = answer_of(delivery)
            self.say(
                f"   webhook    {delivery.status_code} {said.get('outcome')} in {(answered - begun) * 1000:.0f} ms"
            )
            await self._until(lambda: bool(check_runs(pull, self.github.app)))
        self.say(f"   check run  there after {(time.monotonic() - begun) * 1000:.0f} ms; now its stages move, and")
        self.say("              those marked ◔ wait: test, for the repository's own CI")
        return pull, delivery

    async def _kill(self, reviewer: Child, pull: Pull) -> list[Call]:
        """Kill the reviewer while the model thinks about its second question; the first is answered."""
        async with self._hoping("the model is asked a second time, and the check run shows so"):
            await self._until(lambda: any(call.rule == REPAIR_RULE for call in self.llm.calls))
            await self._until(lambda: any(IN_THE_MIDDLE in strip(run) for run in check_runs(pull, self.github.app)))
            await asyncio.sleep(SIGHT_SECONDS)
        await reviewer.kill()
        # The one under way asks to repair an answer, so that one had come; that about documentation is quicker.
        answered = [call for call in self.llm.calls if call.rule != REPAIR_RULE]
        self.say(f"\n3. kill -9 {reviewer.pid}: the reviewer dies in the middle of analyze", is_act=True)
        self.say(f"   model      {count(len(answered), 'call')} answered, one under way; that one is lost")
        return answered

    async def _meanwhile(self, pull: Pull, opened: Delivery) -> Delivery:
        """Let the world go on while nobody reviews."""
        self.say("   Nobody reviews now, and GitHub goes on:")
        async with self._hoping("webhooks are answered while no reviewer lives"):
            again = await self.github.redeliver(opened)
            said = answer_of(again).get("outcome")
            self.say(f"   webhook    {again.status_code} {said}: the first one once more, same delivery id")
            await self.github.finish_checks(pull.repository, pull.head_sha, {CI: "failure"})
            finished = self.github.deliveries[-1]
            said = answer_of(finished).get("outcome")
            self.say(f"   webhook    {finished.status_code} {said}: the repository's own CI has failed")
        return again

    async def _restart(self, run_id: str, died: datetime) -> None:
        await self.llm.open_gate(REPAIR_GATE)
        self.say("\n4. A new reviewer starts", is_act=True)
        async with self._hoping("a new reviewer works"):
            reviewer = await self.processes.start_reviewer()
        self.say(f"   pid {reviewer.pid:<6} onceover worker --roles reviewer")
        async with self._hoping("the run is taken back from the dead process"):
            while not (taken := await self._taken_back(run_id)):  # noqa: ASYNC110 - a journal is looked at.
                await asyncio.sleep(LOOK_SECONDS)
        seconds = max(0.0, taken[0].at_ms / 1_000 - died.timestamp())
        self.say(f"   lease      taken back from the dead process after {duration(seconds)}")

    async def _taken_back(self, run_id: str) -> list[JournalEntry]:
        return [entry for entry in await self.store.journal(run_id) if entry.kind == TAKEN_BACK]

    async def _end(self, pull: Pull, fault: ActiveFault) -> None:
        async with self._hoping("the summary comment is written"):
            await fault.reached()
        self.say("\n5. GitHub writes the summary comment and answers 502", is_act=True)
        self.say("   comment    was it written? Onceover looks for it before it writes again")
        async with self._hoping("the check run is concluded"):
            await self._until(lambda: len(self.github.writes("/comments")) > 1 or self._is_concluded(pull))
            is_once = left_on(pull, self.github.app).comments == 1
            self.say(f"   comment    {'found by its marker; it stands once' if is_once else 'written again'}")
            await self._until(lambda: self._is_concluded(pull))
            await self.github.settle()

    def _is_concluded(self, pull: Pull) -> bool:
        return all(one.status == "completed" for one in check_runs(pull, self.github.app))

    @contextlib.asynccontextmanager
    async def _watching(self, pull: Pull) -> AsyncIterator[None]:
        watch = CheckWatch(pull=pull, app=self.github.app, say=self.say, look_seconds=LOOK_SECONDS)
        task = asyncio.create_task(watch.run())
        try:
            yield
            watch.look()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)  # Unlike `suppress`, it hides no Ctrl-C that comes here.

    @contextlib.asynccontextmanager
    async def _hoping(self, that: str) -> AsyncIterator[None]:
        self.hoped = that
        async with asyncio.timeout(STEP_SECONDS_MAX):
            yield

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():  # noqa: ASYNC110 - the simulated GitHub tells nobody of a change.
            await asyncio.sleep(LOOK_SECONDS)


def answer_of(delivery: Delivery) -> dict[str, object]:
    """Read what the door answered."""
    try:
        answer = json.loads(delivery.answer)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {}
