"""Model notes: what was found out about models, kept in Redis for all processes of an installation.

Promises never to raise because of Redis: a lost note costs a small question. Does not promise that the newest of two
notes written at once is kept.
"""

import hashlib
import logging
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

NOTE_SECONDS_MAX: Final = 7 * 24 * 3600
"""A server that is updated is asked anew within a week."""

LOG: Final = logging.getLogger(__name__)


class RedisNotes:
    """Notes as keys that expire.

    Args:
        redis: An open client.
        prefix: Before each key.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis: Final = redis
        self._prefix: Final = prefix

    async def recall(self, name: str) -> str | None:
        """Give the newest text by that name, if there is one."""
        try:
            kept = await self._redis.get(self._key(name))
        except RedisError as error:
            LOG.warning("model_notes.unread error=%s", type(error).__name__)
            return None
        return kept.decode(errors="replace") if isinstance(kept, bytes) else kept

    async def remember(self, name: str, text: str) -> None:
        """Keep a text by that name, in place of an older one."""
        try:
            await self._redis.set(self._key(name), text, ex=NOTE_SECONDS_MAX)
        except RedisError as error:
            LOG.warning("model_notes.unwritten error=%s", type(error).__name__)

    def _key(self, name: str) -> str:
        """Make a key of bounded length; a name holds the address of a server."""
        return f"{self._prefix}model:{hashlib.sha256(name.encode()).hexdigest()[:32]}"
