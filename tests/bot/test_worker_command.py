"""A worker ends in order when it is asked to, whoever listens."""

import asyncio
import os
import subprocess

from tests.bot.command_world import ONCEOVER, PATIENCE_SECONDS_MAX, CommandWorld


async def test_a_worker_whose_listener_has_left_ends_when_it_is_asked_to(world: CommandWorld) -> None:
    """A supervisor that dies closes the pipe first and ends its children then."""
    heard, said = os.pipe()
    worker = await asyncio.create_subprocess_exec(
        *(*ONCEOVER, "worker", "--roles", "reviewer"),
        cwd=world.place,
        env=world.environment(),
        stdin=subprocess.DEVNULL,
        stderr=said,
    )
    os.close(said)
    try:
        await asyncio.to_thread(_until_it_works, heard)
        os.close(heard)

        worker.terminate()

        async with asyncio.timeout(PATIENCE_SECONDS_MAX):
            assert await worker.wait() in {0, 120}  # 120 is Python's own, for a last line that nobody read.
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()


def _until_it_works(heard: int) -> None:
    text = b""
    while b"working as" not in text:
        piece = os.read(heard, 65_536)
        assert piece, text.decode(errors="replace")
        text += piece
