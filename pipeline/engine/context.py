"""Context: what a stage function is given, and how its steps are remembered.

Promises S1: a step whose result was accepted is not executed again for the same fingerprint, in this attempt or any
later one. Does not promise that a step executes once: a crash between the act and its record repeats it. What must
not happen twice out there needs the effect protocol.

A step's fingerprint is its stage and its version, its name and inputs, and nothing of when it was called. So the order
in which concurrent steps finish, or a loop is unrolled, cannot give one step the result of another.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn, Protocol, TypeVar

from pipeline.engine.errors import AskPerson, Bug, GiveUp, RetryLater
from pipeline.engine.fingerprint import fingerprint
from pipeline.engine.graph import StageSpec
from pipeline.engine.operation import Decided, Operation, StepFinished
from pipeline.engine.records import Claim
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageFunction, Upstream, Woken

Result = TypeVar("Result", bound="JsonValue")

RETRY: Final = "retry"
"""What a stage waits for between two tries; the scripts know it by this word, so no wait may be called so."""


REFERENCE: Final = "request_id"
"""The key of a result under which a step tells what a server calls the work: the journal tells it too, so that whoever
asks that server's operator has a name to ask by."""

REFERENCE_CHARACTERS_MAX: Final = 200


class StageLeft(BaseException):
    """The stage function is left on purpose; `except Exception` in a stage does not stop it."""


class Parked(StageLeft):
    """It waits. The wait's step is answered when the wait is over."""

    def __init__(self, step: str, *, seconds: float, signal: str | None, waits_for: str) -> None:
        super().__init__(waits_for)
        self.step: Final = step
        self.seconds: Final = seconds
        self.signal: Final = signal
        self.waits_for: Final = waits_for


class HandedBack(StageLeft):
    """The worker is leaving; the next step is somebody else's."""


