"""Door: deliveries a second, against a bare Litestar handler that only checks the HMAC of the same 20 KB.

Same server, same body, same run: the sides take turns within each round. Eight connections, each of which sends its
next delivery when the last one was answered; every delivery has an id of its own. `new heads` makes a run for each,
`one head` joins the same run again and again, as a storm of events does. The durable write is Redis with everysec.

Sender, door and Redis share the machine's cores, so beside the wall clock the processor's time of both servers is told:
it is steadier while the machine has other work, and says which of the two bounds the rate.
"""

import asyncio
import contextlib
import itertools
import json
import os
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from benchmarks.figures import Table, alternate
from benchmarks.servers import open_redis
from bot.redis_client import make_client
from webhooks.signature import sign

SECRET: Final = SecretStr("a secret of the benchmark")

CONNECTIONS: Final = 8
DELIVERIES: Final = 2_000
"""A round of one side."""

BODY_BYTES: Final = 20_000
BARE: Final = "bare handler, HMAC only"
JOINED: Final = "door, one head"
SIDES: Final = {
    BARE: ("bare", True),
    "door, nothing stored": ("nowhere", True),
    JOINED: ("stored", False),
    "door, new heads": ("stored", True),
}
"""Each side: what is served, and whether every delivery is of another head."""

START_SECONDS_MAX: Final = 30
ROUND_SECONDS_MAX: Final = 120


async def run(rounds: int) -> list[Table]:
    """Measure requests per second, how long the slowest hundredth waited, and the processor's time of both servers."""
    rates = Table(title="Deliveries of 20 KB, everysec", unit="requests/s", baseline=BARE)
    slowest = Table(title="Deliveries of 20 KB, p99", unit="ms", baseline=BARE, digits=2)
    door_us = Table(title="Deliveries of 20 KB, processor's time of the door, each", unit="us", baseline=BARE, digits=0)
    redis_us = Table(title="Deliveries of 20 KB, processor's time of Redis, each", unit="us", baseline=JOINED, digits=0)
    beside = [slowest, door_us, redis_us]
    heads = itertools.count(1)
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(open_redis("everysec"))
        served = {side for side, _ in SIDES.values()}
        doors = {side: await stack.enter_async_context(_serving(side, url)) for side in sorted(served)}
        redis_pid = await _pid_of_redis(url)
        for side, is_new in SIDES.values():  # Warm: caches of routes, scripts, connections.
            await _measure(doors[side].port, is_new, heads)

        async def measure(name: str) -> float:
            side, is_new = SIDES[name]
            pids = (doors[side].pid, redis_pid)
            before = [_processor_seconds(pid) for pid in pids]
            rate, p99_ms = await _measure(doors[side].port, is_new, heads)
            spent = [_processor_seconds(pid) - began for pid, began in zip(pids, before, strict=True)]
            told = [p99_ms, *(seconds / DELIVERIES * 1_000_000 for seconds in spent)]
            for table, value in zip(beside, told, strict=True):
                table.values.setdefault(name, []).append(value)
            return rate

        await alternate(rates, {name: partial(measure, name) for name in SIDES}, rounds)
    for table in beside:
        table.values = {name: table.values[name] for name in SIDES}
    redis_us.values = {name: redis_us.values[name] for name, (side, _) in SIDES.items() if side == "stored"}
    return [rates, *beside]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A side, in a process of its own."""

    port: int
    pid: int


@dataclass(slots=True, kw_only=True)
class Sender(asyncio.Protocol):
    """One connection: sends what is left, one delivery at a time."""

    requests: Iterator[bytes]
    on_end: Callable[[], None]
    seconds: list[float] = field(default_factory=list)
    _sent_at: float = 0.0
    _transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        """Take an answer; its body is one JSON object, so it ends with a brace."""
        if data.startswith(b"HTTP/") and not data.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(f"The door said {data[:60]!r}.")
        if data.endswith(b"}"):
            self.seconds.append(time.perf_counter() - self._sent_at)
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if exc is not None:
            raise exc
        self.on_end()

    def _next(self) -> None:
        assert self._transport is not None
        request = next(self.requests, None)
        if request is None:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


async def _measure(port: int, is_new: bool, heads: Iterator[int]) -> tuple[float, float]:  # noqa: FBT001 - private
    """Send a round; answer requests per second, and the time below which 99 of 100 were answered, in ms."""
    requests = iter([_request(next(heads), is_new=is_new) for _ in range(DELIVERIES)])
    ended = asyncio.Semaphore(0)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    senders = [Sender(requests=requests, on_end=ended.release) for _ in range(CONNECTIONS)]
    async with asyncio.timeout(ROUND_SECONDS_MAX):
        for sender in senders:
            await loop.create_connection(lambda sender=sender: sender, "127.0.0.1", port)  # type: ignore[misc]  # mypy cannot infer a lambda's default
        for _ in senders:
            await ended.acquire()
    took = time.perf_counter() - began
    seconds = sorted(itertools.chain.from_iterable(sender.seconds for sender in senders))
    return len(seconds) / took, seconds[int(len(seconds) * 0.99)] * 1_000


def _request(number: int, *, is_new: bool) -> bytes:
    body = _body(f"{number if is_new else 0:040x}")
    head = (
        "POST /webhooks/github HTTP/1.1\r\nHost: onceover.example\r\nUser-Agent: GitHub-Hookshot/044aadd\r\n"
        "Accept: */*\r\nContent-Type: application/json\r\nX-GitHub-Event: pull_request\r\nX-GitHub-Hook-ID: 1\r\n"
        f"X-GitHub-Delivery: benchmark-{number}\r\nContent-Length: {len(body)}\r\n"
        f"X-Hub-Signature-256: {sign(body, SECRET).decode()}\r\n\r\n"
    )
    return head.encode() + body


def _body(sha: str) -> bytes:
    """Write what GitHub would: the fields that count, among some four hundred that do not."""
    url = "https://api.github.com/repos/acme/shop/{}{{/sha}}"
    rest = {f"object_{n}": {f"field_{m}_url": url.format(m) for m in range(16)} for n in range(14)}
    payload = {
        "action": "synchronize",
        "number": 12,
        "pull_request": {
            "number": 12,
            "state": "open",
            "head": {"sha": sha},
            "updated_at": "2026-11-23T10:00:00Z",
            "title": "Sell socks",
        },
        "repository": {"id": 42, "full_name": "acme/shop"},
        "sender": {"id": 7, "login": "mara", "type": "User"},
        "installation": {"id": 3},
        "rest": rest,
    }
    payload["filler"] = "x" * max(0, BODY_BYTES - len(json.dumps(payload, separators=(",", ":"))) - 12)
    return json.dumps(payload, separators=(",", ":")).encode()


@contextlib.asynccontextmanager
async def _serving(side: str, url: str) -> AsyncIterator[Served]:
    """Serve a side in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.door_process", side, url, stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(await asyncio.wait_for(process.stdout.readline(), START_SECONDS_MAX))
        yield Served(port=port, pid=process.pid)
    finally:
        process.stdin.close()
        await process.wait()


async def _pid_of_redis(url: str) -> int:
    async with make_client(url) as redis:
        return int((await redis.info("server"))["process_id"])


def _processor_seconds(pid: int) -> float:
    """Read what a process has used, all its threads together (Linux; a tick is 10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
