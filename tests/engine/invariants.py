"""Invariants: L1, C1, S1, R1, A1 and W1, read from Redis as it stands and from what it held before."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from redis.asyncio import Redis

from pipeline.engine.journal import JournalEntry, parse_entry, verify
from pipeline.engine.lifecycle import NEXT_RUN, NEXT_STAGE, STOPPED_RUN, RunState, StageState
from tests.engine.world import World

Json: TypeAlias = Any

_BY_HOLDER: Final = frozenset({StageState.RUNNING, StageState.PARKED, StageState.DONE})
"""States that only a worker that holds the lease brings a stage into."""

_LIVE_STAGES: Final = frozenset({"ready", "running", "parked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease, as stored."""

    role: str
    subject: str
    token: int
    owner: str
    run: str
    expires_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run's hash, without any help from the engine's own reader."""

    run_id: str
    state: str
    subject: str
    seq: int
    link: str
    graph: list[Json]
    stages: dict[str, Json]
    topics: list[str]
    mirror: str | None
    entries: list[JournalEntry]
    steps: Mapping[str, bytes]
    checkpoints: Mapping[str, bytes]

    @property
    def has_ended(self) -> bool:
        """Whether its state is terminal."""
        return RunState(self.state).is_terminal

    def stages_of(self, role: str) -> list[Json]:
        """Select the stages of a role."""
        return [self.stages[spec["name"]] for spec in self.graph if spec["role"] == role]


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """All that the engine keeps in Redis."""

    runs: dict[str, StoredRun] = field(default_factory=dict)
    leases: list[Lease] = field(default_factory=list)
    held: dict[str, set[str]] = field(default_factory=dict)
    due: dict[str, dict[str, float]] = field(default_factory=dict)
    expiry: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    subjects: dict[str, str] = field(default_factory=dict)
    topics: dict[str, set[str]] = field(default_factory=dict)
    mirror: dict[str, set[str]] = field(default_factory=dict)
    """By role: runs whose picture outside is older than they are."""
    effects: dict[str, dict[str, Json]] = field(default_factory=dict)
    deliveries: dict[str, Json] = field(default_factory=dict)
    fence: int = 0
    orphans: list[str] = field(default_factory=list)
    """Keys of runs that are not there."""


@dataclass(slots=True)
class Shadow:
    """What was seen before, to tell whether something changed that must not."""

    checkpoints: dict[tuple[str, str], bytes] = field(default_factory=dict)
    steps: dict[tuple[str, str], bytes] = field(default_factory=dict)
    tokens: dict[tuple[str, str], int] = field(default_factory=dict)
    fence: int = 0

    async def check(self, world: World) -> Snapshot:
        """Read everything and find every broken invariant."""
        now = await take_snapshot(world.redis, world.settings.prefix)
        broken = [
            *self._leases(now),
            *self._unchanged("C1 checkpoint", self.checkpoints, {r.run_id: r.checkpoints for r in now.runs.values()}),
            *self._unchanged("S1 step", self.steps, {r.run_id: r.steps for r in now.runs.values()}),
            *(problem for run in now.runs.values() for problem in _run_problems(run, now)),
            *_topic_problems(now),
            *_mirror_problems(now, world),
            *_effect_problems(now),
            *_delivery_problems(now),
            *(f"S1 {act} was begun although its result is on record" for act in world.ledger.repeated),
            *(f"key {key} belongs to no run" for key in now.orphans),
            *(f"uncaught: {bug}" for bug in world.bugs),
        ]
        assert not broken, "\n".join(["Invariants are broken:", *broken, *_stories(now)])
        return now

    def _leases(self, now: Snapshot) -> Iterable[str]:
        if now.fence < self.fence:
            yield f"L1 the fence fell from {self.fence} to {now.fence}"
        self.fence = now.fence
        held: dict[str, set[str]] = {}
        for lease in now.leases:
            before = self.tokens.get((lease.role, lease.subject), 0)
            self.tokens[lease.role, lease.subject] = lease.token
            held.setdefault(lease.owner, set()).add(f"{lease.role} {lease.run}")
            if not before <= lease.token <= now.fence:
                yield f"L1 token of {lease} was {before}, the fence is {now.fence}"
            if lease.run not in now.runs or now.runs[lease.run].has_ended:
                yield f"L1 {lease} is for a run that is over"
        if held != now.held:
            yield f"L1 the leases say {held}, the held sets say {now.held}"

    @staticmethod
    def _unchanged(
        what: str, before: dict[tuple[str, str], bytes], now: Mapping[str, Mapping[str, bytes]]
    ) -> Iterable[str]:
        flat = {(run, name): value for run, fields in now.items() for name, value in fields.items()}
        for key, value in before.items():
            if key[0] in now and flat.get(key) != value:
                yield f"{what} {key} was {value!r} and is {flat.get(key)!r}"
        before.clear()
        before.update(flat)


async def take_snapshot(redis: Redis, prefix: str) -> Snapshot:
    """Read all keys in two round trips."""
    found = {key.decode().removeprefix(prefix) for key in await redis.keys(f"{prefix}*")}
    names = sorted(found - {"owners", "counters", "bells"})
    async with redis.pipeline(transaction=True) as pipe:
        for name in names:
            _read_key(pipe, prefix, name)
        values = dict(zip(names, await pipe.execute(), strict=True))
    now = Snapshot(fence=int(values.pop("fence", 0)))
    now.listed = {run.decode() for run, _ in values.pop("runs", ())}
    now.expiry = {run.decode() for run, _ in values.pop("expiry", ())}
    for name, value in values.items():
        kind, _, rest = name.partition(":")
        match kind:
            case "run":
                _add_run(now, rest, values)
            case "lease":
                role, _, subject = rest.partition(":")
                now.leases.append(_parse_lease(role, subject, value))
            case "held":
                now.held[rest] = {held.decode() for held in value}
            case "due":
                now.due[rest] = {run.decode(): score for run, score in value}
            case "subject":
                now.subjects[rest] = value[b"run"].decode()
            case _:
                _add_what_faces_outside(now, name, value)
    return now


def _add_what_faces_outside(now: Snapshot, name: str, value: Json) -> None:
    kind, _, rest = name.partition(":")
    match kind:
        case "topic":
            now.topics[rest] = {run.decode() for run in value}
        case "mirror":
            now.mirror[rest] = {run.decode() for run, _ in value}
        case "effects":
            now.effects[rest] = {effect.decode(): json.loads(record) for effect, record in value.items()}
        case "delivery":
            now.deliveries[rest] = json.loads(value)
        case "notes":
            assert all(json.loads(said) is not None for said in value.values()), f"{name} says nothing"
        case _:
            raise AssertionError(f"unknown key {name}")


def _read_key(pipe: Any, prefix: str, name: str) -> None:  # noqa: ANN401 - redis-py's pipeline is both clients' at once
    key = prefix + name
    if name == "fence" or name.startswith("delivery:"):
        pipe.get(key)
    elif name in {"runs", "expiry"} or name.startswith(("due:", "mirror:")):
        pipe.zrange(key, 0, -1, withscores=True)
    elif name.startswith(("held:", "topic:")):
        pipe.smembers(key)
    elif name.endswith(":journal"):
        pipe.xrange(key)
    else:
        pipe.hgetall(key)


def _add_run(now: Snapshot, rest: str, values: Mapping[str, Json]) -> None:
    run_id, _, part = rest.partition(":")
    if f"run:{run_id}" not in values or run_id not in now.listed:
        now.orphans.append(rest)
    elif not part:
        raw = {name.decode(): value.decode() for name, value in values[f"run:{run_id}"].items()}
        now.runs[run_id] = StoredRun(
            run_id=run_id,
            state=raw["state"],
            subject=raw["subject"],
            seq=int(raw["seq"]),
            link=raw["link"],
            graph=json.loads(raw["graph"]),
            stages=json.loads(raw["stages"]),
            topics=json.loads(raw.get("topics", "[]")),
            mirror=raw.get("mirror"),
            entries=[parse_entry(number, fields) for number, fields in values[f"run:{run_id}:journal"]],
            steps=_named(values.get(f"run:{run_id}:steps", {})),
            checkpoints=_named(values.get(f"run:{run_id}:checkpoints", {})),
        )


def _named(raw: Mapping[bytes, bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in raw.items()}


def _parse_lease(role: str, subject: str, raw: Mapping[bytes, bytes]) -> Lease:
    return Lease(
        role=role,
        subject=subject,
        token=int(raw[b"token"]),
        owner=raw[b"owner"].decode(),
        run=raw[b"run"].decode(),
        expires_ms=int(raw[b"expires_ms"]),
    )


def _run_problems(run: StoredRun, now: Snapshot) -> Iterable[str]:
    for problem in (*_place_problems(run, now), *_due_problems(run, now), *_checkpoint_problems(run), *_fold(run)):
        yield f"{problem} (run {run.run_id}, {run.state})"


def _place_problems(run: StoredRun, now: Snapshot) -> Iterable[str]:
    if run.has_ended != (run.run_id in now.expiry):
        yield "R1 an ended run expires, a live one does not"
    if not run.has_ended and now.subjects.get(run.subject) != run.run_id:
        yield f"R1 it lives, and the newest head of {run.subject} is {now.subjects.get(run.subject)}"
    if RunState(run.state) in {RunState.DONE, RunState.DEAD} and any(
        not StageState(stage["state"]).is_terminal for stage in run.stages.values()
    ):
        yield "R1 it has ended and a stage has not"


def _due_problems(run: StoredRun, now: Snapshot) -> Iterable[str]:
    dues = {role: runs[run.run_id] for role, runs in now.due.items() if run.run_id in runs}
    if run.has_ended and dues:
        yield f"R1 it has ended and stands in the due sets {dues}"
    if not run.has_ended and not dues:
        yield "R1 it lives and stands in no due set"
    leases = {lease.role: lease for lease in now.leases if lease.run == run.run_id}
    for spec in run.graph:
        stage, due = run.stages[spec["name"]], dues.get(spec["role"])
        if run.has_ended or stage["state"] not in _LIVE_STAGES:
            continue
        if due is None:
            yield f"R1 stage {spec['name']} is {stage['state']} and not due for {spec['role']}"
        elif stage["state"] == "parked" and due > stage["wake_ms"]:
            yield f"W1 stage {spec['name']} wakes at {stage['wake_ms']} and is due at {due}"
        elif stage["state"] == "running" and spec["role"] in leases and due > leases[spec["role"]].expires_ms:
            yield f"R1 stage {spec['name']} is due at {due}, after its lease {leases[spec['role']]}"


def _topic_problems(now: Snapshot) -> Iterable[str]:
    expected: dict[str, set[str]] = {}
    for run in now.runs.values():
        for topic in run.topics:
            expected.setdefault(topic, set()).add(run.run_id)
    if expected != now.topics:
        yield f"R1 the runs name the topics {expected}, the topics hold {now.topics}"


def _mirror_problems(now: Snapshot, world: World) -> Iterable[str]:
    """Find runs that are neither due to be shown nor shown as they are."""
    for role, due in now.mirror.items():
        strangers = {run_id for run_id in due if run_id not in now.runs or now.runs[run_id].mirror != role}
        if strangers:
            yield f"R1 the mirror of {role} holds {strangers}, which are not its own"
    for run in now.runs.values():
        pictures = world.shown.get(run.run_id)
        is_due = run.mirror is None or run.run_id in now.mirror.get(run.mirror, ())
        if not is_due and (not pictures or pictures[-1].journal_length != run.seq):
            yield f"R1 run {run.run_id} has {run.seq} entries, is not due to be shown, and was shown as {pictures}"


def _effect_problems(now: Snapshot) -> Iterable[str]:
    """Find effects whose run does not tell of them; a run that has expired need not."""
    for subject, ledger in now.effects.items():
        for name, record in ledger.items():
            run = now.runs.get(record["run"])
            told = [e.kind for e in run.entries if e.detail.get("effect") == name] if run else []
            if run is not None and f"effect.{record['state']}" not in told:
                yield f"A1 effect {name} of {subject} is {record['state']}, and run {run.run_id} tells of {told}"


def _delivery_problems(now: Snapshot) -> Iterable[str]:
    for delivery, record in now.deliveries.items():
        needed = {"accepted": "run", "ignored": "reason"}[record["outcome"]]
        if needed not in record:
            yield f"R1 delivery {delivery} was {record['outcome']}, without a {needed}: {record}"


def _checkpoint_problems(run: StoredRun) -> Iterable[str]:
    for name, stage in run.stages.items():
        if stage["state"] == "done" and f"{name} {stage['fingerprint']}" not in run.checkpoints:
            yield f"C1 stage {name} is done without its checkpoint"


def _fold(run: StoredRun) -> Iterable[str]:
    """Replay the journal: it must be whole, legal, and end where the record stands (A1)."""
    yield from (f"A1 {problem}" for problem in verify(run.entries, length=run.seq, head=run.link).problems)
    fold = _Fold(
        stages={spec["name"]: StageState.PENDING for spec in run.graph},
        role_of={spec["name"]: spec["role"] for spec in run.graph},
    )
    for entry in run.entries:
        yield from fold.take(entry)
    if fold.run != run.state:
        yield f"A1 the journal ends with {fold.run}"
    stored = {name: _state_of(run, stage) for name, stage in run.stages.items()}
    if fold.stages != stored:
        yield f"A1 the journal folds to {fold.stages}, stored is {stored}"
    if fold.steps != set(run.steps):
        yield f"A1 the journal tells of steps {fold.steps}, stored are {set(run.steps)}"


def _state_of(run: StoredRun, stage: Json) -> StageState:
    """Tell a stage's state: what had not ended when its run was stopped is cancelled with it."""
    state = StageState(stage["state"])
    return StageState.CANCELLED if run.state in STOPPED_RUN and not state.is_terminal else state


