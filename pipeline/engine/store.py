"""Store: the engine's records in Redis, each change one script.

Promises that a change is whole or absent, that it is judged by Redis's clock, and that sending it twice (because the
answer was lost) does no more than sending it once. Does not promise that Redis keeps it: that is `appendonly yes`.

Keys, all under one prefix (no cluster: a script touches several slots, ADR 0003):

    run:ID               hash    version, state, subject, revision, params, graph, its roles, stages, journal head,
                                 latched signals; a stopped run's stages as it left them (`lifecycle.STOPPED_RUN`)
    run:ID:steps         hash    step fingerprint -> result            (S1)
    run:ID:checkpoints   hash    stage and fingerprint -> checkpoint   (C1)
    run:ID:journal       stream  one entry a transition, hash-chained  (A1)
    subject:SUBJECT      hash    newest run and its order
    lease:ROLE:SUBJECT   hash    token, owner, session, run, expiry    (L1)
    fence                int     the last fencing token given out
    due:ROLE             zset    live runs by when somebody must look  (R1, W1)
    owners, held:OWNER   zset, set   who was heard of when, and what each holds
    bells                hash    roles that were woken and have not looked yet, and since when
    runs, expiry         zset    all runs by age; ended ones by when they go
    counters             hash    writes refused, and other totals
    delivery:ID          string  what became of a delivery
    topic:NAME           set     runs that a signal of that topic reaches
    effects:SUBJECT      hash    what was written outside for it       (E1)
    notes:SUBJECT        hash    what people said of it
    mirror:ROLE          zset    runs whose picture outside is older than they are
"""

import hashlib
import itertools
import json
import logging
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import msgspec
from redis import exceptions as redis_errors

from pipeline.engine.delivery import Delivery, DeliveryOutcome, DeliveryRecord, Receipt
from pipeline.engine.errors import AskPerson, Bug, GiveUp, InvariantBroken, OnceoverError, RetryLater
from pipeline.engine.graph import Graph
from pipeline.engine.journal import JournalEntry, parse_entry
from pipeline.engine.lifecycle import NEXT_RUN, NEXT_STAGE, STOPPED_RUN, TERMINAL_RUN, TERMINAL_STAGE, RunState
from pipeline.engine.operation import Operation, to_wire
from pipeline.engine.owner import Owner
from pipeline.engine.records import (
    Mirrored,
    Progress,
    RecordOfOtherVersion,
    RunRecord,
    Submission,
    parse_claim,
    parse_run,
)
from pipeline.engine.request import RunRequest
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

RECORD_VERSION: Final = "1"
"""Raised when the layout above changes; a record of another version is refused by name, not misread."""

_SCRIPTS: Final = (
    *("submit", "advance", "heartbeat", "sweep", "signal", "cancel", "rerun"),
    *("ignore", "effect", "mirror"),
)
_TOLD: Final = ("id", "was")
"""What the journal tells of a confirmed effect; the ledger keeps all of it."""
_REFUSALS: Final = (redis_errors.OutOfMemoryError, redis_errors.ReadOnlyError, redis_errors.NoPermissionError)
"""Kinds that redis-py knows; of these it takes the first word off the text."""
_REFUSAL_WORDS: Final = ("OOM", "MISCONF", "READONLY", "NOPERM", "NOREPLICAS")
"""The rest; and servers before 7 name all of them in the middle of a script's error."""


_ASCII: Final = json.JSONEncoder(separators=(",", ":"))
_UNICODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class StoreAway(RetryLater):
    """Redis does not answer: nothing is lost, nothing goes on."""

    code = "redis_away"


class StoreRefuses(AskPerson):
    """Redis answers and will not write: full, read-only, no permission."""

    code = "redis_refuses"


class SignalTooLarge(GiveUp):
    """A signal carries more than a wake-up should."""

    code = "signal_too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep found."""

    found: tuple[str, ...]
    """Runs offered to the worker that swept."""
    owners: tuple[str, ...]
    """Every process that is registered, dead or alive."""
    troubles: tuple[str, ...]
    """Runs that cannot be looked at, and why; they are tried again later."""


