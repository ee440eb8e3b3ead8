"""Stage: the shape that every stage has, seen from the engine.

A stage is a coroutine function from a context to a JSON value. The value becomes its checkpoint;
an exception becomes a retry or a failure by the error's own class. Everything that costs something or
touches the world goes through `step`, so that a second try does not do it again.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, Protocol, TypeAlias, TypeVar

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
Step = TypeVar("Step", bound="JsonValue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpointed:
    """An upstream stage that is done."""

    value: JsonValue
    attempts: int = 1
    """Tries it took in its present generation."""
    generation: int = 1
    """1, and one more for each re-run."""
    seconds: float = 0.0
    """Time from its first start to its checkpoint, waits included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """An upstream stage that ended without a checkpoint: the run is degraded and has to say why."""

    state: str
    """`failed`, `skipped` or `cancelled`."""
    reason: str
    """A sentence for the reader of the review."""


Upstream: TypeAlias = Checkpointed | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """Why a wait ended."""

    by: str
    """`signal` or `timer`."""
    payload: JsonValue = None
    """What the signal carried."""


class StageContext(Protocol):
    """What a stage may know and do."""

    @property
    def run_id(self) -> str:
        """The run that this stage belongs to."""

    @property
    def lease_mark(self) -> str:
        """Name this very execution, `RUN.STAGE.CLAIM`: for places and processes that no other one may touch."""

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""

    @property
    def generation(self) -> int:
        """1, and one more for each time the stage was asked for again."""

    @property
    def is_fresh(self) -> bool:
        """Whether it was asked for with nothing taken over: no step of before, and nothing that other runs left."""

    @property
    def params(self) -> Mapping[str, JsonValue]:
        """The run's parameters, as far as this stage declared that it reads them."""

    @property
    def upstream(self) -> Mapping[str, Upstream]:
        """The results of the stages that this one needs, by name."""

    def skip(self, why: str) -> NoReturn:
        """Leave the stage: it is not wanted in this run, and whoever needs it is told why, in this sentence."""

    async def step(
        self,
        name: str,
        fn: Callable[..., Awaitable[Step]],
        *inputs: JsonValue,
        seconds_max: float | None = None,
        observes: bool = False,
    ) -> Step:
        """Run `fn(*inputs)` once and answer from Redis ever after.

        The step's identity is its stage, its name and its inputs; there is no call counter, so a loop passes
        its turn as an input, and concurrent steps may finish in any order. Two calls with the same identity
        share one execution.

        Args:
            name: What the step does, for the journal.
            fn: Does it; its result must be a JSON value. The journal tells the text `request_id` of an object.
            inputs: All that the result depends on.
            seconds_max: Limit on one execution; the stage's own limit holds besides.
            observes: The step looks at a world that changes (tests, CI), so a re-run looks again.

        Raises:
            RetryLater: It took longer than `seconds_max`.
            GiveUp: The result is no JSON value or larger than the engine stores.
        """

    async def wait(self, name: str, *, seconds: float, signal: str | None = None) -> Woken:
        """Wait without holding a worker, until the signal arrives or the time is over.

        The stage function is left and later entered again from its top; its finished steps answer from Redis. Each
        wait of a stage has a name of its own; in a loop, one with its turn.

        Args:
            name: What it waits for, in words a reader of the progress understands.
            seconds: At most so long; the stage's deadline holds besides.
            signal: What ends it earlier, also if it came before the wait, but not if it came before a re-run.

        Raises:
            Bug: The name was waited for already.
        """

    async def decide(self, text: str) -> None:
        """Put a decision into the journal, in words: what was chosen, and why."""

    def partial(self) -> None:
        """Mark the result as worth doing again when the same head is asked for again (something was out of reach)."""

    def progress(self, text: str) -> None:
        """Say in a few words what is going on; shown live, kept nowhere."""


StageFunction: TypeAlias = Callable[[StageContext], Awaitable[JsonValue]]