class NotWanted(StageLeft):
    """The stage is not to be done in this run: it is skipped, and whoever needs it is told why."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why: Final = why


class Reentered(StageLeft):
    """Always-replay mode: a step was recorded, the function begins again from its top."""


class StepTooLarge(GiveUp):
    """A step or stage made a result that the engine does not store."""

    code = "result_too_large"


class NotJson(GiveUp):
    """A step or stage made a result that is no JSON value."""

    code = "result_not_json"


class TooManySteps(GiveUp):
    """A stage does not come to an end."""

    code = "too_many_steps"


class StepTimedOut(RetryLater):
    """A step did not end within its limit."""

    code = "step_timed_out"


class Recorder(Protocol):
    """What a context needs of the session around it."""

    async def write(self, operation: Operation) -> None:
        """Return when the operation is durable; the task is cancelled if it was refused."""

    async def recall(self, step: str) -> str | None:
        """Read the recorded result of a step; wait while Redis is away."""

    async def checkpoint(self, stage: str, identity: str) -> str | None:
        """Read the checkpoint of a fingerprint; wait while Redis is away."""

    @property
    def is_draining(self) -> bool:
        """Whether no new step may begin here."""

    @property
    def has_heard_lately(self) -> bool:
        """Whether Redis answered within the time of a lease: what this process thinks it holds, it holds."""


@dataclass(slots=True, kw_only=True)
class Context:
    """One entry into a stage function. Implements `StageContext`."""

    run_id: str
    claim: Claim
    spec: StageSpec
    params: Mapping[str, JsonValue]
    upstream: Mapping[str, Upstream]
    recorder: Recorder
    settings: EngineSettings
    on_progress: Callable[[str], None]
    replay_every_step: bool = False
    """Tests only: leave and enter the function again after each step that was executed."""
    is_partial: bool = field(default=False, init=False)
    _under_way: dict[str, asyncio.Task[str]] = field(default_factory=dict, init=False)
    _has_been_left: bool = field(default=False, init=False)
    _waits: set[str] = field(default_factory=set, init=False)

    @property
    def lease_mark(self) -> str:
        """Name this very execution: run, stage and claim; no two have the same."""
        return f"{self.run_id}.{self.spec.name}.{self.claim.claim}"

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        return self.claim.attempt

    @property
    def generation(self) -> int:
        """1, and one more for each time the stage was asked for again."""
        return self.claim.generation

    @property
    def is_fresh(self) -> bool:
        """Whether it was asked for with nothing taken over."""
        return self.claim.fresh > 0

    def skip(self, why: str) -> NoReturn:
        """Leave the stage: it is not wanted in this run."""
        raise NotWanted(why)

    async def step(
        self,
        name: str,
        fn: Callable[..., Awaitable[Result]],
        *inputs: JsonValue,
        seconds_max: float | None = None,
        observes: bool = False,
    ) -> Result:
        """Run `fn(*inputs)` once and answer from Redis ever after; see `StageContext.step`."""
        self._check_open()
        identity = self._identify("step", name, inputs, observes=observes)
        if identity not in self._under_way:
            if len(self._under_way) >= self.settings.steps_max:
                raise TooManySteps(
                    f"Stage {self.spec.name} of run {self.run_id} asked for more than {self.settings.steps_max} steps.",
                    next_step="Bound the loop in the stage, or raise `steps_max`.",
                )
            work = self._answer(identity, name, lambda: fn(*inputs), seconds_max)
            self._under_way[identity] = asyncio.create_task(work, name=f"{self.run_id} {self.spec.name} {name}")
        # Shielded: two callers may share the step, and one of them may be cancelled.
        result: Result = json.loads(await asyncio.shield(self._under_way[identity]))
        return result

    async def wait(self, name: str, *, seconds: float, signal: str | None = None) -> Woken:
        """Wait without holding a worker; see `StageContext.wait`."""
        self._check_open()
        if name == RETRY:
            raise Bug(f"Stage {self.spec.name} waits for {RETRY!r}, which is what a failed try waits for.")
        if name in self._waits:
            raise Bug(
                f"Stage {self.spec.name} waits for {name!r} twice, and the second wait has the answer of the first.",
                next_step="Give each wait a name of its own, for example with its turn.",
            )
        self._waits.add(name)
        identity = self._identify("wait", name, (signal,), observes=True)
        known = await self._recall(identity)
        if known is None:
            bounded = min(max(0.0, seconds), self.spec.total_seconds_max)  # The stage's deadline ends it in any case.
            raise Parked(identity, seconds=bounded, signal=signal, waits_for=name)
        end = json.loads(known)
        return Woken(by=end["by"], payload=end["payload"])

    async def decide(self, text: str) -> None:
        """Put a decision into the journal, in words; once, however often the function is entered."""
        self._check_open()
        text = text[: self.settings.error_characters_max]
        identity = self._identify("decision", text, (), observes=False)
        await self.recorder.write(Decided(stage=self.spec.name, claim=self.claim.claim, step=identity, text=text))

    def partial(self) -> None:
        """Mark the result as worth doing again when the same head is asked for again."""
        self.is_partial = True

    def progress(self, text: str) -> None:
        """Say in a few words what is going on; shown live, kept nowhere."""
        self.on_progress(text)

    async def settle(self) -> None:
        """Let the steps under way finish, and no other begin: one branch has left the stage for all."""
        self._has_been_left = True
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def close(self) -> None:
        """Stop the steps that nobody waits for any more."""
        self._has_been_left = True
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _check_open(self) -> None:
        # `asyncio.gather` leaves the other branches running when one of them raises; here they end.
        if self._has_been_left:
            raise HandedBack

    def _identify(self, kind: str, name: str, inputs: tuple[JsonValue, ...], *, observes: bool) -> str:
        try:
            salt = self.claim.salt if observes else None
            # How a wait ended is true for every version of the code; what a step made is not.
            version = self.spec.version if kind == "step" else None
            return fingerprint(kind, self.spec.name, version, name, list(inputs), self.claim.fresh, salt)
        except (TypeError, ValueError) as error:
            raise NotJson(f"An input of step {name} in stage {self.spec.name} is no JSON value: {error}.") from error

    async def _answer(
        self, identity: str, name: str, work: Callable[[], Awaitable[JsonValue]], seconds_max: float | None
    ) -> str:
        known = await self._recall(identity)
        if known is not None:
            return known
        if self.recorder.is_draining:
            raise HandedBack
        begun = time.monotonic()
        made = await _within(seconds_max, work, name)
        result = to_json(made, f"step {name} of stage {self.spec.name}")
        if len(result) > self.settings.step_bytes_max:
            raise StepTooLarge(
                f"Step {name} of stage {self.spec.name} made {len(result)} bytes, the limit is"
                f" {self.settings.step_bytes_max}.",
                next_step="Let the step return less, or raise `step_bytes_max`.",
            )
        milliseconds = round((time.monotonic() - begun) * 1000)
        await self.recorder.write(
            StepFinished(
                stage=self.spec.name,
                claim=self.claim.claim,
                step=identity,
                name=name,
                result=result,
                ms=milliseconds,
                reference=_reference(made),
            )
        )
        if self.replay_every_step:
            raise Reentered
        return result

    async def _recall(self, identity: str) -> str | None:
        # Nothing can be on record at the first claim of the first attempt: one round trip a step saved. But a process
        # that was frozen past its lease may have a successor, and asks.
        is_first = self.claim.claim == 1 and not self.replay_every_step and self.recorder.has_heard_lately
        return None if is_first else await self.recorder.recall(identity)


async def call_stage(function: StageFunction, context: Context) -> JsonValue:
    """Call a stage function; of a group of errors (it used a TaskGroup), raise the one that says most."""
    try:
        return await function(context)
    except BaseExceptionGroup as group:
        raise min(_leaves(group), key=_weight) from group


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _weight(error: BaseException) -> int:
    """Order errors that happened together: leaving on purpose first, then what retrying cannot mend, then the rest."""
    order: tuple[type[BaseException], ...] = (StageLeft, Bug, AskPerson, GiveUp, RetryLater)
    ranks = (rank for rank, kind in enumerate(order) if isinstance(error, kind))
    return next(ranks, 1)  # An error of no known class is a bug.


def _reference(made: JsonValue) -> str | None:
    """Find what somebody outside calls the work; as foreign text it is cut, and what a terminal would obey left out."""
    told = made.get(REFERENCE) if isinstance(made, dict) else None
    return "".join(filter(str.isprintable, told[:REFERENCE_CHARACTERS_MAX])) or None if isinstance(told, str) else None


def to_json(value: JsonValue, what: str) -> str:
    """Write a result as it will be read back.

    Raises:
        NotJson: It is no JSON value.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise NotJson(
            f"The result of {what} is no JSON value: {error}.", next_step="Return `model_dump(mode='json')`."
        ) from error


async def _within(seconds_max: float | None, work: Callable[[], Awaitable[JsonValue]], name: str) -> JsonValue:
    limit = asyncio.timeout(seconds_max)
    try:
        async with limit:
            return await work()
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise StepTimedOut(f"Step {name} took longer than its {seconds_max} s.") from error
