"""Steps: done once for the same inputs, remembered as they were, bounded in every way."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from pipeline.engine.context import HandedBack
from pipeline.engine.errors import AskPerson, Bug, GiveUp, RetryLater
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.settings import EngineSettings
from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.engine.store import Store
from tests.engine.workshop import Acts, MakeWorkshop, Workshop, forever
from tests.engine.world import Process


class AwayAtReading(Redis):
    """Does not answer so many times, when it is asked for a step."""

    def __init__(self, sound: Redis, *, times: int) -> None:
        super().__init__(connection_pool=sound.connection_pool)
        self.left = times

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py has it
        """Send a command, or do not."""
        if args[0] == "HGET" and self.left:
            self.left -= 1
            raise RedisConnectionError("away")
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py left it so.


async def begin(make_workshop: MakeWorkshop, stage: StageFunction, **settings: Any) -> tuple[Workshop, Process, str]:  # noqa: ANN401 - fields of EngineSettings
    """Submit a run of one stage, and let a worker work until nothing moves."""
    workshop = await make_workshop(StageSpec(name="only", run=stage), settings=EngineSettings(**settings))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)
    return workshop, worker, run_id


async def error_of(workshop: Workshop, run_id: str) -> JsonValue:
    error = (await workshop.stage_of(run_id, "only")).error
    return error["code"] if error else None


async def test_a_step_is_done_once_for_the_same_inputs(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        return [await ctx.step("act", acts, what) for what in ("a", "b", "a")]

    workshop, _, run_id = await begin(make_workshop, stage)

    assert acts.done == ["a", "b"]
    assert (await workshop.results(run_id))["only"] == [0, 1, 0]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"request_id": "req_1", "text": "canary"}, "req_1"),
        ({"request_id": "a\x1b[31m" + "b" * 300}, "a[31m" + "b" * 194),
        ({"request_id": 7}, None),
        ({"request_id": None}, None),
        ({"text": "canary"}, None),
        (["request_id"], None),
    ],
    ids=["a name", "a hostile name", "a number", "none", "no such key", "no object"],
)
async def test_the_journal_tells_what_a_server_calls_the_work_and_nothing_else_of_a_result(
    make_workshop: MakeWorkshop, result: JsonValue, told: str | None
) -> None:
    async def ask() -> JsonValue:
        return result

    async def stage(ctx: StageContext) -> JsonValue:
        return await ctx.step("ask", ask)

    workshop, _, run_id = await begin(make_workshop, stage)

    entries = await workshop.store.journal(run_id)
    [finished] = [entry for entry in entries if entry.kind == "step.finished"]
    assert finished.detail.get("reference") == told
    assert all("canary" not in entry.text for entry in entries)


async def test_the_name_of_a_step_is_part_of_what_it_is(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        return [await ctx.step("read", acts, "a"), await ctx.step("write", acts, "a")]

    await begin(make_workshop, stage)

    assert acts.done == ["a", "a"]


async def test_two_stages_do_not_share_a_step(make_workshop: MakeWorkshop) -> None:
    acts = Acts()
    workshop = await make_workshop(StageSpec(name="analyze", run=acts.stage), StageSpec(name="docs", run=acts.stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    await workshop.wake(worker, run_id)

    assert len(acts.done) == 2


async def test_a_loop_that_passes_its_turn_goes_on_at_the_turn_where_it_died(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        for turn in range(4):
            if turn == 2 and ctx.attempt == 1:
                acts.gate.clear()
            await ctx.step("turn", acts, turn)
        return "four turns"

    workshop, first, run_id = await begin(make_workshop, stage)
    first.redis.die()
    acts.gate.set()

    second = workshop.start("two")
    workshop.pass_time(60)
    await workshop.finish(second)

    assert acts.begun == [0, 1, 2, 2, 3]
    assert (await workshop.results(run_id))["only"] == "four turns"


async def test_concurrent_calls_of_one_step_share_one_execution(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        return list(await asyncio.gather(*(ctx.step("act", acts, "a") for _ in range(5))))

    workshop, _, run_id = await begin(make_workshop, stage)

    assert acts.begun == ["a"]
    assert (await workshop.results(run_id))["only"] == [0] * 5


async def test_a_caller_that_is_cancelled_leaves_the_step_to_the_other(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        acts.gate.clear()
        one, other = (asyncio.ensure_future(ctx.step("act", acts, "a")) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        await asyncio.wait([one])
        acts.gate.set()
        return await other

    workshop, _, run_id = await begin(make_workshop, stage)

    assert acts.begun == ["a"]
    assert (await workshop.results(run_id))["only"] == 0


@pytest.mark.parametrize(
    "made",
    [
        None,
        True,
        0,
        -1.5,
        2**80,
        "plain",
        "\0 \x1b[31m \u202e \ud800 é 🙂",
        [],
        {},
        [[], [{}]],
        {"b": 1, "a": [None, {"c": ""}]},
        (1, (2, 3)),
        {1: "an integer is no key in JSON", None: 2},
    ],
    ids=repr,
)
async def test_a_result_is_the_same_value_of_the_same_type_at_every_reading(
    make_workshop: MakeWorkshop,
    made: Any,  # noqa: ANN401 - also what is JSON only after it was written
) -> None:
    """A stage that worked with the value itself at first would see a list for a tuple after a crash."""
    seen: list[object] = []

    async def make() -> JsonValue:
        value: JsonValue = made
        return value

    async def stage(ctx: StageContext) -> JsonValue:
        seen.append(await ctx.step("make", make))
        seen.append(await ctx.step("make", make))
        await ctx.wait("a while", seconds=1)
        return None

    workshop, worker, _ = await begin(make_workshop, stage)
    await workshop.finish(worker)

    assert len(seen) == 4
    assert all((repr(value), type(value)) == (repr(seen[0]), type(seen[0])) for value in seen)


async def test_one_reader_that_changes_a_result_changes_it_for_nobody_else(make_workshop: MakeWorkshop) -> None:
    async def make() -> list[JsonValue]:
        return [1]

    async def stage(ctx: StageContext) -> JsonValue:
        (await ctx.step("make", make)).append(2)
        return await ctx.step("make", make)

    workshop, _, run_id = await begin(make_workshop, stage)

    assert (await workshop.results(run_id))["only"] == [1]


async def test_a_step_that_failed_is_done_again_at_the_next_try(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def fail_once() -> JsonValue:
        if await acts() == 0:
            raise RetryLater("busy")
        return "in the end"

    async def stage(ctx: StageContext) -> JsonValue:
        return await ctx.step("act", fail_once)

    workshop, worker, run_id = await begin(make_workshop, stage)
    await workshop.finish(worker)

    assert (await workshop.results(run_id))["only"] == "in the end"
    assert len(acts.done) == 2


async def test_a_step_that_failed_stays_failed_within_its_try(make_workshop: MakeWorkshop) -> None:
    """Who wants to ask again at once passes the turn as an input."""
    acts = Acts()

    async def fail() -> JsonValue:
        raise RetryLater(f"busy {await acts()}")

    async def stage(ctx: StageContext) -> JsonValue:
        answers: list[JsonValue] = []
        for _ in range(3):
            try:
                await ctx.step("act", fail)
            except RetryLater as error:
                answers.append(error.message)
        return answers

    workshop, _, run_id = await begin(make_workshop, stage)

    assert (await workshop.results(run_id))["only"] == ["busy 0"] * 3


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([RetryLater("busy")], "retry_later"),
        ([RetryLater("busy"), GiveUp("never")], "give_up"),
        ([GiveUp("never"), AskPerson("key")], "ask_person"),
        ([AskPerson("key"), Bug("broken")], "bug"),
        ([RetryLater("busy"), ValueError("what")], "bug"),
    ],
)
async def test_of_errors_in_a_task_group_the_one_that_says_most_counts(
    make_workshop: MakeWorkshop, errors: list[Exception], code: str
) -> None:
    async def stage(_: StageContext) -> JsonValue:
        async def fail(error: Exception) -> None:
            raise error

        async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as inner:
            outer.create_task(fail(errors[0]))
            for error in errors[1:]:
                inner.create_task(fail(error))
        return None

    workshop, _, run_id = await begin(make_workshop, stage)

    assert await error_of(workshop, run_id) == code


async def test_a_wait_within_a_task_group_parks_the_stage(make_workshop: MakeWorkshop) -> None:
    async def stage(ctx: StageContext) -> JsonValue:
        async with asyncio.TaskGroup() as group:
            woken = group.create_task(ctx.wait("ci", seconds=60))
            group.create_task(asyncio.Event().wait())
        return woken.result().by

    workshop, _, run_id = await begin(make_workshop, stage)

    assert (await workshop.stage_of(run_id, "only")).state is StageState.PARKED


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (object(), "result_not_json"),
        (float("nan"), "result_not_json"),
        ({"when": b"bytes"}, "result_not_json"),
        ("x" * 99, "result_too_large"),
    ],
    ids=["an object", "no number", "bytes within", "too large"],
)
@pytest.mark.parametrize("where", ["a step", "a stage"])
async def test_what_cannot_be_stored_fails_the_stage_and_says_so(
    make_workshop: MakeWorkshop,
    made: Any,  # noqa: ANN401 - what no stage should return
    code: str,
    where: str,
) -> None:
    async def make() -> JsonValue:
        value: JsonValue = made
        return value

    async def stage(ctx: StageContext) -> JsonValue:
        return await (ctx.step("make", make) if where == "a step" else make())

    workshop, _, run_id = await begin(make_workshop, stage, step_bytes_max=100, checkpoint_bytes_max=100)

    assert await error_of(workshop, run_id) == code


async def test_an_input_that_is_no_json_fails_the_stage(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        return await ctx.step("act", acts, object())  # type: ignore[arg-type]  # That is the point.

    workshop, _, run_id = await begin(make_workshop, stage)

    assert await error_of(workshop, run_id) == "result_not_json"
    assert acts.begun == []


async def test_a_step_that_takes_too_long_is_stopped_and_tried_again(make_workshop: MakeWorkshop) -> None:
    stopped = asyncio.Event()

    async def hang() -> JsonValue:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return None

    async def stage(ctx: StageContext) -> JsonValue:
        return await ctx.step("hang", hang, seconds_max=0.001)

    workshop, _, run_id = await begin(make_workshop, stage)
    await stopped.wait()
    await workshop.settle()

    assert await error_of(workshop, run_id) == "step_timed_out"
    assert (await workshop.stage_of(run_id, "only")).waits_for == "retry"


async def test_a_time_out_of_the_step_itself_is_not_taken_for_its_limit(make_workshop: MakeWorkshop) -> None:
    async def fail() -> JsonValue:
        raise TimeoutError("a client gave up")

    async def stage(ctx: StageContext) -> JsonValue:
        return await ctx.step("fail", fail, seconds_max=60)

    workshop, _, run_id = await begin(make_workshop, stage)

    assert await error_of(workshop, run_id) == "bug"


async def test_a_stage_that_does_not_come_to_an_end_is_stopped(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        turn = 0
        while True:
            turn += 1
            await ctx.step("turn", acts, turn)

    workshop, _, run_id = await begin(make_workshop, stage, steps_max=7)

    assert await error_of(workshop, run_id) == "too_many_steps"
    assert len(acts.done) == 7


async def test_a_step_that_observes_looks_again_at_a_re_run_and_no_other_does(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        await ctx.step("ask the model", acts, "model")
        return await ctx.step("run the tests", acts, "tests", observes=True)

    workshop, worker, run_id = await begin(make_workshop, stage)
    await workshop.store.rerun(run_id, "all", fresh=False, why="again")
    await workshop.finish(worker)

    assert acts.done == ["model", "tests", "tests"]


async def test_a_step_nobody_waits_for_any_more_is_stopped_with_its_stage(make_workshop: MakeWorkshop) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        acts.gate.clear()
        left = asyncio.ensure_future(ctx.step("act", acts))
        await asyncio.sleep(0)
        left.cancel()
        return "done without it"

    workshop, _, run_id = await begin(make_workshop, stage)
    acts.gate.set()
    await workshop.settle()

    assert (await workshop.results(run_id))["only"] == "done without it"
    assert acts.done == []


async def test_a_task_that_outlives_its_attempt_begins_no_step(make_workshop: MakeWorkshop) -> None:
    """`gather` leaves its other tasks alone when one of them fails."""
    acts, late = Acts(), asyncio.Event()
    tries: list[asyncio.Task[JsonValue]] = []

    async def stage(ctx: StageContext) -> JsonValue:
        async def dawdle() -> JsonValue:
            await late.wait()
            return await ctx.step("act", acts)

        tries.append(asyncio.ensure_future(dawdle()))
        await asyncio.sleep(0)
        raise GiveUp("The other half failed.")

    workshop, _, run_id = await begin(make_workshop, stage)
    late.set()
    await workshop.settle()

    assert (await workshop.stage_of(run_id, "only")).state is StageState.FAILED
    assert acts.begun == []
    assert isinstance(tries[0].exception(), HandedBack)


async def test_a_decision_is_told_and_progress_is_shown(make_workshop: MakeWorkshop) -> None:
    shown: list[tuple[str, str, str]] = []

    async def stage(ctx: StageContext) -> JsonValue:
        ctx.progress("reading")
        await ctx.decide("the second model, since the first is down")
        return None

    workshop = await make_workshop(StageSpec(name="only", run=stage))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    worker.worker.on_progress = lambda *said: shown.append(said)
    await workshop.wake(worker, run_id)

    assert shown == [(run_id, "only", "reading")]
    (decision,) = await workshop.entries(run_id, "decision")
    assert decision.detail["text"] == "the second model, since the first is down"


async def test_a_decision_is_told_once_however_often_the_stage_is_entered(make_workshop: MakeWorkshop) -> None:
    async def stage(ctx: StageContext) -> JsonValue:
        await ctx.decide("wait for CI")
        await ctx.wait("ci", seconds=10)
        await ctx.decide("go on without CI")
        return None

    workshop, worker, run_id = await begin(make_workshop, stage)
    await workshop.finish(worker)

    told = [entry.detail["text"] for entry in await workshop.entries(run_id, "decision")]
    assert told == ["wait for CI", "go on without CI"]


async def test_a_stage_that_cancels_itself_is_a_bug_and_not_left_running(make_workshop: MakeWorkshop) -> None:
    async def stage(_: StageContext) -> JsonValue:
        raise asyncio.CancelledError

    workshop, worker, run_id = await begin(make_workshop, stage)

    assert await error_of(workshop, run_id) == "bug"
    assert worker.worker.holds == ()


async def test_a_step_that_cannot_be_looked_up_waits_until_redis_is_back_and_costs_no_try(
    make_workshop: MakeWorkshop,
) -> None:
    acts = Acts()

    async def stage(ctx: StageContext) -> JsonValue:
        await ctx.step("act", acts)
        await ctx.wait("a while", seconds=10)
        return await ctx.step("act", acts)

    workshop, worker, run_id = await begin(make_workshop, stage, away_pause_seconds=0.001)
    workshop.pass_time(10)
    away = AwayAtReading(worker.redis, times=5)
    worker.worker.store = Store(
        away, owner=worker.store.owner, settings=workshop.settings, clock_offset_ms=worker.store.clock_offset_ms
    )
    await worker.worker.advance(run_id)
    ended = await workshop.until_ended(run_id)

    assert away.left == 0
    assert (ended.state, ended.stages["only"].failures) == (RunState.DONE, 0)
    assert len(acts.done) == 1


async def test_an_attempt_has_a_limit_whatever_its_stage_does(make_workshop: MakeWorkshop) -> None:
    spec = StageSpec(name="only", run=forever, seconds_max=0.001)
    workshop = await make_workshop(spec)
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id
    await workshop.wake(worker, run_id)

    stage = await workshop.until_parked(run_id)

    assert stage.error is not None
    assert stage.error["code"] == "attempt_timed_out"
