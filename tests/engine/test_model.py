"""Model: random histories of several workers against a plain account of what must be true.

The model knows what was asked of each run and predicts every answer; of the engine's progress it knows nothing, and
holds whatever it sees against what was asked: which runs may live, what a result must say, what may have been reused.
After each rule every invariant is checked; at the end every run ends, and nothing of it is left when it has expired.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from redis.asyncio import Redis

from pipeline.engine.errors import RetryLater
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.records import RunRecord, StageRecord
from pipeline.engine.request import RunRequest
from pipeline.engine.stage import Checkpointed, JsonValue, StageContext
from tests.engine.faults import Fault
from tests.engine.invariants import Shadow
from tests.engine.world import LEASE_SECONDS, PUBLISHER, STAGE_NEEDS, Outside, Process, World

EXAMPLES: Final = {"": 80, "soak": 2_500}
"""_Histories by `ONCEOVER_TEST_PROFILE`."""

RULES_MAX: Final = 30
"""Rules in one history."""

WAIT_SECONDS: Final = 120.0
SIGNAL: Final = "ci-finished"
READS: Final = {"analyze": ("a",), "test": ("b",), "docs": (), "summarize": (), "comment": ()}

SUBJECTS = st.sampled_from(["pr-1", "pr-1", "pr-2"])
ORDERS = st.sampled_from([2, 2, 2, 1, 3])
RUNS = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 9])
SLOTS = st.integers(0, 1)
RARELY = st.sampled_from([False, False, False, True])
WHAT = st.sampled_from(["all", "failed", *STAGE_NEEDS])
PARAMS = st.fixed_dictionaries({"a": st.integers(0, 1), "b": st.integers(0, 1)})

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One thing that happens in a busy minute, drawn at once so that every kind is as likely as any other."""

    what: str
    slot: int
    index: int
    params: dict[str, JsonValue]
    stages: str
    is_fresh: bool


KINDS: Final = (
    *("push", "submit again", "rerun", "cancel", "signal"),
    *("wake", "beat", "sweep", "hold", "let go", "freeze", "show", "work", "work"),
)
MOVES = st.builds(
    Move,
    what=st.sampled_from(KINDS),
    slot=SLOTS,
    index=RUNS,
    params=PARAMS,
    stages=WHAT,
    is_fresh=RARELY,
)


class Weather:
    """How the services outside are today."""

    refuses = False
    is_partial = False


def make_plots(weather: Weather) -> dict[str, Any]:
    async def analyze(outside: Outside, ctx: StageContext) -> JsonValue:
        work = await outside.step(ctx, "work", ctx.params["a"])
        return {"params": dict(ctx.params), "work": work, "look": await outside.step(ctx, "look", observes=True)}

    async def test(outside: Outside, ctx: StageContext) -> JsonValue:
        work = await outside.step(ctx, "work", ctx.params["b"])
        woken = await ctx.wait("ci", seconds=WAIT_SECONDS, signal=SIGNAL)
        look = await outside.step(ctx, "look", observes=True)
        return {"params": dict(ctx.params), "work": work, "look": look, "by": woken.by}

    async def docs(outside: Outside, ctx: StageContext) -> JsonValue:
        both = await asyncio.gather(outside.step(ctx, "work"), outside.step(ctx, "look", observes=True))
        if weather.refuses:
            raise RetryLater("The index is away.")
        if weather.is_partial:
            ctx.partial()
        return {"params": dict(ctx.params), "work": both[0], "look": both[1]}

    async def follow(outside: Outside, ctx: StageContext) -> JsonValue:
        seen = {name: before.value for name, before in ctx.upstream.items() if isinstance(before, Checkpointed)}
        work = await outside.step(ctx, "work", seen)
        return {"of": seen, "work": work, "look": await outside.step(ctx, "look", observes=True)}

    return {"analyze": analyze, "test": test, "docs": docs, "summarize": follow, "comment": follow}


