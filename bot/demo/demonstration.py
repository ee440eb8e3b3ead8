"""Demonstration: a review that is killed in the middle and resumed, before one's eyes.

Everything is real but the model: a git repository, the command as a user types it, its own embedded Redis, a
`kill -9` of that process (its Redis dies with it). The scripted model counts its calls, so that the claim "nothing was
paid for twice" is checked and not only told.
"""

import asyncio
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.demo.clean_environment import clean_environment
from bot.demo.sample_repository import BASE, BRANCH, build_sample
from bot.demo.sample_script import REPAIR_GATE, REPAIR_RULE, SCRIPT
from bot.demo.scripted_llm import Call, ScriptedLlm
from bot.exit_codes import ExitCode
from pipeline.engine.errors import GiveUp
from pipeline.review.wording import count

REVIEW_SECONDS_MAX: Final = 120.0
"""One review of the sample; it takes a few seconds."""

SIGHT_SECONDS: Final = 0.5
"""Time to see the review at work before it is killed; the table is drawn eight times a second."""

STATE: Final = "state"
"""Where, in the demo's place, its runs are kept."""

MODEL: Final = "pretend-1"

Say = Callable[[str], None]


class DemoFailed(GiveUp):
    """The demonstration did not go as it should: that is a bug, or a very slow machine."""

    code = "demo_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the demonstration showed."""

    calls_before: int
    """Model calls that were answered before the process was killed."""
    calls_after: int
    """Model calls of the second process."""
    repeated: int
    """Prompts that were answered before the kill and asked again after it."""


async def demonstrate(place: Path, say: Say) -> Shown:
    """Show it.

    Args:
        place: An empty directory for the repository and the state.
        say: Tells the user a line.

    Raises:
        DemoFailed: It did not go as it should.
    """
    repository = place / "shop"
    say(f"A small repository with a branch `{BRANCH}`, made for this: {repository}")
    await asyncio.to_thread(build_sample, repository)
    async with ScriptedLlm(SCRIPT) as llm:
        command = _command(repository)
        say(f"A pretended model listens on {llm.url}; nothing leaves this machine.")
        say(f"\n$ {_as_typed(command)}\n")
        environment = _environment(place, llm.url)
        answered = await _review_and_kill(command, environment, place, llm, say)
        await llm.open_gate(REPAIR_GATE)
        say("\nThe same command again:\n")
        say(f"$ {_as_typed(command)}\n")
        code = await _review(command, environment, place)
    if code != ExitCode.FINDINGS:
        raise DemoFailed(f"The resumed review ended with {code}, expected {int(ExitCode.FINDINGS)}: findings.")
    return _judge(llm.calls, answered)


async def _review_and_kill(
    command: tuple[str, ...], environment: Mapping[str, str], place: Path, llm: ScriptedLlm, say: Say
) -> list[Call]:
    """Start a review; when it asks the model again, the first answer is durable: kill it there."""
    process = await _start(command, environment, place)
    asked = asyncio.create_task(_until_asked_again(llm))
    ended = asyncio.create_task(process.wait())
    try:
        await asyncio.wait({asked, ended}, timeout=REVIEW_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            raise DemoFailed(f"The review ended with {ended.result()} before it asked the model again; see above.")
        if not asked.done():
            raise DemoFailed(f"The review did not ask the model again within {REVIEW_SECONDS_MAX:.0f} s.")
        await asyncio.sleep(SIGHT_SECONDS)
        process.kill()
        await process.wait()
    finally:
        asked.cancel()
        ended.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    _show_cursor()
    answered = [call for call in llm.calls if call.rule != REPAIR_RULE]
    say(f"\n\nkill -9 {process.pid}: the review is dead, and the Redis that it had started dies with it.")
    say(f"Until then the model had answered {count(len(answered), 'call')}; one more was under way.")
    return answered


async def _until_asked_again(llm: ScriptedLlm) -> None:
    seen = 1
    while True:
        await llm.wait_calls(seen)
        if any(call.rule == REPAIR_RULE for call in llm.calls):
            return
        seen = len(llm.calls) + 1


async def _review(command: tuple[str, ...], environment: Mapping[str, str], place: Path) -> int:
    process = await _start(command, environment, place)
    try:
        async with asyncio.timeout(REVIEW_SECONDS_MAX):
            return await process.wait()
    except TimeoutError as error:
        raise DemoFailed(f"The resumed review did not end within {REVIEW_SECONDS_MAX:.0f} s.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _start(command: tuple[str, ...], environment: Mapping[str, str], place: Path) -> asyncio.subprocess.Process:
    # In a place of our own: `python -m` takes modules from the current directory first, and that may be a stranger's.
    return await asyncio.create_subprocess_exec(*command, cwd=place, env=environment, stdin=asyncio.subprocess.DEVNULL)


def _judge(calls: list[Call], answered: list[Call]) -> Shown:
    before = len(answered) + 1
    after = calls[before:]
    known = {call.prompt for call in answered}
    return Shown(
        calls_before=len(answered), calls_after=len(after), repeated=sum(call.prompt in known for call in after)
    )


def _command(repository: Path) -> tuple[str, ...]:
    tests = shlex.join([sys.executable, "-m", "unittest", "--quiet"])
    return (
        *(sys.executable, "-m", "bot", "review"),
        *("--repo", str(repository), "--base", BASE),
        *("--test-command", tests),
    )


def _as_typed(command: tuple[str, ...]) -> str:
    """Write the command as a user types it."""
    typed = " ".join(["onceover", *map(shlex.quote, command[3:])])
    return typed.replace(sys.executable, "python")


def _environment(place: Path, url: str) -> dict[str, str]:
    """Give the review an environment without any setting of the user's: nothing may be asked or stored elsewhere."""
    return clean_environment() | {
        "ONCEOVER_STATE_DIR": str(place / STATE),
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": "not-a-key",
        "ONCEOVER_LLM_MODEL": MODEL,
    }


def _show_cursor() -> None:
    """Bring back the cursor that the killed process had hidden while it drew."""
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")
        sys.stderr.flush()
