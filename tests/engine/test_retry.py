"""When to try again, by table; and that a stage obeys the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.errors import AskPerson, Bug, GiveUp, RetryLater
from pipeline.engine.graph import StageSpec
from pipeline.engine.lifecycle import RunState, StageState
from pipeline.engine.retry import JITTER_AFTER_RETRY_AFTER, RetryPolicy
from tests.engine.workshop import MakeWorkshop, failing

POLICY = RetryPolicy(tries_max=8, first_seconds=1.0, wait_seconds_max=10.0, total_seconds_max=100.0)

draws = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("failures", "bound"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (6, 10.0), (7, 10.0)]
)
def test_the_bound_doubles_and_is_capped(failures: int, bound: float) -> None:
    assert POLICY.seconds_before_next(failures, 0, RetryLater("busy"), lambda: 0.5) == bound / 2


@given(st.integers(1, 7), draws)
def test_the_wait_is_drawn_from_nothing_to_the_bound(failures: int, draw: float) -> None:
    wait = POLICY.seconds_before_next(failures, 0, RetryLater("busy"), lambda: draw)

    assert wait is not None
    assert 0 <= wait <= min(10.0, 2.0 ** (failures - 1))
    assert POLICY.seconds_before_next(failures, 0, RetryLater("busy"), lambda: 0) == 0


@given(st.floats(0, 90), draws)
def test_what_the_other_side_asks_for_is_obeyed_and_spread_a_little(asked: float, draw: float) -> None:
    wait = POLICY.seconds_before_next(1, 0, RetryLater("limit", retry_after_seconds=asked), lambda: draw)

    assert wait is not None
    assert asked <= wait <= asked * (1 + JITTER_AFTER_RETRY_AFTER)


@pytest.mark.parametrize(
    ("failures", "elapsed", "error", "why"),
    [
        (8, 0, RetryLater("busy"), "all tries are used"),
        (1, 100, RetryLater("busy"), "the total time is over"),
        (7, 96, RetryLater("busy"), "the total time would be over"),
        (1, 0, RetryLater("limit", retry_after_seconds=101), "asked to wait for longer than there is time"),
        (1, 0, AskPerson("key"), "a person has to act"),
        (1, 0, GiveUp("too large"), "it will never work"),
        (1, 0, Bug("broken"), "a promise is broken"),
        (1, 0, ValueError("what"), "nobody knows what it is"),
    ],
)
def test_a_policy_stops(failures: int, elapsed: float, error: Exception, why: str) -> None:
    assert POLICY.seconds_before_next(failures, elapsed, error, lambda: 0.5) is None, why


def test_the_last_moment_of_the_total_time_still_counts() -> None:
    assert POLICY.seconds_before_next(1, 99.5, RetryLater("busy"), lambda: 0.5) == 0.5


async def test_a_stage_is_parked_until_its_next_try(make_workshop: MakeWorkshop) -> None:
    spec = StageSpec(name="only", run=failing(RetryLater("busy"), RetryLater("busy")), retry=RetryPolicy())
    workshop = await make_workshop(spec)
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    await workshop.wake(worker, run_id)

    parked = await workshop.stage_of(run_id, "only")
    assert (parked.state, parked.failures, parked.waits_for) == (StageState.PARKED, 1, "retry")
    await workshop.finish(worker)
    assert (await workshop.stage_of(run_id, "only")).attempt == 3


async def test_used_up_tries_fail_the_stage_with_its_last_error(make_workshop: MakeWorkshop) -> None:
    errors = [RetryLater(f"busy {number}", next_step="Wait.", code="rate_limited") for number in range(3)]
    workshop = await make_workshop(StageSpec(name="only", run=failing(*errors), retry=RetryPolicy(tries_max=3)))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    await workshop.finish(worker)

    run = await workshop.run_of(run_id)
    assert run.state is RunState.DEAD
    assert run.stages["only"].error == {
        "code": "rate_limited",
        "message": "busy 2",
        "next_step": "Wait.",
        "helps": "waiting",
    }


async def test_the_time_that_an_attempt_took_counts_against_the_total_time(make_workshop: MakeWorkshop) -> None:
    """The claim was given at second 0; the attempt failed later, and later than the policy allows."""
    policy = RetryPolicy(total_seconds_max=0.0, first_seconds=0.0)
    workshop = await make_workshop(StageSpec(name="only", run=failing(RetryLater("slow")), retry=policy))
    worker, run_id = workshop.start("one"), (await workshop.submit()).run_id

    await workshop.wake(worker, run_id)

    assert (await workshop.stage_of(run_id, "only")).state is StageState.FAILED