@dataclass(slots=True, kw_only=True)
class Asked:
    """What was asked of a run, and what that forbids."""

    request: RunRequest
    stopped: RunState | None = None
    """The end that somebody gave it; nothing but a new request may move it from there."""
    seen: RunRecord | None = None
    """As it was last seen."""
    final: Mapping[str, JsonValue] | None = None
    """Its results, once it had ended; they stay until somebody asks for more."""
    work_after: dict[str, int] = field(default_factory=dict)
    """By stage: acts up to this number were done before somebody asked for fresh ones."""
    look_after: dict[str, int] = field(default_factory=dict)
    """By stage: the same for acts that observe."""

    def open(self, request: RunRequest) -> None:
        """Let it go on."""
        self.request, self.stopped, self.final, self.seen = request, None, None, None


class _Histories(RuleBasedStateMachine):
    """Several workers, people who ask for things, faults, and time."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.weather = Weather()
        self.shadow = Shadow()
        self.asked: dict[str, Asked] = {}
        self.newest: dict[str, str] = {}
        self.births = 0
        self.slots: list[Process] = []
        self.redis = Redis.from_url(self.url)
        self.world = World(self.redis, plots=make_plots(self.weather))
        self.world.reads.update(READS)
        self.world.mirror_role = PUBLISHER

    def do(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run the loop until the work is done and every process has come to rest."""

        async def work_and_settle() -> Value:
            answer = await work
            await self.world.settle()
            return answer

        return self.loop.run_until_complete(work_and_settle())

    @initialize()
    def begin(self) -> None:
        self.loop.run_until_complete(self.redis.flushdb())
        self.loop.run_until_complete(self.world.__aenter__())
        self.slots = [self.make_process(slot, host=f"host-{slot}") for slot in range(2)]
        self.submit(subject="pr-1", order=2, params={"a": 0, "b": 0}, fresh=False)

    def make_process(self, slot: int, *, host: str) -> Process:
        self.births += 1
        return self.world.start(f"worker-{slot}-{self.births}", host=host)

    def pick(self, index: int) -> RunRequest:
        """Choose a run that was asked for, the latest first; or one that nobody knows."""
        known = [asked.request for asked in reversed(self.asked.values())]
        return known[index] if index < len(known) else RunRequest(subject="pr-0", revision="unknown", params={})

    def run_of(self, request: RunRequest) -> RunRecord | None:
        return self.do(self.world.store.read_run(request.run_id))

    # People ---------------------------------------------------------------------------------------------------------

    @rule(subject=SUBJECTS, order=ORDERS, params=PARAMS, fresh=RARELY)
    def submit(self, subject: str, order: int, params: dict[str, JsonValue], *, fresh: bool) -> None:
        request = RunRequest(subject=subject, revision=f"head-{order}", order=order, params=params, fresh=fresh)
        before = self.run_of(request)
        newest = self.asked.get(self.newest.get(subject, ""))
        expected = self.predict_submit(request, before, newest)

        answer = self.do(self.world.submit(f"head-{order}", subject=subject, order=order, params=params, fresh=fresh))

        assert answer.outcome == expected, (answer, expected, before)
        asked = self.asked.setdefault(request.run_id, Asked(request=request))
        if expected == "stale":
            asked.stopped = RunState.SUPERSEDED if before is None else asked.stopped
            return
        if newest is not None and newest.request.run_id != request.run_id and not self.has_ended(newest):
            newest.stopped = RunState.SUPERSEDED
        self.newest[subject] = request.run_id
        if expected == "reopened":
            asked.open(request)
        if expected == "reopened" and fresh:
            self.mark(asked.work_after, STAGE_NEEDS)
            self.mark(asked.look_after, STAGE_NEEDS)

    @rule(index=RUNS, params=PARAMS)
    def submit_again(self, index: int, params: dict[str, JsonValue]) -> None:
        known = self.pick(index)
        if known.run_id in self.asked:
            self.submit(subject=known.subject, order=known.order, params=params, fresh=False)

    def predict_submit(self, request: RunRequest, before: RunRecord | None, newest: Asked | None) -> str:
        if newest is not None and newest.request.order > request.order:
            return "stale"
        if before is None:
            return "created"
        was = self.asked[request.run_id].request.params
        is_changed = any(was[name] != request.params[name] for name in ("a", "b"))
        is_unfinished = before.state.is_terminal and any(map(is_left_open, before.stages.values()))
        if is_changed or request.fresh or is_unfinished:
            return "reopened"
        return "answered" if before.state.is_terminal else "joined"

    @rule(index=RUNS, really=RARELY)
    def cancel(self, index: int, *, really: bool) -> None:
        request = self.pick(index if really else len(self.asked))
        before = self.run_of(request)

        answer = self.do(self.world.store.cancel(request.run_id, "enough"))

        if before is None or before.state.is_terminal:
            assert answer == ("gone" if before is None else "ended")
        else:
            assert answer == "cancelled"
            self.asked[request.run_id].stopped = RunState.CANCELLED

    @rule(
        index=RUNS,
        what=WHAT,
        fresh=st.booleans(),
    )
    def rerun(self, index: int, what: str, *, fresh: bool) -> None:
        request = self.pick(index)
        before = self.run_of(request)
        chosen = self.predict_rerun(before, what)
        stages: Any = what if what in {"all", "failed"} else [what]

        answer, _ = self.do(self.world.store.rerun(request.run_id, stages, fresh=fresh, why="somebody asked"))

        if before is None:
            assert answer == "gone"
        elif before.state is RunState.SUPERSEDED or self.newest.get(request.subject) != request.run_id:
            assert answer == "superseded"
        else:
            assert answer == ("reopened" if chosen else "nothing")
        if answer == "reopened":
            asked = self.asked[request.run_id]
            asked.open(asked.request)
            self.mark(asked.look_after, chosen)
            if fresh:
                self.mark(asked.work_after, chosen)

    @staticmethod
    def predict_rerun(before: RunRecord | None, what: str) -> Mapping[str, object]:
        if before is None:
            return {}
        return {name: stage for name, stage in before.stages.items() if is_wanted(name, stage, what)}

    @rule(index=RUNS)
    def signal(self, index: int) -> None:
        request = self.pick(index)
        before = self.run_of(request)

        answer, _ = self.do(self.world.store.signal(request.run_id, SIGNAL, {"conclusion": "success"}))

        if before is None or before.state.is_terminal:
            assert answer == ("gone" if before is None else "ended")
        else:
            test = before.stages["test"]
            is_waiting = test.state is StageState.PARKED and test.waits_for == "ci"
            assert answer == ("woken" if is_waiting else "latched")

    # Workers --------------------------------------------------------------------------------------------------------

    def process(self, slot: int) -> Process:
        """Find the worker in this slot; after a death somebody starts the next one, on the same host or another."""
        if self.slots[slot].is_dead:
            self.do(self.world.bury(self.slots[slot]))
            host = f"host-{slot}" + (f"-{self.births}" if self.births % 3 == 0 else "")
            self.slots[slot] = self.make_process(slot, host=host)
        return self.slots[slot]

    @rule(slot=SLOTS, index=RUNS)
    def wake(self, slot: int, index: int) -> None:
        self.do(self.world.wake(self.process(slot), self.pick(index).run_id))

    @rule(slot=SLOTS, runs=st.lists(RUNS, min_size=2, max_size=5))
    def wake_out_of_order(self, slot: int, runs: list[int]) -> None:
        worker = self.process(slot).worker
        for index in runs:
            self.do(worker.advance(self.pick(index).run_id))

    @rule(slot=SLOTS)
    def beat(self, slot: int) -> None:
        self.do(self.world.beat(self.process(slot)))

    @rule(slot=SLOTS)
    def sweep(self, slot: int) -> None:
        self.do(self.world.sweep(self.process(slot)))

    @rule(slot=SLOTS)
    def show(self, slot: int) -> None:
        self.do(self.world.show(self.process(slot)))

    @rule(rounds=st.integers(1, 3), seconds=st.sampled_from([0.5, 2.0, 20.0]))
    def work(self, rounds: int, seconds: float) -> None:
        for _ in range(rounds):
            self.world.pass_time(seconds)
            for slot in range(len(self.slots)):
                self.beat(slot)
                self.sweep(slot)

    @rule(slot=SLOTS)
    def hold(self, slot: int) -> None:
        self.process(slot).hold()

    @rule(slot=SLOTS)
    def let_go(self, slot: int) -> None:
        self.process(slot).let_go()
        self.do(self.world.settle())

    @rule(slot=SLOTS, index=RUNS, beats=st.booleans(), works=st.booleans())
    def freeze_past_the_lease(self, slot: int, index: int, *, beats: bool, works: bool) -> None:
        frozen = self.process(slot)
        frozen.hold()
        self.wake(slot, index)
        self.world.pass_time(LEASE_SECONDS + 1)
        other = 1 - slot
        self.sweep(other)
        if works:
            self.process(other).let_go()
            self.do(self.world.settle())
        self.do(self.look())
        if beats:
            self.beat(slot)
        self.let_go(slot)

    @rule(slot=SLOTS, fault=st.sampled_from(Fault), after=st.integers(0, 4), times=st.integers(1, 2))
    def break_at_a_write(self, slot: int, fault: Fault, after: int, times: int) -> None:
        self.process(slot).redis.arm(fault, after=after, times=times)

    @rule(slot=SLOTS)
    def kill(self, slot: int) -> None:
        self.process(slot).redis.die()

    @rule(moves=st.lists(MOVES, min_size=5, max_size=15))
    def a_busy_minute(self, moves: list[Move]) -> None:
        kinds: Mapping[str, Callable[[Move], None]] = {
            "push": lambda move: self.submit(
                subject="pr-1", order=2 + move.slot, params=move.params, fresh=move.is_fresh
            ),
            "submit again": lambda move: self.submit_again(move.index, move.params),
            "rerun": lambda move: self.rerun(move.index, move.stages, fresh=move.is_fresh),
            "cancel": lambda move: self.cancel(move.index, really=move.is_fresh),
            "signal": lambda move: self.signal(move.index),
            "wake": lambda move: self.wake(move.slot, move.index),
            "beat": lambda move: self.beat(move.slot),
            "sweep": lambda move: self.sweep(move.slot),
            "hold": lambda move: self.hold(move.slot),
            "let go": lambda move: self.let_go(move.slot),
            "show": lambda move: self.show(move.slot),
            "freeze": lambda move: self.freeze_past_the_lease(move.slot, move.index, beats=move.is_fresh, works=True),
            "work": lambda _: self.work(1, 2.0),
        }
        assert set(kinds) == set(KINDS)
        for move in moves:
            kinds[move.what](move)
            self.do(self.look())

    # The world ------------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 2.0, LEASE_SECONDS / 2, LEASE_SECONDS + 1, WAIT_SECONDS + 1]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(seconds=st.sampled_from([4_000.0, 7 * 3_600.0, 31 * 86_400.0]), really=RARELY)
    def pass_ages(self, seconds: float, *, really: bool) -> None:
        self.world.pass_time(seconds if really else 1.0)

    @rule(refuses=st.booleans(), is_partial=st.booleans())
    def change_weather(self, *, refuses: bool, is_partial: bool) -> None:
        self.weather.refuses, self.weather.is_partial = refuses, is_partial

    # What must be true ----------------------------------------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        if self.slots:
            self.do(self.look())

    async def look(self) -> None:
        now = await self.shadow.check(self.world)
        for run_id, asked in list(self.asked.items()):
            if run_id not in now.runs:
                self.forget(run_id, asked)
            else:
                await self.judge(run_id, asked)

    def forget(self, run_id: str, asked: Asked) -> None:
        assert asked.seen is not None, f"{run_id} is gone and was never seen to end"
        assert asked.seen.state.is_terminal, f"{run_id} is gone and had not ended"
        del self.asked[run_id]
        if self.newest.get(asked.request.subject) == run_id:
            del self.newest[asked.request.subject]

    async def judge(self, run_id: str, asked: Asked) -> None:
        run = await self.world.run_of(run_id)
        if asked.stopped is not None:
            assert run.state is asked.stopped, f"{run_id} was {asked.stopped} and is {run.state}"
        else:
            assert run.state not in {RunState.CANCELLED, RunState.SUPERSEDED}, f"{run_id} is {run.state}: who did that?"
        if asked.seen is not None and asked.seen.state.is_terminal:
            assert run.state is asked.seen.state, f"{run_id} has ended and went on"
        asked.seen = run
        if run.state in {RunState.DONE, RunState.DEAD}:
            results = await self.world.results(run_id)
            assert asked.final is None or asked.final == results, f"{run_id}: results changed after the end"
            asked.final = results
            self.judge_results(run, asked, results)

    @staticmethod
    def judge_results(run: RunRecord, asked: Asked, results: Mapping[str, Any]) -> None:
        done = {name: results[name] for name, stage in run.stages.items() if stage.state is StageState.DONE}
        for name, value in done.items():
            assert value["work"] > asked.work_after.get(name, 0), f"{name} was asked for fresh: {value}"
            assert value["look"] > asked.look_after.get(name, 0), f"{name} was asked to look again: {value}"
            if name in {"analyze", "test"}:
                wanted = {read: asked.request.params[read] for read in READS[name]}
                assert value["params"] == wanted, f"{name} has the result of other parameters"
            for need in STAGE_NEEDS[name]:
                assert value["of"].get(need) == done.get(need), f"{name} tells of another {need}"

    def has_ended(self, asked: Asked) -> bool:
        return asked.stopped is not None or (asked.seen is not None and asked.seen.state.is_terminal)

    def mark(self, after: dict[str, int], stages: Mapping[str, object]) -> None:
        after.update(dict.fromkeys(stages, len(self.world.ledger.done)))

    def teardown(self) -> None:
        try:
            if self.slots:
                self.do(self.end())
        finally:
            self.loop.run_until_complete(self.world.__aexit__())
            self.loop.run_until_complete(self.redis.aclose())
            self.loop.close()

    async def end(self) -> None:
        """Let the weather clear; then every run ends (R1), and at last nothing of any is left."""
        self.weather.refuses = self.weather.is_partial = False
        for process in self.slots:
            process.let_go()
        await self.world.settle()
        helper = self.world.start("helper")
        await self.world.finish(*self.slots, helper, check=lambda _: self.look(), step_seconds=LEASE_SECONDS + 1)
        self.world.pass_time(self.world.settings.mirror_seconds_max)
        await self.world.show(helper)
        for run_id in self.asked:
            assert self.world.shown[run_id][-1] == await self.world.run_of(run_id), f"{run_id} is not shown as it ended"
        for process in self.slots:
            await self.world.bury(process)
        self.world.pass_time(self.world.settings.retention_seconds + 1)
        await self.world.sweep(helper)

        left = await self.shadow.check(self.world)
        assert replace(left, fence=0) == type(left)()


