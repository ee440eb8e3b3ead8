"""Fake model server: answers `/models` as it is told, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def a_model_server(status: int, body: str, *, asked: list[str] | None = None) -> AsyncIterator[str]:
    """Serve one answer; yield the base URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if asked is not None:
            asked.append(head)
        location = "Location: http://127.0.0.1:9/elsewhere\r\n" if status // 100 == 3 else ""
        writer.write(f"HTTP/1.1 {status} X\r\n{location}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