class Store:
    """The records of one installation, as one process sees them.

    Args:
        redis: Client that does not decode responses.
        owner: Who writes; signs leases and journal entries.
        settings: Limits and key prefix.
        clock_offset_ms: Shifts the clock of this process's scripts; only tests do that.
    """

    def __init__(
        self, redis: "Redis", *, owner: Owner, settings: EngineSettings | None = None, clock_offset_ms: int = 0
    ) -> None:
        self.settings: Final = settings or EngineSettings()
        self.owner: Final = owner
        self.clock_offset_ms = clock_offset_ms
        self._redis: Final = redis
        self._owner_text: Final = str(owner)
        self._standing: Final = msgspec.json.encode(self._standing_words()).removeprefix(b"{")
        self._requests: Final = (f"{secrets.token_hex(8)}{number:x}" for number in itertools.count())
        self._scripts: Final = {name: _Script.load(name) for name in _SCRIPTS}

    # What changes a run --------------------------------------------------------------------------------------------

    async def submit(self, asked: RunRequest, graph: Graph, delivery: Delivery | None = None) -> Submission:
        """Accept a run, or join or reopen the one of the same head; a delivery that was taken before does nothing."""
        inputs, run_id = graph.inputs(asked.params), asked.run_id
        request: dict[str, JsonValue] = {
            "run": run_id,
            "subject": asked.subject,
            "revision": asked.revision,
            "order": asked.order,
            "fresh": asked.fresh,
            "request": next(self._requests),
        }
        if asked.again:
            request["again"] = dict.fromkeys(asked.again, True)
        if asked.topics:
            request["topics"] = list(asked.topics)
        if graph.mirror:
            request["mirror"] = graph.mirror
        request |= self._of(delivery)
        given, records = _write(dict(asked.params)), graph.new_records(inputs, fresh=asked.fresh)
        reply = await self._ask("submit", request, given, graph.to_wire(), records, graph.opening())
        return Submission(
            run_id=reply.get("run", run_id),
            outcome=reply["outcome"],
            state=RunState(reply["state"]) if "state" in reply else None,
            ready_roles=tuple(reply.get("ready") or ()),
            now_ms=reply["now_ms"],
        )

    async def advance(  # noqa: PLR0913 - one write says all: who, what it can do, what it did
        self,
        run_id: str,
        *,
        roles: Collection[str],
        versions: Mapping[str, int] | None = None,
        inputs: Mapping[str, str] | None = None,
        session: str = "",
        leases: Mapping[str, int] | None = None,
        operations: Sequence[Operation] = (),
        asked: int = 0,
    ) -> Progress:
        """Say what was done under the leases, and claim what can be done next: one round trip.

        Args:
            run_id: The run.
            roles: Roles that this worker may claim stages for.
            versions: Its version of each stage; a newer one is left to the workers that have it. None: any.
            inputs: What each stage must read for this worker to execute it (a local review trusts no other). None: any.
            session: Who asks within this process; a lease belongs to the session that claimed it.
            leases: Fencing token by role, as the last answer gave them; none for a first claim.
            operations: What was done since.
            asked: Which version of the parameters this worker has; 0 for none.
        """
        payloads: list[str] = []
        request: dict[str, JsonValue] = {
            "run": run_id,
            "roles": list(roles),
            "session": session,
            "leases": dict(leases or {}),
            "ops": [to_wire(operation, payloads) for operation in operations],
            "asked": asked,
        }
        if versions is not None:
            request["versions"] = dict(versions)
        if inputs is not None:
            request["inputs"] = dict(inputs)
        answer, *news = await self._call("advance", request, *payloads)
        reply = json.loads(answer)
        return Progress(
            status=reply["status"],
            state=RunState(reply["state"]) if "state" in reply else None,
            leases=dict(reply.get("leases") or {}),
            running=tuple(parse_claim(claim) for claim in reply.get("running") or ()),
            asked=reply.get("asked", 0),
            ready_roles=tuple(reply.get("ready") or ()),
            kept=frozenset(reply.get("kept") or ()),
            params=json.loads(news[0]) if news and news[0] else None,
        )

    async def heartbeat(self, holds: Mapping[str, tuple[Mapping[str, int], int]]) -> dict[str, Literal["lost", "work"]]:
        """Renew leases; answer the runs that were lost and those with something new to claim.

        Args:
            holds: By run id, the fencing token of each role, and which version of the parameters is known.
        """
        request: dict[str, JsonValue] = {
            "holds": {run_id: dict(leases) for run_id, (leases, _) in holds.items()},
            "asked": {run_id: asked for run_id, (_, asked) in holds.items()},
        }
        return dict((await self._ask("heartbeat", request))["news"] or {})

    async def sweep(
        self,
        roles: Iterable[str],
        *,
        room: int,
        dead: Iterable[str] = (),
        only: str | None = None,
        heard: bool = False,
    ) -> Swept:
        """Look after what nobody looks after; take at most `room` runs that can go on.

        Args:
            roles: Roles to look at.
            room: Runs that this worker could begin now.
            dead: Owners whose processes have certainly ended.
            only: The one run that the caller works for; None: all.
            heard: It looks because it was woken, so that the next run that is accepted wakes somebody again.
        """
        request: dict[str, JsonValue] = {
            "roles": list(roles),
            "free": room,
            "dead": list(dead),
            "heard": heard,
            "expire_max": self.settings.expire_at_once_max,
        }
        if only is not None:
            request["only"] = only
        reply = await self._ask("sweep", request)
        return Swept(
            found=tuple(dict.fromkeys(reply["found"] or ())),
            owners=tuple(reply["owners"] or ()),
            troubles=tuple(reply["troubles"] or ()),
        )

    async def signal(self, run_id: str, name: str, payload: JsonValue = None) -> tuple[str, tuple[str, ...]]:
        """Tell a run that something happened: `woken`, `latched`, `ended` or `gone`, and the roles with work now.

        Raises:
            SignalTooLarge: The payload is larger than `signal_bytes_max`.
        """
        carried, limit = json.dumps(payload), self.settings.signal_bytes_max
        if len(carried) > limit:
            raise SignalTooLarge(
                f"Signal {name} for run {run_id} carries {len(carried)} bytes, the limit is {limit}.",
                next_step="Carry an id, and let the stage read the rest.",
            )
        reply = await self._ask("signal", {"run": run_id, "signal": name}, carried)
        return reply["outcome"], tuple(reply.get("ready") or ())

    async def signal_topic(self, topic: str, name: str, delivery: Delivery) -> Receipt:
        """Tell all live runs of a topic that something happened."""
        reply = await self._ask("signal", {"topic": topic, "signal": name, **self._of(delivery)}, "null")
        wake = tuple((run_id, role) for role, run_id in dict(reply.get("wake") or {}).items())
        return Receipt(outcome=reply["outcome"], run=reply.get("run"), reason=reply.get("reason"), wake=wake)

    async def stop_subject(self, subject: str, why: str, delivery: Delivery, *, order: int = 0) -> Receipt:
        """Stop whatever run of a subject is live, unless it was asked for after `order`; 0 stops any."""
        reply = await self._ask("cancel", {"subject": subject, "why": why, "order": order, **self._of(delivery)})
        outcomes: Mapping[str, DeliveryOutcome] = {"cancelled": "accepted", "duplicate": "duplicate"}
        outcome = outcomes.get(reply["outcome"], "ignored")
        return Receipt(outcome=outcome, run=reply.get("run"), reason=reply.get("reason"))

    async def ignore(self, delivery: Delivery, why: str) -> Receipt:
        """Remember that nothing came of a delivery, and why."""
        reply = await self._ask("ignore", {"why": why, **self._of(delivery)})
        return Receipt(outcome=reply["outcome"], run=reply.get("run"), reason=reply.get("reason"))

    async def effect(  # noqa: PLR0913 - one write says all: who, for what, and what happened
        self,
        run_id: str,
        stage: str,
        claim: int,
        act: Literal["intend", "confirm", "forget"],
        name: str,
        *,
        detail: Mapping[str, JsonValue] | None = None,
        why: str = "",
    ) -> dict[str, Any]:
        """Write the ledger of effects; `effects.py` says what it is for."""
        request: dict[str, JsonValue] = {
            "run": run_id,
            "stage": stage,
            "claim": claim,
            "act": act,
            "effect": name,
            "why": why,
            "told": {name: value for name, value in (detail or {}).items() if name in _TOLD and value is not None},
            "effects_ms": round(self.settings.effects_seconds * 1000),
        }
        return dict(await self._ask("effect", request, json.dumps(dict(detail or {}))))

    async def take_mirrored(self, roles: Iterable[str], *, room: int) -> tuple[Mirrored, ...]:
        """Take runs whose picture outside is older than they are."""
        hold_ms = round(self.settings.mirror_seconds_max * 1000)
        reply = await self._ask("mirror", {"act": "take", "roles": list(roles), "room": room, "hold_ms": hold_ms})
        taken = reply.get("taken") or ()
        return tuple(Mirrored(run_id=one["run"], claim=one["claim"], seen=one["seq"]) for one in taken)

    async def put_mirrored(
        self, run_id: str, claim: int, *, seen: int, pace_seconds: float, again_seconds: float | None
    ) -> None:
        """Say that a run is shown as of `seen` journal entries, or when to try again."""
        request: dict[str, JsonValue] = {
            "act": "put",
            "run": run_id,
            "claim": claim,
            "seen": seen,
            "pace_ms": round(pace_seconds * 1000),
        }
        if again_seconds is not None:
            request["again_ms"] = round(again_seconds * 1000)
        await self._ask("mirror", request)

    async def cancel(self, run_id: str, why: str) -> str:
        """Stop a run: `cancelled`, `ended` or `gone`."""
        outcome: str = (await self._ask("cancel", {"run": run_id, "why": why}))["outcome"]
        return outcome

    async def rerun(
        self,
        run_id: str,
        stages: Collection[str] | Literal["all", "failed"],
        *,
        fresh: bool,
        why: str,
        delivery: Delivery | None = None,
    ) -> tuple[str, tuple[str, ...]]:
        """Do stages again: `reopened`, `nothing`, `superseded` or `gone`, and the roles with work now.

        A delivery that was taken before reopens nothing now; of one that was accepted, `reopened` is said again.
        """
        chosen: JsonValue = stages if isinstance(stages, str) else dict.fromkeys(stages, True)
        request: dict[str, JsonValue] = {
            "run": run_id,
            "stages": chosen,
            "fresh": fresh,
            "why": why,
            "request": next(self._requests),
            **self._of(delivery),
        }
        reply = await self._ask("rerun", request)
        return reply["outcome"], tuple(reply.get("ready") or ())

    async def leave(self) -> None:
        """Sign this process off, unless it holds something still: then it has to be found dead."""
        if not await _translate(self._redis.scard(self._key("held", self._owner_text))):
            await _translate(self._redis.zrem(self._key("owners"), self._owner_text))

    async def note(self, subject: str, name: str, value: JsonValue) -> None:
        """Keep something that people said of a subject as a whole (paused, a finding dismissed); None takes it back."""
        key = self._key("notes", subject)
        if value is None:
            await _translate(self._redis.hdel(key, name))
            return
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, name, json.dumps(value))
            pipe.pexpire(key, round(self.settings.effects_seconds * 1000))
            await _translate(pipe.execute())

    # What reads -----------------------------------------------------------------------------------------------------

    async def read_run(self, run_id: str) -> RunRecord | None:
        """Read a run's record; None if there is none (never was, or expired)."""
        raw = await _translate(self._redis.hgetall(self._key("run", run_id)))
        return parse_run(run_id, raw, RECORD_VERSION) if raw else None

    async def list_runs(self, limit: int) -> list[RunRecord]:
        """Read the newest runs, newest first; those of another version of Onceover are left out, with a warning."""
        ids = await _translate(self._redis.zrevrange(self._key("runs"), 0, limit - 1))
        if not ids:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            for run_id in ids:
                pipe.hgetall(self._key("run", run_id.decode()))
            rows = await _translate(pipe.execute())
        read = (_read_or_warn(run_id.decode(), raw) for run_id, raw in zip(ids, rows, strict=True) if raw)
        return [run for run in read if run is not None]

    async def live_runs(self, roles: Iterable[str]) -> AsyncIterator[RunRecord]:
        """Read all runs that are under way for some roles, one after the other; a live run stands in a due set.

        Those of another version of Onceover are left out, with a warning.
        """
        seen: set[str] = set()
        for role in roles:
            for raw in await _translate(self._redis.zrange(self._key("due", role), 0, -1)):
                run_id = raw.decode()
                if run_id in seen:
                    continue
                seen.add(run_id)
                row = await _translate(self._redis.hgetall(self._key("run", run_id)))
                if row and (run := _read_or_warn(run_id, row)):
                    yield run

    async def find_ids(self, beginning: str) -> list[str]:
        """Find the ids of all runs that begin like this."""
        pattern = re.sub(r"([*?\[\]\\^])", r"\\\1", beginning) + "*"
        found = self._redis.zscan_iter(self._key("runs"), match=pattern, count=1_000)
        return [run_id.decode() for run_id, _ in await _translate(_gather(found))]

    async def checkpoint(self, run_id: str, stage: str, fingerprint: str) -> str | None:
        """Read the checkpoint of a stage as JSON text; None if that fingerprint has none."""
        raw = await _translate(self._redis.hget(self._key("run", run_id, "checkpoints"), f"{stage} {fingerprint}"))
        return raw.decode() if raw is not None else None

    async def step(self, run_id: str, step: str) -> str | None:
        """Read the result of a step as JSON text; None if it has not finished."""
        raw = await _translate(self._redis.hget(self._key("run", run_id, "steps"), step))
        return raw.decode() if raw is not None else None

    async def journal(self, run_id: str, *, after: int = 0, limit: int = 10_000) -> list[JournalEntry]:
        """Read journal entries in order, from the one after `after`."""
        raw = await _translate(self._redis.xrange(self._key("run", run_id, "journal"), f"({after}-0", "+", limit))
        return [parse_entry(number, fields) for number, fields in raw]

    async def follow(self, run_id: str, *, after: int, wait_seconds: float) -> list[JournalEntry]:
        """Read journal entries after `after`; if there are none, wait for one, at most so long."""
        stream = self._key("run", run_id, "journal")
        raw = await _translate(self._redis.xread({stream: f"{after}-0"}, block=max(1, round(wait_seconds * 1000))))
        return [parse_entry(number, fields) for _, entries in raw or () for number, fields in entries]

    async def notes(self, subject: str) -> dict[str, JsonValue]:
        """Read what people said of a subject."""
        raw = await _translate(self._redis.hgetall(self._key("notes", subject)))
        return {name.decode(): json.loads(value) for name, value in raw.items()}

    async def effects(self, subject: str) -> dict[str, dict[str, JsonValue]]:
        """Read the ledger of a subject: by effect, `state`, `at_ms`, `run` and what was confirmed."""
        raw = await _translate(self._redis.hgetall(self._key("effects", subject)))
        return {name.decode(): json.loads(value) for name, value in raw.items()}

    async def due_counts(self, roles: Iterable[str]) -> dict[str, int]:
        """Count the live runs that wait for each role, now or later."""
        return {role: int(await _translate(self._redis.zcard(self._key("due", role)))) for role in roles}

    async def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        """Look up what became of a delivery; None if it never came, or long ago."""
        raw = await _translate(self._redis.get(self._key("delivery", delivery_id)))
        if raw is None:
            return None
        kept = json.loads(raw)
        return DeliveryRecord(
            id=delivery_id,
            event=kept["event"],
            outcome=kept["outcome"],
            run=kept.get("run"),
            reason=kept.get("reason"),
            at_ms=kept["at_ms"],
        )

    async def newest(self, subject: str) -> RunRecord | None:
        """Read the newest run of a subject; None if there is none."""
        raw = await _translate(self._redis.hget(self._key("subject", subject), "run"))
        return await self.read_run(raw.decode()) if raw is not None else None

    async def holders(self, run: RunRecord) -> tuple[str, ...]:
        """Read who holds leases of a run, expired or not."""
        roles = sorted({stage.role for stage in run.stages.values()})
        async with self._redis.pipeline(transaction=False) as pipe:
            for role in roles:
                pipe.hmget(self._key("lease", role, run.subject), ["run", "owner"])
            rows = await _translate(pipe.execute())
        return tuple(
            owner.decode() for holding, owner in rows if holding is not None and holding.decode() == run.run_id
        )

    async def owners(self) -> tuple[str, ...]:
        """Read which processes are registered, dead or alive."""
        return tuple(raw.decode() for raw in await _translate(self._redis.zrange(self._key("owners"), 0, -1)))

    async def counters(self) -> dict[str, int]:
        """Read the totals that all workers count together."""
        raw = await _translate(self._redis.hgetall(self._key("counters")))
        return {name.decode(): int(value) for name, value in raw.items()}

    def _of(self, delivery: Delivery | None) -> dict[str, JsonValue]:
        if delivery is None:
            return {}
        keep_ms = round(self.settings.delivery_seconds * 1000)
        return {"delivery": {"id": delivery.id, "event": delivery.event, "keep_ms": keep_ms}}

    # The one way to a script ----------------------------------------------------------------------------------------

    async def _ask(self, script: str, request: dict[str, JsonValue], *payloads: str | bytes) -> Any:  # noqa: ANN401 - JSON
        return msgspec.json.decode(await self._call(script, request, *payloads))

    async def _call(self, script: str, request: dict[str, JsonValue], *payloads: str | bytes) -> Any:  # noqa: ANN401 - a reply
        request["clock_offset_ms"] = self.clock_offset_ms
        try:
            asked = msgspec.json.encode(request)
        except UnicodeEncodeError:
            # A lone surrogate (a file name that is no UTF-8, in some error's text) is no text that a script can read.
            asked = _UNICODE.encode(request).encode("utf-8", "replace")
        asked = asked.removesuffix(b"}") + b"," + self._standing
        return await _translate(self._scripts[script].run(self._redis, asked, *payloads))

    def _standing_words(self) -> dict[str, JsonValue]:
        """Say what is the same in each request of this process."""
        settings = self.settings
        return {
            "prefix": settings.prefix,
            "owner": self._owner_text,
            "by": self.owner.label,
            "lease_ms": round(settings.lease_seconds * 1000),
            "grace_ms": round(settings.grace_seconds * 1000),
            "retention_ms": round(settings.retention_seconds * 1000),
            "run_ms_max": round(settings.run_seconds_max * 1000),
            "overrun_ms": round(settings.overrun_seconds_max * 1000),
            "owner_ms_max": round(settings.owner_seconds_max * 1000),
        }

    def _key(self, *parts: str) -> str:
        return self.settings.prefix + ":".join(parts)


