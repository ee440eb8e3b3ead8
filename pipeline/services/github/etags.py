"""ETags: answers kept for conditional reads, so that what has not changed costs nothing of the hourly limit.

Every read still asks GitHub, which answers 304 or anew: nothing here is ever served unasked. Bounded in entries and
bytes; the least recently used go first. Kept apart by place, since two installations may see different things.
"""

from collections import OrderedDict
from collections.abc import Hashable
from http import HTTPStatus
from typing import Final

from pipeline.services.github.answer import Answer
from pipeline.services.github.settings import GitHubSettings


class ETags:
    """A small memory of answers.

    Args:
        settings: How many, how large.
    """

    def __init__(self, settings: GitHubSettings) -> None:
        self._settings: Final = settings
        self._answers: Final[OrderedDict[Hashable, Answer]] = OrderedDict()
        self._bytes = 0

    def known(self, key: Hashable) -> Answer | None:
        """Give the answer that a 304 would speak of; its `etag` header makes the read conditional."""
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    def remember(self, key: Hashable, answer: Answer) -> None:
        """Keep an answer if it is whole, can be asked for conditionally and is not too large."""
        self._forget(key)
        is_whole = answer.status == HTTPStatus.OK
        is_small = len(answer.content) <= self._settings.etag_entry_bytes_max
        if "etag" not in answer.headers or not is_whole or not is_small:
            return
        self._answers[key] = answer
        self._bytes += len(answer.content)
        while self._bytes > self._settings.etag_bytes_max or len(self._answers) > self._settings.etag_entries_max:
            self._forget(next(iter(self._answers)))

    def _forget(self, key: Hashable) -> None:
        answer = self._answers.pop(key, None)
        self._bytes -= len(answer.content) if answer else 0
