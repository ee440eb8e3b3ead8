"""A Redis of our own that cannot start, cannot write, or does not answer: one clear sentence each, in bounded time."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from bot.embedded_redis import EmbeddedLimits, EmbeddedRedis, RedisSilent
from bot.private_directory import DirectoryUnusable
from bot.redis_errors import RedisUnusable, explain
from bot.redis_log import AofCorrupt, DiskFull, RedisDidNotStart
from bot.redis_process import Fsync, RedisTooOldForState
from bot.redis_server import ServerProgram, find_server
from tests.bot.test_embedded_redis import eventually, pid_of

QUICK = EmbeddedLimits(start_seconds_max=0.3, probe_seconds_max=0.1, stop_seconds_max=0.1)

KILOBYTE = "x" * 1_000


def make_program(directory: Path, before: str) -> ServerProgram:
    """Wrap the real server: the shell lines run first, and may end the matter."""
    real = find_server()
    program = directory / "wrapped-server"
    program.write_text(f'#!/bin/sh\n{before}\nexec {real.path} "$@"\n')
    program.chmod(0o755)
    return ServerProgram(path=program, version=real.version)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB, in memory."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("Only root may mount a small disk; the same is tested with a file-size limit below.")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


async def write_until_refused(server: EmbeddedRedis) -> tuple[list[str], RedisError]:
    """Write kilobytes until the server says no; tell what it confirmed and how it said no."""
    confirmed: list[str] = []
    async with server.make_client() as client:
        for number in range(10_000):
            try:
                await client.set(f"run:{number}", KILOBYTE)
            except RedisError as error:
                return confirmed, error
            confirmed.append(f"run:{number}")
    raise AssertionError("It took 10 MB; the disk was to be smaller.")


async def until_it_writes_again(client: Redis) -> None:
    """Wait until the server has room; it looks once in a second."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(RedisError):
                await client.set("room", 1)
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("fsync", ["always", "everysec"])
async def test_a_disk_that_fills_up_is_named_and_nothing_confirmed_is_lost(small_disk: Path, fsync: Fsync) -> None:
    """With `always` the server ends and cannot be revived; with `everysec` it lives and refuses to write."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_500_000)
    async with EmbeddedRedis(small_disk, fsync=fsync) as server, server.make_client() as client:
        confirmed, error = await write_until_refused(server)
        said = explain(error, server.url)

        ballast.unlink()
        await until_it_writes_again(client)
        await eventually(lambda: server.trouble is None)
        os.kill(await pid_of(client), signal.SIGKILL)

        assert isinstance(said, DiskFull if fsync == "always" else RedisUnusable)
        assert "ree some space" in said.next_step
        assert confirmed
        assert None not in await client.mget(["room", *confirmed])


async def test_a_full_disk_stops_the_start_and_is_named(small_disk: Path) -> None:
    with contextlib.suppress(OSError), (small_disk / "ballast").open("wb") as ballast:
        while True:
            ballast.write(b"x" * 4_096)
            ballast.flush()

    with pytest.raises((DiskFull, DirectoryUnusable), match=r"no room|No space left on device") as caught:
        async with EmbeddedRedis(small_disk):
            pass

    assert "ONCEOVER_STATE_DIR" in str(caught.value)


async def test_a_limit_on_the_file_size_is_a_full_disk_too(tmp_path: Path) -> None:
    program = make_program(tmp_path, "ulimit -f 256")
    async with EmbeddedRedis(tmp_path, program=program) as server:
        confirmed, error = await write_until_refused(server)

        assert confirmed
        assert isinstance(explain(error, server.url), DiskFull)


async def test_a_server_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    program = make_program(tmp_path, "echo 'cannot open shared library'; exit 127")

    with pytest.raises(RedisDidNotStart, match=r"with exit code 127\. Its log ends: cannot open shared library"):
        async with EmbeddedRedis(tmp_path, program=program):
            pass


async def test_a_program_that_never_answers_is_given_up_and_ended(tmp_path: Path) -> None:
    program = make_program(tmp_path, f"echo $$ > {tmp_path}/pid; exec tail -f /dev/null")

    with pytest.raises(RedisDidNotStart, match=r"did not answer within 0.3 s.*redis\.log"):
        async with EmbeddedRedis(tmp_path, program=program, limits=QUICK):
            pass

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_a_program_that_is_gone_is_named(tmp_path: Path) -> None:
    program = ServerProgram(path=tmp_path / "no-server", version=(7, 0, 0))

    with pytest.raises(RedisDidNotStart, match="no-server"):
        async with EmbeddedRedis(tmp_path, program=program):
            pass


async def test_a_hung_server_of_another_process_is_named_with_its_pid(tmp_path: Path) -> None:
    async with EmbeddedRedis(tmp_path, limits=QUICK) as server, server.make_client() as client:
        pid = await pid_of(client)
        os.kill(pid, signal.SIGSTOP)

        with pytest.raises(RedisSilent, match=rf"pid {pid} .* does not answer.*kill -9"):
            async with EmbeddedRedis(tmp_path, limits=QUICK):
                pass


def held(directory: Path) -> contextlib.ExitStack:
    """Hold the state directory's lock, as a server does."""
    (directory / "redis").mkdir(mode=0o700)
    stack = contextlib.ExitStack()
    lock = stack.enter_context((directory / "redis" / "redis.lock").open("a"))
    fcntl.flock(lock, fcntl.LOCK_EX)
    return stack