@dataclass(frozen=True, slots=True)
class _Script:
    text: str
    sha: str

    @classmethod
    def load(cls, name: str) -> "_Script":
        folder = resources.files("pipeline.engine") / "scripts"
        parts = [_tables(), *((folder / f"{part}.lua").read_text("utf-8") for part in ("engine", name))]
        text = "\n".join(parts)
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())

    async def run(self, redis: "Redis", *arguments: str | bytes) -> Any:  # noqa: ANN401 - whatever the script returns
        # Casts: redis-py types one method for both its clients, and takes bytes without saying so.
        texts = cast("tuple[str, ...]", arguments)
        try:
            return await cast("Awaitable[Any]", redis.evalsha(self.sha, 0, *texts))
        except redis_errors.NoScriptError:  # Restarted or flushed; EVAL stores it again.
            return await cast("Awaitable[Any]", redis.eval(self.text, 0, *texts))


def _write(params: dict[str, JsonValue]) -> str | bytes:
    """Write parameters as JSON, which no script reads: a lone surrogate in them stays one, escaped."""
    try:
        return msgspec.json.encode(params)
    except UnicodeEncodeError:
        return _ASCII.encode(params)


def _read_or_warn(run_id: str, raw: Mapping[bytes, bytes]) -> RunRecord | None:
    try:
        return parse_run(run_id, raw, RECORD_VERSION)
    except RecordOfOtherVersion as error:
        log.warning("run.of_other_version run=%s reason=%s", run_id, error)
        return None


