"""App: from webhook to check run, to the summary comment and to the concluded check, and what the idle processes weigh.

A web process and a worker with all roles, as an operator starts them, beside a simulated GitHub without latency and
without the pause between writes that a real one asks for, and a model that answers at once. Each pull request adds one
file of 20 lines. The times are counted from the moment at which GitHub sends the webhook, and include the simulated
GitHub's own work on the same cores. The calls are those of one review, the fetch by git among them.
"""

import asyncio
import contextlib
import os
import re
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.figures import Table
from benchmarks.servers import open_redis
from bot.demo.scripted_llm import Rule, Script, ScriptedLlm
from bot.demo.simulated_github.leftovers import check_runs, own_comments
from bot.demo.simulated_github.repositories import Pull, Repository
from bot.demo.simulated_github.server import SimulatedGitHub

PULLS: Final = 8
"""A round; the first of a process is warm-up and not counted."""

WAIT_SECONDS_MAX: Final = 60.0
LOOK_SECONDS: Final = 0.002

SIDES: Final[Mapping[str, str]] = {
    "no analysers": "review: {analyzers: []}\ntest: {source: none}\n",
    "five analysers": "review: {fail_on: high}\ntest: {source: none}\n",
}
"""The repository's configuration: our own work, and with the programs that it starts. Neither waits for checks: where
there are none, a review waits 15 s for the first one, parked, before it says so."""

ANSWERS: Final = Script(
    rules=(
        Rule(match="You help the reader of a code review", answer={"what_changed": "It adds.", "risks": []}),
        Rule(answer={"walkthrough": "It adds lines.", "findings": []}),
    )
)

FILE: Final = "".join(f"LINE_{number} = {number}\n" for number in range(19)) + "\n"


@dataclass(slots=True)
class Times:
    """When what was visible, in ms from the webhook."""

    by_name: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, began: float) -> None:
        """Take a time."""
        self.by_name.setdefault(name, []).append((time.perf_counter() - began) * 1_000)


async def run(rounds: int) -> list[Table]:
    """Measure the times by configuration, then the memory."""
    tables = []
    weights = Table(title="Idle memory of web and worker, PSS", unit="MB", baseline="both")
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(open_redis("everysec"))
        github = await stack.enter_async_context(SimulatedGitHub())
        llm = await stack.enter_async_context(ScriptedLlm(ANSWERS))
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environ = _environ(github, url, llm.url, place)
        web = await stack.enter_async_context(_process(environ, "serve"))
        github.app.webhook_url = f"http://127.0.0.1:{web.port}/webhooks/github"
        worker = await stack.enter_async_context(_process(environ, "worker"))
        for _ in range(rounds):
            for name, pid in (("web", web.pid), ("worker", worker.pid)):
                weights.values.setdefault(name, []).append(_pss_mb(pid))
        weights.values["both"] = [sum(pair) for pair in zip(*weights.values.values(), strict=True)]
        for name, configuration in SIDES.items():
            tables.append(await _reviews(github, name, configuration, rounds * PULLS))
    return [*tables, weights]


async def _reviews(github: SimulatedGitHub, name: str, configuration: str, pulls: int) -> Table:
    repository = github.add_repository(f"acme/{name.replace(' ', '-')}")
    files = {".github/onceover.yml": configuration, "README.md": "# Shop\n"}
    await github.push(repository, "main", files, user="alice", lost=True)
    await github.install(github.app, [repository])
    times, calls = Times(), Counter[str]()
    for number in range(pulls + 1):
        pull, counted = await _one(github, repository, number, times if number else Times())
        calls = counted or calls
        await github.close_pull(pull, lost=True)
    table = Table(title=f"From webhook to what is visible, {name}", unit="ms", baseline="check run")
    table.values = times.by_name
    table.notes = [f"{sum(calls.values())} calls to GitHub for one review:", *(f"{n} x {c}" for c, n in calls.items())]
    return table


async def _one(github: SimulatedGitHub, repository: Repository, number: int, times: Times) -> tuple[Pull, Counter[str]]:
    branch = f"branch-{number}"
    await github.push(repository, branch, {f"part_{number}.py": FILE}, user="alice", lost=True)
    before = len(github.requests)
    began = time.perf_counter()
    opening = asyncio.create_task(github.open_pull(repository, branch, author="alice"))
    await _until(lambda: any(one.head_ref == branch for one in repository.pulls.values()))
    [pull] = [one for one in repository.pulls.values() if one.head_ref == branch]
    await _until(lambda: bool(check_runs(pull, github.app)))
    times.note("check run", began)
    await _until(lambda: bool(own_comments(pull, github.app)))
    times.note("summary comment", began)
    await _until(lambda: all(one.status == "completed" for one in check_runs(pull, github.app)))
    times.note("concluded", began)
    await opening
    return pull, Counter(_call(one.method, one.path) for one in github.requests[before:])


def _call(method: str, path: str) -> str:
    return f"{method} {re.sub('[0-9a-f]{40}', 'SHA', re.sub('[0-9]{2,}', 'N', path.partition('?')[0]))}"


async def _until(shown: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not shown():  # noqa: ASYNC110 - the simulated GitHub tells nobody of a change.
            await asyncio.sleep(LOOK_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process of ours."""

    pid: int
    port: int


def _environ(github: SimulatedGitHub, redis_url: str, llm_url: str, place: Path) -> dict[str, str]:
    app = github.app
    return {
        "ONCEOVER_REDIS_URL": redis_url,
        "ONCEOVER_STATE_DIR": str(place / "state"),
        "ONCEOVER_GITHUB_API_URL": github.url,
        "ONCEOVER_GITHUB_APP_ID": str(app.id),
        "ONCEOVER_GITHUB_PRIVATE_KEY": app.private_key,
        "ONCEOVER_GITHUB_WEBHOOK_SECRET": app.webhook_secret,
        "ONCEOVER_GITHUB_WRITE_INTERVAL_SECONDS": "0",
        "ONCEOVER_SECRET_KEY": "a-secret-of-the-benchmark-32-long",
        "ONCEOVER_PORT": "0",
        "OPENAI_BASE_URL": llm_url,
        "ONCEOVER_LLM_MODEL": "instant",
        "HOME": str(place),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path.cwd()),
    }


@contextlib.asynccontextmanager
async def _process(environ: Mapping[str, str], command: str) -> AsyncIterator[Started]:
    """Start a process and wait until it says that it works."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", command, env=dict(environ), cwd=environ["HOME"], stderr=PIPE
    )
    assert process.stderr is not None
    port, said = 0, b""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        async for line in process.stderr:
            said += line
            if found := re.search(rb"listening on http://\S+?:(\d+)", line):
                port = int(found[1])
            if found or b"working as" in line:
                break
        else:
            raise RuntimeError(said.decode())
    reading = asyncio.create_task(process.stderr.read())
    try:
        yield Started(pid=process.pid, port=port)
    finally:
        process.terminate()
        await process.wait()
        await reading


def _pss_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1_024 if found else 0.0
