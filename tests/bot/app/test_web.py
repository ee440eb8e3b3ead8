"""Web: looks at Redis that all who ask share."""

import asyncio

from bot.app.web import LOOK_SECONDS, Looks
from webhooks.app import Readiness


class Clock:
    """Seconds that pass when told to."""

    seconds = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.seconds


async def test_many_who_ask_at_once_cost_one_look_and_later_ones_another() -> None:
    clock, seen = Clock(), 0

    async def look() -> Readiness:
        nonlocal seen
        seen += 1
        await asyncio.sleep(0)
        return Readiness(is_ready=seen == 1)

    looks = Looks(look, monotonic=clock)

    together = await asyncio.gather(*(looks.look() for _ in range(50)))
    clock.seconds = LOOK_SECONDS
    later = await looks.look()

    assert {one.is_ready for one in together} == {True}
    assert (later.is_ready, seen) == (False, 2)


async def test_a_look_that_failed_is_no_answer_for_the_next() -> None:
    answers: list[Readiness | OSError] = [OSError("away"), Readiness(is_ready=True)]

    async def look() -> Readiness:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    looks = Looks(look, monotonic=Clock())
    [failed] = await asyncio.gather(looks.look(), return_exceptions=True)

    assert isinstance(failed, OSError)
    assert (await looks.look()).is_ready