async def _gather(rows: AsyncIterator[Any]) -> list[Any]:
    return [row async for row in rows]


def _tables() -> str:
    moves: dict[str, JsonValue] = {
        "run": {str(a): {str(b): True for b in sorted(after)} for a, after in NEXT_RUN.items() if after},
        "stage": {str(a): {str(b): True for b in sorted(after)} for a, after in NEXT_STAGE.items() if after},
        "terminal_run": {str(state): True for state in sorted(TERMINAL_RUN)},
        "stopped_run": {str(state): True for state in sorted(STOPPED_RUN)},
        "terminal_stage": {str(state): True for state in sorted(TERMINAL_STAGE)},
    }
    return f"local MOVES = {_to_lua(moves)}\nlocal RECORD_VERSION = '{RECORD_VERSION}'"


def _to_lua(table: JsonValue) -> str:
    """Write a table of names as Lua does: it is made in a fifth of the time that decoding JSON takes, at each call."""
    if not isinstance(table, dict):
        return json.dumps(table)
    return "{" + ",".join(f"{name}={_to_lua(value)}" for name, value in table.items()) + "}"


async def _translate(call: "Awaitable[Any] | Any") -> Any:  # noqa: ANN401 - redis-py types its replies as Any
    """Class what Redis and its client raise by what a caller can do."""
    try:
        return await call
    except redis_errors.RedisError as error:
        raise _class_failure(error) from error


