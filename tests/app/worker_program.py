"""Worker program: real processes of the App, without the door, that a test may stop, continue and kill.

`python -m tests.app.worker_program` imports the App once, forks a process for each line that it reads (JSON: its
environment and its roles), and answers with its pid: a kill then costs milliseconds, not an interpreter's start. All of
them end with it.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from bot.app.process import open_app
from bot.app.trust import with_secret_key
from bot.app_credentials import Role, required_for
from bot.settings import read_settings


async def work(environment: Mapping[str, str], roles: Sequence[str], alive: int) -> None:
    """Hold the roles until killed, or until nobody holds the other end of `alive` any more."""
    asyncio.get_running_loop().add_reader(alive, os._exit, 1)
    settings, held = with_secret_key(read_settings(environment, None)), frozenset(Role(name) for name in roles)
    async with open_app(settings, required_for(held, settings), held) as process:
        await process.work()


def main() -> None:
    """Fork a process for each line of standard input."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The dead need no burial.
    alive, held = os.pipe()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.close(held)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # It has children of its own, whose ends it waits for.
            asyncio.run(work(**json.loads(line), alive=alive))
        print(pid, flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
