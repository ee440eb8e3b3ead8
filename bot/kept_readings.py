"""Kept readings: what the model said of each piece of a change, kept in Redis for the next push of the same subject.

Promises at most `READINGS_MAX` readings of one subject, those used last, for `READING_SECONDS_MAX` after the last
review; that no other subject gets them; and never to raise because of Redis: a lost reading costs a question. The
newest reading of a piece stands: of two runs that read the same lines at once, either is as good.
Holds findings and accounts of the change, which quote its code, as the checkpoints of a run do.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

READING_SECONDS_MAX: Final = 30 * 24 * 3600
"""A pull request that nobody pushed to for a month is read anew; checkpoints live about as long."""

READINGS_MAX: Final = 5_000
"""Of one subject: more pieces than a model reads in one review, several times over."""

READING_CHARACTERS_MAX: Final = 200_000
"""A longer one is not kept: thirty findings with long claims and suggestions have less."""

LOG: Final = logging.getLogger(__name__)


class RedisReadings:
    """Readings as a hash for each subject, beside the order in which they were used.

    Args:
        redis: An open client.
        prefix: Before each key.
        readings_max: Limit for one subject.
    """

    def __init__(self, redis: Redis, prefix: str, *, readings_max: int = READINGS_MAX) -> None:
        self._redis: Final = redis
        self._prefix: Final = prefix
        self._readings_max: Final = readings_max

    async def recall(self, subject: str, keys: Sequence[str]) -> Mapping[str, str]:
        """Give what is kept of a subject under these keys; they count as used now."""
        if not keys:
            return {}
        try:
            async with self._redis.pipeline(transaction=False) as asked:
                asked.hmget(self._texts(subject), list(keys))
                [texts] = await asked.execute()
            found = {key: text.decode() for key, text in zip(keys, texts, strict=True) if text is not None}
            await self._use(subject, list(found))
        except (RedisError, UnicodeDecodeError) as error:
            LOG.warning("kept_readings.unread error=%s", type(error).__name__)
            return {}
        return found

    async def keep(self, subject: str, readings: Mapping[str, str]) -> None:
        """Keep readings, the newest in place of older ones; drop those that were not used for longest."""
        kept = {key: text for key, text in readings.items() if len(text) <= READING_CHARACTERS_MAX}
        if not kept:
            return
        try:
            await self._use(subject, list(kept), kept)
            await self._drop_beyond(subject)
        except RedisError as error:
            LOG.warning("kept_readings.unwritten error=%s", type(error).__name__)

    async def _use(self, subject: str, keys: Sequence[str], texts: Mapping[str, str] | None = None) -> None:
        """Note the use by Redis's own clock, and write the texts with it if there are any."""
        if not keys:
            return
        seconds, _ = await self._redis.time()
        async with self._redis.pipeline(transaction=True) as together:
            if texts:
                together.hset(self._texts(subject), mapping=dict(texts))
            together.zadd(self._order(subject), dict.fromkeys(keys, seconds))
            together.expire(self._order(subject), READING_SECONDS_MAX)
            together.expire(self._texts(subject), READING_SECONDS_MAX)
            await together.execute()

    async def _drop_beyond(self, subject: str) -> None:
        beyond = await self._redis.zcard(self._order(subject)) - self._readings_max
        if beyond <= 0:
            return
        oldest = [key for key, _ in await self._redis.zpopmin(self._order(subject), beyond)]
        async with self._redis.pipeline(transaction=False) as asked:
            asked.hdel(self._texts(subject), *oldest)
            await asked.execute()

    def _texts(self, subject: str) -> str:
        """Make a key of bounded length; a subject holds names of branches."""
        return f"{self._prefix}readings:{hashlib.sha256(subject.encode()).hexdigest()[:32]}"

    def _order(self, subject: str) -> str:
        return f"{self._texts(subject)}:used"
