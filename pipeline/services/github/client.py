"""Client: GitHub as one of our installations sees it.

Promises over `caller.py`: a token is fetched, and dropped when GitHub refuses it; reads are conditional; writes keep
pace and order and are never repeated; and once GitHub has said stop, that installation is not asked again before the
time is over, since going on may get the App banned. Sleeps only for the pace of writes, at most `pace_seconds_max`;
every longer wait is an error with the seconds in it, so that the run parks.

A read whose token is refused is tried once more with a new one, unless the token is so new that GitHub's servers may
not know it yet: then the error asks to wait, and the token stays. A write is not tried again, although a 401 changes
nothing: who may repeat a write is decided in one place, by whoever holds its intent.
"""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final, Protocol, TypeVar

from pydantic import SecretStr

from pipeline.services.github.answer import Answer
from pipeline.services.github.caller import Call, Caller, Speaker
from pipeline.services.github.errors import RateLimited, TokenRefused
from pipeline.services.github.memory import Tally
from pipeline.services.github.place import Place, Purpose

T = TypeVar("T")


class TokenSource(Protocol):
    """Whoever hands out installation tokens."""

    async def token(self, place: Place, purpose: Purpose) -> SecretStr:
        """Give a token for this repository."""

    async def refuse(self, token: SecretStr) -> None:
        """Drop a token that GitHub answered 401 to."""


class GitHub:
    """Calls to GitHub as an installation; cheap to make, since what has to last is in the caller's memory.

    Args:
        caller: Sends and classes.
        tokens: Hands out tokens.
        purpose: What this process may do; its tokens are no wider.
    """

    def __init__(self, *, caller: Caller, tokens: TokenSource, purpose: Purpose) -> None:
        self._caller: Final = caller
        self._memory: Final = caller.memory
        self._tokens: Final = tokens
        self._purpose: Final = purpose

    @property
    def tally(self) -> Tally:
        """What this process has asked of GitHub so far."""
        return self._memory.tally

    async def get(self, place: Place, call: Call, model: type[T]) -> T:
        """Read one thing."""
        answer = await self._read(place, call, self._caller.url(call))
        return self._caller.read(answer, model, call)

    async def get_bytes(self, place: Place, call: Call) -> bytes:
        """Read one thing as it is."""
        answer = await self._read(place, call, self._caller.url(call))
        return answer.content

    async def each_page(
        self, place: Place, call: Call, item: type[T], *, items_in: str | None = None
    ) -> AsyncIterator[list[T]]:
        """Read a list page by page, for whoever may stop early."""

        async def send(paged: Call, url: str) -> Answer:
            return await self._read(place, paged, url)

        async for answer in self._caller.pages(call, send):
            yield self._caller.read_page(answer, item, call, items_in)

    async def get_all(self, place: Place, call: Call, item: type[T], *, items_in: str | None = None) -> list[T]:
        """Read a list to its end.

        Args:
            place: Where.
            call: The list.
            item: What it holds.
            items_in: The field that holds it, where GitHub wraps it in an object.
        """
        return [one async for page in self.each_page(place, call, item, items_in=items_in) for one in page]

    async def write(self, place: Place, call: Call, *, line: int) -> Answer:
        """Write once.

        Args:
            place: Where.
            call: What.
            line: The pull request's number (or any number of one's own): writes of one line keep their order.

        Raises:
            Ambiguous: Nobody knows whether it happened.
            Paced: Too many writes are waiting.
        """
        speaker = await self._speaker(place)
        async with self._memory.pace.turn(place.installation, (place.repository_id, line)):
            self.tally.writes += 1
            self.tally.contents += call.endpoint.contents + call.contents
            return await self._send(place, call, speaker, self._caller.url(call))

    async def write_and_read(self, place: Place, call: Call, model: type[T], *, line: int) -> T:
        """Write once, and read what GitHub made of it; see `write`."""
        answer = await self.write(place, call, line=line)
        return self._caller.read(answer, model, call)

    async def _read(self, place: Place, call: Call, url: str) -> Answer:
        """Read with one new token if the old one is refused."""
        speaker = await self._speaker(place)
        refused: TokenRefused
        try:
            return await self._read_as(speaker, place, call, url)
        except TokenRefused as error:
            refused = error
        renewed = await self._speaker(place)
        if renewed.token == speaker.token:
            raise refused
        return await self._read_as(renewed, place, call, url)

    async def _read_as(self, speaker: Speaker, place: Place, call: Call, url: str) -> Answer:
        """Read conditionally, if the answer is known from before."""
        key = (place.installation, place.repository_id, call.accept, url)
        known = self._memory.etags.known(key)
        asked = _conditional(call, known.headers["etag"]) if known else call
        answer = await self._send(place, asked, speaker, url)
        if known and answer.status == HTTPStatus.NOT_MODIFIED:
            self.tally.not_modified += 1
            return known
        self._memory.etags.remember(key, answer)
        return answer

    async def _send(self, place: Place, call: Call, speaker: Speaker, url: str) -> Answer:
        """Send once, unless GitHub has said stop; remember what the answer tells about token and limit."""
        self._memory.stops.check(place.installation, call.what)
        self.tally.calls[call.endpoint] += 1
        limited: RateLimited
        try:
            answer = await self._caller.send(call, speaker, url)
        except RateLimited as error:
            limited = self._memory.stops.put_up(place.installation, error)
        except TokenRefused:
            if not speaker.is_fresh or speaker.is_proven:  # A fresh one will be known soon; the next would be as fresh.
                await self._tokens.refuse(speaker.token)
            raise
        else:
            self._note(place, call, speaker, answer)
            return answer
        raise limited

    def _note(self, place: Place, call: Call, speaker: Speaker, answer: Answer) -> None:
        if call.endpoint.is_write:
            self._memory.stops.take_down(place.installation)
        self._memory.ages.of(speaker.token).is_proven = True
        remaining = answer.number("x-ratelimit-remaining")
        if remaining is not None:
            self.tally.remaining[place.installation] = int(remaining)

    async def _speaker(self, place: Place) -> Speaker:
        """Fetch the token, and say how well GitHub can know it."""
        token = await self._tokens.token(place, self._purpose)
        seen = self._memory.ages.of(token)
        age = self._caller.clock.monotonic() - seen.since
        is_fresh = age < self._caller.settings.fresh_token_seconds
        return Speaker(token=token, is_fresh=is_fresh, is_proven=seen.is_proven)


def _conditional(call: Call, etag: str) -> Call:
    return Call(
        endpoint=call.endpoint,
        path=call.path,
        query=call.query,
        accept=call.accept,
        headers={**call.headers, "If-None-Match": etag},
        is_new=call.is_new,
        tail_bytes_max=call.tail_bytes_max,
    )
