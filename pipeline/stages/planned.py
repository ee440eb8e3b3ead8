"""Planned: a stage of a local review, made one of a pull request's.

The stage itself does not know the difference: its parameters come from the plan that `prepare` left in its checkpoint,
and its commits from a clone that is brought up to date before. What the plan does not want is skipped, with its reason.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeAlias, TypeVar

from pipeline.engine.stage import JsonValue, StageContext, StageFunction, Upstream, Woken
from pipeline.review.plan import Plan
from pipeline.review.read_plan import PREPARE, read_plan
from pipeline.services.pull_request import PullHead

Step = TypeVar("Step", bound="JsonValue")

Clone: TypeAlias = Callable[[StageContext, Plan], Awaitable[Mapping[str, JsonValue]]]
"""Brings the plan's commits to this host; answers where they are, as the parameter `repository`."""


def planned(name: str, stage: StageFunction, clone: Clone | None = None) -> StageFunction:
    """Make a stage go by the plan.

    Args:
        name: The stage's own name, by which the plan switches it off.
        stage: What it does.
        clone: Brings its commits here; None for a stage that reads none.
    """

    async def run(ctx: StageContext) -> JsonValue:
        plan = read_plan(ctx.upstream.get(PREPARE))
        if why := plan.not_wanted or plan.off.get(name):
            ctx.skip(why)
        params: dict[str, JsonValue] = {
            **ctx.params,
            **plan.params,
            "subject": _subject(ctx.params),
            "title": plan.title,
            "head": plan.head,
            "merge_base": plan.merge_base,
            "head_ref": plan.head_ref,
            "base_ref": plan.base_ref,
            "is_fork": plan.is_fork,
        }
        if clone is not None:
            ctx.progress("fetching the commits")
            params["repository"] = dict(await clone(ctx, plan))
        return await stage(PlannedContext(ctx, params))

    return run


def _subject(params: Mapping[str, JsonValue]) -> str:
    """Name what the run is about; empty where the parameters do not tell."""
    pull = params.get("pull")
    return PullHead.model_validate(pull).subject if pull is not None else ""


@dataclass(frozen=True, slots=True)
class PlannedContext:
    """A context with the plan's parameters, and without the plan. Implements `StageContext`."""

    within: StageContext
    params: Mapping[str, JsonValue]

    @property
    def run_id(self) -> str:
        """The run that this stage belongs to."""
        return self.within.run_id

    @property
    def lease_mark(self) -> str:
        """Name this very execution."""
        return self.within.lease_mark

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        return self.within.attempt

    @property
    def generation(self) -> int:
        """1, and one more for each time the stage was asked for again."""
        return self.within.generation

    @property
    def is_fresh(self) -> bool:
        """Whether it was asked for with nothing taken over."""
        return self.within.is_fresh

    @property
    def upstream(self) -> Mapping[str, Upstream]:
        """The results of the stages before, but for the plan."""
        return {name: result for name, result in self.within.upstream.items() if name != PREPARE}

    async def step(
        self,
        name: str,
        fn: Callable[..., Awaitable[Step]],
        *inputs: JsonValue,
        seconds_max: float | None = None,
        observes: bool = False,
    ) -> Step:
        """Run `fn(*inputs)` once and answer from Redis ever after."""
        return await self.within.step(name, fn, *inputs, seconds_max=seconds_max, observes=observes)

    async def wait(self, name: str, *, seconds: float, signal: str | None = None) -> Woken:
        """Wait without holding a worker."""
        return await self.within.wait(name, seconds=seconds, signal=signal)

    async def decide(self, text: str) -> None:
        """Put a decision into the journal."""
        await self.within.decide(text)

    def skip(self, why: str) -> NoReturn:
        """Leave the stage: it is not wanted."""
        self.within.skip(why)

    def partial(self) -> None:
        """Mark the result as worth doing again."""
        self.within.partial()

    def progress(self, text: str) -> None:
        """Say what is going on."""
        self.within.progress(text)
