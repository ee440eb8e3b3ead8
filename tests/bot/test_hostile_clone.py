"""Started inside a stranger's clone, no command takes anything in it for its own."""

import signal
import sys
from pathlib import Path

import pytest

from bot.exit_codes import ExitCode
from tests.bot.command_world import ONCEOVER, CommandWorld

NO_STATE_DIR = ("env", "-u", "ONCEOVER_STATE_DIR")


@pytest.fixture
def clone(world: CommandWorld) -> Path:
    """A clone that brings a Redis's directory."""
    files = {
        ".o/redis/appendonlydir/appendonly.aof.manifest": "file appendonly.aof.1.incr.aof seq 1 type i\n",
        ".o/redis/appendonlydir/appendonly.aof.1.incr.aof": "*1\r\n$4\r\nPING\r\n",
    }
    return world.make_repository(files).path


def was_started(state: Path) -> bool:
    """Whether a server has been started on the state directory."""
    return (state / "redis" / "redis.log").exists()


async def test_a_clone_s_dotenv_cannot_make_us_replay_its_aof(world: CommandWorld, clone: Path) -> None:
    (clone / ".env").write_text("ONCEOVER_STATE_DIR=/proc/self/cwd/.o\n")

    ended = await (await world.launch(*NO_STATE_DIR, *ONCEOVER, "runs", "list", cwd=clone)).end()

    assert ended.code == ExitCode.CONFIGURATION
    assert "ONCEOVER_STATE_DIR is not read from .env" in ended.news
    assert not was_started(clone / ".o")


@pytest.mark.parametrize("way", ["{}/.o", "/proc/self/cwd/.o"])
async def test_a_state_directory_in_a_clone_is_refused(world: CommandWorld, clone: Path, way: str) -> None:
    """Such as a continuous integration sets, where the pull request writes what lies there."""
    ended = await world.run("runs", "list", cwd=clone, ONCEOVER_STATE_DIR=way.format(clone))

    assert ended.code == ExitCode.CONFIGURATION
    assert "outside of every repository" in ended.news
    assert not was_started(clone / ".o")


async def test_the_demo_runs_no_code_of_the_directory_it_is_started_in(world: CommandWorld, clone: Path) -> None:
    """`python -m` takes modules from the current directory first."""
    (clone / "bot").mkdir()
    (clone / "bot" / "__init__.py").write_text(f"open({str(world.place / 'ran')!r}, 'w')\n")

    demo = await world.launch(sys.executable, "-P", "-m", "bot", "demo", "--local", cwd=clone)
    await demo.says("reviewing ")
    demo.send(signal.SIGINT)

    assert (await demo.end()).code == ExitCode.INTERRUPTED
    assert not (world.place / "ran").exists()
