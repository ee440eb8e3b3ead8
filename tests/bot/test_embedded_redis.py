"""A Redis of our own: started, shared, killed, revived; nothing confirmed is ever lost."""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import pytest
from redis.asyncio import Redis

from bot.embedded_redis import EmbeddedLimits, EmbeddedRedis, prepare, provide_redis
from bot.redis_log import AofCorrupt
from bot.redis_probe import until_gone
from bot.redis_server import ServerProgram, find_server
from tests.bot.embedded_child import Child
from tests.real_redis import packaged_program

StartChild: TypeAlias = Callable[[], Awaitable[Child]]

PATIENT_SECONDS = 20


@pytest.fixture(params=["path", "packaged"])
def flavour(request: pytest.FixtureRequest) -> ServerProgram:
    """Both kinds of server: the one that the machine has, and the one that the wheel brings."""
    return find_server() if request.param == "path" else packaged_program()


@pytest.fixture
async def start_child(tmp_path: Path) -> AsyncIterator[StartChild]:
    """Start other processes on the test's state directory; none outlives the test."""
    async with AsyncExitStack() as children:

        async def start() -> Child:
            child = await Child.start(tmp_path)
            children.push_async_callback(child.kill)
            return child

        yield start


class Writer:
    """Somebody who writes all the time and remembers what was confirmed."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._enough = asyncio.Event()
        self._task = asyncio.create_task(self._write())
        self.confirmed: list[str] = []

    async def until_confirmed(self, more: int) -> None:
        """Let it write so many more; what stops it is raised by `stop`."""
        wanted = len(self.confirmed) + more
        await eventually(lambda: len(self.confirmed) >= wanted or self._task.done())

    async def stop(self) -> None:
        """End after the write that is under way."""
        self._enough.set()
        await self._task

    async def lost(self, client: Redis) -> list[str]:
        """Name what was confirmed and is not there."""
        values = await client.mget(self.confirmed)
        return [key for key, value in zip(self.confirmed, values, strict=True) if value is None]

    async def _write(self) -> None:
        for number in itertools.count():
            if self._enough.is_set():
                return
            await self._client.set(f"run:{number}", number)
            self.confirmed.append(f"run:{number}")


async def eventually(question: Callable[[], bool]) -> None:
    """Ask until the answer is yes; a process of somebody else tells nobody when it has got that far."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while True:
            if question():
                return
            await asyncio.sleep(0.002)


async def pid_of(client: Redis) -> int:
    pid = (await client.info("server"))["process_id"]
    assert isinstance(pid, int)
    return pid


async def test_every_confirmed_write_outlives_kill_9_of_the_server(tmp_path: Path, flavour: ServerProgram) -> None:
    async with EmbeddedRedis(tmp_path, program=flavour) as server, server.make_client() as client:
        writer = Writer(client)
        for _ in range(3):
            await writer.until_confirmed(100)
            async with Redis.from_url(server.url) as observer:
                os.kill(await pid_of(observer), signal.SIGKILL)
        await writer.until_confirmed(100)
        await writer.stop()
        await server_killed_and_closed(server, client)

    async with EmbeddedRedis(tmp_path, program=flavour) as server, server.make_client() as client:
        assert len(writer.confirmed) >= 400
        assert await writer.lost(client) == []


async def server_killed_and_closed(server: EmbeddedRedis, client: Redis) -> None:
    """Kill it a last time and let nobody revive it: what is found later comes from the disk alone."""
    os.kill(await pid_of(client), signal.SIGKILL)
    await server.__aexit__(None, None, None)


async def test_streams_and_pending_entries_outlive_it_too(tmp_path: Path, flavour: ServerProgram) -> None:
    async with EmbeddedRedis(tmp_path, program=flavour) as server, server.make_client() as client:
        await client.xgroup_create("journal", "readers", id="0", mkstream=True)
        await client.xadd("journal", {"event": "started"})
        await client.xreadgroup("readers", "one", {"journal": ">"})
        os.kill(await pid_of(client), signal.SIGKILL)

        pending = await client.xpending("journal", "readers")

    assert pending["pending"] == 1


