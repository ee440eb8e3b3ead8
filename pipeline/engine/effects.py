"""Effects: writes to the outside that must not happen twice, although nobody out there checks.

Promises E1's half that is ours: before a creating write its intent is durable (`begin`), after it what was created is
(`confirm`); whoever finds an intent that nobody confirmed is told so, and must look outside before it acts. An intent
is given only to the stage under its live lease, or to the mirror that has the run, so a superseded run's effects stop
before the next write. Does not promise the other half: finding what was created is the caller's, who knows the outside.

Known races: a worker that was frozen between `begin` and its act may act after its lease ran out, beside its successor.
The successor looks first and patiently, and doubles are removed when they are seen; nothing outside takes our fencing
token.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pipeline.engine.errors import RetryLater
from pipeline.engine.stage import JsonValue

if TYPE_CHECKING:
    from pipeline.engine.store import Store

MIRROR: Final = "mirror"
"""Stands for a stage where the mirror of a run acts."""

Standing: TypeAlias = Literal["new", "intended", "confirmed"]


class EffectsStopped(RetryLater):
    """The run is over, or somebody else has it: nothing may be written for it any more."""

    code = "effects_stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One write, as the ledger knows it."""

    name: str
    standing: Standing
    """new (no one has begun it); intended (perhaps done: look outside); confirmed."""
    detail: Mapping[str, JsonValue] = field(default_factory=dict)
    """What was confirmed: at least its id outside."""
    age_seconds: float = 0.0
    """Since it was begun or confirmed, by Redis's clock."""

    @property
    def id(self) -> int | None:
        """Id of what was created, outside."""
        found = self.detail.get("id")
        return found if isinstance(found, int) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """The ledger, seen by one execution of one stage."""

    store: "Store"
    run_id: str
    stage: str
    claim: int

    @classmethod
    def of(cls, store: "Store", lease_mark: str) -> "Effects":
        """Make the ledger of an execution, which its context names."""
        run_id, stage, claim = lease_mark.rsplit(".", 2)
        return cls(store=store, run_id=run_id, stage=stage, claim=int(claim))

    async def begin(self, name: str) -> Effect:
        """Say that this effect is about to happen, and learn whether it may have happened before.

        Raises:
            EffectsStopped: The run ended, was superseded, or is in other hands.
            StoreAway: Redis does not answer; nothing may be written outside.
        """
        reply = await self.store.effect(self.run_id, self.stage, self.claim, "intend", name)
        match reply["outcome"]:
            case "new":
                return Effect(name=name, standing="new")
            case "known":
                known = json.loads(reply["record"])
                age_seconds = max(0, reply["now_ms"] - known["at_ms"]) / 1000
                return Effect(name=name, standing=known.pop("state"), detail=known, age_seconds=age_seconds)
            case _:
                raise self._stopped(name, "begun", reply)

    async def confirm(self, name: str, detail: Mapping[str, JsonValue]) -> None:
        """Record what has happened; accepted from anybody, since it has."""
        await self.store.effect(self.run_id, self.stage, self.claim, "confirm", name, detail=detail)

    async def forget(self, name: str, why: str) -> None:
        """Take back an intent that is known not to have happened, or what is gone outside.

        Raises:
            EffectsStopped: The run ended, was superseded, or is in other hands; then whoever comes next looks first.
        """
        reply = await self.store.effect(self.run_id, self.stage, self.claim, "forget", name, why=why)
        if reply["outcome"] == "stopped":
            raise self._stopped(name, "forgotten", reply)

    def _stopped(self, name: str, what: str, reply: Mapping[str, JsonValue]) -> EffectsStopped:
        return EffectsStopped(f"Effect {name} of run {self.run_id} was not {what}: {reply.get('why')}.")
