"""Real Redis: a server process for tests, as short-lived as they are.

It is found as the product finds it; `ONCEOVER_TEST_SERVER=packaged` or `=path` picks one flavour.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, Self

import redis

import bot
from bot.redis_server import ServerProgram, examine, find_server, packaged_server

LEASH: Final = Path(bot.__file__).with_name("leash.py")
"""Read, not imported: a server must not outlive a test run that was killed."""

START_SECONDS_MAX: Final = 20.0


def chosen_server() -> ServerProgram:
    """Find the flavour that the environment asks for, or what the product would find."""
    wanted = os.environ.get("ONCEOVER_TEST_SERVER", "")
    if wanted == "packaged":
        return packaged_program()
    if wanted in {"", "path"}:
        return find_server()
    raise ValueError(f"ONCEOVER_TEST_SERVER is {wanted!r}; it may be `packaged`, `path` or nothing.")


def packaged_program() -> ServerProgram:
    """Find the server of the wheel that the development extra brings; it is never missing silently."""
    path = packaged_server()
    assert path, "The extra `embedded` is not installed."
    program = examine(path)
    assert isinstance(program, ServerProgram), program
    return program


class RealRedis:
    """One server on a unix socket in a directory of its own; gone with `close`, or when the test process dies."""

    def __init__(self, *options: str, program: ServerProgram | None = None) -> None:
        # Under /tmp and not under pytest's directory: a socket's path may have about 104 bytes.
        self.directory: Final = Path(tempfile.mkdtemp(prefix="onceover-", dir="/tmp"))
        self.socket: Final = self.directory / "s"
        self.url: Final = f"unix://{self.socket}"
        self._program: Final = program or chosen_server()
        self._options: Final = options
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The server's process id; a new one after `restart`."""
        return self._process.pid

    def restart(self) -> None:
        """Start it again on the same directory, after `kill`."""
        self._process = self._start()

    def kill(self) -> None:
        """End it as a power cut would, as far as a process can."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def flush(self) -> None:
        """Forget every key, and the scripts too, so that each test meets a server that knows none."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()
            client.script_flush()

    def close(self) -> None:
        """End it, and remove what it wrote."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        place = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.directory)]
        with (self.directory / "log").open("ab") as log:
            process = subprocess.Popen(
                [*self._leashed(), *place, "--save", "", *self._options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready(process)
        return process

    def _leashed(self) -> list[str]:
        return [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(self._program.path)]

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        with redis.Redis.from_url(self.url) as client:
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    client.ping()
                except redis.AuthenticationError:
                    return  # It asks for a password, so it is ready.
                except redis.ConnectionError:
                    time.sleep(0.005)  # A server says nowhere that it is ready; the deadline bounds the asking.
                else:
                    return
        process.kill()
        process.wait()
        raise AssertionError(f"The test server did not start: {(self.directory / 'log').read_text()}")
