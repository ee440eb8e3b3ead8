"""An in-memory stage context: enough engine to try one stage without Redis.

Keeps the promises that stages rely on: a finished step answers from memory by its name and inputs, two
calls with one identity share one execution, results and inputs are JSON. Has no leases, limits or journal.
"""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from pipeline.engine.context import NotWanted
from pipeline.engine.stage import JsonValue, Step, Upstream, Woken


@dataclass(kw_only=True)
class MemoryContext:
    """One attempt of one stage.

    Args:
        memo: Finished steps; contexts that share it see each other's results.
        executed: Names of the steps that really ran, in order, over all attempts.
        said: What the stage told its reader while it worked.
        waits: Names of the waits that were asked for; each ends at once, by its timer.
        decisions: What went into the journal.
        is_partial: Whether the stage marked its result as worth doing again.
        reruns: How often a person asked for the stage again; steps that observe the world look again then.
    """

    params: Mapping[str, JsonValue]
    run_id: str = "r_test"
    attempt: int = 1
    claim: int = 1
    generation: int = 1
    is_fresh: bool = False
    reruns: int = 0
    upstream: Mapping[str, Upstream] = field(default_factory=dict)
    memo: dict[str, bytes] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    is_partial: bool = field(default=False, init=False)
    _running: "dict[str, asyncio.Task[None]]" = field(default_factory=dict)

    def next_attempt(self) -> "MemoryContext":
        """Give the context of the next try: finished steps are kept."""
        return dataclasses.replace(self, attempt=self.attempt + 1, claim=self.claim + 1, _running={})

    def re_run(self) -> "MemoryContext":
        """Give the context of the first try after a person asked for the stage again; finished steps are kept."""
        return dataclasses.replace(
            self, attempt=1, claim=self.claim + 1, generation=self.generation + 1, reruns=self.reruns + 1, _running={}
        )

    @property
    def lease_mark(self) -> str:
        """Name this very execution."""
        return f"{self.run_id}.stage.{self.claim}"

    async def step(
        self,
        name: str,
        fn: Callable[..., Awaitable[Step]],
        *inputs: JsonValue,
        seconds_max: float | None = None,
        observes: bool = False,
    ) -> Step:
        """Run once per name and inputs; a failed step is forgotten and may run again."""
        del seconds_max  # Limits are the engine's own tests.
        identity = json.dumps([name, inputs, self.reruns if observes else 0], sort_keys=True)
        if identity not in self.memo:
            if identity not in self._running:
                self._running[identity] = asyncio.ensure_future(self._execute(identity, name, fn, inputs))
            try:
                await self._running[identity]
            finally:
                self._running.pop(identity, None)
        result: Step = json.loads(self.memo[identity])
        return result

    async def wait(self, name: str, *, seconds: float, signal: str | None = None) -> Woken:
        """Note the wait and end it at once."""
        del seconds, signal
        self.waits.append(name)
        return Woken(by="timer")

    async def decide(self, text: str) -> None:
        """Note the decision."""
        self.decisions.append(text)

    def skip(self, why: str) -> NoReturn:
        """Leave, as the engine's context does."""
        raise NotWanted(why)

    def partial(self) -> None:
        """Note that something was out of reach."""
        self.is_partial = True

    def progress(self, text: str) -> None:
        """Note what was said."""
        self.said.append(text)

    async def _execute(
        self, identity: str, name: str, fn: Callable[..., Awaitable[Step]], inputs: tuple[JsonValue, ...]
    ) -> None:
        self.executed.append(name)
        # Encoded, so that a lone surrogate or a NaN is found here and not first in the engine.
        self.memo[identity] = json.dumps(await fn(*inputs), allow_nan=False, ensure_ascii=False).encode()
