"""A process that uses a state directory's Redis, for tests to watch and to kill.

`python -m tests.bot.embedded_child DIRECTORY`: says who it is as a JSON line, then stays until its stdin ends.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Self, cast

from bot.embedded_redis import EmbeddedRedis
from bot.redis_client import make_client
from pipeline.engine.errors import OnceoverError


async def stay(directory: Path) -> None:
    """Enter, say so, and leave when told to."""
    try:
        async with EmbeddedRedis(directory) as server, make_client(server.url) as client:
            pid = (await client.info("server"))["process_id"]
            print(json.dumps({"parent": server.is_parent, "server_pid": pid, "url": server.url}), flush=True)  # noqa: T201
            await asyncio.to_thread(sys.stdin.read)
    except OnceoverError as error:
        print(json.dumps({"error": str(error)}), flush=True)  # noqa: T201 - stdout is how it speaks to the test.


class Child:
    """The process as a test sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: dict[str, Any] = {}  # JSON of our own making.

    @classmethod
    async def start(cls, directory: Path) -> Self:
        """Start one; `hear` waits until it is there."""
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.bot.embedded_child", str(directory)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )

    async def hear(self) -> Self:
        """Wait for its word."""
        assert self.process.stdout
        self.said = cast("dict[str, Any]", json.loads(await self.process.stdout.readline()))
        return self

    async def leave(self) -> None:
        """Let it end in good order."""
        assert self.process.stdin
        self.process.stdin.close()
        await self.process.wait()

    async def kill(self) -> None:
        """End it as nothing can prepare for."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


if __name__ == "__main__":
    asyncio.run(stay(Path(sys.argv[1])))