@pytest.mark.parametrize("order", ["path first", "packaged first"])
async def test_either_server_reads_what_the_other_wrote(tmp_path: Path, order: str) -> None:
    """A machine may get or lose a Redis of its own between two runs; an RDB preamble would not survive that."""
    programs = [find_server(), packaged_program()]
    first, second = programs if order == "path first" else reversed(programs)
    async with EmbeddedRedis(tmp_path, program=first) as server, server.make_client() as client:
        await client.set("run:1", "done")
        await client.xadd("journal:1", {"event": "done"})
        aof = server.directory / "appendonlydir"
        await client.bgrewriteaof()  # type: ignore[no-untyped-call]  # redis-py left it untyped.
        await eventually(lambda: any(aof.glob("appendonly.aof.2.base.*")))

    async with EmbeddedRedis(tmp_path, program=second) as server, server.make_client() as client:
        assert await client.get("run:1") == b"done"
        assert await client.xlen("journal:1") == 1


async def test_a_second_process_shares_the_running_server(tmp_path: Path, start_child: StartChild) -> None:
    child = await (await start_child()).hear()

    async with EmbeddedRedis(tmp_path) as server, server.make_client() as client:
        assert (child.said["parent"], server.is_parent) == (True, False)
        assert await pid_of(client) == child.said["server_pid"]

    async with Redis.from_url(child.said["url"]) as client:
        assert await client.ping(), "Who shares a server does not stop it."


async def test_processes_that_start_at_once_get_one_server(start_child: StartChild) -> None:
    children = [await start_child() for _ in range(3)]

    for child in children:
        await child.hear()

    assert len({child.said["server_pid"] for child in children}) == 1
    assert [child.said["parent"] for child in children].count(True) == 1


async def test_the_server_ends_when_its_parent_is_killed_and_the_next_start_works(
    tmp_path: Path, start_child: StartChild
) -> None:
    child = await (await start_child()).hear()
    async with Redis.from_url(child.said["url"]) as client:
        await client.set("confirmed", 1)

    await child.kill()

    async with asyncio.timeout(PATIENT_SECONDS):
        await until_gone(tmp_path / "redis" / "redis.sock")
    async with EmbeddedRedis(tmp_path) as server, server.make_client() as client:
        assert server.is_parent
        assert await client.get("confirmed") == b"1"


@pytest.mark.parametrize("how", ["kill", "leave"])
async def test_another_process_revives_the_server_when_the_first_ends(
    tmp_path: Path, start_child: StartChild, how: str
) -> None:
    first = await (await start_child()).hear()
    async with EmbeddedRedis(tmp_path) as server, server.make_client() as client:
        writer = Writer(client)
        await writer.until_confirmed(50)

        gone = asyncio.create_task(until_gone(tmp_path / "redis" / "redis.sock"))
        await writer.until_confirmed(1)  # By then the watching connection stands.
        await (first.kill() if how == "kill" else first.leave())
        await gone
        await writer.until_confirmed(50)
        await writer.stop()

        assert server.is_parent
        assert await pid_of(client) != first.said["server_pid"]
        assert await writer.lost(client) == []


async def test_leaving_stops_the_server_and_leaves_no_socket(tmp_path: Path) -> None:
    async with EmbeddedRedis(tmp_path) as server, server.make_client() as client:
        pid = await pid_of(client)

    assert not (tmp_path / "redis" / "redis.sock").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_server_keeps_what_we_promise(tmp_path: Path, flavour: ServerProgram) -> None:
    (told := tmp_path / "told").write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/arguments\nexec {flavour.path} "$@"\n')
    told.chmod(0o755)
    program = ServerProgram(path=told, version=flavour.version)
    async with EmbeddedRedis(tmp_path, program=program, fsync="everysec") as server, server.make_client() as client:
        said = await client.info()
        mode = server.directory.stat().st_mode & 0o777, (server.directory / "redis.sock").stat().st_mode & 0o777

    assert (said["aof_enabled"], said["maxmemory_policy"], said["tcp_port"]) == (1, "noeviction", 0)
    assert "--appendfsync everysec " in (tmp_path / "arguments").read_text()
    assert mode == (0o700, 0o700)