async def test_a_held_directory_where_nobody_listens_is_named(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(RedisSilent, match="does not listen on"):
        async with EmbeddedRedis(tmp_path, limits=QUICK):
            pass


async def test_a_loading_server_is_waited_for(tmp_path: Path) -> None:
    answers = iter([b"-LOADING Redis is loading the dataset in memory\r\n"] * 3)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(next(answers, b"+PONG\r\n"))
        await writer.drain()
        await reader.read()
        writer.close()

    with held(tmp_path):
        slow = await asyncio.start_unix_server(answer, tmp_path / "redis" / "redis.sock")
        async with slow, EmbeddedRedis(tmp_path, limits=EmbeddedLimits(start_seconds_max=0)) as server:
            assert not server.is_parent

    assert next(answers, None) is None


async def test_a_torn_last_write_is_forgotten_and_the_rest_is_there(tmp_path: Path) -> None:
    await write_three(tmp_path)
    aof = the_aof(tmp_path)
    aof.write_bytes(aof.read_bytes()[:-3])

    async with EmbeddedRedis(tmp_path) as server, server.make_client() as client:
        assert await client.mget("1", "2", "3") == [b"one", b"two", None]


async def test_a_damaged_aof_is_refused_with_a_command_that_repairs_it(tmp_path: Path) -> None:
    await write_three(tmp_path)
    aof = the_aof(tmp_path)
    aof.write_bytes(aof.read_bytes().replace(b"$3\r\ntwo", b"#damage!"))

    with pytest.raises(AofCorrupt, match=r"damaged.*Copy .* away") as caught:
        async with EmbeddedRedis(tmp_path):
            pass

    command = caught.value.next_step.partition("then run: ")[2].partition(". It cuts")[0]
    repaired = await asyncio.to_thread(subprocess.run, ["sh", "-c", command], input=b"y\n", capture_output=True)
    assert repaired.returncode == 0, repaired
    async with EmbeddedRedis(tmp_path) as server, server.make_client() as client:
        assert await client.mget("1", "2", "3") == [b"one", None, None]


async def write_three(directory: Path) -> None:
    async with EmbeddedRedis(directory) as server, server.make_client() as client:
        for key, value in {"1": "one", "2": "two", "3": "333"}.items():
            await client.set(key, value)


def the_aof(directory: Path) -> Path:
    (aof,) = (directory / "redis" / "appendonlydir").glob("*.incr.aof")
    return aof


async def test_a_server_too_old_to_see_the_stored_runs_is_not_started(tmp_path: Path) -> None:
    """Redis 6 keeps its AOF in one file; it would start empty beside the directory of a newer one."""
    await write_three(tmp_path)
    old = ServerProgram(path=find_server().path, version=(6, 2, 14))

    with pytest.raises(RedisTooOldForState, match=r"would not see them.*nothing is lost"):
        async with EmbeddedRedis(tmp_path, program=old):
            pass


async def test_a_server_that_cannot_be_revived_is_said_to_be_in_trouble_and_revived_later(tmp_path: Path) -> None:
    program = make_program(tmp_path, f"test -e {tmp_path}/broken && exit 3")
    limits = EmbeddedLimits(revive_pause_seconds_max=0.05)
    async with EmbeddedRedis(tmp_path, program=program, limits=limits) as server, server.make_client() as client:
        await client.set("confirmed", 1)
        (tmp_path / "broken").touch()
        os.kill(await pid_of(client), signal.SIGKILL)
        await eventually(lambda: server.trouble is not None)
        with pytest.raises(RedisConnectionError, match="with exit code 3"):
            await client.get("confirmed")

        (tmp_path / "broken").unlink()
        await eventually(lambda: server.trouble is None)

        assert await client.get("confirmed") == b"1"


def spoil_with_a_file(directory: Path) -> None:
    (directory / "redis").write_text("I was here first.")


def spoil_the_lock(directory: Path) -> None:
    (directory / "redis" / "redis.lock").mkdir(parents=True)


def spoil_the_log(directory: Path) -> None:
    (directory / "redis" / "redis.log").mkdir(parents=True)


@pytest.mark.parametrize("spoil", [spoil_with_a_file, spoil_the_lock, spoil_the_log])
async def test_a_state_directory_that_cannot_be_used_is_named(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path)

    with pytest.raises(DirectoryUnusable, match=r"redis.*ONCEOVER_STATE_DIR"):
        async with EmbeddedRedis(tmp_path):
            pass