@dataclass(slots=True)
class _Fold:
    stages: dict[str, StageState]
    role_of: dict[str, str]
    run: RunState = RunState.QUEUED
    holders: dict[str, str] = field(default_factory=dict)
    steps: set[str] = field(default_factory=set)
    tokens: dict[str, int] = field(default_factory=dict)
    signals: dict[str, int] = field(default_factory=dict)
    """Number of the last entry of each signal."""
    deaf: dict[tuple[str, str], int] = field(default_factory=dict)
    """By stage and signal: number of the entry up to which it has heard all."""
    waits: dict[str, str] = field(default_factory=dict)

    def take(self, entry: JournalEntry) -> Iterable[str]:
        group, _, what = entry.kind.partition(".")
        detail: Json = entry.detail
        match group:
            case "run" if what != "accepted":
                yield from self._move_run(entry, RunState(what))
            case "stage":
                yield from self._move_stage(entry, StageState(what))
            case "step" | "wait" | "decision":
                if detail["step"] in self.steps:
                    yield f"S1 entry {entry.seq}: {entry.kind} {detail['step']} comes again"
                self.steps.add(detail["step"])
                yield from self._end_wait(entry)
                yield from self._check_holder(entry)
            case "lease" if what == "acquired":
                if detail["token"] <= self.tokens.get(detail["role"], 0):
                    yield f"L1 entry {entry.seq}: token {detail['token']} after {self.tokens}"
                self.tokens[detail["role"]] = detail["token"]
                self.holders[detail["role"]] = entry.by
            case "lease":
                if what == "taken" and "owner" in detail:
                    yield f"L1 entry {entry.seq}: {entry.by} takes the live lease of {detail['owner']}"
                self.holders.pop(detail["role"], None)
            case "signal":
                self.signals[detail["signal"]] = entry.seq

    def _move_run(self, entry: JournalEntry, to: RunState) -> Iterable[str]:
        if entry.detail["from"] != self.run or to not in NEXT_RUN[self.run]:
            yield f"A1 entry {entry.seq} moves the run from {entry.detail['from']} to {to}, it was {self.run}"
        self.run = to
        if to in STOPPED_RUN:
            self.stages = {
                name: state if state.is_terminal else StageState.CANCELLED for name, state in self.stages.items()
            }

    def _move_stage(self, entry: JournalEntry, to: StageState) -> Iterable[str]:
        detail: Json = entry.detail
        name, was = detail["stage"], self.stages[detail["stage"]]
        if detail["from"] != was or to not in NEXT_STAGE[was]:
            yield f"A1 entry {entry.seq} moves {name} from {detail['from']} to {to}, it was {was}"
        if to in _BY_HOLDER or (was is StageState.RUNNING and detail.get("why") == "handed back"):
            yield from self._check_holder(entry)
        self.stages[name] = to
        self.waits.pop(name, None)
        if to is StageState.PENDING:
            self.deaf |= {(name, signal): entry.seq for signal in self.signals}
        if to is StageState.PARKED and "signal" in detail:
            self.waits[name] = detail["signal"]

    def _check_holder(self, entry: JournalEntry) -> Iterable[str]:
        holder = self.holders.get(self.role_of[str(entry.detail["stage"])])
        if entry.kind != "wait.ended" and entry.by != holder:
            yield f"L1 entry {entry.seq}: {entry.by} writes {entry.kind} while {holder} holds the lease"

    def _end_wait(self, entry: JournalEntry) -> Iterable[str]:
        name, by = str(entry.detail["stage"]), entry.detail.get("woken_by")
        signal = self.waits.get(name, "")
        last = self.signals.get(signal, 0)
        if by == "timer" and last > self.deaf.get((name, signal), 0):
            yield f"W1 entry {entry.seq}: {name} waited although entry {last} is the signal that it waits for"
        if by == "signal":
            self.deaf[name, signal] = last


def _stories(now: Snapshot) -> Iterable[str]:
    for run in now.runs.values():
        yield f"Run {run.run_id} of {run.subject}, {run.state}:"
        yield from (f"  {entry.text}" for entry in run.entries)