def _class_failure(error: redis_errors.RedisError) -> OnceoverError:
    # A password that is refused while the connection is made arrives wrapped.
    if any(isinstance(one, redis_errors.AuthenticationError) for one in (error, error.__cause__, error.__context__)):
        return StoreRefuses(
            f"Redis refuses the credentials: {error}", next_step="Check user and password in ONCEOVER_REDIS_URL."
        )
    if isinstance(error, redis_errors.ConnectionError | redis_errors.TimeoutError):
        return StoreAway(
            f"Redis does not answer: {error}", next_step="It is tried again; check ONCEOVER_REDIS_URL and the server."
        )
    if isinstance(error, _REFUSALS):
        return _refusal_to_write(str(error))
    return _class_answer(str(error))


def _class_answer(text: str) -> OnceoverError:
    if "ONCEOVER_RECORD_VERSION" in text:
        return StoreRefuses(
            f"Redis holds a record that this version cannot read: {text}.",
            next_step=f"Use the version of Onceover that wrote it; this one reads version {RECORD_VERSION}.",
        )
    if broken := re.search(r"ONCEOVER_INVARIANT (\w+)", text):
        return InvariantBroken(broken[1], text)
    if "ONCEOVER_ILLEGAL_MOVE" in text:
        return Bug(f"A state cannot move like that: {text}")
    if any(word in text for word in _REFUSAL_WORDS):
        return _refusal_to_write(text)
    return Bug(f"Redis answered in a way that was not foreseen: {text}")


def _refusal_to_write(text: str) -> StoreRefuses:
    return StoreRefuses(
        f"Redis refuses to write: {text}",
        next_step="Free memory or disk, or make it writable; what was confirmed is kept.",
    )
