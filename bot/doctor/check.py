"""Check: one question to an installation, as a value; and the examination that asks them all at once."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from bot.doctor.outcome import Failed, Outcome
from pipeline.engine.errors import OnceoverError

LATE_STEP: Final = "See whether it hangs or the network swallows packets; on a busy machine try again."

Ask: TypeAlias = Callable[[], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A question, and how long its answer may take."""

    name: str
    """Dotted and stable, for programs: `redis.write`."""
    ask: Ask
    seconds_max: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A check with its outcome."""

    name: str
    outcome: Outcome
    seconds: float


async def examine(checks: Sequence[Check]) -> list[Examined]:
    """Ask all of them at once; in the order of the checks."""
    return list(await asyncio.gather(*map(_examine, checks)))


async def _examine(check: Check) -> Examined:
    started = time.monotonic()
    outcome = await _outcome(check)
    return Examined(name=check.name, outcome=outcome, seconds=time.monotonic() - started)


async def _outcome(check: Check) -> Outcome:
    try:
        async with asyncio.timeout(check.seconds_max):
            return await check.ask()
    except TimeoutError:
        return Failed(said=f"There was no answer within {check.seconds_max:g} s.", next_step=LATE_STEP)
    except OnceoverError as error:
        return Failed(said=error.message, next_step=error.next_step)
    except Exception as error:
        # A supervisor: a check that is broken must not hide what the others found.
        logging.getLogger(__name__).exception("doctor.check_broke")
        return Failed(
            said=f"The check itself broke ({type(error).__name__}).", next_step="Report it with what stands in the log."
        )
