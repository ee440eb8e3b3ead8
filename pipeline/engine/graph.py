"""Graph: the stages of a run, what each needs, and who may run it.

A graph is a value. It is stored with each run in its wire form, so that a worker of another version moves the run
by the graph it was accepted with. A stage that fails for good does not stop those that need it (a degraded run).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.engine.errors import Bug
from pipeline.engine.fingerprint import canonical_json, fingerprint
from pipeline.engine.retry import RetryPolicy
from pipeline.engine.stage import JsonValue, StageFunction

STAGES_MAX: Final = 32
"""Stages in a graph; every transition reads all of them."""

_NEW_RECORD: Final = '"generation":1,"salt":0,"claim":0,"attempt":0,"failures":0,"interrupted":0,"again":true,"fresh":'
"""A stage that nobody has begun: what follows its state, up to whether it is asked for anew and what it reads.
Names and fingerprints need no quoting."""

_PENDING: Final = '"state":"pending"'
_READY: Final = '"state":"ready","ready_ms":0'

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """One stage: what it is called, needs, reads and may cost."""

    name: str
    run: StageFunction = field(repr=False)
    role: str = "worker"
    """Only workers of this role claim it."""
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] | None = None
    """Run parameters that its result depends on; None: all of them. No other parameter reaches it."""
    context: tuple[str, ...] = ()
    """Parameters that it is given besides, and that its result does not depend on (a path on this host)."""
    version: int = 1
    """Raised when the same inputs give another result: old checkpoints and steps are then not reused. A worker executes
    stages of its own version and of older ones, never of a newer one."""
    seconds_max: float = 900.0
    """Limit on one attempt."""
    total_seconds_max: float = 3_600.0
    """Limit from the first start to the end: retries and waits included."""
    closes: bool = False
    """It ends the run (summary, comment), so it may still work when the run's deadline has passed."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    interrupted_max: int = 20
    """How often its worker may die or freeze under it before it counts as poison and fails."""

    def inputs(self, params: Mapping[str, JsonValue]) -> str:
        """Name what it reads: the part of its fingerprint that is known before it starts."""
        return self.inputs_of(fingerprint(self.visible(params, self.reads)))

    def inputs_of(self, read: str) -> str:
        """Name what it reads, given the fingerprint of that; two stages may answer the same."""
        return f"{self.version}-{read}"

    def given(self, params: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Select the parameters that the stage function sees."""
        if self.reads is None:
            return dict(params)
        return self.visible(params, self.reads + self.context)

    @staticmethod
    def visible(params: Mapping[str, JsonValue], names: tuple[str, ...] | None) -> dict[str, JsonValue]:
        """Select parameters by name; one that is not there is left out."""
        return {name: value for name, value in params.items() if names is None or name in names}


@dataclass(frozen=True, slots=True)
class Graph:
    """Stages in an order in which each comes after those it needs.

    Raises:
        Bug: A name is not `[a-z][a-z0-9_-]*` or stands twice, or a stage needs one that does not come before it.
    """

    stages: tuple[StageSpec, ...]
    mirror: str | None = None
    """Role whose workers show the run outside while it goes on; None: nobody does."""
    _wire: str = field(init=False, repr=False, compare=False, default="")
    _opening: str = field(init=False, repr=False, compare=False, default="")
    _reads: frozenset[tuple[str, ...] | None] = field(init=False, repr=False, compare=False, default=frozenset())

    def __post_init__(self) -> None:
        if not 0 < len(self.stages) <= STAGES_MAX:
            raise Bug(f"A graph has 1 to {STAGES_MAX} stages, this one has {len(self.stages)}.")
        before: set[str] = set()
        for spec in self.stages:
            if not (_NAME.fullmatch(spec.name) and _NAME.fullmatch(spec.role)) or spec.name in before:
                raise Bug(f"Stage name {spec.name!r} or role {spec.role!r} is malformed, or the name stands twice.")
            if missing := set(spec.needs) - before:
                raise Bug(f"Stage {spec.name} needs {sorted(missing)}, which do not come before it.")
            before.add(spec.name)
        object.__setattr__(self, "_wire", self._to_wire())  # The door writes both with each delivery.
        object.__setattr__(self, "_opening", canonical_json(self._to_opening()))
        object.__setattr__(self, "_reads", frozenset(spec.reads for spec in self.stages))

    def __iter__(self) -> Iterator[StageSpec]:
        return iter(self.stages)

    def __getitem__(self, name: str) -> StageSpec:
        """Find a stage by name.

        Raises:
            KeyError: There is none of that name.
        """
        for spec in self.stages:
            if spec.name == name:
                return spec
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """All stage names, in order."""
        return tuple(spec.name for spec in self.stages)

    @property
    def roles(self) -> tuple[str, ...]:
        """All roles that some stage names, sorted."""
        return tuple(sorted({spec.role for spec in self.stages}))

    @property
    def versions(self) -> dict[str, int]:
        """The version of each stage, by name."""
        return {spec.name: spec.version for spec in self.stages}

    def inputs(self, params: Mapping[str, JsonValue]) -> dict[str, str]:
        """Name what each stage reads of these parameters."""
        # Most stages of a graph read the same, and the door asks with each delivery.
        read = {reads: fingerprint(StageSpec.visible(params, reads)) for reads in self._reads}
        return {spec.name: spec.inputs_of(read[spec.reads]) for spec in self.stages}

    def to_wire(self) -> str:
        """Write what the scripts need to know, as JSON."""
        return self._wire

    def _to_wire(self) -> str:
        return canonical_json(
            [
                {
                    "name": spec.name,
                    "role": spec.role,
                    "version": spec.version,
                    "needs": list(spec.needs),
                    "closes": spec.closes,
                    "total_ms_max": round(spec.total_seconds_max * 1000),
                    "interrupted_max": spec.interrupted_max,
                }
                for spec in self.stages
            ]
        )

    def opening(self) -> str:
        """Write how every run of this graph begins, as JSON: what the scripts would find out anew for each."""
        return self._opening

    def _to_opening(self) -> dict[str, JsonValue]:
        """Say which stages are ready at once, and when somebody must look for a role: now, or when the run is to end.

        A role whose stages all close the run and wait for others has nobody look for it yet (`due_ms` in `engine.lua`).
        """
        ready = [spec for spec in self.stages if not spec.needs]
        roles_now = list(dict.fromkeys(spec.role for spec in ready))
        due = {spec.role: "deadline" for spec in self.stages if not spec.closes} | dict.fromkeys(roles_now, "now")
        return {
            "ready": [spec.name for spec in ready],
            "now": list[JsonValue](roles_now),
            "due": dict[str, JsonValue](due),
            "roles": list[JsonValue](dict.fromkeys(spec.role for spec in self.stages)),
        }

    def new_records(self, inputs: Mapping[str, str], *, fresh: bool = False) -> str:
        """Write the stage records of a run that is about to be accepted, as JSON; `submit.lua` puts the time for 0.

        Args:
            inputs: What each stage reads, as `inputs` names it.
            fresh: Whether nothing is to be taken over that was found out before, by whichever run.
        """
        begun = f'{_NEW_RECORD}{int(fresh)},"inputs":'
        records = (
            f'"{spec.name}":{{{_PENDING if spec.needs else _READY},{begun}"{inputs[spec.name]}"}}'
            for spec in self.stages
        )
        return f"{{{','.join(records)}}}"