@pytest.mark.parametrize(
    "command", [("CONFIG", "SET", "port", "1"), ("DEBUG", "SLEEP", "0"), ("MODULE", "LIST"), ("REPLICAOF", "no", "one")]
)
async def test_an_aof_that_is_not_ours_ends_the_start(
    tmp_path: Path, flavour: ServerProgram, command: tuple[str, ...]
) -> None:
    """A stranger's AOF could load native code, open a port, or follow another server while it is replayed."""
    aof = tmp_path / "redis" / "appendonlydir"
    aof.mkdir(parents=True)
    (aof / "appendonly.aof.manifest").write_text("file appendonly.aof.1.incr.aof seq 1 type i\n")
    words = "".join(f"${len(word)}\r\n{word}\r\n" for word in command)
    (aof / "appendonly.aof.1.incr.aof").write_text(f"*{len(command)}\r\n{words}", newline="")

    with pytest.raises(AofCorrupt, match=f"(?i)unknown command '{command[0]}'"):
        async with EmbeddedRedis(tmp_path, program=flavour):
            pass


async def test_ctrl_c_in_the_terminal_does_not_reach_the_server(tmp_path: Path) -> None:
    async with EmbeddedRedis(tmp_path) as server, server.make_client() as client:
        assert os.getsid(await pid_of(client)) != os.getsid(0)


@pytest.mark.parametrize("name", ["deep/" * 40, "100% sure? #1 'here'", "not \udcff Unicode"])
async def test_any_state_directory_will_do(tmp_path: Path, name: str) -> None:
    for starts in (1, 2):
        async with EmbeddedRedis(tmp_path / name) as server, server.make_client() as client:
            assert await client.incr("starts") == starts

    remove_short_directory(tmp_path / name)


async def test_a_short_socket_directory_that_was_tidied_away_is_made_again(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 40)
    async with EmbeddedRedis(deep) as server, server.make_client() as client:
        pid = await pid_of(client)
        shutil.rmtree(prepare(deep / "redis").socket.parent)
        os.kill(pid, signal.SIGKILL)

        assert await client.ping()

    remove_short_directory(deep)


def remove_short_directory(state_directory: Path) -> None:
    place = prepare(state_directory / "redis")
    if place.socket.parent != place.home:
        place.socket.parent.rmdir()


async def test_a_hung_server_of_ours_is_stopped_in_bounded_time(tmp_path: Path) -> None:
    limits = EmbeddedLimits(stop_seconds_max=0.1)
    async with EmbeddedRedis(tmp_path, limits=limits) as server, server.make_client() as client:
        await client.set("confirmed", 1)
        os.kill(await pid_of(client), signal.SIGSTOP)

    async with EmbeddedRedis(tmp_path) as server, server.make_client() as client:
        assert await client.get("confirmed") == b"1"


async def test_cancelled_while_starting_it_leaves_no_server(tmp_path: Path) -> None:
    entering = asyncio.create_task(EmbeddedRedis(tmp_path).__aenter__())
    await eventually((tmp_path / "redis" / "redis.pid").exists)

    entering.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await (await entering).__aexit__(None, None, None)  # It may have been quicker than we.

    assert not (tmp_path / "redis" / "redis.sock").exists()


async def test_a_url_that_was_given_is_used_as_it_is(tmp_path: Path, redis_url: str) -> None:
    async with provide_redis(f"{redis_url}?db=3", tmp_path) as client:
        assert await client.ping()

    assert not (tmp_path / "redis").exists()


async def test_without_a_url_a_server_of_our_own_is_used(tmp_path: Path) -> None:
    async with provide_redis(None, tmp_path) as client:
        assert await client.ping()

    assert (tmp_path / "redis" / "appendonlydir").exists()