def is_left_open(stage: StageRecord) -> bool:
    return stage.state in {StageState.FAILED, StageState.CANCELLED} or stage.partial


def is_wanted(name: str, stage: StageRecord, what: str) -> bool:
    return what in {"all", name} or (what == "failed" and is_left_open(stage))


@pytest.mark.timeout(3_600)  # It takes seconds; what takes minutes is to find the shortest history that fails.
def test_every_history_of_workers_people_and_faults_fits_the_model(redis_url: str) -> None:
    machine = type("Machine", (_Histories,), {"url": redis_url})
    profile = settings(
        max_examples=EXAMPLES[os.environ.get("ONCEOVER_TEST_PROFILE", "")],
        stateful_step_count=RULES_MAX,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )

    run_state_machine_as_test(machine, settings=profile)


async def test_a_stage_that_still_waits_for_its_turn_can_be_asked_for_again(redis: Redis) -> None:
    """Found by a history: such a request moves no stage, so nothing of it was written."""
    async with World(redis, plots=make_plots(Weather())) as world:
        world.reads.update(READS)
        shadow = Shadow()
        run_id = (await world.submit(params={"a": 0, "b": 0})).run_id
        worker = world.start("worker")
        await world.finish(worker, check=shadow.check)
        before = len(world.ledger.done)

        await world.store.rerun(run_id, ["docs"], fresh=False, why="somebody asked")
        outcome, _ = await world.store.rerun(run_id, ["comment"], fresh=False, why="and for this as well")
        await world.finish(worker, check=shadow.check)

        comment: Any = (await world.results(run_id))["comment"]
        assert outcome == "reopened"
        assert comment["look"] > before
