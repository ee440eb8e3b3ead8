"""Bounded body: the body of an HTTP answer, read up to a limit.

One piece for two stacks: the client of GitHub stands on httpx, that of the model on httpx2, and each wants a stream of
its own kind. Mixed into such a kind it promises an error as soon as a body is longer than allowed, and that no more of
it is kept meanwhile than what the client itself keeps.
"""

from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol


class ByteStream(Protocol):
    """A body that arrives piece by piece, of either stack."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the pieces."""

    async def aclose(self) -> None:
        """Let go of the connection."""


class BoundedBody:
    """A body that ends with an error when it grows too long.

    Args:
        stream: The body.
        bytes_max: So long it may be.
        too_long: Makes the error.
    """

    def __init__(self, stream: ByteStream, bytes_max: int, too_long: Callable[[], Exception]) -> None:
        self._stream: Final = stream
        self._bytes_max: Final = bytes_max
        self._too_long: Final = too_long

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._stream:
            seen += len(chunk)
            if seen > self._bytes_max:
                raise self._too_long()
            yield chunk

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._stream.aclose()
